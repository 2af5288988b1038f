"""The tab "Extensions" in a real browser: what is wrong and with whom, settings, installing, a restart; controls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page_support import open_fold, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

BROKEN_TAB = '''"""Builds half a tab."""
import gradio as gr
from pydantic import BaseModel
from modules.plugins.hooks import Tab, hookimpl

class Mine(BaseModel):
    word: str = "fox"
    loud: bool = False

def build():
    gr.Markdown("half of it")
    raise RuntimeError("no more")

@hookimpl
def settings(): return Mine

@hookimpl
def tabs(): return [Tab("Half", "half", build), Tab("Whole", "whole", lambda: gr.Markdown("all of it"))]
'''


def write(folder: Path, code: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "easel_extension.py").write_text(code)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    write(data / "extensions" / "broken-tab", BROKEN_TAB)
    write(data / "extensions" / "raises", "1 / 0")
    on = {"enabled": ["example-controls", "example-page"]}
    (data / "settings.json").write_text(json.dumps({"extensions": on}))
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@pytest.fixture
def page(window: Page, server: RunningServer) -> Iterator[Page]:
    with open_page(window, server, refusals=True) as visit:
        yield visit.page


def opened(page: Page) -> None:
    page.get_by_role("tab", name="Extensions").click()
    page.locator("#extensions_list li").first.wait_for()


def test_what_is_wrong_and_with_whom(page: Page) -> None:
    opened(page)
    raises = page.locator("li[data-name=raises]")
    assert "Not loaded" in raises.inner_text() and "division by zero" in raises.inner_text()
    raises.get_by_text("What happened").click()
    assert "easel_extension.py" in raises.locator("pre").inner_text()
    broken = page.locator("li[data-name=broken-tab]")
    assert "the tab Half: RuntimeError: no more" in broken.inner_text()
    page.get_by_role("tab", name="Half").click()
    page.get_by_text("The extension broken-tab could not build this").wait_for()
    assert page.get_by_text("half of it").count() == 0
    page.get_by_role("tab", name="Whole").click()
    page.get_by_text("all of it").wait_for()


def test_settings_are_kept(page: Page, server: RunningServer) -> None:
    opened(page)
    broken = page.locator("li[data-name=broken-tab]")
    broken.get_by_text("Settings", exact=True).click()
    broken.get_by_label("Word").fill("wolf")
    broken.get_by_label("Loud").check()
    broken.get_by_role("button", name="Save settings").click()
    page.get_by_text("The settings of broken-tab are kept.").wait_for()
    found = next(e for e in server.ask("easel/extensions")["extensions"] if e["name"] == "broken-tab")
    assert found["settings"]["values"] == {"word": "wolf", "loud": True}


def test_controls_reach_the_picture_and_scripts_the_page(page: Page, server: RunningServer) -> None:
    assert page.locator("html[data-example-page=loaded]").count() == 1
    page.locator("#example_page_clock").wait_for()
    page.locator("#txt2img_prompt textarea").fill("a fox")
    page.locator("#txt2img_steps input[type=number]").fill("1")
    fold = page.locator(".easel-extension-controls").filter(has_text="Border")
    width = fold.locator("input[type=number]")
    open_fold(fold, width)
    width.fill("8")
    page.keyboard.press("Tab")
    page.click("#txt2img_generate")
    page.locator("#easel_gallery img").first.wait_for()
    picture = server.ask("easel/pictures")["pictures"][0]
    assert "Border: 8 white" in picture["infotext"]
    assert (picture["width"] - 16, picture["height"] - 16) == (128, 128)


def test_installing_and_a_restart(page: Page, server: RunningServer) -> None:
    opened(page)
    code = (
        "from modules.plugins.hooks import Tab, hookimpl\n"
        "@hookimpl\n"
        "def tabs(): return [Tab('Brand new', 'new', lambda: None)]"
    )
    source = write(server.data / "sources" / "brand-new", code)
    page.fill("#extensions_source", "somewhere/else")
    page.get_by_role("button", name="Install", exact=True).click()
    page.get_by_text("Give an address that begins with https://").wait_for()
    page.fill("#extensions_source", str(source))
    page.get_by_role("button", name="Install", exact=True).click()
    page.get_by_text("brand-new is installed.").wait_for()
    assert "On after a restart" in page.locator("li[data-name=brand-new]").inner_text()
    page.locator("li[data-name=raises] [role=switch]").uncheck()
    page.wait_for_function("!document.querySelector('li[data-name=raises] [role=switch]').checked")
    with page.expect_navigation():
        page.click("#extensions_restart_now")
    page.wait_for_selector("html[data-easel=ready]")
    page.get_by_role("tab", name="Brand new").wait_for()
    opened(page)
    assert "Off" in page.locator("li[data-name=raises]").inner_text()
    assert not page.locator("#extensions_restart").is_visible()


def test_a_small_screen(window: Page, server: RunningServer) -> None:
    window.emulate_media(color_scheme="dark")
    with open_page(window, server, 390, 844) as visit:
        opened(visit.page)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
