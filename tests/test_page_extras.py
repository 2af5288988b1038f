"""The tab "Extras" in a real browser: pictures in, results beside their originals, errors, a small screen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from tests.page_support import open_page
from tests.server import RunningServer, running_server
from tests.test_upscalers import compact

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    folder = data / "models" / "ESRGAN"
    folder.mkdir(parents=True)
    torch.save({"params_ema": compact(2).state_dict()}, folder / "2x-tiny.pth")
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@contextlib.contextmanager
def opened(window: Page, server: RunningServer, width: int = 1400, height: int = 900) -> Iterator[Page]:
    with open_page(window, server, width, height, refusals=True) as visit:
        visit.page.get_by_role("tab", name="Extras").click()
        visit.page.wait_for_selector("#extras_scale input[type=range]")
        yield visit.page


@pytest.fixture
def page(window: Page, server: RunningServer) -> Iterator[Page]:
    with opened(window, server) as page:
        yield page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for i, size in enumerate(((120, 80), (90, 60))):
        values = np.random.default_rng(i).integers(0, 256, (size[1] // 10, size[0] // 10, 3), dtype=np.uint8)
        path = folder / f"{i}.png"
        Image.fromarray(values).resize(size).save(path)
        paths.append(path)
    return paths


def saved(server: RunningServer) -> list[Path]:
    return sorted((server.outputs / "extras").rglob("*.png"))


def test_pictures_in_and_results_beside_their_originals(
    page: Page, server: RunningServer, files: list[Path]
) -> None:
    before = len(saved(server))
    page.set_input_files("#extras_file", [str(path) for path in files])
    page.wait_for_function("document.querySelectorAll('#extras_pictures li:not([data-busy])').length === 2")
    button = page.locator("#extras_generate")
    assert button.inner_text() == "Upscale 2 pictures"
    assert page.locator("#extras_upscaler_1 input").input_value() == "2x-tiny"
    page.locator("#extras_scale input[type=number]").fill("3")
    page.wait_for_function("document.querySelector('#extras_scale input[type=range]').value === '3'")
    page.keyboard.press("Tab")
    button.click()
    page.wait_for_function("document.querySelectorAll('#extras_strip li').length === 2")
    page.locator("#extras_work").wait_for(state="hidden")
    new = saved(server)[before:]
    assert [Image.open(path).size for path in new] == [(360, 240), (270, 180)]
    assert page.locator("#extras_about").inner_text() == "90 × 60 → 270 × 180"
    page.wait_for_function("document.querySelector('#extras_after').naturalWidth === 270")
    page.wait_for_function("document.querySelector('#extras_before').naturalWidth === 90")
    page.locator("#extras_share").focus()
    page.keyboard.press("End")
    assert (
        page.evaluate("document.querySelector('#extras_sheet').style.getPropertyValue('--easel-share')")
        == "100%"
    )
    page.locator("#extras_strip button").nth(1).click()
    page.wait_for_function("document.querySelector('#extras_before').naturalWidth === 120")
    box = page.locator("#extras_sheet").bounding_box()
    assert box and abs(box["width"] / box["height"] - 1.5) < 0.02
    page.get_by_role("button", name="Take 0.png away").click()
    assert button.inner_text() == "Upscale"


def test_to_a_size_with_a_folder(page: Page, server: RunningServer, files: list[Path]) -> None:
    before = len(saved(server))
    assert not page.locator("#extras_width").is_visible()
    page.get_by_label("Scale to").check()
    page.locator("#extras_width input").wait_for()
    assert not page.locator("#extras_scale").is_visible()
    page.locator("#extras_width input").fill("200")
    page.locator("#extras_height input").fill("200")
    page.locator("#extras_folder").locator("input, textarea").fill(str(files[0].parent))
    page.keyboard.press("Tab")
    page.click("#extras_generate")
    page.wait_for_function("document.querySelectorAll('#extras_strip li').length === 2")
    assert [Image.open(path).size for path in saved(server)[before:]] == [(200, 200)] * 2
    assert page.locator("#extras_compare").get_attribute("data-single") == "true"
    assert not page.locator("#extras_share").is_visible()


def test_what_is_missing_is_said_beside_the_button(page: Page, files: list[Path]) -> None:
    page.click("#extras_generate")
    alert = page.locator("#extras_alerts .easel-alert")
    alert.wait_for()
    assert "Give a picture first" in alert.inner_text()
    page.set_input_files("#extras_file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_function("document.querySelector('#extras_alerts').innerText.includes('a.png')")
    assert page.locator("#extras_pictures li").count() == 0
    page.set_input_files("#extras_file", str(files[0]))
    page.locator("#extras_scale input[type=number]").fill("20")
    page.keyboard.press("Tab")
    page.click("#extras_generate")
    page.wait_for_function(
        "document.querySelector('#extras_scale input[type=number]').ariaInvalid === 'true'"
    )
    assert "0.25 to 8" in alert.inner_text()


def test_face_restoration_is_hidden_without_its_files(page: Page) -> None:
    for name in ("gfpgan_visibility", "codeformer_visibility", "codeformer_weight", "upscale_first"):
        assert not page.locator(f"#extras_{name}").is_visible()


def test_face_restoration_appears_with_its_files(window: Page, server: RunningServer) -> None:
    path = server.data / "models" / "GFPGAN" / "GFPGANv1.4.pth"
    path.parent.mkdir()
    path.touch()
    try:
        with opened(window, server) as page:
            page.locator("#extras_gfpgan_visibility input[type=range]").wait_for()
            assert page.locator("#extras_upscale_first").is_visible()
            assert not page.locator("#extras_codeformer_visibility").is_visible()
    finally:
        path.unlink()


def test_a_phone_shows_everything(window: Page, server: RunningServer, files: list[Path]) -> None:
    with opened(window, server, 390, 800) as page:
        page.set_input_files("#extras_file", str(files[0]))
        page.wait_for_function(
            "document.querySelectorAll('#extras_pictures li:not([data-busy])').length === 1"
        )
        page.click("#extras_generate")
        page.locator("#extras_compare").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
