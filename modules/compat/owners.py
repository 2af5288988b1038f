"""Whose code is at work: so that a callback, a class or a failure has the name of its extension."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from modules.compat.house import house, is_open

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """An extension, and the script of it that is being loaded."""

    extension: str
    folder: Path
    script: Path | None = None


_folders: dict[Path, str] = {}
_loading: list[Owner] = []


@contextmanager
def loading(owner: Owner) -> Iterator[None]:
    """Within it what is registered is this extension's."""
    _folders[owner.folder] = _folders[owner.folder.resolve()] = owner.extension  # it may be a link
    _loading.append(owner)
    try:
        yield
    finally:
        _loading.remove(owner)


def forget(extension: str) -> None:
    """The extension is gone."""
    for folder in [folder for folder, name in _folders.items() if name == extension]:
        del _folders[folder]


def now_loading() -> Owner | None:
    """The script that is being loaded."""
    return _loading[-1] if _loading else None


def of_caller() -> tuple[str, str]:
    """Extension and file (`x.py`) of the code that calls us; empty where it is nobody's."""
    frame: FrameType | None = sys._getframe(1)
    found: tuple[str, str] | None = None
    while frame is not None and found is None:
        path = Path(frame.f_code.co_filename)
        folder = next((one for one in _folders if path.is_relative_to(one)), None)
        if folder is not None:
            found = (_folders[folder], path.name)
        frame = frame.f_back
    owner = now_loading()
    if owner is not None and owner.script is not None and (found is None or found[0] == owner.extension):
        return owner.extension, owner.script.name
    return found or ("", "")


def note(extension: str, where: str, error: BaseException | str) -> None:
    """Remember a failure at its extension; the rest goes on."""
    if is_open() and extension and house().plugins.get(extension) is not None:
        house().plugins.note(extension, where, error)
    else:
        details = error if isinstance(error, BaseException) else None
        log.warning("%s failed in %s: %s", extension or "An extension", where, error, exc_info=details)


def attempt(extension: str, what: str, function: Callable[[], Any]) -> Any:
    """Call an extension's code; None where it raises or never ends, which is noted."""
    if is_open() and extension and house().plugins.get(extension) is not None:
        return house().plugins.attempt(extension, what, function)
    try:
        return function()
    except Exception as error:
        note(extension, what, error)
        return None
