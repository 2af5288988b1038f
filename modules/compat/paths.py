"""`modules.paths` of the older UI: where the program and the user's files lie, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.compat import paths_internal
from modules.compat.paths_internal import (
    cwd,
    extensions_builtin_dir,
    modules_path,
    normalized_filepath,
    script_path,
)

if TYPE_CHECKING:
    from modules.compat.paths_internal import data_path, extensions_dir, models_path

__all__ = [
    "cwd",
    "data_path",
    "extensions_builtin_dir",
    "extensions_dir",
    "models_path",
    "modules_path",
    "mute_sdxl_imports",
    "normalized_filepath",
    "path_dirs",
    "paths",
    "script_path",
    "sd_path",
]

sd_path = script_path
"""The folder of Stability's program in the older UI; here there is none of its own."""
path_dirs: list[tuple[str, str, str, list[str]]] = []
paths: dict[str, str] = {"Stable Diffusion": sd_path}


def mute_sdxl_imports() -> None:
    """Nothing to do: Stability's program isn't used."""


def __getattr__(name: str) -> Any:
    return getattr(paths_internal, name)
