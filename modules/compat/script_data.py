"""The script classes that extensions have, in the order of loading."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class ScriptClassData:
    """A class. Args: path: of its file; basedir: its extension's folder; extension: the folder's name."""

    script_class: type[Any]
    path: str
    basedir: str
    module: ModuleType
    extension: str = ""


scripts_data: list[ScriptClassData] = []
postprocessing_scripts_data: list[ScriptClassData] = []
