"""Image to image, inpainting, outpainting, hires fix and "Send to", in a real browser on the starter model."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from modules.imaging.storage import save_png
from tests.page_support import SETTLED, Visit, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SIDE = 128


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("easel")) as running:
        yield running


@pytest.fixture
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    with open_page(window, server) as visit:
        visit.set("txt2img_steps", 3)
        yield visit


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradient, as a file."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.stack([columns, rows, np.full_like(rows, 90)], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("pictures") / "gradient.png"
    Image.fromarray(pixels).save(path)
    return path


def open_tab(visit: Visit, kind: str) -> None:
    visit.page.click(f"#tab_{kind}-button")
    visit.page.wait_for_selector(f"html[data-tab={kind}]")


def bring(visit: Visit, mode: str, path: Path) -> None:
    """Choose a picture in the painter of a mode, and wait until it is shown and has arrived."""
    page = visit.page
    page.locator(f"#easel_painter_{mode} input[type=file]").set_input_files(path)
    page.wait_for_selector(f"#easel_painter_{mode} .easel-painter-paper:not([hidden])")
    page.wait_for_function("JSON.parse(localStorage['easel.source'] ?? '{}').picture?.name")


def settle(visit: Visit) -> None:
    """Wait until a painter that was just shown has found its size."""
    visit.page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
    )


def stroke(visit: Visit, mode: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Paint with the mouse; places are pixels of the picture."""
    settle(visit)
    box = visit.page.locator(f"#easel_painter_{mode} .easel-painter-paper").bounding_box()
    assert box is not None
    scale = box["width"] / SIDE
    visit.page.mouse.move(box["x"] + start[0] * scale, box["y"] + start[1] * scale)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + end[0] * scale, box["y"] + end[1] * scale, steps=8)
    visit.page.mouse.up()


def generate(visit: Visit, pictures: int = 1) -> dict[str, Any]:
    """Press Generate, wait for so many more pictures, and return the newest one."""
    before = visit.last_id()
    visit.page.click("#txt2img_generate")
    return wait_for_new(visit, before, pictures)


def wait_for_new(visit: Visit, before: int, pictures: int = 1) -> dict[str, Any]:
    visit.wait_for_pictures(pictures, before)
    visit.page.wait_for_selector(SETTLED)
    return visit.newest()


def pixels_of(visit: Visit, picture: dict[str, Any]) -> np.ndarray:
    with Image.open(visit.server.outputs / picture["file"]) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def job_of(visit: Visit, picture: dict[str, Any]) -> dict[str, Any]:
    return dict(visit.server.ask(f"easel/jobs/{picture['job']}")["job"]["request"])


def input_of(visit: Visit, name: str) -> np.ndarray:
    with urllib.request.urlopen(f"{visit.server.url}/easel/inputs/{name}") as answer:
        return np.asarray(Image.open(io.BytesIO(answer.read())))


def test_image_to_image_takes_the_pictures_size_and_shares_the_prompt(visit: Visit, picture: Path) -> None:
    visit.set("txt2img_prompt", "a meadow")
    open_tab(visit, "img2img")
    visit.page.click("#txt2img_generate")
    visit.page.locator("#easel_alert", has_text="There is no picture yet").wait_for()
    visit.page.locator("#easel_alert").get_by_text("Show me where").click()
    assert visit.page.evaluate("document.activeElement.textContent") == "Choose a picture"
    bring(visit, "view", picture)
    visit.expect("img2img_width", str(SIDE))
    visit.page.locator("#img2img_scale_range").fill("1.5")
    visit.expect("img2img_width", "192")
    visit.page.click("#img2img_detect_image_size_btn")
    visit.expect("img2img_height", str(SIDE))
    visit.set("img2img_denoising_strength", 0.5)
    visit.page.locator("#txt2img_prompt textarea").press("Control+Enter")
    made = wait_for_new(visit, 0)
    assert visit.page.locator("#easel_alert").count() == 0
    assert made["file"].startswith("img2img/") and (made["width"], made["height"]) == (SIDE, SIDE)
    assert made["infotext"].startswith("a meadow\n") and "Denoising strength: 0.5" in made["infotext"]
    visit.set("img2img_denoising_strength", 7)
    visit.page.click("#txt2img_generate")
    visit.page.wait_for_selector("#img2img_denoising_strength [aria-invalid=true]")


def test_sketching_goes_into_the_picture_and_several_make_one_each(visit: Visit, picture: Path) -> None:
    open_tab(visit, "img2img")
    bring(visit, "view", picture)
    visit.page.get_by_role("radio", name="Sketch").click()
    visit.page.wait_for_selector("#easel_painter_sketch .easel-painter-paper:not([hidden])")
    stroke(visit, "sketch", (20, 64), (108, 64))
    drawn = input_of(visit, job_of(visit, generate(visit))["init_images"][0])
    assert drawn[64, 64, :3].tolist() == [0xCF, 0x7A, 0x2B]
    assert drawn[10, 64, :3].tolist() == [64, 10, 90]
    visit.page.get_by_role("radio", name="Several").click()
    visit.page.locator("#easel_several input[type=file]").set_input_files([picture, picture])
    visit.page.wait_for_function("document.querySelectorAll('#easel_several li').length === 2")
    made = generate(visit, 2)
    assert len(job_of(visit, made)["init_images"]) == 2 and job_of(visit, made)["batch_count"] == 2


def test_a_folder_with_masks_and_prompts_of_its_own(visit: Visit, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for name, said in (("a", "a red house\nSteps: 3, Seed: 9, Size: 128x128"), ("b", "")):
        with Image.open(picture) as image:
            save_png(image, tmp_path / f"{name}.png", said)
    Image.new("L", (SIDE, SIDE), 255).save(tmp_path / "masks" / "all.png")
    visit.set("txt2img_prompt", "a pencil drawing")
    open_tab(visit, "inpaint")
    page = visit.page
    page.get_by_role("radio", name="Several").click()
    page.get_by_role("button", name="Remove all").click() if page.locator(
        "#easel_several li"
    ).count() else None
    page.click("#txt2img_generate")
    page.locator("#easel_alert", has_text="There are no pictures yet").wait_for()
    page.get_by_text("From a folder").click()
    page.fill("#easel_folder", str(tmp_path))
    page.get_by_role("button", name="Take all pictures").click()
    page.wait_for_function("document.querySelectorAll('#easel_several li').length === 2")
    page.click("#txt2img_generate")
    page.locator("#easel_alert", has_text="have no mask").wait_for()
    page.fill("#easel_masks", str(tmp_path / "masks"))
    page.get_by_role("button", name="Take all pictures").click()
    page.wait_for_function("document.querySelector('#easel_several').innerText.includes('with masks')")
    page.get_by_label("Use the prompts that are in the pictures").check()
    request = job_of(visit, generate(visit, 2))
    assert request["prompts"] == ["a pencil drawing, a red house", "a pencil drawing"]
    assert request["seeds"][0] == 9 and len(request["mask"]["images"]) == 2


def test_inpainting_changes_only_what_is_under_the_stroke(visit: Visit, picture: Path) -> None:
    open_tab(visit, "inpaint")
    bring(visit, "mask", picture)
    visit.page.click("#txt2img_generate")
    visit.page.locator("#easel_alert", has_text="Nothing is masked yet").wait_for()
    stroke(visit, "mask", (40, 40), (90, 40))
    visit.set("img2img_mask_blur", 2)
    visit.set("img2img_denoising_strength", 1)
    made = generate(visit)
    with Image.open(picture) as image:
        before = np.asarray(image, np.int16)
    change = np.abs(pixels_of(visit, made) - before).max(axis=-1)
    assert change[38:42, 45:85].mean() > 8
    assert change[70:].max() == 0 and change[:, 110:].max() == 0
    visit.page.get_by_role("radio", name="Mask in colours").click()
    visit.page.wait_for_selector("#easel_painter_colour-mask .easel-painter-paper:not([hidden])")
    stroke(visit, "colour-mask", (40, 90), (90, 90))
    visit.page.get_by_label("Only masked").check()
    request = job_of(visit, generate(visit))
    assert request["mask"]["only_masked"] is True and request["mask"]["blur_x"] == 2


def test_outpainting_keeps_the_old_pixels(visit: Visit, picture: Path) -> None:
    open_tab(visit, "outpaint")
    bring(visit, "outpaint", picture)
    visit.page.click("#txt2img_generate")
    visit.page.locator("#easel_alert", has_text="No side is extended yet").wait_for()
    visit.page.get_by_role("radio", name="64 pixels").click()
    visit.page.get_by_role("button", name="Extend to the right").click()
    made = generate(visit)
    assert (made["width"], made["height"]) == (SIDE + 64, SIDE)
    with Image.open(picture) as image:
        before = np.asarray(image, np.int16)
    after = pixels_of(visit, made)
    assert np.abs(after[:, : SIDE - 20] - before[:, : SIDE - 20]).max() == 0
    assert job_of(visit, made)["frame"] == {"left": 0, "right": 64, "top": 0, "bottom": 0}
    visit.page.locator("#outpaint_repeat").fill("2")
    made = generate(visit, 2)
    assert (made["width"], made["height"]) == (SIDE + 128, SIDE)


def test_hires_fix_says_the_size_and_makes_it(visit: Visit) -> None:
    summary = visit.page.locator("#txt2img_hires_summary")
    assert not visit.page.locator("#txt2img_hr_scale").is_visible()
    visit.page.locator("#txt2img_enable_hr input").check()
    visit.page.wait_for_function(
        "document.querySelector('#txt2img_hires_summary').textContent === '128 × 128 → 256 × 256'"
    )
    visit.set("txt2img_hr_resize_x", 192)
    visit.page.wait_for_function(
        "document.querySelector('#txt2img_hires_summary').textContent.endsWith('192 × 192')"
    )
    visit.set("txt2img_hr_resize_x", "")
    made = generate(visit)
    assert (made["width"], made["height"]) == (256, 256) and "Hires upscale: 2" in made["infotext"]
    visit.page.locator("#txt2img_enable_hr input").uncheck()
    assert summary.inner_text() == ""
    small = generate(visit)
    assert (small["width"], small["height"]) == (128, 128)
    before = visit.last_id()
    visit.page.locator("#easel_actions").get_by_role("button", name="Upscale").click()
    large = wait_for_new(visit, before)
    assert (large["width"], large["height"]) == (256, 256)
    assert job_of(visit, large)["first_pass"] and job_of(visit, large)["seed"] == small["seed"]
    assert not visit.page.locator("#txt2img_enable_hr input").is_checked()


def test_a_reload_brings_all_back(visit: Visit, picture: Path) -> None:
    page = visit.page
    open_tab(visit, "inpaint")
    bring(visit, "mask", picture)
    stroke(visit, "mask", (30, 30), (60, 80))
    visit.set("img2img_mask_blur", 9)
    page.get_by_label("Only masked").check()
    open_tab(visit, "outpaint")
    page.wait_for_selector("#easel_painter_outpaint .easel-painter-paper:not([hidden])")
    page.get_by_role("button", name="Extend to the left").click()
    open_tab(visit, "inpaint")
    page.wait_for_timeout(400)
    visit.open()
    assert page.evaluate("document.documentElement.dataset.tab") == "inpaint"
    visit.expect("img2img_mask_blur", "9")
    assert page.get_by_label("Only masked").is_checked()
    page.wait_for_selector("#easel_painter_mask .easel-painter-paper:not([hidden])")
    page.wait_for_selector("#easel_painter_mask [aria-label^=Undo]:not([disabled])")
    visit.set("txt2img_steps", 3)
    mask = job_of(visit, generate(visit))["mask"]["image"]
    values = input_of(visit, mask)
    assert values[55, 45] == 255 and values[10, 100] == 0
    open_tab(visit, "outpaint")
    page.wait_for_function(
        "document.querySelector('#easel_painter_outpaint [data-side=left]')?.ariaValueNow === '128'"
    )


def test_a_finished_picture_is_sent_on_and_its_recipe_comes_back(visit: Visit) -> None:
    page = visit.page
    visit.set("txt2img_prompt", "a lake")
    visit.set("txt2img_seed", 77)
    made = generate(visit)
    visit.set("txt2img_prompt", "something else")
    page.locator("#easel_actions").get_by_role("button", name="Inpaint").click()
    page.wait_for_selector("html[data-tab=inpaint]")
    page.wait_for_selector("#easel_painter_mask .easel-painter-paper:not([hidden])")
    visit.expect("txt2img_prompt", "a lake")
    visit.expect("txt2img_seed", "77")
    visit.expect("img2img_width", str(made["width"]))
    stroke(visit, "mask", (40, 40), (90, 40))
    visit.set("img2img_mask_blur", 7)
    generate(visit)
    visit.set("img2img_mask_blur", 1)
    open_tab(visit, "txt2img")
    page.locator("#easel_strip button").first.click()
    page.locator("dialog.easel-viewer").get_by_text("Use these settings").click()
    page.wait_for_selector("html[data-tab=inpaint]")
    visit.expect("img2img_mask_blur", "7")


PASTED = """a boat
Negative prompt: fog
Steps: 9, Sampler: Euler a, Schedule type: Karras, CFG scale: 4, Seed: 5, Size: 136x120, Denoising strength: 0.4, \
Hires resize: 272x0, Hires steps: 6, Hires upscaler: Lanczos, Version: x"""


def test_a_pasted_recipe_fills_the_fields_of_its_kind(visit: Visit) -> None:
    paste = """(text) => {
      const data = new DataTransfer();
      data.setData("text/plain", text);
      const area = document.querySelector("#txt2img_prompt textarea");
      area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    visit.page.evaluate(paste, PASTED)
    expected = {"prompt": "a boat", "neg_prompt": "fog", "steps": "9", "width": "136", "hr_resize_x": "272"}
    for name, value in {**expected, "denoising_strength": "0.4"}.items():
        visit.expect(f"txt2img_{name}", value)
    assert visit.page.locator("#txt2img_enable_hr input").is_checked()
    assert visit.value("txt2img_hr_upscaler") == "Lanczos"
    visit.page.evaluate(
        paste,
        "a pond\nSteps: 8, Size: 64x72, Denoising strength: 0.3, Mask blur: 6, "
        "Inpaint area: Only masked, Masked area padding: 12",
    )
    visit.page.wait_for_selector("html[data-tab=inpaint]")
    for elem_id, value in {"img2img_width": "64", "img2img_mask_blur": "6"}.items():
        visit.expect(elem_id, value)
    visit.expect("img2img_inpaint_full_res_padding", "12")
    assert visit.page.get_by_label("Only masked").is_checked()


def test_no_tab_is_wider_than_a_phone(visit: Visit, picture: Path) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    for kind, mode in {"img2img": "view", "inpaint": "mask", "outpaint": "outpaint"}.items():
        open_tab(visit, kind)
        if kind == "img2img":
            bring(visit, mode, picture)
        page.wait_for_selector(f"#easel_painter_{mode} .easel-painter-paper:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, kind
        assert page.locator("#easel_source").bounding_box()["width"] <= 358  # type: ignore[index]
