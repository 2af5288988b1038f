"""The options that extensions of the older UI have, in the settings dialog and among `/sdapi/v1/options`.

A section of them is `{id, title, options}`, an option `{key, label, kind, value, default, info, restart, ...}`; see
`option_sections` of the older UI's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.faults import Fault, InvalidField
from modules.rest.services import OlderOptions
from modules.settings.older_options import FIXED, SETTINGS

RESTART = "Takes effect with the next start."
_CONTROLS = {
    "number": "number",
    "slider": "number",
    "bool": "switch",
    "text": "text",
    "choice": "choice",
    "multi": "several",
    "color": "colour",
    "html": "note",
}


def groups_of(older: OlderOptions) -> list[dict[str, Any]]:
    """The sections as groups of the settings dialog; see `settings.describe`.

    Further controls: "several" (with `choices`: a list of them), "colour", and "note": only a text. A text may have
    `lines`, or be `secret`: not to be read over somebody's shoulder.
    """
    return [
        {
            "name": f"extension_{section['id']}",
            "label": section["title"],
            "description": "",
            "settings": [_setting(option) for option in section["options"]],
        }
        for section in older.settings()
    ]


def _setting(option: Mapping[str, Any]) -> dict[str, Any]:
    setting = {
        "name": option["key"],
        "label": option["label"],
        "description": " ".join(
            filter(None, (option.get("info", ""), RESTART * bool(option.get("restart"))))
        ),
        "value": option.get("value"),
        "default": option.get("default"),
        "control": _CONTROLS[option["kind"]],
        "empty": option.get("default") is None,
    }
    if setting["control"] == "number":
        limits = {"minimum": option["min"], "maximum": option["max"], "step": option["step"]}
        setting |= {**limits, "whole": option["whole"]}
    if setting["control"] == "text":
        setting |= {"lines": option["lines"], "secret": option["secret"]}
    if "choices" in option:
        setting |= {"choices": option["choices"], "labels": option["labels"], "free": option["free"]}
    return setting


def apart(values: Mapping[str, Any], older: OlderOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values for older extensions' options, and the others."""
    known = older.option_values().keys() - SETTINGS.keys() - FIXED.keys()
    theirs = {name: value for name, value in values.items() if name in known}
    return theirs, {name: value for name, value in values.items() if name not in theirs}


def change_options(
    values: Mapping[str, Any], older: OlderOptions, *, through_api: bool = False
) -> dict[str, Any]:
    """Change options, all of them or none; returns their values as they are kept.

    Raises: UnknownName, InvalidField: a value that doesn't fit, or through_api: that only the page may change;
        NotPossibleNow: the extension's own code failed.
    """
    if not values:
        return {}
    before = older.option_values()
    if through_api:
        values = {name: value for name, value in values.items() if before[name] != value}
        _check_restricted(values, older)
    done: list[str] = []
    try:
        for name, value in values.items():
            older.set_option(name, value)
            done.append(name)
    except Fault:
        for name in reversed(done):
            older.set_option(name, before[name])
        raise
    after = older.option_values()
    return {name: after[name] for name in values}


def _check_restricted(values: Mapping[str, Any], older: OlderOptions) -> None:
    for section in older.settings():
        for option in section["options"]:
            if option["key"] in values and option.get("restricted"):
                raise InvalidField(option["key"], f"{option['key']} can only be changed on the page.")
