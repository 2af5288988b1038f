"""Finds and loads the extensions. Each one's failure is its own: it is remembered and shown, the rest starts."""

from __future__ import annotations

import importlib.util
import logging
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pluggy

from modules.plugins.hooks import PROJECT, Hooks, Tab

log = logging.getLogger(__name__)
ENTRY = "easel_extension"


@dataclass(frozen=True)
class Extension:
    """A folder in `extensions/`.

    Args: error: the traceback, if it could not be loaded or one of its hooks failed.
    """

    name: str
    folder: Path
    error: str | None = None


class PluginManager:
    """The loaded extensions and their hooks."""

    def __init__(self, folder: Path) -> None:
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(Hooks)
        self._extensions: dict[str, Extension] = {}
        for entry in sorted(folder.glob("*/")) if folder.is_dir() else []:
            if file := _entry_file(entry):
                self._load(entry, file)

    def extensions(self) -> list[Extension]:
        """All extensions that were found, loaded or not."""
        return list(self._extensions.values())

    def tabs(self) -> list[Tab]:
        """The extensions' tabs."""
        found: list[Tab] = []
        for implementation in self._hooks.hook.tabs.get_hookimpls():
            try:
                added: object = implementation.function()
                if not isinstance(added, list) or not all(isinstance(tab, Tab) for tab in added):
                    raise TypeError(f"tabs() must return a list of Tab, not {added!r}")
                found += added
            except Exception:
                self._note_failure(implementation.plugin_name)
        return found

    def _load(self, folder: Path, file: Path) -> None:
        name = folder.name
        self._extensions[name] = Extension(name, folder)
        try:
            self._hooks.register(_import(f"easel_extensions.{name}", file), name)
        except Exception:
            self._note_failure(name)

    def _note_failure(self, name: str) -> None:
        text = traceback.format_exc()
        log.warning("The extension %s failed:\n%s", name, text)
        known = self._extensions[name]
        self._extensions[name] = Extension(name, known.folder, text)


def _entry_file(folder: Path) -> Path | None:
    candidates = (folder / f"{ENTRY}.py", folder / ENTRY / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _import(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
