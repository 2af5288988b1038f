"""Loading of modules: under a name of their own, so that two extensions may both have a `helper.py`.

`easel_extension.py` of the folder `my-tools` is the package `easel_extensions.my_tools`; `from . import helper` finds
the file `helper.py` beside it. Nothing is put on `sys.path`.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

PARENT = "easel_extensions"


def module_name(folder: Path) -> str:
    """The name under which an extension's module is imported."""
    name = re.sub(r"\W", "_", folder.name)
    mark = "" if name == folder.name.replace("-", "_") else f"_{zlib.crc32(str(folder).encode()):08x}"
    return f"{PARENT}.{name}{mark}"


def import_file(name: str, file: Path) -> ModuleType:
    """Import a file as a package whose parts lie in its folder.

    Raises: whatever the module raises.
    """
    if PARENT not in sys.modules:
        parent = ModuleType(PARENT)
        parent.__path__ = []
        sys.modules[PARENT] = parent
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        forget(name)
        raise
    return module


def forget(name: str) -> None:
    """Take a module and its parts out of Python's memory, so that the next import reads them anew."""
    importlib.invalidate_caches()
    for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[key]


class FlagParser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, and which never prints help: the program's own parser does."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raises: ValueError."""
        raise ValueError(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raises: ValueError."""
        raise ValueError(message or f"a flag ended the program with code {status}")


def read_flags(
    add: Callable[[argparse.ArgumentParser], None], words: Sequence[str], taken: Sequence[str] = ()
) -> tuple[argparse.Namespace, list[str], list[str]]:
    """The flags that `add` declares: their values, the words that are left, and the flags' names.

    Args: taken: names that others have.

    Raises: ValueError: a name that another extension has, a value that can't be used; whatever `add` raises.
    """
    parser = FlagParser()
    add(parser)
    actions = parser._actions
    if any(not action.option_strings for action in actions):
        raise ValueError("only flags that begin with - can be added")
    names = [option for action in actions for option in action.option_strings]
    if twice := sorted(set(names) & set(taken)):
        raise ValueError(f"the flag {twice[0]} belongs to another extension")
    values, left = parser.parse_known_args(list(words))
    return values, left, names
