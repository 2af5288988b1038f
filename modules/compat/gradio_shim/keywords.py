"""Keywords of constructors: what Gradio 3 called otherwise, what it alone knew, and what it meant by saying nothing."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from gradio.blocks import BlockContext

log = logging.getLogger(__name__)
UNSEEN = "easel-unseen"
"""The class of components that are on the page and not seen."""

_BUTTON_VARIANTS = ("primary", "secondary", "stop", "huggingface")
_LAYOUT_VARIANTS = ("default", "panel", "compact")
_FILE_TYPES = {"file": "filepath", "bytes": "binary"}
_SOURCES = {
    "upload": ["upload", "clipboard"],
    "webcam": ["webcam"],
    "canvas": ["upload", "clipboard"],
    "microphone": ["microphone"],
}

Keywords = dict[str, Any]


def for_constructor(native: type, given: Keywords, *, defaults: bool = True) -> Keywords:
    """Keywords that the constructor of a class of the installed Gradio takes.

    Args:
        given: as they were written for Gradio 3.
        defaults: also say what Gradio 3 took where nothing is said (not in an update).
    """
    words = dict(given)
    for base in reversed(native.__mro__):
        if (change := _CHANGES.get(base.__name__)) is not None:
            change(words, defaults)
    if defaults and words.get("visible") is False and not issubclass(native, BlockContext):
        _unseen(words)
    known = parameters(native)
    unknown = [name for name in words if name not in known]
    for name in unknown:
        del words[name]
    if unknown:
        log.debug("gradio.%s has no %s any more: left out.", native.__name__, ", ".join(unknown))
    return words


def for_update(native: type, given: Keywords) -> Keywords:
    """An update (`gr.update(...)`) that fits a class of the installed Gradio."""
    words = {name: value for name, value in given.items() if name != "__type__"}
    return {**for_constructor(native, words, defaults=False), "__type__": "update"}


def for_component(component: Any, given: Keywords) -> Keywords:
    """An update (`gr.update(...)`) for a certain component or layout."""
    words = for_update(component.__class__, given)
    if "visible" in words and not isinstance(component, BlockContext):
        classes = words.get("elem_classes", component.elem_classes) or []
        words["elem_classes"] = [one for one in classes if one != UNSEEN]
        if words["visible"] is False:
            _unseen(words)
    return words


def _unseen(words: Keywords) -> None:
    """Gradio 3 had what is not visible on the page all the same, and scripts look for it there."""
    words["visible"] = True
    _with_class(words, UNSEEN)


@cache
def parameters(native: type) -> frozenset[str]:
    """The names that a constructor knows."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(native.__init__).parameters.values()  # type: ignore[misc]
    return frozenset(one.name for one in found if one.kind not in kinds and one.name != "self")


def _with_class(words: Keywords, name: str) -> None:
    classes = words.get("elem_classes") or []
    words["elem_classes"] = [*([classes] if isinstance(classes, str) else classes), name]


def _component(words: Keywords, defaults: bool) -> None:
    if words.get("container") is False:
        words.pop("show_label", None)
    if "elem_classes" in words and not isinstance(words["elem_classes"], (str, list)):
        words["elem_classes"] = list(words["elem_classes"] or [])


def _sources(words: Keywords, defaults: bool) -> None:
    source = words.pop("source", None)
    if source is not None:
        words.setdefault("sources", _SOURCES.get(source, ["upload"]))
    words["type"] = _FILE_TYPES.get(str(words.get("type")), words.get("type"))
    if words["type"] is None:
        del words["type"]


def _recorded(words: Keywords, defaults: bool) -> None:
    """Sound and films: they can't be pasted."""
    _sources(words, defaults)
    if "sources" in words:
        words["sources"] = [source for source in words["sources"] if source != "clipboard"]


def _image(words: Keywords, defaults: bool) -> None:
    _sources(words, defaults)
    if words.get("show_download_button") is False:
        words.setdefault("buttons", [])


def _file(words: Keywords, defaults: bool) -> None:
    if words.get("type") in _FILE_TYPES:
        words["type"] = _FILE_TYPES[words["type"]]


def _button(words: Keywords, defaults: bool) -> None:
    variant = words.get("variant")
    if variant is not None and variant not in _BUTTON_VARIANTS:
        words["variant"] = "secondary"
        _with_class(words, str(variant))
        if variant == "tool":
            words.setdefault("size", "sm")
            words.setdefault("scale", 0)
            words.setdefault("min_width", 0)
    if words.get("size") not in (None, "sm", "md", "lg"):
        del words["size"]


def _layout(words: Keywords, defaults: bool) -> None:
    if words.get("variant") not in (None, *_LAYOUT_VARIANTS):
        _with_class(words, str(words.pop("variant")))


def _choices(words: Keywords, defaults: bool) -> None:
    if words.get("choices") is not None:
        words["choices"] = [tuple(c) if isinstance(c, list) else c for c in words["choices"]]


def _dropdown(words: Keywords, defaults: bool) -> None:
    _choices(words, defaults)
    if defaults:
        words.setdefault("value", [] if words.get("multiselect") else None)
    if words.get("multiselect") and isinstance(words.get("value"), tuple):
        words["value"] = list(words["value"])


def _textbox(words: Keywords, defaults: bool) -> None:
    if words.pop("show_copy_button", False):
        words.setdefault("buttons", ["copy"])


def _gallery(words: Keywords, defaults: bool) -> None:
    for old, new in (("grid", "columns"), ("columns", "columns"), ("rows", "rows")):
        if old not in words:
            continue
        value = words.pop(old)
        if isinstance(value, (tuple, list)):
            value = max((one for one in value if isinstance(one, int)), default=None)
        words[new] = value


_CHANGES: dict[str, Callable[[Keywords, bool], None]] = {
    "Component": _component,
    "Image": _image,
    "ImageEditor": _image,
    "Video": _recorded,
    "Audio": _recorded,
    "File": _file,
    "UploadButton": _file,
    "Button": _button,
    "Row": _layout,
    "Column": _layout,
    "Dropdown": _dropdown,
    "Radio": _choices,
    "CheckboxGroup": _choices,
    "Textbox": _textbox,
    "Gallery": _gallery,
}
