"""Settings, styles in prompts, other files and an early end, in a real browser."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.page_support import Visit, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("easel")
    (folder / "styles.csv").write_text(
        'name,prompt,negative_prompt\nInk,"{prompt}, ink wash",photo\nCalm,"calm, still",\n'
    )
    with running_server(folder, "--skip-load-model-at-start") as running:
        yield running


@pytest.fixture
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    with open_page(window, server, 1440) as visit:
        yield visit


def _open(visit: Visit) -> Locator:
    visit.page.locator("#easel_settings_open").click()
    visit.page.locator("#easel_settings[open]").wait_for()
    return visit.page.locator("#setting_sampling_s_noise")


def test_a_changed_setting_is_there_after_a_reload_and_goes_back_to_its_default(visit: Visit) -> None:
    page = visit.page
    field = _open(visit)
    page.locator("#easel_settings input[type=search]").fill("s_noise")
    assert page.locator(".easel-setting:visible").count() == 1
    field.fill("1.05")
    field.press("Enter")
    row = page.locator('[data-name="sampling.s_noise"]')
    row.get_by_text("Changed").wait_for()
    page.keyboard.press("Escape")
    visit.open()
    field = _open(visit)
    assert field.input_value() == "1.05"
    row.get_by_role("button", name="Back to 1").click()
    row.get_by_text("Changed").wait_for(state="hidden")
    assert field.input_value() == "1"


def test_what_does_not_fit_is_said_at_the_field(visit: Visit) -> None:
    page = visit.page
    _open(visit)
    field = page.locator("#setting_model_clip_skip")
    field.fill("99")
    field.press("Tab")
    page.get_by_text("less than or equal to 24").wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    visit.complaints.clear()  # the browser notes the answer's status
    field.fill("1")
    field.press("Tab")
    page.get_by_text("less than or equal to 24").wait_for(state="detached")


def test_styles_in_a_pasted_prompt_can_be_chosen_in_place_of_their_text(visit: Visit) -> None:
    page = visit.page
    page.locator("#txt2img_neg_prompt textarea").fill("photo")
    area = page.locator("#txt2img_prompt textarea")
    area.fill("a pond, ink wash")
    area.evaluate("area => area.dispatchEvent(new ClipboardEvent('paste', {bubbles: true}))")
    remark = page.locator(".easel-recognised")
    remark.get_by_text("Holds the style Ink").wait_for()
    remark.get_by_role("button").click()
    page.locator("#easel_styles_chosen").get_by_text("Ink").wait_for()
    assert area.input_value() == "a pond"
    assert page.locator("#txt2img_neg_prompt textarea").input_value() == ""
    assert remark.is_hidden()


def test_a_recipe_brings_its_vae_and_refiner(visit: Visit) -> None:
    text = "a\\nSteps: 4, Sampler: Euler, Seed: 1, VAE: None, Refiner: x.safetensors, Refiner switch at: 0.5"
    visit.page.evaluate(f"import('./easel/static/infotext.js').then(module => module.useRecipe('{text}'))")
    visit.expect("txt2img_prompt", "a")
    visit.page.locator("#txt2img_advanced > button").click()
    visit.page.locator("#txt2img_vae input").wait_for()
    visit.expect("txt2img_vae", "None")
    values = "import('./easel/static/form.js').then(module => module.values)"
    found = visit.page.evaluate(values)
    assert (found["refiner.checkpoint"], found["refiner.switch_at"]) == ("x.safetensors", 0.5)


def test_a_job_ends_after_the_picture_at_work(visit: Visit) -> None:
    page = visit.page
    before = visit.count()
    visit.set("txt2img_steps", 12)
    visit.set("txt2img_batch_count", 6)
    page.locator("#txt2img_prompt textarea").fill("a red house")
    page.locator("#txt2img_generate").click()
    button = page.locator("#txt2img_finish")
    button.wait_for()
    button.click()
    page.wait_for_function("!document.body.classList.contains('easel-working')")
    assert before < visit.count() < before + 6
    assert urllib.request.urlopen(f"{visit.server.url}/internal/ping").status == 200
