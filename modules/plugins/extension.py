"""What is known of an extension: its state, and what has gone wrong with it."""

from __future__ import annotations

import argparse
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from modules.plugins.folder import ExtensionFolder
from modules.plugins.watch import Blocked

MAX_FAILURES = 8
_OURS = str(Path(__file__).parent)
MAX_TRACEBACK = 12_000


class Refused(Exception):
    """An extension that is not loaded, with the reason: no defect, so without a traceback."""


@dataclass(frozen=True)
class Failure:
    """Something that went wrong.

    Args:
        where: "import", the name of a hook, a script, "install.py".
        message: the reason in one line; details: the traceback, or "".
        times: how often.
    """

    where: str
    message: str
    details: str = ""
    times: int = 1


@dataclass
class Extension:
    """A folder in `extensions/`.

    Args:
        enabled: it should be loaded; loaded: it is.
        hooks: the hooks that it implements.
        seconds: that its loading took.
        flags: the values of its flags.
        module: its entry's name in `sys.modules`.
        settings_model: what its hook `settings` gave.
    """

    about: ExtensionFolder
    enabled: bool = True
    loaded: bool = False
    hooks: tuple[str, ...] = ()
    seconds: float = 0.0
    flags: argparse.Namespace = field(default_factory=argparse.Namespace)
    module: str | None = None
    settings_model: Any = None
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.about.name

    @property
    def error(self) -> str | None:
        """The latest traceback, or None."""
        latest = self.failures[-1] if self.failures else None
        return None if latest is None else latest.details or latest.message

    def fail(self, where: str, error: BaseException | str) -> None:
        """Remember what went wrong; the same thing again is only counted."""
        message, details = _described(error)
        for place, known in enumerate(self.failures):
            if (known.where, known.message) == (where, message):
                self.failures[place] = Failure(where, message, details, known.times + 1)
                return
        self.failures = [*self.failures, Failure(where, message, details)][-MAX_FAILURES:]


def _described(error: BaseException | str) -> tuple[str, str]:
    """The last line, and the whole traceback without our own part of it."""
    if isinstance(error, str):
        return error, ""
    if isinstance(error, (Refused, Blocked)):
        return str(error), ""
    try:
        lines = traceback.format_exception(type(error), error, _theirs(error.__traceback__))
        text = "".join(lines)[-MAX_TRACEBACK:]
        last = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    except Exception:  # an exception whose text raises
        return type(error).__name__, ""
    return (last[-1] if last else type(error).__name__)[:500], text


def _theirs(frames: TracebackType | None) -> TracebackType | None:
    """A traceback from where the extension's own code begins."""
    rest = frames
    while rest is not None and (
        rest.tb_frame.f_code.co_filename.startswith((_OURS, "<frozen importlib")) and rest.tb_next is not None
    ):
        rest = rest.tb_next
    return rest
