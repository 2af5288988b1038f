"""The tab "Extensions": which there are, what is wrong with them, their settings, putting in new ones.

It is one piece of HTML; `javascript/extensions.js` fills it from `/easel/extensions` (`modules/rest/extensions.py`).
"""

from __future__ import annotations

from modules.pages.markup import piece

ELEM_ID = "tab_extensions"
TITLE = "Extensions"


def build() -> None:
    """Make the tab's contents. Called inside the tab."""
    piece("extensions", "extensions")
