"""Extensions written for the older UI, in a real browser: their tabs, controls, buttons, scripts and settings."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.page_support import Visit, open_page, settle
from tests.server import RunningServer, running_server
from tests.test_older_extensions import put_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    put_in(data)
    with running_server(data) as running:
        yield running


@pytest.fixture
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    with open_page(window, server) as visit:
        visit.page.wait_for_selector("#txt2img_fox_button")
        visit.set("txt2img_steps", 2)
        yield visit


PASTE = """recipe => {
  const data = new DataTransfer();
  data.setData("text/plain", recipe);
  const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector("#txt2img_prompt textarea").dispatchEvent(paste);
}"""


def generate(visit: Visit, count: int = 1) -> list[dict[str, Any]]:
    """Press Generate, wait for so many pictures more, and give them, the newest first."""
    before = visit.last_id()
    visit.page.click("#txt2img_generate")
    pictures = visit.wait_for_pictures(count, before)
    visit.page.locator("#easel_progress").wait_for(state="hidden")
    return pictures


def test_a_tab_with_boxes_and_buttons(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("tab", name="Notes", exact=True).click()
    page.wait_for_selector("html[data-note-tab=Notes]")
    page.fill("#note_text textarea", "hello")
    page.click("#note_turn")
    visit.expect("note_text", "olleh")
    page.locator("#note_loud input").check()
    page.click("#note_keep")
    page.locator("#note_output li", has_text="OLLEH").wait_for()
    assert page.evaluate("document.querySelector('#note_output').dataset.presses") == "1"
    visit.expect("note_text", "")
    visit.expect("note_count", "1")
    assert (
        page.locator("#note_output ul").evaluate("(list) => getComputedStyle(list).color") == "rgb(1, 2, 3)"
    )
    page.click("#note_clear")
    page.locator("#note_output", has_text="Forgotten").wait_for()
    page.locator("#note_count").wait_for(state="hidden")
    page.get_by_role("button", name="More").locator("visible=true").click()
    page.click("#note_where")
    page.wait_for_function("document.querySelector('#note_place :is(input, textarea)').value.length > 3")


def test_a_twins_tab_has_its_own_place(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Twin", exact=True).click()
    visit.page.get_by_text("the twin's own tab").wait_for()
    assert visit.page.get_by_role("tab", name="Notes again").count() == 0


def test_buttons_beside_the_prompt(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_prompt", "a cat")
    page.click("#txt2img_fox_button")
    visit.expect("txt2img_prompt", "a cat, fox")
    page.click("#txt2img_prompt_shout")
    visit.expect("txt2img_prompt", "A CAT, FOX")
    page.click("#txt2img_prompt_count")
    page.locator("#txt2img_prompt_said b", has_text="10").wait_for()
    page.click("#tab_img2img-button")
    page.locator("#img2img_fox_button").click()
    visit.expect("txt2img_prompt", "A CAT, FOX, fox")
    page.locator("#txt2img_fox_button").wait_for(state="hidden")


def test_controls_of_scripts_reach_the_picture_and_come_back(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_prompt", "a cat")
    page.evaluate("inputAccordionChecked('script_txt2img_word_swap_enabled', true)")
    page.evaluate("inputAccordionChecked('script_txt2img_remember_me_on', true)")
    depth = page.locator("#script_txt2img_remember_me_depth input[type=number]")
    depth.wait_for()
    settle(page)
    depth.fill("4")
    page.locator("#script_txt2img_remember_me_name :is(input, textarea)").fill("rex")
    [picture] = generate(visit)
    recipe = picture["infotext"]
    assert recipe.startswith("a dog") and "Word swap: cat -> dog" in recipe
    assert "Memory depth: 4, Memory mood: calm, Memory name: rex" in recipe
    visit.open()
    page.wait_for_selector("#txt2img_fox_button")
    word = "#script_txt2img_remember_me_name :is(input, textarea)"
    switch = "#script_txt2img_remember_me_on-checkbox input"
    back = "([word, text]) => document.querySelector(word)?.value === text"
    page.wait_for_function(back, arg=[word, "rex"])
    page.wait_for_selector("#script_txt2img_remember_me_on > .label-wrap.open")
    for paste in (PASTE, "recipe => easelOlder.paste('txt2img', recipe)"):
        page.evaluate("inputAccordionChecked('script_txt2img_remember_me_on', false)")
        page.wait_for_selector("#script_txt2img_remember_me_on > .label-wrap:not(.open)")
        page.locator(word).evaluate("box => { box.value = 'none'; updateInput(box); }")
        page.evaluate(paste, recipe)
        visit.expect("txt2img_prompt", "a dog")
        page.wait_for_function(back, arg=[word, "rex"])
        page.wait_for_selector("#script_txt2img_remember_me_on > .label-wrap.open")
        assert page.locator(switch).is_checked()


def test_what_is_not_seen_is_there_for_scripts(visit: Visit) -> None:
    page = visit.page
    page.wait_for_selector(
        "#note_count", state="attached"
    )  # in a tab that was never opened, and not visible there
    seen = "ids => ids.map((id) => document.querySelectorAll(`#${id}`).length)"
    assert page.evaluate(seen, ["note_output", "note_count", "note_where"]) == [1, 1, 1]
    boxes = (
        "document.querySelectorAll('#txt2img_prompt > label > textarea, #img2img_prompt > label > textarea')"
    )
    assert page.evaluate(f"[...{boxes}].map((box) => box.closest('[id$=_prompt]').id)") == [
        "txt2img_prompt",
        "img2img_prompt",
    ]
    page.evaluate("document.addEventListener('DOMContentLoaded', () => (window.heardLate = true))")
    page.wait_for_function("window.heardLate")


def test_files_of_extensions_by_their_paths(server: RunningServer) -> None:
    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"{server.url}/file={path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    folder = "extensions/note-tab"
    assert status(f"{folder}/style.css") == status(f"{server.data}/{folder}/style.css") == 200
    refused = [f"{folder}/scripts/note_tab.py", "config.json", "/etc/passwd", f"{folder}/../../server.log"]
    assert [status(path) for path in refused] == [403] * 4


def test_the_script_menu(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_prompt", "a cat")
    menu = page.locator("#script_list input")
    menu.click()
    page.get_by_role("option", name="Two shots").first.click()
    page.locator("#script_two_shots_low input[type=number]").fill("1")
    made = generate(visit, 2)
    assert {"Shot: 1", "Shot: 2"} == {
        part for one in made for part in one["infotext"].split(", ") if part.startswith("Shot")
    }
    menu.click()
    page.get_by_role("option", name="None").first.click()


def test_settings_in_the_dialog(visit: Visit, server: RunningServer) -> None:
    page = visit.page
    page.click("#easel_settings_open")
    page.fill("#easel_settings input[type=search]", "many settings word")
    row = page.locator("#easel_settings .easel-setting:visible").filter(has_text="A word").first
    row.locator("input").fill("badger")
    row.locator("input").press("Tab")
    page.wait_for_function(
        "async () => (await (await fetch('sdapi/v1/options')).json()).many_word === 'badger'"
    )
    page.keyboard.press("Escape")


def test_the_extensions_tab_names_the_bad_ones(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Extensions").click()
    for name, words in (("bad-import", "bad-import never loads"), ("bad-ui", "bad-ui has no controls")):
        assert words in visit.page.locator(f"li[data-name={name}]").inner_text()
