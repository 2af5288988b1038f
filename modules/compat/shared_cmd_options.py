"""`modules.shared_cmd_options` of the older UI: `cmd_opts`, the flags of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules.compat import cmd_args
from modules.compat.house import house, is_open
from modules.folders import Folders

parser = cmd_args.parser
_SECRET = ("api_auth", "gradio_auth")


class CommandOptions(argparse.Namespace):
    """The flags by the names that they have in the older UI, and those of extensions. Asked anew each time.

    A flag that the older UI knows and we don't has its default there. What an extension sets is kept here.
    """

    def __init__(self) -> None:  # no values yet: they are asked for
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        given = house().flags if is_open() else {}
        if given.get(name) is not None:
            return _one(name, given[name])
        for flags in _flags_of_extensions():
            if hasattr(flags, name):
                return getattr(flags, name)
        if name in cmd_args.DATA or name in cmd_args.FOLDERS:
            return _place(name)
        if name == "styles_file":
            return [str(path) for path in house().styles.files()] if is_open() else []
        known = cmd_args.defaults()
        if name in known:
            return known[name]
        if name in given:
            return None
        raise AttributeError(f"There is no flag --{name.replace('_', '-')}.")

    def __contains__(self, key: str) -> bool:
        return hasattr(self, key)

    def __iter__(self) -> Iterator[str]:
        """The names of all flags."""
        given = house().flags if is_open() else {}
        theirs = [name for flags in _flags_of_extensions() for name in vars(flags)]
        ours = (*cmd_args.defaults(), *cmd_args.DATA, *cmd_args.FOLDERS)
        return iter(dict.fromkeys((*ours, *given, *theirs, *self.__dict__)))

    def as_dict(self) -> dict[str, Any]:
        """All flags with their values, without passwords."""
        return {name: getattr(self, name) for name in self if name not in _SECRET}

    def __repr__(self) -> str:
        return f"CommandOptions({self.as_dict()!r})"


def _flags_of_extensions() -> list[argparse.Namespace]:
    """What extensions' `preload.py` have added."""
    return [extension.flags for extension in house().plugins.extensions()] if is_open() else []


def _one(name: str, value: Any) -> Any:
    """A value as the older UI has it: of several folders the first, and paths as text."""
    if name in cmd_args.OTHERS:
        return [str(v) if isinstance(v, Path) else v for v in value] if isinstance(value, tuple) else value
    if isinstance(value, (list, tuple)) and name not in _SECRET:
        value = value[0] if value else None
        return (
            _place(name) if value is None and name in {**cmd_args.FOLDERS, **cmd_args.DATA} else _text(value)
        )
    if name in _SECRET and isinstance(value, (list, tuple)):
        return ",".join(":".join(pair) for pair in value) or None
    return _text(value)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _place(name: str) -> str:
    """Where the files of a kind are."""
    folders = house().folders if is_open() else Folders()
    if name == "embeddings_dir":
        older = folders.data / "embeddings"
        return str(older if older.is_dir() else folders.embedding_folders()[0])
    if name in cmd_args.DATA:
        return str(folders.data.joinpath(*cmd_args.DATA[name]))
    return str(folders.models.joinpath(*cmd_args.FOLDERS[name][1:]))


cmd_opts = CommandOptions()
