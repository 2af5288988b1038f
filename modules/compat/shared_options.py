"""`modules.shared_options` of the older UI: the descriptions of its options, for the program's own settings too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.compat.option_info import OptionInfo, categories, options_section
from modules.compat.option_values import CHECKPOINT_HASH
from modules.settings.model import Settings
from modules.settings.older_defaults import CATEGORIES, INFOTEXT, SECTIONS
from modules.settings.older_options import FIXED, SETTINGS

__all__ = ["categories", "options_section", "options_templates", "restricted_opts"]

restricted_opts = {
    "samples_filename_pattern",
    "directories_filename_pattern",
    "outdir_samples",
    "outdir_txt2img_samples",
    "outdir_img2img_samples",
    "outdir_extras_samples",
    "outdir_grids",
    "outdir_txt2img_grids",
    "outdir_img2img_grids",
    "outdir_save",
    "outdir_init_images",
    "temp_dir",
}


def _descriptions() -> dict[str, OptionInfo]:
    """All options that the older UI has by nature, in its sections; ours with our own limits and defaults."""
    for name, label in CATEGORIES.items():
        categories.register_category(name, label)
    found: dict[str, OptionInfo] = {}
    for section in SECTIONS:
        for name, default in section.defaults.items():
            place = (section.name, section.title)
            found[name] = _info(name, default, place, section.category)
    for name in (*SETTINGS, *FIXED):  # those that other programs have made known since
        found.setdefault(name, _info(name, FIXED.get(name), ("sampler-params", "Sampler parameters"), "sd"))
    found[CHECKPOINT_HASH].restrict_api = True
    return found


def _info(name: str, default: Any, section: tuple[Any, ...], category: str | None) -> OptionInfo:
    label = name.replace("_", " ").strip()
    about: dict[str, Any] = {
        "section": section,
        "category_id": category,
        "infotext": INFOTEXT.get(name),
    }
    if name not in SETTINGS:
        return OptionInfo(FIXED.get(name, default), label, **about)
    group, key = SETTINGS[name].split(".")
    ours = getattr(Settings(), group)
    facts = type(ours).model_json_schema()["properties"][key]
    description = facts.get("description", label).rstrip(".")
    info = OptionInfo(getattr(ours, key), description, None, _arguments(name, facts), **about)
    return info


def _arguments(name: str, facts: Mapping[str, Any]) -> Any:
    """Keywords of a component: choices and limits; a function where they depend on the files that are there."""
    if name == "sd_model_checkpoint":
        return lambda: {"choices": _items("list_checkpoint_tiles")}
    if name == "sd_vae":
        return lambda: {"choices": _items("sd_vae_items")}
    kinds = facts.get("anyOf", [facts])
    arguments: dict[str, Any] = {}
    for kind in kinds:
        if "enum" in kind:
            arguments["choices"] = kind["enum"]
        arguments |= {limit: kind[limit] for limit in ("minimum", "maximum") if limit in kind}
    return arguments or None


def _items(function: str) -> list[str]:
    from modules.compat import shared_items

    items: list[str] = getattr(shared_items, function)()
    return items


options_templates: dict[str, OptionInfo] = _descriptions()
"""The options by their names; whatever is added here is an option too."""
