"""Takes an extension's things out of the older UI's lists when it is unloaded: samplers, schedules, tags, pages."""

from __future__ import annotations

import inspect
from collections.abc import MutableSequence
from pathlib import Path
from typing import Any


def leave(folder: Path) -> None:
    """Remove all that comes from files in this folder, as far as the lists have been used."""
    from modules.compat import (
        extra_networks,
        sampling_tables,
        sd_samplers,
        sd_schedulers,
        ui_extra_networks,
        upscaler,
    )

    _remove(sd_samplers.all_samplers, "constructor", folder)
    _remove(sd_schedulers.schedulers, "function", folder)
    _remove(ui_extra_networks.extra_pages, "__class__", folder)
    registry = extra_networks.extra_network_registry
    for name in [name for name, network in registry.items() if _is_from(type(network), folder)]:
        del registry[name]
    upscaler.forget()
    sampling_tables.publish()


def _remove(items: MutableSequence[Any], attribute: str, folder: Path) -> None:
    kept = [item for item in items if not _is_from(getattr(item, attribute, None), folder)]
    if len(kept) != len(items):
        items[:] = kept


def _is_from(thing: Any, folder: Path) -> bool:
    """Whether a function or class is from a file in a folder."""
    try:
        return Path(inspect.getsourcefile(thing) or "").resolve().is_relative_to(folder.resolve())
    except (TypeError, OSError):
        return False
