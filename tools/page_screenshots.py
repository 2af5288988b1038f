"""Makes `docs/images/page-*.png` anew from a running Easel, in which it makes a few pictures first.

python webui.py --port 7860 --data-dir /tmp/easel-screenshots
python -m tools.page_screenshots http://localhost:7860
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
PROMPTS = (
    ("a watercolor painting of a fox in a snowy forest at dusk", "", 3),
    ("a castle on the hills at night, starry sky", "", 3),
    ("a red house in a meadow by day", "trees", 4),
    ("a lighthouse on a beach at sunset", "round stones", 4),
)
SEED = 20
STEPS = 30
CFG_SCALE = 5
SETTLED = "#easel_wall[data-state=picture][data-working=false]"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def open_page(
    browser: Browser,
    url: str,
    size: dict[str, int],
    scheme: str,
    *,
    phone: bool = False,
    storage: StorageState | None = None,
) -> Page:
    """The page at a size and in a colour scheme, ready for use; `storage` is what another one has kept."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if phone else 1,
        is_mobile=phone,
        has_touch=phone,
        storage_state=storage,
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("html[data-easel=ready]")
    page.wait_for_timeout(1000)
    return page


def make_pictures(page: Page) -> None:
    """Generate the pictures of the gallery; the last prompt stays in the form."""

    def type_in(elem_id: str, value: object) -> None:
        page.locator(f"#{elem_id} :is(textarea, input[type=number])").first.fill(str(value))

    type_in("txt2img_steps", STEPS)
    type_in("txt2img_seed", SEED)
    type_in("txt2img_cfg_scale", CFG_SCALE)
    for prompt, negative, count in PROMPTS:
        type_in("txt2img_prompt", prompt)
        type_in("txt2img_neg_prompt", negative)
        type_in("txt2img_batch_size", count)
        page.click("#txt2img_generate")
        page.wait_for_selector("#easel_wall[data-working=true]")
        page.wait_for_selector(SETTLED, timeout=600_000)
    type_in("txt2img_batch_size", 1)
    page.wait_for_timeout(1000)


def begin_with_the_picture(page: Page, kind: str) -> None:
    """Send the newest picture to a tab, and do there what the tab is for."""
    title = {"img2img": "Image to image", "inpaint": "Inpaint", "outpaint": "Outpaint"}[kind]
    page.locator("#easel_actions").get_by_role("button", name=title).click()
    mode = {"img2img": "view", "inpaint": "mask", "outpaint": "outpaint"}[kind]
    paper = page.locator(f"#easel_painter_{mode} .easel-painter-paper")
    paper.wait_for()
    page.wait_for_timeout(1000)
    if kind == "outpaint":
        page.get_by_role("button", name="Extend to the right").click()
    box = paper.bounding_box()
    if kind == "inpaint" and box is not None:
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.35 * box["height"], steps=12)
        page.mouse.up()
    page.mouse.move(700, 880)
    page.wait_for_timeout(700)


def main(url: str) -> None:
    """Take all screenshots."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = open_page(browser, url, DESKTOP, "light")
        make_pictures(page)
        page.mouse.move(700, 880)
        page.screenshot(path=FOLDER / "page-desktop-light.png")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "page-desktop-dark.png")
        phone = open_page(browser, url, PHONE, "light", phone=True, storage=page.context.storage_state())
        phone.screenshot(path=FOLDER / "page-phone.png")
        page.emulate_media(color_scheme="light")
        for kind in ("img2img", "inpaint", "outpaint"):
            begin_with_the_picture(page, kind)
            page.screenshot(path=FOLDER / f"page-{kind}.png")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "page-outpaint-dark.png")
        phone = open_page(browser, url, PHONE, "light", phone=True, storage=page.context.storage_state())
        phone.screenshot(path=FOLDER / "page-outpaint-phone.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:7860")
