"""The painter in a real browser: what is painted is what the mask says, pixel by pixel."""

from __future__ import annotations

import base64
import functools
import http.server
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1600, 1000
BLUE = (40, 90, 160)

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Painter</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css"><link rel="stylesheet" href="/javascript/canvas/canvas.css">
<style>:root { --font: sans-serif } body { margin: 0; padding: 16px; font-family: sans-serif }</style></head>
<body><div id="host"></div><p style="height: 1500px">Below</p>
<script type="module">
  import { createPainter } from "/javascript/canvas/painter.js";
  const mode = new URLSearchParams(location.search).get("mode") ?? "mask";
  window.heard = [];
  window.painter = createPainter(host, { mode, onChange: (...what) => heard.push(what) });
  window.encoded = async (blob) => blob && btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (byte) =>
    String.fromCharCode(byte)).join(""));
  document.documentElement.dataset.ready = "";
</script></body></html>"""


def picture_bytes(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A PNG: a gradient over blue."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[...] = BLUE
    pixels[..., 0] = columns * 255 // width
    pixels[..., 1] = rows * 200 // height
    return png(pixels)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    """The scripts as files, and the page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answers = {"/": ("text/html", PAGE.encode()), "/picture.png": ("image/png", picture_bytes())}
        answer = answers.get(self.path.split("?")[0])
        if answer is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])
        return None

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(ROOT))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@dataclass
class Painter:
    """An open page with a painter. Places are pixels of the picture unless they say otherwise."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Note errors in the console."""
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, mode: str = "mask", picture: bool = True) -> None:
        self.page.goto(f"{self.address}/?mode={mode}")
        self.page.wait_for_selector("html[data-ready]")
        if picture:
            self.load()

    def load(self) -> None:
        self.page.evaluate("painter.load(new URL('/picture.png', location.href))")
        self.page.wait_for_selector(".easel-painter-paper:not([hidden])")
        self.settle()

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
        )

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the picture is in the window: the paper lies exactly under the picture."""
        box = self.page.locator(".easel-painter-paper").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"] / WIDTH, box["y"] + y * box["height"] / HEIGHT

    def stroke(self, *places: tuple[float, float], button: Any = "left") -> None:
        self.page.mouse.move(*self.on_screen(*places[0]))
        self.page.mouse.down(button=button)
        for place in places[1:]:
            self.page.mouse.move(*self.on_screen(*place), steps=6)
        self.page.mouse.up(button=button)
        self.settle()

    def size(self, value: int) -> None:
        state = self.state()
        state["settings"]["size"] = value
        self.page.evaluate("state => painter.restore(state)", state)

    def state(self) -> dict[str, Any]:
        return dict(self.page.evaluate("painter.state()"))

    def png(self, what: str) -> np.ndarray | None:
        text = self.page.evaluate(f"painter.{what}().then(encoded)")
        return None if text is None else np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))

    def mask(self) -> np.ndarray:
        mask = self.png("mask")
        assert mask is not None and mask.shape == (HEIGHT, WIDTH) and mask.dtype == np.uint8
        return mask

    def button(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click()
        self.settle()


@pytest.fixture
def painter(browser: Browser, address: str) -> Iterator[Painter]:
    yield from visit(browser, address, viewport={"width": 1400, "height": 900})


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Painter]:
    size = {"width": 390, "height": 844}
    yield from visit(browser, address, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2)


def visit(browser: Browser, address: str, **options: Any) -> Iterator[Painter]:
    context = browser.new_context(**options)
    painter = Painter(context.new_page(), address)
    painter.page.set_default_timeout(1000 * PATIENCE)
    painter.page.on("console", painter.hear)
    painter.page.on("pageerror", lambda error: painter.complaints.append(str(error)))
    yield painter
    context.close()
    assert painter.complaints == []


def capsule(start: tuple[float, float], end: tuple[float, float], radius: float) -> np.ndarray:
    """Which pixels' middles are at most `radius` from a line."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    (ax, ay), (bx, by) = start, end
    length = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-9)
    along = np.clip(((columns - ax) * (bx - ax) + (rows - ay) * (by - ay)) / length, 0, 1)
    return np.asarray(np.hypot(columns - ax - along * (bx - ax), rows - ay - along * (by - ay)) <= radius)


def assert_painted(
    mask: np.ndarray, start: tuple[float, float], end: tuple[float, float], size: float
) -> None:
    """All of the line is masked, and nothing but it; a pixel of the screen is how exactly a mouse points."""
    assert set(np.unique(mask)) == {0, 255}
    slack = 3.0
    assert mask[capsule(start, end, size / 2 - slack)].min() == 255
    assert mask[~capsule(start, end, size / 2 + slack)].max() == 0


def test_a_stroke_masks_what_lies_under_it_also_when_zoomed_and_moved(painter: Painter) -> None:
    painter.open()
    assert painter.png("mask") is None
    painter.size(60)
    painter.stroke((300, 200), (900, 500))
    assert_painted(painter.mask(), (300, 200), (900, 500), 60)
    painter.button("Clear")
    assert painter.png("mask") is None
    page = painter.page
    page.mouse.move(*painter.on_screen(1200, 700))
    before = painter.on_screen(1200, 700)
    page.mouse.wheel(0, -600)
    painter.settle()
    zoomed = painter.state()["view"]
    assert zoomed["fits"] is False
    assert painter.on_screen(1200, 700) == pytest.approx(before, abs=0.6), (
        "the zoom keeps what is under the pointer"
    )
    painter.stroke((1150, 650), (1190, 690), button="middle")
    assert painter.state()["view"]["middle"] != zoomed["middle"]
    painter.size(20)
    painter.stroke((1150, 650), (1200, 680))
    assert_painted(painter.mask(), (1150, 650), (1200, 680), 20)
    cursor = page.locator(".easel-painter-cursor").bounding_box()
    assert cursor is not None and cursor["width"] == pytest.approx(20 * zoomed["scale"], rel=0.05)
    page.keyboard.press("0")
    assert painter.state()["view"] == {"fits": True}


def test_eraser_undo_redo_invert_fill_and_lasso(painter: Painter) -> None:
    painter.open()
    painter.size(80)
    page = painter.page
    painter.stroke((300, 500), (1300, 500))
    line = painter.mask()
    painter.stroke((800, 200), (800, 800), button="right")
    erased = painter.mask()
    assert erased[500, 800] == 0 and erased[500, 400] == 255 and line[500, 800] == 255
    page.keyboard.press("e")
    assert page.get_by_role("button", name="Eraser").get_attribute("aria-pressed") == "true"
    painter.stroke((400, 200), (400, 800))
    assert painter.mask()[500, 400] == 0
    page.keyboard.press("e")
    page.keyboard.press("Control+z")
    assert np.array_equal(painter.mask(), erased)
    page.keyboard.press("Control+z")
    assert np.array_equal(painter.mask(), line)
    page.keyboard.press("Control+z")
    assert painter.png("mask") is None
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+Shift+Z")
    assert np.array_equal(painter.mask(), erased)
    painter.button("Invert the mask")
    assert np.array_equal(painter.mask(), 255 - erased)
    painter.button("Mask everything")
    assert painter.mask().min() == 255
    painter.button("Clear")
    page.keyboard.press("l")
    for corner in ((200, 200), (800, 200), (800, 600), (200, 600)):
        page.mouse.click(*painter.on_screen(*corner))
    page.keyboard.press("Enter")
    area = painter.mask() == 255
    assert area[205:595, 205:795].all()
    area[196:604, 196:804] = False
    assert not area.any()


def test_shift_click_draws_a_line_and_soft_brushes_fade(painter: Painter) -> None:
    painter.open()
    painter.size(50)
    page = painter.page
    page.mouse.click(*painter.on_screen(200, 300))
    page.keyboard.down("Shift")
    page.mouse.click(*painter.on_screen(1300, 700))
    page.keyboard.up("Shift")
    assert_painted(painter.mask(), (200, 300), (1300, 700), 50)
    painter.button("Clear")
    painter.button("Brush and mask options")
    page.get_by_label("Soft edge").fill("1")
    page.keyboard.press("Escape")
    painter.size(200)
    painter.stroke((500, 500), (900, 500), (500, 500))
    column = painter.mask()[:, 700].astype(int)
    assert column[498:502].min() >= 250
    assert column[:398].max() == 0
    assert (np.diff(column[400:500]) >= 0).all() and 100 < column[450] < 160


def test_the_size_of_the_brush_has_keys_and_the_wheel(painter: Painter) -> None:
    painter.open()
    page = painter.page
    painter.size(50)
    page.locator(".easel-painter-stage").hover()
    page.keyboard.press("]")
    assert painter.state()["settings"]["size"] == 55
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert painter.state()["settings"]["size"] < 50
    for key in ("Shift", "Control"):
        before = painter.state()
        page.keyboard.down(key)
        page.mouse.wheel(0, -100)
        page.keyboard.up(key)
        page.wait_for_function("size => painter.state().settings.size > size", arg=before["settings"]["size"])
        assert painter.state()["view"] == before["view"]
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("mode", ["mask", "colour-mask"])
def test_a_reload_loses_nothing(painter: Painter, mode: str) -> None:
    painter.open(mode)
    painter.size(90)
    painter.stroke((200, 200), (1200, 350), (700, 800))
    painter.page.get_by_role("button", name="Brush and mask options").click()
    painter.page.get_by_label("Soft edge").fill("0.6")
    painter.stroke((300, 900), (1400, 400))
    painter.stroke((900, 100), (900, 900), button="right")
    if mode == "mask":
        white = np.zeros((50, 80), np.uint8)
        white[:10, :20] = 255
        encoded = base64.b64encode(png(white)).decode()
        script = "text => fetch(`data:image/png;base64,${text}`).then(a => a.blob()).then(painter.setMask)"
        painter.page.evaluate(script, encoded)
        assert painter.mask()[:200, :400].min() == 255 and int((painter.mask() == 255).sum()) == 200 * 400
        painter.button("Invert the mask")
        painter.stroke((100, 100), (300, 100))
    painter.stroke((100, 900), (200, 900), button="right" if mode == "mask" else "left")
    painter.button("Undo")
    mask, picture, state = painter.mask(), painter.png("picture"), painter.state()
    painter.open(mode, picture=False)
    painter.page.evaluate("state => painter.restore(state)", state)
    painter.load()
    assert painter.state() == state
    assert np.array_equal(painter.mask(), mask)
    after = painter.png("picture")
    assert picture is not None and after is not None and np.array_equal(after, picture)
    painter.button("Redo")
    assert not np.array_equal(painter.mask(), mask)
    for _ in range(9):
        painter.page.keyboard.press("Control+z")
    assert painter.png("mask") is None


def test_sketches_are_burnt_in_and_colours_are_picked(painter: Painter) -> None:
    painter.open("sketch")
    page = painter.page
    painter.size(100)
    page.get_by_label("Colour of the brush").fill("#ff0000")
    painter.stroke((400, 400), (800, 400))
    picture = painter.png("picture")
    assert picture is not None and picture.shape[:2] == (HEIGHT, WIDTH)
    assert tuple(picture[400, 600][:3]) == (255, 0, 0)
    original = np.asarray(Image.open(io.BytesIO(picture_bytes())))
    assert np.array_equal(picture[600:, :, :3], original[600:])
    assert painter.png("mask") is None
    kept = page.evaluate("encoded(painter.original())")
    assert base64.b64decode(kept) == picture_bytes()
    page.keyboard.press("i")
    page.mouse.click(*painter.on_screen(200, 200))
    red, green, blue = (int(painter.state()["settings"]["colour"][at : at + 2], 16) for at in (1, 3, 5))
    assert (red, green, blue) == pytest.approx(tuple(original[200, 200]), abs=2)
    assert page.get_by_role("button", name="Brush", exact=True).get_attribute("aria-pressed") == "true"


DROP = """([text, kind, where]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "new.png", { type: where ?? "image/png" }));
  const about = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent("paste", { ...about, clipboardData: data })
    : new DragEvent("drop", { ...about, dataTransfer: data });
  document.querySelector("#host").dispatchEvent(event);
}"""


def test_pictures_are_dropped_pasted_and_chosen(painter: Painter) -> None:
    painter.open(picture=False)
    page = painter.page
    assert not page.evaluate("painter.hasPicture")

    def expect(width: int, height: int, times: int) -> None:
        page.wait_for_function("n => heard.filter(([what]) => what === 'picture').length === n", arg=times)
        assert page.evaluate("painter.size") == {"width": width, "height": height}

    page.evaluate(DROP, [base64.b64encode(picture_bytes(300, 200)).decode(), "drop", None])
    expect(300, 200, 1)
    page.mouse.move(500, 400)
    page.evaluate(DROP, [base64.b64encode(picture_bytes(200, 100)).decode(), "paste", None])
    expect(200, 100, 2)
    page.evaluate(DROP, [base64.b64encode(b"no picture").decode(), "drop", None])
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert '"new.png" is no picture' in alert.inner_text()
    assert page.evaluate("painter.size.width") == 200, "what was there stays"
    painter.button("Remove the picture")
    assert not page.evaluate("painter.hasPicture")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": picture_bytes(64, 64)})
    expect(64, 64, 4)


def test_a_frame_is_dragged_stepped_and_typed(painter: Painter) -> None:
    painter.open("outpaint")
    page = painter.page
    scale = painter.on_screen(1, 0)[0] - painter.on_screen(0, 0)[0]
    handle = page.locator("[data-side=right]")
    box = handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 203 * scale, y, steps=5)
    page.mouse.up()
    right = page.evaluate("painter.frame().right")
    assert right % 8 == 0 and abs(right - 203) <= 6
    assert handle.inner_text() == f"+{right}"
    assert page.get_by_label("Right", exact=True).input_value() == str(right)
    page.locator("[data-side=top]").focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowUp")
    page.get_by_label("Left", exact=True).fill("37")
    page.keyboard.press("Enter")
    assert page.evaluate("painter.frame()") == {"left": 37, "right": right, "top": 72, "bottom": 0}
    assert page.locator(".easel-painter-size").inner_text() == f"{WIDTH + 37 + right} × {HEIGHT + 72}"
    state = painter.state()
    painter.button("Undo")
    assert page.evaluate("painter.frame().left") == 0
    painter.open("outpaint")
    page.evaluate("state => painter.restore(state)", state)
    assert page.evaluate("painter.frame().left") == 37
    page.evaluate("painter.setFrame({ bottom: 128 })")
    assert page.evaluate("painter.frame().bottom") == 128
    painter.button("Take the frame away")
    assert set(page.evaluate("Object.values(painter.frame())")) == {0}


def test_one_finger_paints_and_two_move(phone: Painter) -> None:
    phone.open()
    phone.size(120)
    page = phone.page
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start, end = phone.on_screen(400, 500), phone.on_screen(1200, 500)
    touch("touchStart", start)
    for share in (0.2, 0.4, 0.6, 0.8, 1):
        touch("touchMove", (start[0] + share * (end[0] - start[0]), start[1]))
    touch("touchEnd")
    phone.settle()
    mask = phone.mask()
    assert mask[500, 450:1150].min() == 255 and mask[300, 800] == 0
    assert page.evaluate("scrollY") == 0
    x, y = phone.on_screen(800, 500)
    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    for apart in (40, 60, 80, 90):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    phone.settle()
    assert np.array_equal(phone.mask(), mask), "two fingers paint nothing"
    assert phone.on_screen(800, 500) == pytest.approx((x, y), abs=2)
    assert phone.state()["view"]["scale"] == pytest.approx(3 * 358 / WIDTH, rel=0.2)
    assert page.evaluate("scrollY") == 0
    touch("touchStart", (195, 780))
    for height in (700, 600, 500):
        touch("touchMove", (195, height))
    touch("touchEnd")
    page.wait_for_function("scrollY > 0")


def test_it_fits_on_a_phone_and_has_names_and_room_for_fingers(phone: Painter) -> None:
    for mode in ("mask", "colour-mask", "outpaint"):
        phone.open(mode)
        page = phone.page
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for button in page.locator(".easel-painter button:visible").all():
            box = button.bounding_box()
            assert box is not None and min(box["width"], box["height"]) >= 40, button.get_attribute(
                "aria-label"
            )
            assert button.get_attribute("aria-label") or button.inner_text()
        assert page.get_by_role("application").get_attribute("aria-label")


PEN = """([x, y, pressure, kind, button]) => document.querySelector(".easel-painter-stage").dispatchEvent(
  new PointerEvent(kind, { bubbles: true, cancelable: true, pointerId: 1, pointerType: "pen", clientX: x, clientY: y,
    pressure, button }))"""


def test_a_pen_paints_thinner_when_it_presses_less_and_its_other_end_erases(painter: Painter) -> None:
    painter.open()
    painter.size(200)
    page = painter.page
    # A pen that the browser does not know of cannot be captured.
    page.evaluate("document.querySelector('.easel-painter-stage').setPointerCapture = () => {}")

    def pen(button: int, *samples: tuple[float, float, float]) -> None:
        kinds = ["pointerdown"] + ["pointermove"] * (len(samples) - 1)
        for kind, (x, y, pressure) in zip(kinds, samples, strict=True):
            page.evaluate(
                PEN, [*painter.on_screen(x, y), pressure, kind, button if kind == "pointerdown" else -1]
            )
        page.evaluate(PEN, [*painter.on_screen(*samples[-1][:2]), 0, "pointerup", button])
        painter.settle()

    pen(0, (300, 500, 0.1), (700, 500, 0.5), (1100, 500, 1))
    widths = [(painter.mask()[:, x] == 255).sum() for x in (320, 700, 1100)]
    assert widths[0] < 80 < widths[1] < 160 < widths[2] <= 202
    pen(5, (1100, 300, 1), (1100, 700, 1))
    assert painter.mask()[:, 1100].max() == 0


LARGE = """async () => {
  const canvas = new OffscreenCanvas(3456, 2304);
  canvas.getContext("2d").fillRect(0, 0, 3456, 2304);
  await painter.load(await canvas.convertToBlob());
}"""
QUICKEST = """async () => {
  const { Layer } = await import("/javascript/canvas/layer.js");
  const quickest = (width, height) => {
    const layer = new Layer(width, height, true);
    const stroke = { kind: "stroke", erase: false, size: 100, hardness: 1, colour: [255, 255, 255], points: [] };
    const times = Array.from({ length: 40 }, (_, at) => {
      const start = performance.now();
      stroke.points.push(150 + 5 * at, 200, 1);
      layer.show(layer.draw(stroke, at));
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  return [quickest(512, 512), quickest(3456, 2304)];
}"""


def test_a_large_picture_is_painted_as_quickly_as_a_small_one(painter: Painter) -> None:
    painter.open(picture=False)
    page = painter.page
    page.evaluate(LARGE)
    painter.settle()
    box = page.locator(".easel-painter-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 80, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2, steps=20)
    page.mouse.up()
    mask = painter.png("mask")
    assert mask is not None and mask.shape == (2304, 3456) and mask[1152, 1728] == 255
    for key in (
        "v",
        "Control+z",
    ):  # More than memory keeps copies of: the oldest are undone by painting anew.
        for _ in range(8):
            page.keyboard.press(key)
    again = painter.png("mask")
    assert again is not None and np.array_equal(again, mask)
    assert page.get_by_role("status").inner_text() == "Undone."
    small, large = page.evaluate(QUICKEST)
    assert large < 4 * small + 4, "milliseconds for a piece of a stroke"
