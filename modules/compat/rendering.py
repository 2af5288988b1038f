"""Parts of the older UI's extensions are on the page from the start, also those that nobody sees yet.

Gradio 3 put everything on the page at once. The installed one leaves out what lies in closed tabs and folds until they
are opened; but scripts of extensions look for it when the page is there. An update that says `visible` has the browser
make such a part: a hidden button, which `javascript/older/01-mirrors.js` presses, sends it to all of them.

What is never to be seen was there too, for scripts. A component says so with a class (see `gradio_shim/keywords.py`),
and so does a row, a column or a group here, if nothing ever shows it. One that is shown later is made then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modules.compat.gradio_shim.keywords import UNSEEN

if TYPE_CHECKING:
    import gradio as gr

BUTTON = "easel_older_render"
_FORM = "txt2img_settings"
_TAB = "easel-extension-tab"
_UNSEEN = ("state", "browserstate", "timer")
_SHOW = "() => {{ const one = {{__type__: 'update', visible: true}}; return {many} ? Array({count}).fill(one) : one; }}"


def add_renderer(page: gr.Blocks) -> None:
    """Put the button on the page, where it is needed."""
    import gradio as gr

    _keep_unseen(page)
    parts: list[Any] = []
    for block in list(page.blocks.values()):
        if block.elem_id == _FORM:
            parts += _left_out(block)
        elif _TAB in (getattr(block, "elem_classes", None) or []):
            parts += [block, *_all_in(block)] if _is_older(block) else []
    parts = [part for part in dict.fromkeys(parts) if part.visible is True]
    if parts:
        with page:
            button = gr.Button("Render", elem_id=BUTTON, visible="hidden")
            script = _SHOW.format(many=str(len(parts) > 1).lower(), count=len(parts))
            button.click(fn=None, js=script, outputs=parts, show_progress="hidden")
    page.config = page.get_config_file()


def _keep_unseen(page: gr.Blocks) -> None:
    changed = {output._id for event in page.fns.values() for output in event.outputs}
    for block in page.blocks.values():
        layout = hasattr(type(block), "native") and block.get_block_name() in ("row", "column", "group")
        if layout and block.visible is False and block._id not in changed:
            block.visible = True
            block.elem_classes = [*(block.elem_classes or []), UNSEEN]


def _left_out(block: Any) -> Iterator[Any]:
    """What lies in older extensions' closed folds and tabs."""
    for child in getattr(block, "children", []):
        if not hasattr(type(child), "native"):
            yield from _left_out(child)
        elif child.get_block_name() == "accordion" and not child.open:
            yield from _all_in(child)
        elif child.get_block_name() == "tabs":
            open_tab, *others = sorted(child.children, key=lambda tab: tab.id != child.selected) or [None]
            yield from _left_out(open_tab)
            for tab in others:
                yield from (tab, *_all_in(tab))
        else:
            yield from _left_out(child)


def _all_in(block: Any) -> Iterator[Any]:
    for child in getattr(block, "children", []):
        if child.get_block_name() not in _UNSEEN:
            yield child
        yield from _all_in(child)


def _is_older(block: Any) -> bool:
    return hasattr(type(block), "native") or any(map(_is_older, getattr(block, "children", [])))
