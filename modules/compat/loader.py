"""Loads `scripts/*.py` of extensions of the older UI, and lets go of them."""

from __future__ import annotations

import inspect
import re
import sys
import zlib
from pathlib import Path
from types import ModuleType

from modules.compat import callback_order, owners, repositories, script_callbacks, xyz_grid
from modules.compat.gradio_shim.imports import NAMES, load_file
from modules.compat.script_class import Script
from modules.compat.script_data import ScriptClassData, postprocessing_scripts_data, scripts_data
from modules.compat.script_loading import loaded_scripts
from modules.plugins.extension import Extension


def load(extension: Extension, script: Path) -> None:
    """Run a script; its classes and callbacks are its extension's.

    Raises: whatever the script raises.
    """
    folder = extension.about.folder
    repositories.install()
    xyz_grid.offer()
    names = NAMES.enter(extension.name, folder)
    callback_order.read_rules(extension.name, folder)
    with owners.loading(owners.Owner(extension.name, folder, script)):
        own_name = f"scripts.{script.stem}"
        module = names.modules.get(own_name)
        if module is None:
            sys.path.insert(0, str(names.folder))
            try:
                module = load_file(_unique(extension.name, script), script)
            finally:
                if str(names.folder) in sys.path:
                    sys.path.remove(str(names.folder))
            names.modules.setdefault(own_name, module)
        loaded_scripts[str(script)] = module
        _register(module, extension.name, script, folder)


def unload(extension: str) -> None:
    """Let go of an extension's callbacks, classes and modules."""
    script_callbacks.remove_callbacks_of(extension)
    for data in (scripts_data, postprocessing_scripts_data):
        data[:] = [one for one in data if one.extension != extension]
    for path in [path for path in loaded_scripts if (o := NAMES.owner_of(path)) and o.name == extension]:
        module = loaded_scripts.pop(path)
        sys.modules.pop(module.__name__, None)
    NAMES.leave(extension)
    callback_order.forget_rules(extension)
    xyz_grid.withdraw(extension)
    owners.forget(extension)


def _register(module: ModuleType, extension: str, script: Path, folder: Path) -> None:
    """Remember the script classes that a module has."""
    for kind in list(vars(module).values()):
        if not inspect.isclass(kind) or kind.__module__.startswith("modules."):
            continue
        if issubclass(kind, Script):
            data = scripts_data
        elif any(base.__name__ == "ScriptPostprocessing" for base in kind.__mro__[1:]):
            data = postprocessing_scripts_data
        else:
            continue
        if all(one.script_class is not kind for one in data):
            data.append(ScriptClassData(kind, str(script), str(folder), module, extension))


def _unique(extension: str, script: Path) -> str:
    """A module's name that no other has."""
    words = re.sub(r"\W", "_", f"{extension}_{script.stem}")
    return f"easel_older_{words}_{zlib.crc32(str(script).encode()):08x}"
