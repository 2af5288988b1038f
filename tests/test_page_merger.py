"""The tab "Merge" in a real browser: what the form says, a merge from start to use, errors, a small screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.page_support import open_page
from tests.server import RunningServer, checkpoint, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    folder = data / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    shutil.copy(checkpoint(), folder / "second.safetensors")
    save_file({"lora.up": torch.ones(2)}, folder / "stranger.safetensors")
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@pytest.fixture
def page(window: Page, server: RunningServer) -> Iterator[Page]:
    with open_page(window, server, refusals=True) as visit:
        visit.page.get_by_role("tab", name="Merge").click()
        visit.page.wait_for_selector("#modelmerger_interp_amount input[type=range]")
        yield visit.page


def choose(page: Page, letter: str, name: str) -> None:
    page.get_by_label(f"Checkpoint {letter}", exact=True).click()
    page.get_by_role("option", name=name, exact=True).click()
    page.wait_for_function("!document.querySelector('[role=option]')")  # the menu fades


def test_the_formula_follows_the_method_and_the_multiplier(page: Page) -> None:
    formula = page.locator("#modelmerger_formula")
    assert "A × 0.7 + B × 0.3" in formula.inner_text() and "30 % of B" in formula.inner_text()
    page.locator("#modelmerger_interp_amount input[type=number]").fill("0.25")
    page.wait_for_function("document.querySelector('#modelmerger_formula').innerText.includes('B × 0.25')")
    assert page.locator("#modelmerger_interp_amount input[type=range]").input_value() == "0.25"
    assert not page.get_by_label("Checkpoint C").is_visible()
    page.get_by_label("Add difference").check()
    page.get_by_label("Checkpoint C").wait_for()
    assert "A + (B − C) × 0.25" in formula.inner_text()
    page.get_by_label("Convert only").check()
    page.get_by_label("Checkpoint B").wait_for(state="hidden")
    assert not page.locator("#modelmerger_interp_amount").is_visible()


def test_a_merge_from_start_to_use(page: Page, server: RunningServer) -> None:
    choose(page, "A", "starter")
    choose(page, "B", "second")
    name = page.locator("#modelmerger_custom_name").locator("input, textarea")
    page.wait_for_function(
        "document.querySelector('#modelmerger_custom_name :is(input, textarea)').placeholder"
        " === '0.7(starter) + 0.3(second)'"
    )
    page.locator("[data-press=modelmerger_swap]").click()
    page.wait_for_function(
        "document.querySelector('#modelmerger_custom_name :is(input, textarea)').placeholder"
        " === '0.7(second) + 0.3(starter)'"
    )
    name.fill("mixed")
    page.click("#modelmerger_merge")
    page.locator("#modelmerger_use_now").wait_for()
    assert page.locator("#modelmerger_result").inner_text().startswith("mixed is ready.")
    assert page.locator("#modelmerger_merge").is_enabled()
    page.click("#modelmerger_use_now")
    page.wait_for_function(
        "document.querySelector('#setting_sd_model_checkpoint input').value.startsWith('mixed')"
    )
    path = server.data / "models" / "Stable-diffusion" / "mixed.safetensors"
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["sd_merge_recipe"])["custom_name"] == "mixed"
    merged, starter = load_file(path), load_file(checkpoint())
    assert set(merged) == set(starter)
    weight = "model.diffusion_model.input_blocks.0.0.weight"
    torch.testing.assert_close(merged[weight], starter[weight])
    page.click("#modelmerger_merge")
    alert = page.locator("#modelmerger_alerts .easel-alert")
    alert.wait_for()
    assert "already" in alert.inner_text()
    assert page.locator("#modelmerger_custom_name [aria-invalid=true]").count() == 1


def test_errors_are_one_sentence(page: Page) -> None:
    alert = page.locator("#modelmerger_alerts .easel-alert")
    choose(page, "A", "starter")
    page.click("#modelmerger_merge")
    alert.wait_for()
    assert alert.inner_text().startswith("Choose checkpoint B")
    choose(page, "B", "stranger")
    page.click("#modelmerger_merge")
    page.wait_for_function("document.querySelector('#modelmerger_alerts').innerText.includes('in common')")
    assert "Traceback" not in page.inner_text("body")
    page.locator("#modelmerger_alerts button").click()
    assert alert.count() == 0 and page.locator("#modelmerger_work").is_hidden()


def test_progress_is_shown_and_a_merge_can_be_cancelled(page: Page, server: RunningServer) -> None:
    answers = [
        {"status": "running", "fraction": 0.42, "message": "Writing x.safetensors", "seconds_left": 7.4},
        {
            "status": "cancelled",
            "fraction": 0.42,
            "message": "Cancelled. Nothing was kept.",
            "seconds_left": None,
        },
    ]
    cancelled: list[str] = []

    def answer(route: Any) -> None:
        if route.request.url.endswith("cancel"):
            cancelled.append(route.request.method)
        common = {"number": 9, "filename": "x.safetensors", "error": None, "field": None}
        route.fulfill(json={**common, **answers[bool(cancelled)]})

    page.route("**/internal/merge*", answer)
    page.route("**/internal/merge/cancel", answer)
    page.click("#modelmerger_merge")
    page.wait_for_function(
        "document.querySelector('#modelmerger_words').textContent"
        " === 'Writing x.safetensors · 42 % · 7 s left'"
    )
    assert page.locator("#modelmerger_work [role=progressbar]").get_attribute("aria-valuenow") == "42"
    assert page.locator("#modelmerger_merge").is_disabled()
    page.click("#modelmerger_cancel")
    page.wait_for_function(
        "document.querySelector('#modelmerger_result').innerText.includes('Nothing was kept')"
    )
    assert cancelled == ["POST"] and page.locator("#modelmerger_merge").is_enabled()
    assert server.ask("internal/merge")["status"] != "running"


def test_it_fits_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#modelmerger_merge").bounding_box()
    assert box is not None and box["width"] > 300
