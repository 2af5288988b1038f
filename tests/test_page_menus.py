"""Files that arrive while Easel runs are in the page's menus after Refresh, without a restart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.page_support import open_page
from tests.server import checkpoint, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def options(page: Page, menu: str) -> list[str]:
    page.locator(f"#{menu} input").click()
    page.get_by_role("option").first.wait_for()
    found = [text.strip().removeprefix("✓").strip() for text in page.get_by_role("option").all_inner_texts()]
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('[role=option]')")
    return found


def test_refresh_finds_new_files(window: Page, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, "--skip-load-model-at-start") as server,
        open_page(window, server, height=1000) as visit,
    ):
        page = visit.page
        page.locator("#txt2img_advanced > button").click()
        assert not page.locator("#txt2img_refiner").is_visible()  # there is one checkpoint only
        models = tmp_path / "models"
        for folder in ("Stable-diffusion", "VAE", "ESRGAN"):
            (models / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(checkpoint(), models / "Stable-diffusion" / "second.safetensors")
        weights = load_file(checkpoint())
        prefix = "first_stage_model."
        vae = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
        save_file(vae, models / "VAE" / "clear.safetensors")
        save_file({"conv_first.weight": torch.ones(4, 3, 3, 3)}, models / "ESRGAN" / "sharp.safetensors")
        page.click("#refresh_sd_model_checkpoint")
        page.locator("#txt2img_refiner").wait_for()
        assert "second" in options(page, "txt2img_refiner_checkpoint")
        assert "clear.safetensors" in options(page, "txt2img_vae")
        page.get_by_label("Hires fix", exact=True).check()
        assert "sharp" in options(page, "txt2img_hr_upscaler")
        visit.open()
        page.locator("#txt2img_advanced > button").click()
        page.locator("#txt2img_refiner").wait_for()
