"""An open page in a real browser, and what several of its tests do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.server import RunningServer
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request

SETTLED = "#easel_wall[data-state=picture][data-working=false]"
_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_FORGET = """() => new Promise((done) => {
  localStorage.clear();
  sessionStorage.clear();
  const request = indexedDB.deleteDatabase("easel");
  request.onsuccess = request.onerror = request.onblocked = done;
})"""
_FAILED_REQUEST = "Failed to load resource"  # what Chromium itself says of each answer of 400 and more


@dataclass
class Visit:
    """An open page, and what it complained about."""

    page: Page
    server: RunningServer
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note errors in the console and requests to other hosts."""
        ears = {"console": self._hear, "pageerror": self._fall, "request": self._note}
        for event, ear in ears.items():
            self.page.on(event, ear)  # type: ignore[call-overload]
        try:
            yield
        finally:
            for event, ear in ears.items():
                self.page.remove_listener(event, ear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _fall(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self) -> None:
        """Open the page, or load it anew, and wait until it lives."""
        self.page.goto(self.server.url)
        self.page.wait_for_selector("html[data-easel=ready]")
        self.page.wait_for_function("document.querySelector('#easel_wall').dataset.state !== 'starting'")

    def set(self, elem_id: str, value: object) -> None:
        """Type a value into a field."""
        self.page.locator(f"#{elem_id} :is(textarea, input[type=number])").first.fill(str(value))

    def value(self, elem_id: str) -> str:
        """What a field shows."""
        return self.page.locator(f"#{elem_id} :is(textarea, input:not([type=range]))").first.input_value()

    def expect(self, elem_id: str, value: str) -> None:
        """Wait until a field shows a value."""
        selector = f"#{elem_id} :is(textarea, input:not([type=range]))"
        self.page.wait_for_function(
            "([selector, value]) => document.querySelector(selector).value === value", arg=[selector, value]
        )

    def pictures(self) -> list[dict[str, Any]]:
        """The pictures, newest first, as the server describes them."""
        return list(self.server.ask("easel/pictures?limit=500")["pictures"])

    def wait_for_pictures(self, count: int, after: int = 0) -> list[dict[str, Any]]:
        """Wait until there are so many more than there were. Args: after: the newest picture's id then."""
        deadline = time.monotonic() + PATIENCE
        while len(new := [one for one in self.pictures() if one["id"] > after]) < count:
            said = self.page.locator("#easel_alerts").inner_text()
            assert time.monotonic() < deadline, f"{len(new)} of {count} pictures came. {said}"
            self.page.wait_for_timeout(50)
        return new

    def last_id(self) -> int:
        """The newest picture's id, or 0."""
        return max((int(one["id"]) for one in self.pictures()), default=0)

    def newest(self) -> dict[str, Any]:
        """The newest picture."""
        return self.pictures()[0]

    def count(self) -> int:
        """How many pictures there are."""
        return len(self.pictures())


@contextlib.contextmanager
def open_page(
    window: Page,
    server: RunningServer,
    width: int = 1400,
    height: int = 900,
    *,
    refusals: bool = False,
    kept: str = "",
) -> Iterator[Visit]:
    """The page of a server as a newcomer's browser shows it, alive; at the end it must not have complained.

    Args:
        refusals: whether the server may refuse what the page asks for (the browser notes that in its console).
        kept: a script that puts something into the browser's storage before the page is opened.
    """
    window.set_viewport_size({"width": width, "height": height})
    window.mouse.move(0, 0)
    window.goto(f"{server.url}/internal/ping")  # the same origin, so what it kept can be forgotten
    window.evaluate(_FORGET)
    window.evaluate(kept)
    visit = Visit(window, server)
    with visit.listening():
        visit.open()
        yield visit
    window.unroute_all()
    window.emulate_media(color_scheme="light")
    assert visit.foreign == []
    assert [text for text in visit.complaints if not (refusals and _FAILED_REQUEST in text)] == []


def settle(page: Page) -> None:
    """Wait until Gradio is done with a fold that was just opened.

    It makes what is in a closed fold when that is first opened, and a frame later gives it its first values once more:
    what is typed between the two, as only a program can, is lost.
    """
    page.evaluate(_FRAMES)


def open_fold(fold: Locator, inside: Locator) -> None:
    """Open a fold, and wait for something inside."""
    fold.locator("> button").click()
    inside.wait_for()
    settle(fold.page)
