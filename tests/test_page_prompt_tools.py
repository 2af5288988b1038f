"""What helps with writing prompts, in a real browser: counts, remarks, keys, completion, the reading, styles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.page_support import SETTLED, Visit, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

PROMPT = "#txt2img_prompt"
NEGATIVE = "#txt2img_neg_prompt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("easel")
    for name in (
        "embeddings/brushwork.safetensors",
        "embeddings/brushwork2.safetensors",
        "Lora/inkwash.safetensors",
        "wildcards/colour.txt",
    ):
        path = folder / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_safetensors() if path.suffix == ".safetensors" else b"red\nblue\n")
    with running_server(folder, "--skip-load-model-at-start") as running:
        yield running


def _safetensors() -> bytes:
    """An embedding of two short vectors."""
    header = json.dumps({"emb_params": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(32)


@pytest.fixture(scope="module")
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    """One page for all tests: each puts its own text into the boxes."""
    with open_page(window, server, 1440) as visit:
        yield visit


def _box(visit: Visit, text: str, start: int | None = None, end: int | None = None) -> Locator:
    """The prompt's text area, with this text in it and this selection (or the cursor at the end)."""
    area = visit.page.locator(f"{PROMPT} textarea")
    area.fill(text)
    start = len(text) if start is None else start
    _select(area, start, start if end is None else end)
    return area


def _select(area: Locator, start: int, end: int) -> None:
    area.focus()
    area.evaluate("(area, [start, end]) => area.setSelectionRange(start, end)", [start, end])


def _selected(area: Locator) -> str:
    return str(area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)"))


def _wait_for_text(visit: Visit, selector: str, text: str) -> None:
    script = "([selector, text]) => document.querySelector(selector)?.textContent === text"
    visit.page.wait_for_function(script, arg=[selector, text])


def _call(visit: Visit, module: str, function: str, *arguments: Any) -> Any:
    script = (
        "([file, name, list]) => import(`./easel/static/${file}.js`).then(module => module[name](...list))"
    )
    return visit.page.evaluate(script, [module, function, list(arguments)])


def _edited(visit: Visit, module: str, function: str, text: str, by: int) -> str:
    """What a function makes of a text in which `|` is the cursor, or two of them the ends of the selection."""
    pieces = text.split("|")
    start, end = len(pieces[0]), len("".join(pieces[:-1]))
    plain = "".join(pieces)
    edit = _call(visit, module, function, plain, start, end, by)
    if edit is None:
        return text
    plain = plain[: edit["start"]] + edit["text"] + plain[edit["end"] :]
    first, last = edit["selection"]
    marks = "|" + plain[first:last] + "|" if last > first else "|"
    return plain[:first] + marks + plain[last:]


def test_tokens_are_counted_in_both_boxes_and_chunk_by_chunk(visit: Visit) -> None:
    page = visit.page
    assert not page.locator(f"{PROMPT} .easel-count").is_visible()
    _box(visit, "a photo of a cat")
    _wait_for_text(visit, f"{PROMPT} .easel-count", "5 / 75")
    page.locator(f"{NEGATIVE} textarea").fill("trees, rain")
    _wait_for_text(visit, f"{NEGATIVE} .easel-count", "3 / 75")
    _box(visit, " ".join(["cat"] * 81))
    _wait_for_text(visit, f"{PROMPT} .easel-count", "81 / 150")
    assert "75 + 6" in (page.locator(f"{PROMPT} .easel-count").get_attribute("title") or "")
    _box(visit, "")
    page.locator(f"{PROMPT} .easel-count").wait_for(state="hidden")


def test_an_open_bracket_is_marked_and_its_remark_leads_to_it(visit: Visit) -> None:
    page = visit.page
    area = _box(visit, "a house, (cat")
    remark = page.locator(f"{PROMPT} .easel-remarks button")
    remark.wait_for()
    assert remark.inner_text() == "This ( is never closed, so it counts to the end of the text."
    assert page.locator(f"{PROMPT} .easel-mirror mark").inner_text() == "("
    assert "easel-count-warns" in (page.locator(f"{PROMPT} .easel-count").get_attribute("class") or "")
    remark.click()
    assert _selected(area) == "("
    assert area.evaluate("area => area.selectionStart") == 9
    area.fill("a house, (cat)")
    remark.wait_for(state="hidden")
    assert page.locator(f"{PROMPT} .easel-mirror mark").count() == 0


def test_the_line_under_a_place_lies_over_its_letters(visit: Visit) -> None:
    """The mirror has the text area's width and line breaks, so a place far down is where its letters are."""
    words = " ".join(f"word{number}" for number in range(60)) + " (cat"
    area = _box(visit, words)
    page = visit.page
    page.locator(f"{PROMPT} .easel-mirror mark").wait_for(state="attached")
    script = """area => {
        const mirror = area.parentElement.querySelector('.easel-mirror');
        return [area.scrollHeight - mirror.scrollHeight, area.clientWidth - mirror.clientWidth];
    }"""
    height, width = area.evaluate(script)
    assert abs(height) <= 1
    assert width == 0


def test_weights(visit: Visit) -> None:
    cases = [
        ("c|at", 1, "(c|at:1.1)"),
        ("(c|at:1.1)", 1, "(c|at:1.2)"),
        ("(c|at:1.1)", -1, "c|at"),
        ("a c|at, dog", -1, "a (c|at:0.9), dog"),
        ("(c|at)", 1, "(c|at:1.2)"),
        ("(c|at)", -1, "c|at"),
        ("[c|at]", -1, "(c|at:0.8)"),
        ("a |red house|!", 1, "a (|red house|:1.1)!"),
        ("a (|red house|:1.1)!", 1, "a (|red house|:1.2)!"),
        ("a (|red house|:1.1)!", -1, "a |red house|!"),
        ("a (red ho|use:1.1)!", -1, "a |red house|!"),
        ("a |(red house:1.1)|", 1, "a (|red house|:1.2)"),
        ("[cat:d|og:0.5]", 1, "[cat:(d|og:1.1):0.5]"),
        ("[cat:dog:0.|5]", 1, "[cat:dog:0.|5]"),
        ("a (|cat, dog)|", 1, "a (|cat, dog)|"),
        ("a AND b :0.|6", 1, "a AND b :0.|7"),
        ("a A|ND b", 1, "a A|ND b"),
        ("<lora:in|k:0.8>", 1, "<lora:in|k:0.85>"),
        ("<lora:in|k>", -1, "<lora:in|k:0.95>"),
        ("<lora:ink:0.8:te=0.|5>", -1, "<lora:ink:0.8:te=0.|45>"),
        ("cat_\\(animal|\\)", 1, "(cat_\\(animal|\\):1.1)"),
        ("(c|at:-0.1)", 1, "(c|at:0)"),
        ("  |  ", 1, "  |  "),
    ]
    results = [_edited(visit, "weights", "changeWeight", text, by) for text, by, _ in cases]
    assert results == [expected for _, _, expected in cases]


def test_parts_move(visit: Visit) -> None:
    cases = [
        ("a, b|b, c", 1, "a, c, b|b"),
        ("a, b|b, c", -1, "b|b, a, c"),
        ("a|, b", -1, "a|, b"),
        ("a, b|, ", 1, "a, b|, "),
        ("(a, b:1.2), |c|", -1, "|c|, (a, b:1.2)"),
        ("x, <lora:a,b:1>|", -1, "<lora:a,b:1>|, x"),
        ("a\nb|", -1, "b|\na"),
        ("a| AND b :0.6", 1, "b AND a| :0.6"),
        ("one:0.5 AND two|", -1, "two|:0.5 AND one"),
    ]
    results = [_edited(visit, "parts", "movePart", text, by) for text, by, _ in cases]
    assert results == [expected for _, _, expected in cases]


def test_keys_change_the_text_and_undo_takes_it_back(visit: Visit) -> None:
    page = visit.page
    area = _box(visit, "")
    area.press_sequentially("a house, cat")
    page.keyboard.press("Control+ArrowUp")
    page.keyboard.press("Control+ArrowUp")
    assert area.input_value() == "a house, (cat:1.2)"
    page.keyboard.press("Alt+ArrowLeft")
    assert area.input_value() == "(cat:1.2), a house"
    visit.page.wait_for_function(
        "import('./easel/static/form.js').then(f => f.values.prompt.startsWith('(cat'))"
    )
    page.keyboard.press("Control+z")
    assert area.input_value() == "a house, (cat:1.2)"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert area.input_value() == "a house, cat"
    assert page.url.rstrip("/") == visit.server.url


def test_names_are_completed(visit: Visit) -> None:
    page = visit.page
    listed = page.locator("#easel_completion")
    area = _box(visit, "")
    area.press_sequentially("a cat, b")
    page.wait_for_timeout(250)
    assert not listed.is_visible()
    area.press_sequentially("ru")
    listed.wait_for()
    assert listed.locator("li").all_inner_texts() == ["brushwork\nEmbedding", "brushwork2\nEmbedding"]
    assert area.get_attribute("aria-activedescendant") == "easel_completion_0"
    page.keyboard.press("Enter")
    assert area.input_value() == "a cat, brushwork"
    page.wait_for_timeout(250)
    assert not listed.is_visible()
    assert area.get_attribute("aria-activedescendant") is None
    page.keyboard.press("Enter")
    assert area.input_value() == "a cat, brushwork\n"
    area.press_sequentially("<")
    listed.wait_for()
    area.press_sequentially("ink")
    page.keyboard.press("Tab")
    assert area.input_value() == "a cat, brushwork\n<lora:inkwash:1>"
    area.press_sequentially(" __co")
    listed.wait_for()
    page.keyboard.press("Escape")
    assert not listed.is_visible()
    area.press_sequentially("l")
    listed.locator("li").click()
    assert area.input_value() == "a cat, brushwork\n<lora:inkwash:1> __colour__"
    page.wait_for_timeout(250)
    assert not listed.is_visible()
    page.keyboard.press("Control+z")
    assert area.input_value() == "a cat, brushwork\n<lora:inkwash:1> __col"


def test_the_reading_shows_steps_weights_networks_and_remarks(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_steps", 20)
    _box(visit, "a [cat:dog:0.5] (in snow:1.3) AND rain :0.5 <lora:inkwash:0.8> <lora:nothere:1>")
    page.locator("#easel_reading summary").click()
    page.locator(".easel-timeline li").first.wait_for()
    segments = page.locator(".easel-timeline li")
    assert [segment.get_attribute("title") for segment in segments.all()] == [
        "steps 1 to 11: a cat (in snow:1.3)",
        "steps 12 to 20: a dog (in snow:1.3)",
    ]
    left, right = (segment.bounding_box() for segment in segments.all())
    assert left is not None and right is not None
    assert left["width"] / right["width"] == pytest.approx(11 / 9, abs=0.03)
    text = page.locator("#easel_reading_body").inner_text()
    assert "Part 2 of 2 · weight 0.5" in text
    weighted = page.locator(".easel-weighted").first
    assert weighted.inner_text().split() == ["in", "snow", "1.3"]
    networks = page.locator("#easel_reading .easel-chip").all_inner_texts()
    assert [" ".join(chip.split()) for chip in networks] == [
        "lora inkwash · 0.8",
        "lora nothere · 1, not found",
    ]
    assert "There is no lora named 'nothere'." in text
    _box(visit, " ".join(["cat"] * 81))
    page.wait_for_function("document.querySelectorAll('#easel_reading .easel-chunk-end').length === 2")
    assert page.locator(".easel-chunk-end").all_inner_texts() == ["Chunk 1: 75 of 75", "Chunk 2: 6 of 75"]


def test_a_style_is_kept_chosen_used_pasted_in_changed_and_removed(visit: Visit) -> None:
    page = visit.page
    _box(visit, "{prompt}, dramatic light")
    visit.set("txt2img_neg_prompt", "flat")
    page.click("#easel_styles_toggle")
    page.click("#easel_styles_save")
    dialog = page.locator("dialog.easel-dialog")
    assert dialog.get_by_label("Prompt", exact=True).input_value() == "{prompt}, dramatic light"
    dialog.get_by_label("Name").fill("Dramatic")
    dialog.get_by_text("Save", exact=True).click()
    dialog.wait_for(state="hidden")
    kept = visit.server.ask("easel/styles")["styles"]
    assert [(style["name"], style["negative_prompt"]) for style in kept] == [("Dramatic", "flat")]

    visit.set("txt2img_neg_prompt", "rain")
    _box(visit, "a red house")
    page.get_by_role("checkbox", name="Dramatic").check()
    _wait_for_text(visit, f"{PROMPT} .easel-count", "6 / 75")
    visit.set("txt2img_width", 64)
    visit.set("txt2img_height", 64)
    visit.set("txt2img_steps", 1)
    page.click("#txt2img_generate")
    page.wait_for_selector(SETTLED)
    recipe = visit.newest()["infotext"].split("\n")
    assert recipe[:2] == ["a red house, dramatic light", "Negative prompt: rain, flat"]
    assert visit.value("txt2img_prompt") == "a red house"

    visit.open()
    visit.expect("txt2img_prompt", "a red house")
    chosen = page.locator("#easel_styles_chosen li")
    chosen.wait_for()
    page.get_by_text("Use these settings").click()
    visit.expect("txt2img_prompt", "a red house, dramatic light")
    assert chosen.count() == 0  # the recipe holds the style's text

    visit.set("txt2img_prompt", "a red house")
    visit.set("txt2img_neg_prompt", "rain")
    page.click("#easel_styles_toggle")
    page.get_by_role("checkbox", name="Dramatic").check()
    page.click("#easel_styles_apply")
    visit.expect("txt2img_prompt", "a red house, dramatic light")
    visit.expect("txt2img_neg_prompt", "rain, flat")
    assert chosen.count() == 0
    page.keyboard.press("Control+z")
    visit.expect("txt2img_prompt", "a red house")

    page.get_by_role("button", name="Edit the style Dramatic").click()
    dialog.get_by_label("Name").fill("Moody")
    dialog.get_by_text("Save", exact=True).click()
    page.get_by_role("button", name="Edit the style Moody").click()
    dialog.get_by_text("Delete").click()
    dialog.get_by_text("Really delete?").click()
    dialog.wait_for(state="hidden")
    assert page.locator("#easel_styles_list li").count() == 0
    assert page.locator("#easel_styles_none").is_visible()


def test_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("sessionStorage.clear()")
    visit.open()
    visit.set("txt2img_steps", 20)
    _box(visit, "a [cat:dog:0.5] (in deep snow:1.3), (" + "verylongword" * 8)
    page.locator("#easel_reading summary").click()
    page.click("#easel_styles_toggle")
    page.locator(".easel-timeline li").first.wait_for()
    page.locator(f"{PROMPT} .easel-remarks li").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#easel_styles_save")
    box = page.locator("dialog.easel-dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
