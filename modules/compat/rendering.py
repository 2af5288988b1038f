"""Parts of the older UI's extensions are on the page from the start, also those that nobody sees yet.

Gradio 3 put everything on the page at once. The installed one leaves out what lies in closed tabs and folds, until they
are opened; but scripts of extensions look for it when the page is there. It leaves out what is `True`ly visible, so
these parts say `1`, which is as good to everybody else. What is not to be seen says "hidden" (see `keywords.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

_PLACES = ("txt2img_settings",)
_TABS = "easel-extension-tab"


def render_at_once(page: gr.Blocks) -> None:
    """Have the browser make everything of older extensions when the page is opened."""
    found = [_mark(block) for block in list(page.blocks.values()) if _is_place(block)]
    if any(found):
        page.config = page.get_config_file()


def _is_place(block: Any) -> bool:
    return block.elem_id in _PLACES or _TABS in (block.elem_classes or [])


def _mark(block: Any) -> bool:
    """Whether it or something in it is an older extension's."""
    theirs = [_mark(child) for child in getattr(block, "children", [])]
    if not any(theirs) and not hasattr(type(block), "native"):
        return False
    if block.visible is True:
        block.visible = 1
    return True
