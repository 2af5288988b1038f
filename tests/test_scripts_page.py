"""The Script menu in a real browser: chosen, filled in, run; kept over a reload; not where it isn't offered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page_support import open_page
from tests.server import ROOT, RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WORDS = '''"""A grid of words."""
from dataclasses import replace
import gradio as gr
from modules.imaging.grids import make_grid
from modules.plugins.hooks import Script, hookimpl

def run(request, values, studio):
    words = values["words/all"].split()
    studio.expect(len(words))
    made = []
    for word in words:
        for picture in studio.make(replace(request, prompt=word)):
            yield picture
            made.append(picture)
    yield replace(made[0], image=make_grid([picture.image for picture in made]), kind="grid")

def broken():
    gr.Markdown("half of it")
    raise RuntimeError("no more")

@hookimpl
def scripts():
    return [
        Script("Some / words", run, lambda: {"words/all": gr.Textbox("x", label="Words for it")}, {"words/all": "x"},
               tabs=("txt2img", "inpaint")),
        Script("Broken", run, broken, {"words/all": "x"}),
    ]
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    folder = data / "extensions" / "words"
    folder.mkdir(parents=True)
    (folder / "easel_extension.py").write_text(WORDS)
    shipped = [folder.name for folder in (ROOT / "extensions").iterdir() if folder.is_dir()]
    (data / "settings.json").write_text(json.dumps({"extensions": {"disabled": shipped}}))
    with running_server(data) as running:
        yield running


@pytest.fixture
def page(window: Page, server: RunningServer) -> Iterator[Page]:
    with open_page(window, server, height=1000) as visit:
        yield visit.page


def opened(page: Page, server: RunningServer) -> None:
    page.goto(server.url)
    page.wait_for_selector("html[data-easel=ready]")


def choose(page: Page, title: str) -> None:
    page.locator("#script_list input").click()
    page.get_by_role("option", name=title).click()
    page.locator("#script_list input >> nth=0").blur()


def menu(page: Page) -> str:
    return page.locator("#script_list input").input_value()


def test_choose_generate_reload_and_change_the_tab(page: Page, server: RunningServer) -> None:
    part = page.locator(".easel-script", has_text="Words for it")
    assert menu(page) == "None" and page.locator(".easel-chosen").count() == 0
    assert page.get_by_text("The extension words could not build this").count() == 1
    assert page.get_by_text("half of it").count() == 0
    choose(page, "Some / words")
    page.wait_for_selector(".easel-script.easel-chosen")
    assert "easel-chosen" in str(part.get_attribute("class"))
    part.locator("textarea, input").first.fill("fox cat")
    page.locator("#txt2img_steps input[type=number]").fill("1")
    page.keyboard.press("Tab")
    page.click("#txt2img_generate")
    page.locator("#easel_gallery img").nth(2).wait_for()
    grid, second, first = server.ask("easel/pictures")["pictures"]
    assert grid["grid"] and grid["file"].startswith("grids/") and grid["width"] == 2 * first["width"]
    assert [picture["infotext"].split("\n")[0] for picture in (first, second)] == ["fox", "cat"]
    assert (Path(server.outputs) / grid["file"]).is_file()
    # Kept over a reload, the controls too.
    opened(page, server)
    page.wait_for_selector(".easel-script.easel-chosen")
    page.wait_for_function(
        "document.querySelector('.easel-chosen').querySelector('textarea, input').value === 'fox cat'"
    )
    assert menu(page) == "Some / words"
    # It isn't offered in every tab, and comes back with the tab.
    page.get_by_role("tab", name="Image to image").click()
    page.wait_for_function("document.querySelector('#script_list input').value === 'None'")
    assert page.locator(".easel-chosen").count() == 0
    page.locator("#script_list input").click()
    assert (
        page.locator("#script_list [role=option]:not([hidden])").all_inner_texts()[0].strip().endswith("None")
    )
    assert page.locator("#script_list [role=option][hidden]").count() == 1
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Text to image").click()
    page.wait_for_function("document.querySelector('#script_list input').value === 'Some / words'")


def test_a_kept_script_that_is_gone_is_not_chosen(window: Page, server: RunningServer) -> None:
    kept = json.dumps({"values": {"script": "Gone", "prompt": "kept"}})
    script = f"localStorage.setItem('easel.form.txt2img', {json.dumps(kept)})"
    with open_page(window, server, kept=script) as visit:
        visit.expect("txt2img_prompt", "kept")
        visit.page.wait_for_function("document.querySelector('#script_list input').value === 'None'")
