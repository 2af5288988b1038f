"""What several tests of the page do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


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
