"""The script classes that extensions have, in the order of loading."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple


class _Facts(NamedTuple):
    script_class: type[Any]
    path: str
    basedir: str
    module: ModuleType


class ScriptClassData(_Facts):
    """A class: a tuple of four, as extensions take it apart. Args: path: of its file; basedir: its extension's folder.

    Attributes: extension: the folder's name.
    """

    extension: str

    def __new__(
        cls, script_class: type[Any], path: str, basedir: str, module: ModuleType, extension: str = ""
    ) -> ScriptClassData:
        """The four, and whose they are."""
        made = super().__new__(cls, script_class, path, basedir, module)
        made.extension = extension
        return made


scripts_data: list[ScriptClassData] = []
postprocessing_scripts_data: list[ScriptClassData] = []
