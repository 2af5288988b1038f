"""The size of a network's file, which must hold something."""

from __future__ import annotations

from pathlib import Path

from modules.faults import BadFile


def size_of(path: Path) -> int:
    """Bytes in the file.

    Raises: BadFile: it can't be read, or is empty.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    if not size:
        raise BadFile(path, "the file is empty.")
    return size
