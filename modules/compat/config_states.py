"""`modules.config_states` of the older UI: saved states of the program and its extensions. None are kept here."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from modules.compat import extensions
from modules.faults import NotSupported

all_config_states: OrderedDict[str, Any] = OrderedDict()


def list_config_states() -> OrderedDict[str, Any]:
    """The saved states: none."""
    return all_config_states


def get_webui_config() -> dict[str, Any]:
    """The program's own version in Git: not told."""
    return {"remote": None, "commit_hash": None, "commit_date": None, "branch": None}


def get_extension_config() -> dict[str, dict[str, Any]]:
    """Versions of all extensions, by name."""
    found = {}
    for extension in extensions._all():
        extension.read_info_from_repo()
        found[extension.name] = {
            "name": extension.name,
            "path": extension.path,
            "enabled": extension.enabled,
            "is_builtin": extension.is_builtin,
            **extension.to_dict(),
            "have_info_from_repo": extension.have_info_from_repo,
        }
    return found


def get_config() -> dict[str, Any]:
    """All versions."""
    return {"webui": get_webui_config(), "extensions": get_extension_config()}


def restore_webui_config(config: Any) -> None:
    """Raises: NotSupported."""
    raise NotSupported("Saved states of the program can't be restored here.")


def restore_extension_config(config: Any) -> None:
    """Raises: NotSupported."""
    raise NotSupported("Saved states of extensions can't be restored here.")
