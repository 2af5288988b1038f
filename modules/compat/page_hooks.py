"""Tells the older UI's extensions of every component while our page is built.

The older UI has the same form twice, for txt2img and for img2img; ours has it once, with the ids of the first. So the
hooks are called a second time with `img2img_...` ids, for the scripts of that tab; what they add to the page then is
shown in the tabs that begin with a picture, and what they add the first time only in the one that doesn't.

While it lasts, the making of Gradio components is watched in the whole process. The page is built once, at the start,
before anybody is served; nobody else makes components then.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

from modules.compat import script_callbacks
from modules.compat.script_runner import ScriptRunner, current_runner, scripts_img2img, scripts_txt2img

_ONLY_TEXT = ["easel-only", "on-txt2img"]
_ONLY_PICTURES = ["easel-only", "on-img2img", "on-inpaint", "on-outpaint"]
_lock = threading.RLock()
Moment = Literal["before", "after"]


@contextmanager
def watching() -> Iterator[None]:
    """Within it every component that is made is told of."""
    from gradio.component_meta import ComponentMeta

    with _lock:
        ComponentMeta.__call__ = _make  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            del ComponentMeta.__call__


def _make(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a component, as calling its class does, and tell of it before and after."""
    from gradio.components import Component

    if not issubclass(cls, Component):
        return type.__call__(cls, *args, **kwargs)
    made = cls.__new__(cls, *args, **kwargs)
    if not issubclass(type(made), cls):
        return made
    about = _described(cls, args, kwargs)
    made.elem_id = about.get("elem_id")
    _tell("before", made, about)
    cls.__init__(made, *args, **kwargs)
    if (classes := _classes()) is not None and _shared.depth:
        made.elem_classes = [*(made.elem_classes or []), *classes]
    _tell("after", made, about)
    return made


class _Shared:
    """Whether a component is made by a hook of a part that both tabs share, and for which tab."""

    depth = 0
    classes: list[str] | None = None


_shared = _Shared()


def _classes() -> list[str] | None:
    return _shared.classes


def _described(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments by their names."""
    names = _names(getattr(cls, "native", cls))
    return {**dict(zip(names, args, strict=False)), **kwargs}


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(cls.__init__).parameters)[1:]


def _tell(moment: Moment, component: Any, about: dict[str, Any]) -> None:
    elem_id = str(about.get("elem_id") or "")
    runner = current_runner()
    if runner is not None:  # a script makes its controls
        _call(moment, [runner], component, about)
    elif not elem_id.startswith(("txt2img_", "img2img_")):
        both = [scripts_txt2img, scripts_img2img] if _shared.depth == 0 and elem_id in _NO_TAB else []
        _call(moment, both, component, about)
    elif elem_id.startswith("img2img_"):
        _call(moment, [scripts_img2img], component, about)
    elif not is_shared(elem_id):
        _call(moment, [scripts_txt2img], component, about)
    else:
        with _for_tab(_ONLY_TEXT):
            _call(moment, [scripts_txt2img], component, about)
        other = f"img2img_{elem_id.removeprefix('txt2img_')}"
        own, component.elem_id = component.elem_id, other
        try:
            with _for_tab(_ONLY_PICTURES):
                _call(moment, [scripts_img2img], component, {**about, "elem_id": other})
        finally:
            component.elem_id = own


def _call(moment: Moment, runners: list[ScriptRunner], component: Any, about: dict[str, Any]) -> None:
    callbacks = script_callbacks.callback_map[f"callbacks_{moment}_component"]
    listening = [one for one in runners if one.listens(moment, str(about.get("elem_id") or ""))]
    if moment == "after" and (callbacks or listening):
        from modules.compat.gradio_shim import adopt

        adopt(component)  # they may attach events to it in their way
    if callbacks:
        tell: Callable[..., None] = getattr(script_callbacks, f"{moment}_component_callback")
        tell(component, **about)
    for runner in listening:
        getattr(runner, f"{moment}_component")(component, **about)


@contextmanager
def _for_tab(classes: list[str]) -> Iterator[None]:
    before = _shared.depth, _shared.classes
    _shared.depth, _shared.classes = before[0] + 1, classes
    try:
        yield
    finally:
        _shared.depth, _shared.classes = before


_NO_TAB = frozenset(("script_list",))
"""Ids of the shared form that name no tab."""


def is_shared(elem_id: str) -> bool:
    """Whether a part of our form stands for both of the older UI's tabs."""
    from modules.pages.fields import FIELDS

    field = next((field for field in FIELDS if field.elem_id == elem_id), None)
    if field is not None:
        return any(kind != "txt2img" for kind in field.kinds)
    twin = f"img2img_{elem_id.removeprefix('txt2img_')}"
    return all(field.elem_id != twin for field in FIELDS)
