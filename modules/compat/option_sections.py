"""The options of older extensions as our settings dialog and the API show and change them."""

from __future__ import annotations

import functools
import html
import inspect
import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from modules.compat.house import house, is_open
from modules.compat.option_info import OptionHTML, OptionInfo
from modules.compat.option_values import CHECKPOINT_HASH, as_json
from modules.faults import InvalidField, NotPossibleNow, UnknownName
from modules.settings.older_defaults import DEFAULTS
from modules.settings.older_options import FIXED, SETTINGS

log = logging.getLogger(__name__)

OTHER = ("extensions", "Extensions")
"""The section of options that name none."""
_KINDS = {
    "Slider": "slider",
    "Number": "number",
    "Checkbox": "bool",
    "Textbox": "text",
    "TextArea": "text",
    "Text": "text",
    "Code": "text",
    "Dropdown": "choice",
    "DropdownEditable": "choice",
    "Radio": "choice",
    "CheckboxGroup": "multi",
    "DropdownMulti": "multi",
    "ColorPicker": "color",
    "HTML": "html",
    "Markdown": "html",
}
_FREE = ("allow_custom_value",)
_RESTART = re.compile(r"\(requires (restart|reload)[^)]*\)", re.IGNORECASE)


def sections() -> list[dict[str, Any]]:
    """The options that extensions have added: `{id, title, options}`, in the order in which they were added.

    An option is `{key, label, kind, value, default, info, restart, restricted}`; kind is
    "number", "slider" (`min`, `max`, `step`), "bool", "text" (`lines`, `secret`), "choice" or "multi" (`choices`,
    `labels`, `free`: other values too), "color", or "html" (`label` is the text; there is no value).
    """
    found: dict[Any, dict[str, Any]] = {}
    for key, info in list(_opts().data_labels.items()):
        if key in SETTINGS or key in FIXED or key in DEFAULTS:
            continue
        identifier, title = _section(info)
        if identifier is None:
            continue  # the older UI shows no options without a section's identifier
        section = found.setdefault(identifier, {"id": str(identifier), "title": title, "options": []})
        section["options"].append(_described(key, info))
    return list(found.values())


def option_values() -> dict[str, Any]:
    """All options that are neither settings of ours nor always the same, with their values."""
    opts = _opts()
    keys = [k for k, info in opts.data_labels.items() if not info.do_not_save]
    named = dict.fromkeys((*keys, *opts.data.file().values))
    ours = {*SETTINGS, *FIXED, CHECKPOINT_HASH}
    values: dict[str, Any] = json.loads(as_json({key: opts.data[key] for key in named if key not in ours}))
    return values


def checked(key: str, value: Any) -> Any:
    """A value as the option keeps it.

    Raises: UnknownName: there is no such option; InvalidField: a value that doesn't fit.
    """
    opts = _opts()
    info = opts.data_labels.get(key)
    if info is None or info.do_not_save:
        raise UnknownName(key, f"There is no option named {key!r}.")
    if key in SETTINGS:
        return value
    return _cast(key, value, _described(key, info))


def set_option(key: str, value: Any) -> None:
    """Change an option, tell the extension, and keep it.

    Raises: UnknownName, InvalidField: see `checked`; NotPossibleNow: the extension's own code failed, so the old value
        is back, or the file can't be written.
    """
    opts = _opts()
    value = checked(key, value)
    if opts.data[key] != value and is_open():
        house().settings.frozen.check([key])
    if opts.data[key] != value and not opts.set(key, value) and opts.data[key] != value:
        raise NotPossibleNow(f"The extension could not take {key} over. The log has the details.")
    try:
        opts.data.file().save()
    except OSError as error:
        raise NotPossibleNow(f"The options of extensions can't be saved: {error.strerror}.") from error


def _opts() -> Any:
    from modules.compat import shared

    return shared.opts


def _section(info: OptionInfo) -> tuple[Any, str]:
    if info.section is None:
        return OTHER
    identifier = info.section[0] if info.section else None
    title = info.section[1] if len(info.section) > 1 else identifier
    return identifier, str(title or "")


# -- descriptions -------------------------------------------------------------------------------------------


def _described(key: str, info: OptionInfo) -> dict[str, Any]:
    arguments = _arguments(key, info)
    kind = _kind(info, arguments)
    if kind == "html":
        return {"key": key, "label": _plain(f"{info.label} {info.default or ''}"), "kind": kind}
    told = json.loads(as_json({"value": _opts().data[key], "default": info.default}))
    if len(told) < 2:  # something that JSON doesn't know
        return {"key": key, "label": _plain(info.label) or key, "kind": "html"}
    about = {
        "key": key,
        "label": _plain(info.label) or key,
        "kind": kind,
        **told,
        "info": _plain(_RESTART.sub("", info.comment_after)) or _plain(str(arguments.get("info") or "")),
        "restart": _RESTART.search(info.comment_after) is not None,
        "restricted": info.restrict_api,
    }
    if kind in ("slider", "number"):
        about |= {"min": _number(arguments.get("minimum")), "max": _number(arguments.get("maximum"))}
        about["step"] = _number(arguments.get("step"))
        if kind == "slider":  # Gradio's own defaults
            about |= {"min": about["min"] or 0, "max": 100 if about["max"] is None else about["max"]}
        whole = isinstance(info.default, int) and float(about["step"] or 1).is_integer()
        about["whole"] = whole or arguments.get("precision") == 0
    if kind in ("choice", "multi"):
        about |= _choices(arguments)
        about["free"] = any(arguments.get(name) for name in _FREE) or "Editable" in _name(info.component)
    if kind == "text":
        about["lines"] = max(1, int(_number(arguments.get("lines")) or 1))
        about["secret"] = arguments.get("type") == "password"
    return about


def _arguments(key: str, info: OptionInfo) -> dict[str, Any]:
    """The component's keywords; none where the extension's function fails, which the log tells."""
    try:
        given = info.component_args() if callable(info.component_args) else info.component_args
        return dict(given or {})
    except Exception:
        log.exception("What the option %s can be could not be asked", key)
        return {}


def _kind(info: OptionInfo, arguments: Mapping[str, Any]) -> str:
    """Which control shows an option: by its component's name, else by its default."""
    if isinstance(info, OptionHTML):
        return "html"
    component = info.component
    while isinstance(component, functools.partial):
        arguments = {**component.keywords, **arguments}
        component = component.func
    names = [one.__name__ for one in inspect.getmro(component)] if inspect.isclass(component) else []
    kind = next((_KINDS[name] for name in (*names, _name(component)) if name in _KINDS), None)
    if kind == "choice" and arguments.get("multiselect"):
        return "multi"
    if kind is not None:
        return kind
    if "choices" in arguments:
        return "multi" if isinstance(info.default, (list, tuple)) else "choice"
    if isinstance(info.default, bool):
        return "bool"
    return "number" if isinstance(info.default, (int, float)) else "text"


def _name(component: Any) -> str:
    """The name of a class or function; that of the class that a lambda makes can't be known."""
    return str(getattr(component, "__name__", ""))


def _choices(arguments: Mapping[str, Any]) -> dict[str, list[Any]]:
    given = arguments.get("choices") or []
    given = list(given() if callable(given) else given)
    labels = [str(c[0]) if isinstance(c, (tuple, list)) and c else str(c) for c in given]
    values = [c[-1] if isinstance(c, (tuple, list)) and c else c for c in given]
    if arguments.get("type") == "index":  # a Radio whose value is the number of its choice
        values = list(range(len(given)))
    return {"choices": values, "labels": labels}


def _plain(text: str) -> str:
    """Text without HTML."""
    apart = re.sub(r"</?(p|br|div|li|h\d)\b[^>]*>", " ", str(text), flags=re.IGNORECASE)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", apart)).split())


def _number(value: Any) -> float | int | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if known else None


# -- values -------------------------------------------------------------------------------------------------


def _cast(key: str, value: Any, about: Mapping[str, Any]) -> Any:
    """A value of the option's kind. Raises: InvalidField."""
    casts: dict[str, Callable[[str, Any, Mapping[str, Any]], Any]] = {
        "slider": _cast_number,
        "number": _cast_number,
        "bool": _cast_bool,
        "text": _cast_text,
        "color": _cast_text,
        "choice": _cast_choice,
        "multi": _cast_multi,
    }
    if value is None and about["default"] is None:
        return None
    return casts[about["kind"]](key, value, about)


def _cast_number(key: str, value: Any, about: Mapping[str, Any]) -> float | int:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidField(key, f"{key} must be a number, not {str(value)[:60]!r}.") from None
    low, high = about["min"], about["max"]
    if (
        not math.isfinite(number)
        or (low is not None and number < low)
        or (high is not None and number > high)
    ):
        limits = f" from {low} to {high}" if low is not None and high is not None else ""
        raise InvalidField(key, f"{key} can't be {number:g}. It must be a number{limits}.")
    if about["whole"]:
        if not number.is_integer():
            raise InvalidField(key, f"{key} must be a whole number, not {number:g}.")
        return int(number)
    return number


def _cast_bool(key: str, value: Any, about: Mapping[str, Any]) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}
    found = known.get(str(value).strip().lower())
    if found is None:
        raise InvalidField(key, f"{key} must be true or false, not {str(value)[:60]!r}.")
    return found


def _cast_text(key: str, value: Any, about: Mapping[str, Any]) -> Any:
    if isinstance(about["default"], (list, dict)) and isinstance(value, type(about["default"])):
        return value  # an option that no control shows
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise InvalidField(key, f"{key} must be text, not {str(value)[:60]!r}.")
    return str(value)


def _cast_choice(key: str, value: Any, about: Mapping[str, Any]) -> Any:
    choices = about["choices"]
    if value in choices or value == about["default"] or (about["free"] and isinstance(value, str)):
        return value
    found = next((c for c in choices if str(c) == str(value)), None)
    if found is not None:
        return found
    shown = ", ".join(str(c) for c in choices[:8]) + (", ..." if len(choices) > 8 else "")
    raise InvalidField(key, f"{key} can't be {str(value)[:60]!r}. It can be: {shown}.")


def _cast_multi(key: str, value: Any, about: Mapping[str, Any]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise InvalidField(key, f"{key} must be a list, not {str(value)[:60]!r}.")
    # what was chosen may have gone since; it stays chosen
    kept = about["value"] if isinstance(about["value"], (list, tuple)) else ()
    return [one if one in kept else _cast_choice(key, one, about) for one in value]
