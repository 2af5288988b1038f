"""The page in a real browser: what a person sees and does, on the starter model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.page_support import SETTLED, Visit, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# in one go: the list is made anew whenever a job begins or ends
CANCEL = """prompt => {
  const line = [...document.querySelectorAll("#easel_queue li")].find((one) => one.textContent.includes(prompt));
  line?.querySelector("button").click();
  return Boolean(line);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("easel")) as running:
        yield running


@pytest.fixture
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    with open_page(window, server, 1440) as visit:
        yield visit


def test_a_prompt_becomes_a_picture_on_disk_also_when_the_page_is_reloaded_meanwhile(visit: Visit) -> None:
    page = visit.page
    before = visit.count()
    visit.set("txt2img_steps", 40)
    visit.set("txt2img_seed", 4711)
    page.locator("#txt2img_prompt textarea").fill("")
    page.locator("#txt2img_prompt textarea").press_sequentially("a red house in a meadow by day, 100% wood")
    visit.set("txt2img_neg_prompt", "trees")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("/step [1-9]/i.test(document.querySelector('.easel-progress-text').textContent)")
    assert re.fullmatch(r"\d+% · Easel", page.title())
    assert page.locator("#txt2img_interrupt").is_visible()
    visit.open()
    assert visit.value("txt2img_prompt") == "a red house in a meadow by day, 100% wood"
    page.wait_for_selector(SETTLED)
    assert page.title() == "Easel"
    assert not page.locator("#txt2img_interrupt").is_visible()
    assert visit.count() == before + 1
    picture = visit.newest()
    path = visit.server.outputs / picture["file"]
    assert re.fullmatch(r"txt2img/\d{4}-\d\d-\d\d/\d{5}-4711\.png", picture["file"])
    with Image.open(path) as image:
        recipe = image.info["parameters"]
        assert image.size == (picture["width"], picture["height"])
    assert recipe.startswith("a red house in a meadow by day, 100% wood\nNegative prompt: trees\nSteps: 40, ")
    assert "Seed: 4711" in recipe
    shown = page.locator("#easel_picture")
    assert shown.get_attribute("src").startswith(f"easel/pictures/{picture['id']}")  # type: ignore[union-attr]
    assert page.evaluate("document.querySelector('#easel_picture').naturalWidth") == picture["width"]
    chips = page.locator("#html_info_txt2img .easel-chip").all_inner_texts()
    assert any(chip.split() == ["Seed", "4711"] for chip in chips)


def test_what_is_typed_last_is_used_and_jobs_queue_up(visit: Visit) -> None:
    page = visit.page
    before = visit.count()
    visit.set("txt2img_seed", 1)
    visit.set("txt2img_steps", 150)  # the first is still at work when the third is typed
    prompts = ["a castle", "a castle by the sea", "a castle by the sea at dusk"]
    area = page.locator("#txt2img_prompt textarea")
    area.fill("")
    typed = ""
    for prompt in prompts:
        area.press_sequentially(prompt.removeprefix(typed))
        page.keyboard.press("Control+Enter")
        typed = prompt
        visit.set("txt2img_steps", 4)
        area.focus()
    page.wait_for_function(CANCEL, arg=prompts[-1])
    page.click("#txt2img_interrupt")
    page.wait_for_selector(SETTLED)
    page.wait_for_function("document.querySelector('#easel_queue').hidden")
    assert visit.count() == before + 2
    assert visit.newest()["infotext"].split("\n")[0] == prompts[1]


# the key and what is typed after it, with nothing in between
PRESS_AND_TYPE_ON = """more => {
  const area = document.querySelector("#txt2img_prompt textarea");
  const press = { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true };
  area.dispatchEvent(new KeyboardEvent("keydown", press));
  area.value += more;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def test_what_is_typed_after_the_press_is_for_the_next_picture(visit: Visit) -> None:
    visit.set("txt2img_steps", 1)
    visit.set("txt2img_prompt", "a castle")
    before = visit.last_id()
    visit.page.evaluate(PRESS_AND_TYPE_ON, " by the sea")
    [picture] = visit.wait_for_pictures(1, before)
    assert picture["infotext"].split("\n")[0] == "a castle"
    visit.expect("txt2img_prompt", "a castle by the sea")


def test_errors_are_one_sentence_at_the_field_and_the_next_try_works(visit: Visit) -> None:
    page = visit.page
    before = visit.count()
    visit.set("txt2img_width", 0)
    page.click("#txt2img_generate")
    alert = page.locator("#easel_alert")
    alert.wait_for()
    assert "Width" in alert.inner_text() and "0" in alert.inner_text()
    assert "Traceback" not in page.inner_text("body")
    marked = page.locator("[aria-invalid=true]")
    assert marked.count() == 1
    assert page.locator("#txt2img_width [aria-invalid=true]").count() == 1
    page.locator("#easel_alert button").click()
    assert alert.count() == 0
    visit.set("txt2img_width", "")
    page.click("#txt2img_generate")
    alert.wait_for()
    assert "Width is empty" in alert.inner_text()
    visit.set("txt2img_width", 128)
    visit.set("txt2img_steps", 2)
    page.click("#txt2img_generate")
    page.wait_for_function(f"document.querySelectorAll('#easel_strip li').length === {before + 1}")
    page.wait_for_selector(SETTLED)
    assert alert.count() == 0


def test_interrupt_keeps_the_picture_and_settings_can_be_used_again(visit: Visit) -> None:
    page = visit.page
    before = visit.count()
    visit.set("txt2img_prompt", "a lighthouse on a beach")
    visit.set("txt2img_neg_prompt", "rain")
    numbers = {"steps": "300", "width": "192", "height": "128", "cfg_scale": "4.5", "seed": "99"}
    for name, value in numbers.items():
        visit.set(f"txt2img_{name}", value)
    page.click("#txt2img_generate")
    page.wait_for_function("/step [2-9]/i.test(document.querySelector('.easel-progress-text').textContent)")
    page.click("#txt2img_interrupt")
    page.wait_for_selector(SETTLED)
    assert visit.count() == before + 1
    assert visit.newest()["complete"] is False
    page.click("#txt2img_res_switch_btn")
    visit.expect("txt2img_width", "128")
    page.click("#txt2img_random_seed")
    visit.expect("txt2img_seed", "-1")
    visit.set("txt2img_prompt", "something else")
    visit.set("txt2img_steps", 5)
    page.locator("#easel_strip button").first.click()
    viewer = page.locator("dialog.easel-viewer")
    viewer.wait_for()
    assert viewer.get_by_text("Interrupted before its last step.").is_visible()
    viewer.get_by_text("Use these settings").click()
    for name, value in {"prompt": "a lighthouse on a beach", "neg_prompt": "rain", **numbers}.items():
        visit.expect(f"txt2img_{name}", value)
    viewer.wait_for(state="hidden")


def test_the_viewer_is_used_with_keys(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_steps", 2)
    visit.set("txt2img_batch_size", 2)
    count = visit.count()
    page.click("#txt2img_generate")
    page.wait_for_function(f"document.querySelectorAll('#easel_strip li').length === {count + 2}")
    page.wait_for_selector(SETTLED)
    page.locator("#easel_frame").focus()
    page.keyboard.press("Enter")
    place = page.locator(".easel-viewer-count")
    place.wait_for()
    assert place.inner_text() == f"1 of {count + 2}"
    page.keyboard.press("ArrowRight")
    assert place.inner_text() == f"2 of {count + 2}"
    page.keyboard.press("z")
    assert page.locator(".easel-viewer [aria-pressed]").get_attribute("aria-pressed") == "true"
    with page.expect_download() as download:
        page.locator(".easel-viewer a[download]").click()
    assert download.value.suggested_filename.endswith(".png")
    page.keyboard.press("Escape")
    assert not page.locator("dialog.easel-viewer").is_visible()


def test_again_and_again_until_it_is_switched_off(visit: Visit) -> None:
    page = visit.page
    count = visit.count()
    visit.set("txt2img_steps", 2)
    visit.set("txt2img_prompt", "a tower")
    repeat = page.locator("#txt2img_repeat")
    repeat.click()
    page.wait_for_function(f"document.querySelectorAll('#easel_strip li').length >= {count + 3}")
    repeat.click()
    assert repeat.get_attribute("aria-pressed") == "false"
    page.wait_for_selector(SETTLED)
    made = visit.count()
    visit.set("txt2img_steps", 150)
    repeat.click()
    page.locator("#txt2img_interrupt").click()
    page.wait_for_selector(SETTLED)
    assert repeat.get_attribute("aria-pressed") == "false"
    assert visit.count() <= made + 1


def test_pictures_are_found_again(visit: Visit) -> None:
    page = visit.page

    def strip(count: int) -> None:
        page.wait_for_function(f"document.querySelectorAll('#easel_strip li').length === {count}")

    visit.set("txt2img_steps", 1)
    for number, prompt in enumerate(("a zebra", "a zebra and a yak")):
        visit.set("txt2img_prompt", prompt)
        visit.set("txt2img_seed", 70 + number)
        count = visit.count()
        page.click("#txt2img_generate")
        strip(count + 1)
    said, field = page.locator("#easel_search_said"), page.locator("#easel_search")
    field.fill("zebra")
    said.get_by_text("2 found").wait_for()
    strip(2)
    field.fill("zebra -yak")
    said.get_by_text("1 found").wait_for()
    page.locator("#easel_strip button").click()
    assert page.locator(".easel-viewer-count").inner_text() == "1 of 1"
    page.keyboard.press("Delete")  # the only one that is found: it can be brought back all the same
    page.locator(".easel-viewer").get_by_text("Undo").wait_for()
    said.get_by_text("No picture was made with").wait_for()
    assert not page.locator(".easel-viewer-canvas img").is_visible()
    page.locator(".easel-viewer").get_by_text("Undo").click()
    page.locator(".easel-viewer-canvas img").wait_for()
    page.keyboard.press("Escape")
    said.get_by_text("1 found").wait_for()
    visit.open()  # the search is kept as well
    said.get_by_text("1 found").wait_for()
    assert field.input_value() == "zebra -yak"
    field.fill("unicorn")
    said.get_by_text("No picture was made with “unicorn”").wait_for()
    strip(0)
    field.fill("seed:71")
    said.get_by_text("1 found").wait_for()
    page.locator("#easel_frame").focus()  # what the stage shows need not be among those that are found
    page.keyboard.press("Enter")
    assert page.locator(".easel-viewer-count").inner_text() == "1 of 1"
    page.keyboard.press("Escape")
    field.press("Escape")
    strip(count + 1)
    assert said.is_hidden() and field.input_value() == ""


def test_a_picture_is_deleted_and_brought_back(visit: Visit) -> None:
    page = visit.page
    count = visit.count()
    page.locator("#easel_strip button").first.click()

    def at(words: str) -> None:
        page.locator(".easel-viewer-count", has_text=words).wait_for()

    at(f"1 of {count}")
    file = visit.server.outputs / visit.newest()["file"]
    data = file.read_bytes()
    page.keyboard.press("Delete")
    at(f"1 of {count - 1}")
    assert visit.count() == count - 1 and not file.exists()
    page.locator(".easel-viewer").get_by_text("Undo").click()
    at(f"1 of {count}")
    assert visit.count() == count and file.read_bytes() == data
    page.keyboard.press("Escape")


def test_recipes_are_read(visit: Visit) -> None:
    def parse(text: str) -> dict[str, Any]:
        script = "text => import('./easel/static/recipe.js').then(recipe => recipe.parse(text))"
        return dict(visit.page.evaluate(script, text))

    texts = "a house,\nwith: colons, and more\nNegative prompt: trees,\nstones\n"
    assert parse(texts + 'Steps: 20, Size: 8x8, Hashes: "a: 1, b"') == {
        "prompt": "a house,\nwith: colons, and more",
        "negative": "trees,\nstones",
        "parameters": [["Steps", "20"], ["Size", "8x8"], ["Hashes", "a: 1, b"]],
    }
    assert parse("\nSteps: 1, Sampler: DPM++ 2M")["prompt"] == ""
    assert parse("only a prompt") == {"prompt": "only a prompt", "negative": "", "parameters": []}


def test_it_fits_on_a_phone_in_light_and_dark(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#txt2img_generate").is_visible()
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.click("#easel_theme")
    other = page.evaluate("document.documentElement.dataset.theme")
    assert {theme, other} == {"light", "dark"}
    visit.open()
    assert page.evaluate("document.documentElement.dataset.theme") == other
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) / 3
    assert (lightness < 80) == (other == "dark")


def test_the_page_outlives_the_server(window: Page, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        visit = Visit(window, server)
        visit.open()
        visit.set("txt2img_prompt", "kept")
        visit.set("txt2img_steps", 2)
        banner = visit.page.locator(".easel-offline")
        assert not banner.is_visible()
    port = int(server.url.rsplit(":", 1)[1])
    banner.wait_for()
    visit.page.keyboard.press("Control+Enter")
    with running_server(tmp_path, port=port):
        banner.wait_for(state="hidden")
        visit.page.wait_for_selector("html[data-easel=ready]")
        visit.expect("txt2img_prompt", "kept")
        visit.page.click("#txt2img_generate")
        visit.page.wait_for_selector(SETTLED)
        assert visit.newest()["infotext"].startswith("kept\n")
