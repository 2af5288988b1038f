"""Opens the older UI's face (`modules/compat`) where an extension wants it, and closes it: a part of `app.py`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modules.networks.applying import Networks
    from modules.plugins.extension import Extension

log = logging.getLogger(__name__)


def is_older(extension: Extension) -> bool:
    """Whether an extension may expect what the older UI gives: scripts, or JavaScript and nothing of ours."""
    about = extension.about
    return bool(about.scripts) or (bool(about.javascript) and about.entry is None)


def open_face(application: Any, networks: Networks, flags: Mapping[str, Any]) -> None:
    """Load the extensions of the older UI, and give them the services under their older names.

    Args: application: see `modules.app`; flags: the command line, by the names that it has in the older UI.
    """
    try:
        from modules.compat.extra_networks import older_networks
        from modules.compat.face import OlderFace
        from modules.compat.house import House, enter

        services = {
            field.name: getattr(application, field.name) for field in fields(House) if field.name != "flags"
        }
        house = House(**services, flags=MappingProxyType(dict(flags)))
        enter(house)
        for kind in older_networks():
            networks.add(kind)
        application.plugins.attach(OlderFace(house))
    except Exception:
        log.exception("Extensions of the older UI can't be loaded")


def close_face() -> None:
    """The older names stand for nothing any more."""
    if "modules.compat.house" in sys.modules:
        sys.modules["modules.compat.house"].enter(None)
