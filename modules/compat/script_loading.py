"""`modules.script_loading` of the older UI: files run as modules."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

loaded_scripts: dict[str, ModuleType] = {}


def load_module(path: str) -> ModuleType:
    """Run a file as a module of its own.

    Raises: whatever the file raises.
    """
    from modules.compat.gradio_shim.imports import load_file

    module = load_file(f"easel_older.file_{len(loaded_scripts)}_{Path(path).stem}", Path(path))
    loaded_scripts[str(path)] = module
    return module


def preload_extensions(extensions_dir: str, parser: Any, extension_list: Any = None) -> None:
    """Nothing: flags of `preload.py` were taken in before anything was loaded."""
