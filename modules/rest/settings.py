"""`GET` and `PATCH /easel/settings`: all settings with what a page needs to show them, from the model's JSON schema."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from modules.faults import InvalidField, UnknownName
from modules.generation.from_settings import check_settings
from modules.rest.bodies import CheckedRoute
from modules.rest.errors import brief
from modules.rest.localization import Languages, choices
from modules.rest.older_options import apart, change_options, groups_of
from modules.rest.options import filename_of
from modules.rest.services import RestServices
from modules.settings.freezing import Frozen
from modules.settings.model import Settings
from modules.settings.older_options import SETTINGS

_WORDS = {
    "api": "API",
    "cfg": "CFG",
    "clip": "CLIP",
    "sdxl": "SDXL",
    "sgm": "SGM",
    "vae": "VAE",
}
_LABELS = {
    "model.kept": "Checkpoints in memory",
    "model.comma_backtrack": "Look back for a comma",
    "model.pad_negative": "Pad prompts to one length",
    "faces.restore": "Restore faces",
    "faces.restorer": "Face restoration",
    "faces.weight": "CodeFormer weight",
    "saving.save": "Save pictures",
    "saving.recipe": "Recipe in the file",
    "saving.text_file": "Recipe in a text file",
    "saving.numbered": "Numbers in names",
    "saving.name": "Pattern of names",
    "saving.folder": "Pattern of folders",
    "saving.words": "Words of the prompt",
    "saving.grids": "Save grids",
    "saving.grids_in_answers": "Grids in answers",
    "previews.enabled": "Show previews",
    "previews.every_steps": "Steps between previews",
    "previews.every_seconds": "Seconds between previews",
    "page.localization": "Language",
    "extensions.disable": "Extensions that are off",
}
"""Where the name alone says too little; every other setting is called by its name."""


def describe(settings: Settings, frozen: Frozen | None = None) -> list[dict[str, Any]]:
    """The groups of settings. Left out is what has no simple control (lists, and extensions' own settings).

    Each setting has a name (dotted), label, description, value, default, and a control: "switch", "number" (with
    `minimum`, `maximum` and `whole`), "choice" (with `choices`) or "text"; `empty` tells that it may be null, and
    `frozen` that it stays as it is.
    """
    schema = Settings.model_json_schema()
    values, defaults = settings.model_dump(mode="json"), Settings().model_dump(mode="json")
    groups = []
    for group, about in schema["properties"].items():
        own = schema["$defs"][_reference(about)]
        shown = [
            {
                "name": f"{group}.{key}",
                "label": _LABELS.get(f"{group}.{key}") or label_of(key),
                "description": facts.get("description", ""),
                "value": values[group][key],
                "default": defaults[group][key],
                "frozen": frozen is not None and frozen.holds(f"{group}.{key}"),
                **control,
            }
            for key, facts in own["properties"].items()
            if (control := _control(facts)) is not None
        ]
        if shown:
            heading = {
                "name": group,
                "label": label_of(group),
                "description": own.get("description", "").split("\n")[0],
            }
            groups.append({**heading, "settings": shown})
    return groups


def label_of(name: str) -> str:
    """`sdxl_clip_skip` as people read it: "SDXL CLIP skip". Names of the samplers' papers (`s_churn`) stay."""
    if name.startswith("s_"):
        return name
    text = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return text[0].upper() + text[1:]


def _reference(schema: dict[str, Any]) -> str:
    found = schema.get("$ref") or schema["allOf"][0]["$ref"]
    return str(found).rsplit("/", 1)[-1]


def _control(facts: dict[str, Any]) -> dict[str, Any] | None:
    """How a setting is changed; None: it is nothing that one control can show."""
    kinds = facts.get("anyOf", [facts])
    kind: dict[str, Any] = next((one for one in kinds if one.get("type") != "null"), {})
    empty = any(one.get("type") == "null" for one in kinds)
    if "enum" in kind:
        return {"control": "choice", "choices": kind["enum"], "empty": empty}
    if kind.get("type") == "boolean":
        return {"control": "switch", "empty": empty}
    if kind.get("type") in ("integer", "number"):
        limits = {"minimum": kind.get("minimum"), "maximum": kind.get("maximum")}
        return {"control": "number", "whole": kind["type"] == "integer", "empty": empty, **limits}
    return {"control": "text", "empty": empty} if kind.get("type") == "string" else None


def routes(services: RestServices, languages: Languages) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel", tags=["easel"], route_class=CheckedRoute)

    @router.get("/settings")
    def settings() -> dict[str, Any]:
        """All settings in their groups, those of older extensions last; where files can be chosen, their names."""
        files = {
            "model.checkpoint": [filename_of(one) for one in services.checkpoints()],
            "model.vae": ["Automatic", "None", *(name for name, _ in services.vaes())],
            "page.localization": choices(languages),
        }
        groups = describe(services.settings.current, services.settings.frozen)
        for one in (one for group in groups for one in group["settings"]):
            if one["name"] in files:
                one |= {"control": "choice", "choices": files[one["name"]]}
        older = groups_of(services.older)
        for one in (one for group in older for one in group["settings"]):
            one["frozen"] = services.settings.frozen.holds(one["name"])
        return {"groups": [*groups, *older]}

    @router.patch("/settings")
    def change(changes: dict[str, Any]) -> dict[str, Any]:
        """Change settings by dotted names, all of them or none; answers with their values as they are kept."""
        theirs, ours = apart(changes, services.older)
        known = {one["name"] for group in describe(services.settings.current) for one in group["settings"]}
        for name in ours:
            if name not in known:
                raise UnknownName(name, f"There is no setting named {brief(name)}.")
        after = services.settings.checked(ours)  # all of them fit, before any is kept
        try:
            check_settings(after)
        except InvalidField as fault:
            raise InvalidField(SETTINGS.get(fault.field or "", fault.field or ""), fault.message) from None
        values = change_options(theirs, services.older)
        if ours or not theirs:
            kept = services.settings.update(ours).model_dump(mode="json")
            values |= {name: kept[name.split(".")[0]][name.split(".")[1]] for name in ours}
        return {"values": values}

    return router
