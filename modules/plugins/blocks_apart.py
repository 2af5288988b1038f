"""Components built apart from the page, to be put on it once all went well."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gradio import Blocks

T = TypeVar("T")


def built_apart(build: Callable[[], T]) -> tuple[Blocks, T]:
    """The components that `build` makes, in `Blocks` of their own that can be rendered, and what it returns.

    Whatever it raises goes through; nothing is on the page then.
    """
    with _kind()() as blocks:
        return blocks, build()


@cache
def _kind() -> type[Blocks]:
    import gradio as gr
    from gradio.blocks import BlockContext
    from gradio.context import Context, set_render_context

    class Apart(gr.Blocks):
        """`Blocks` that are never served: they need none of the two web applications that Gradio makes for each."""

        def queue(self, *_: Any, **__: Any) -> Apart:
            return self

        def __exit__(self, exc_type: type[BaseException] | None = None, *_: Any) -> None:
            if exc_type is None:
                BlockContext.fill_expected_parents(self)
            set_render_context(None)
            if exc_type is None:
                self.default_config.attach_load_events()
                self.exited = True
            Context.root_block = None

    return Apart
