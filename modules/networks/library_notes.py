"""What people write about a network: the `<file>.json` beside it, as the older UI has it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.faults import BadFile, InvalidField, NotPossibleNow
from modules.folders import write_atomically

TEXTS = ("description", "notes", "activation text", "negative text", "sd version")
WEIGHT = "preferred weight"
LONGEST_TEXT = 64 * 1024
LARGEST_WEIGHT = 100.0
_LARGEST_FILE = 4 << 20


@dataclass(frozen=True)
class NetworkNotes:
    """Notes about a network.

    Args:
        activation: words that wake it; negative: words for the negative prompt.
        weight: the preferred one; None: the setting decides.
        sd_version: the family of models that it is for, as people wrote it.
    """

    description: str = ""
    notes: str = ""
    activation: str = ""
    negative: str = ""
    weight: float | None = None
    sd_version: str = ""

    def describe(self) -> dict[str, Any]:
        """The notes under the file's keys."""
        values = (self.description, self.notes, self.activation, self.negative, self.sd_version)
        return {**dict(zip(TEXTS, values, strict=True)), WEIGHT: self.weight or 0}

    def text(self) -> str:
        """All that can be searched."""
        return "\n".join((self.description, self.notes, self.activation, self.sd_version))


EMPTY = NetworkNotes()


class NotesReader:
    """Reads notes, and keeps them until their file changes. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], NetworkNotes]] = {}

    def read(self, path: Path) -> NetworkNotes:
        """The notes in a file; empty ones where it isn't there or is damaged."""
        try:
            status = path.stat()
        except OSError:
            return EMPTY
        state = (status.st_mtime_ns, status.st_size)
        with self._lock:
            known = self._read.get(path)
        if known is not None and known[0] == state:
            return known[1]
        try:
            notes = _parse(_load(path))
        except BadFile:
            notes = EMPTY
        with self._lock:
            self._read[path] = (state, notes)
        return notes


def save_notes(path: Path, fields: Mapping[str, Any]) -> None:
    """Change some of the notes in a file; what else is in it stays.

    Args: fields: texts under the keys in `TEXTS`, and "preferred weight" (0 or None: none is preferred).

    Raises:
        InvalidField: an unknown key, or a value that can't be.
        BadFile: what is there is no notes file: nothing is written over it.
        NotPossibleNow: it can't be written.
    """
    changes = {key: _checked(key, value) for key, value in fields.items()}
    kept = _load(path)
    text = json.dumps({**kept, **changes}, indent=4, ensure_ascii=False)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise NotPossibleNow(
            f"{path.name} can't be written ({error.strerror or error}). "
            "Make room on the disk or see to the folder's permissions."
        ) from error


def _checked(key: str, value: Any) -> str | float:
    if key == WEIGHT:
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidField(key, f"{key} must be a number.")
        if abs(value) > LARGEST_WEIGHT:
            raise InvalidField(key, f"{key} must be from -{LARGEST_WEIGHT:.0f} to {LARGEST_WEIGHT:.0f}.")
        return value
    if key not in TEXTS:
        raise InvalidField(key, f"{key[:40]!r} is no field of a network's notes.")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise InvalidField(key, f"{key} must be a text of at most {LONGEST_TEXT:,} characters.")
    return value


def _load(path: Path) -> dict[str, Any]:
    """The file's object; an empty one where there is no file.

    Raises: BadFile: it is something else.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise BadFile(path, "it is too large for notes about a network. Rename it.")
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(path, "it holds no notes about a network: it is damaged. Rename it.") from error
    if not isinstance(value, dict):
        raise BadFile(path, "it holds no notes about a network. Rename it.")
    return value


def _parse(read: Mapping[str, Any]) -> NetworkNotes:
    def text(key: str) -> str:
        value = read.get(key)
        return value if isinstance(value, str) else ""

    try:
        weight = float(read.get(WEIGHT) or 0)
    except (ValueError, TypeError):
        weight = 0.0
    return NetworkNotes(
        description=text("description"),
        notes=text("notes"),
        activation=text("activation text"),
        negative=text("negative text"),
        weight=weight if weight and abs(weight) <= LARGEST_WEIGHT else None,
        sd_version=text("sd version"),
    )
