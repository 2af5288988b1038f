"""The hook specifications: all that an extension can do, on one page.

An extension is a folder in `extensions/` with a file `easel_extension.py` (or a package of that name). It implements
any of the functions below under the same name, marked with `@hookimpl`:

    from modules.plugins.hooks import hookimpl

    @hookimpl
    def tabs():
        return [Tab("My tab", "my_tab", build)]

A hook takes as many of the arguments named here as it wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pluggy

PROJECT = "easel"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class Tab:
    """A tab of the page.

    Args:
        title: as people see it.
        elem_id: the HTML id of its contents.
        build: makes its Gradio components; called inside the tab's `gr.Blocks` context.
    """

    title: str
    elem_id: str
    build: Callable[[], None]


class Hooks:
    """The hooks. They are only called; nobody makes an object of this class."""

    @hookspec
    def tabs(self) -> list[Tab]:  # type: ignore[empty-body]
        """Tabs to add to the page."""
