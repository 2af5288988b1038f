"""The networks beside the prompt in a real browser: cards, search, a click, notes, a reload, a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.page_support import open_page
from tests.server import RunningServer, running_server
from tests.test_networks_library import METADATA, network, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MANY = 1500
PROMPT = "#txt2img_prompt textarea"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    lora = data / "models" / "Lora"
    network(lora / "river.safetensors", METADATA)
    network(lora / "styles" / "Ink wash.safetensors")
    notes = {"activation text": "ink wash", "negative text": "photo", "preferred weight": 0.7, "own": 1}
    (lora / "styles" / "Ink wash.json").write_text(json.dumps(notes))
    (lora / "styles" / "Ink wash.png").write_bytes(picture((300, 300)))
    network(data / "models" / "embeddings" / "badhands.safetensors", key="emb_params")
    many = data / "models" / "hypernetworks"
    many.mkdir()
    for number in range(MANY):
        (many / f"glow {number:04}.pt").touch()
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@pytest.fixture
def page(window: Page, server: RunningServer) -> Iterator[Page]:
    with open_page(window, server, refusals=True) as visit:
        yield visit.page


def visit(page: Page, server: RunningServer) -> None:
    page.goto(server.url)
    page.wait_for_selector("html[data-easel=ready]")
    page.locator(".easel-network-toggle").wait_for()


def show(page: Page, kind: str) -> None:
    if page.locator("#easel_networks").is_hidden():
        page.click(".easel-network-toggle")
    page.get_by_role("tab", name=kind, exact=True).click()
    page.locator(".easel-network-use").first.wait_for()


def labels(page: Page, *expected: str) -> None:
    page.wait_for_function(
        "(wanted) => JSON.stringify([...document.querySelectorAll('.easel-network strong')]"
        ".map((one) => one.textContent)) === wanted",
        arg=json.dumps(expected, separators=(",", ":")),
    )


def prompt_is(page: Page, text: str, negative: str = "") -> None:
    page.wait_for_function(
        "([text, negative]) => document.querySelector('#txt2img_prompt textarea').value === text"
        " && document.querySelector('#txt2img_neg_prompt textarea').value === negative",
        arg=[text, negative],
    )


def test_a_click_puts_a_network_in_and_the_next_takes_it_out(page: Page) -> None:
    page.fill(PROMPT, "a house, at dusk")
    show(page, "Lora")
    labels(page, "Ink wash", "river")
    assert (
        page.locator(".easel-network img").count() == 1
        and page.locator(".easel-network-blank").inner_text() == "RI"
    )
    ink = page.locator(".easel-network-use", has_text="Ink wash")
    ink.click()
    prompt_is(page, "a house, at dusk <lora:Ink wash:0.7> ink wash", "photo")
    page.wait_for_selector(".easel-network-use[aria-pressed=true]")
    page.locator(".easel-network-use", has_text="river").click()
    prompt_is(page, "a house, at dusk <lora:Ink wash:0.7> ink wash <lora:river:1>", "photo")
    ink.click()
    prompt_is(page, "a house, at dusk <lora:river:1>")
    page.fill(PROMPT, "a house <lora:river:0.35>, at dusk")
    page.locator(".easel-network-use", has_text="river").click()
    prompt_is(page, "a house, at dusk")
    show(page, "Textual inversion")
    labels(page, "badhands")
    page.focus("#txt2img_neg_prompt textarea")
    page.click(".easel-network-use")
    prompt_is(page, "a house, at dusk", "badhands")
    page.click(".easel-network-use")
    prompt_is(page, "a house, at dusk")


def test_search_and_folders_stay_over_a_reload(page: Page, server: RunningServer) -> None:
    show(page, "Lora")
    labels(page, "Ink wash", "river")
    page.get_by_label("Search networks").fill("sdxl")
    labels(page, "river")
    page.reload()
    page.wait_for_selector("#easel_networks:not([hidden])")
    labels(page, "river")
    assert page.get_by_label("Search networks").input_value() == "sdxl"
    page.get_by_label("Search networks").fill("")
    labels(page, "Ink wash", "river")
    page.get_by_label("Reverse the order").click()
    labels(page, "river", "Ink wash")
    page.click(".easel-network-where")
    page.locator(".easel-network-folders button", has_text="styles").click()
    labels(page, "Ink wash")
    visit(page, server)
    labels(page, "Ink wash")
    assert page.locator(".easel-network-where").inner_text() == "styles"


def test_notes_are_edited(page: Page, server: RunningServer) -> None:
    show(page, "Lora")
    page.locator(".easel-network-use", has_text="Ink wash").focus()
    page.keyboard.press("e")
    dialog = page.locator(".easel-network-dialog")
    page.wait_for_function("document.querySelector('#easel_network_weight')?.value === '0.7'")
    dialog.get_by_label("Description").fill("Soft and wet")
    dialog.get_by_label("Preferred weight").first.fill("0.55")
    dialog.get_by_role("button", name="Save").click()
    page.locator(".easel-network small", has_text="Soft and wet").wait_for()
    written = json.loads((server.data / "models" / "Lora" / "styles" / "Ink wash.json").read_text())
    assert written["description"] == "Soft and wet" and written["preferred weight"] == 0.55
    assert written["own"] == 1 and written["activation text"] == "ink wash"
    page.locator(".easel-network", has_text="river").hover()
    page.get_by_label("Edit river").click()
    tag = dialog.locator(".easel-network-tags button").first
    tag.click()
    assert dialog.get_by_label("Activation text").input_value() == "river"
    dialog.get_by_role("button", name="Cancel").click()
    assert not (server.data / "models" / "Lora" / "river.json").exists()


def test_many_cards_scroll(page: Page) -> None:
    show(page, "Hypernetworks")
    assert page.locator(".easel-network-count").inner_text() == "1,500 networks"
    assert page.locator(".easel-network").count() < 80
    page.locator(".easel-network-use").first.focus()
    page.keyboard.press("End")
    page.locator(".easel-network-use:focus", has_text=f"glow {MANY - 1:04}").wait_for()
    assert page.locator(".easel-network").count() < 80
    page.keyboard.press("Enter")
    prompt_is(page, f"<hypernet:glow {MANY - 1:04}:1>")


def test_missing_networks_are_told(page: Page) -> None:
    recipe = 'a boat <lora:gone:1> <lora:river:1>\nSteps: 20, Lora hashes: "gone: 0123456789ab, river: 11"'
    page.evaluate(
        "async (recipe) => (await import(new URL('easel/static/networks/missing.js', location))).tellMissing(recipe)",
        recipe,
    )
    notice = page.locator("#easel_missing")
    notice.wait_for()
    assert "gone" in notice.inner_text() and "0123456789ab" in notice.inner_text()
    assert "river" not in notice.inner_text()


def test_it_is_a_sheet_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.fill(PROMPT, "a house")
    show(page, "Lora")
    page.wait_for_timeout(200)
    box = page.locator("#easel_networks").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert page.evaluate("document.querySelector('.easel-network-scroller').scrollWidth") <= 390
    page.locator(".easel-network-use", has_text="river").click()
    prompt_is(page, "a house <lora:river:1>")
    assert "<lora:river:1>" in page.locator(".easel-network-status").inner_text()
    page.keyboard.press("Escape")
    page.locator("#easel_networks").wait_for(state="hidden")
