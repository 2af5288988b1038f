"""What was once found out about files (hashes, metadata), kept until the file changes. Knows no torch.

One SQLite file holds JSON objects by path and kind. An entry counts only while the file has the size and the time of
change it had then. Everything here can be made again, so trouble with the SQLite file is never an error: a damaged one
is set aside, and where none can be written, the entries live in memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from modules.faults import BadFile

log = logging.getLogger(__name__)

SHA256 = "sha256"
"""The kind of entry for the hash of the whole file: `{"sha256": 64 digits}`."""
ADDNET = "addnet"
"""The kind of entry for the hash of what follows a safetensors header: `{"sha256": 64 digits}`."""
WINDOW = "window"
"""The kind of entry for the 8-digit hash of very old infotexts: `{"hash": 8 digits or null}`."""

_Skip: TypeAlias = Callable[[FileIO, Path, int], None]
"""Moves a file of so many bytes to where its hash begins."""

_BLOCK = 4 << 20
_WINDOW_START, _WINDOW_LENGTH = 0x100000, 0x10000
_WEIGHTS_FOLDERS = ("unet", "transformer")
_WEIGHTS_SUFFIXES = (".safetensors", ".bin")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, path)
) WITHOUT ROWID;
"""


class FileVersion(NamedTuple):
    """A file in the state that an entry was made for: its real path, its size in bytes, its time of change."""

    path: str
    size: int
    mtime_ns: int


def version_of(path: Path) -> FileVersion:
    """The file as it is now; for a diffusers folder its weights.

    Raises: BadFile: it isn't there or can't be looked at.
    """
    path = hashed_file(path)
    try:
        stat = path.stat()
        return FileVersion(os.path.realpath(path), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, error) from error


def hashed_file(path: Path) -> Path:
    """The file that stands for `path`: itself, or the U-Net weights of a diffusers folder (of several parts the first).

    Raises: BadFile: a folder without weights.
    """
    if not path.is_dir():
        return path
    for folder in _WEIGHTS_FOLDERS:
        try:
            names = sorted(os.listdir(path / folder), key=lambda name: (len(name), name))
        except OSError:
            continue
        for suffix in _WEIGHTS_SUFFIXES:
            # the shortest name: `diffusion_pytorch_model.safetensors` goes before `...model.fp16.safetensors`
            for name in names:
                if name.lower().endswith(suffix):
                    return path / folder / name
    raise BadFile(path, "the folder holds no weights (unet/*.safetensors). Download it again.")


class FileCache:
    """Values by file and kind, kept between starts. All methods may be called from any thread.

    Args: file: the SQLite file, made when it is first needed; None keeps everything in memory.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._hashing: dict[tuple[str, str], threading.Lock] = {}

    # -- values ---------------------------------------------------------------------------------------------

    def get(self, path: Path, kind: str) -> dict[str, Any] | None:
        """What was put for the file as it is now, or None."""
        try:
            return self._get(version_of(path), kind)
        except BadFile:
            return None

    def put(
        self, path: Path, kind: str, value: Mapping[str, Any], version: FileVersion | None = None
    ) -> None:
        """Keep a value (of JSON's types) for the file.

        Args:
            version: `version_of(path)` from before the file was read; so a value is never kept for a file that changed
                meanwhile. None: as it is now.

        Raises: BadFile: the file isn't there.
        """
        self.put_many(kind, [(version or version_of(path), value)])

    def all_of(self, kind: str) -> dict[FileVersion, dict[str, Any]]:
        """All values of a kind: one query instead of thousands."""
        rows = self._run("SELECT path, size, mtime_ns, value FROM files WHERE kind = ?", [(kind,)])
        values = ((FileVersion(*row[:3]), _value(row[3])) for row in rows)
        return {version: value for version, value in values if value is not None}

    def put_many(self, kind: str, values: Iterable[tuple[FileVersion, Mapping[str, Any]]]) -> None:
        """Keep many values in one transaction."""
        rows = [
            (version.path, kind, version.size, version.mtime_ns, json.dumps(value))
            for version, value in values
        ]
        if rows:
            self._run("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the SQLite file. It is opened again when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # -- hashes ---------------------------------------------------------------------------------------------

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file, computed once for each version of it; of a diffusers folder that of its weights.

        Raises: BadFile: it can't be read.
        """
        return self._hash(path, SHA256, _skip_nothing)

    def known_sha256(self, path: Path) -> str | None:
        """The SHA-256, if it was computed for the file as it is now."""
        value = self.get(path, SHA256)
        return str(value["sha256"]) if value and value.get("sha256") else None

    def sha256_after_header(self, path: Path) -> str:
        """The SHA-256 of the tensors of a safetensors file, without its header: a change of metadata keeps it.

        Raises: BadFile: it can't be read or is no safetensors file.
        """
        return self._hash(path, ADDNET, _skip_header)

    def window_hash(self, path: Path) -> str | None:
        """The 8-digit hash of very old infotexts: SHA-256 of the 64 kB at 1 MiB. None for a smaller file.

        Raises: BadFile: it can't be read.
        """
        version = version_of(path)
        value = self._get(version, WINDOW)
        if value is None:
            try:
                with open(version.path, "rb") as file:
                    file.seek(_WINDOW_START)
                    window = file.read(_WINDOW_LENGTH)
            except OSError as error:
                raise _unreadable(path, error) from error
            value = {"hash": hashlib.sha256(window).hexdigest()[:8] if window else None}
            self.put(path, WINDOW, value, version)
        found = value.get("hash")
        return str(found) if found else None

    def _hash(self, path: Path, kind: str, skip: _Skip) -> str:
        version = version_of(path)
        with self._lock:
            one_at_a_time = self._hashing.setdefault((kind, version.path), threading.Lock())
        with one_at_a_time:
            known = self._get(version, kind)
            if known is not None and known.get("sha256"):
                return str(known["sha256"])
            digest = hashlib.sha256()
            block = memoryview(bytearray(_BLOCK))
            try:
                with open(version.path, "rb", buffering=0) as file:
                    skip(file, Path(version.path), version.size)
                    while count := file.readinto(block):
                        digest.update(block[:count])
            except OSError as error:
                raise _unreadable(path, error) from error
            self.put(path, kind, {"sha256": digest.hexdigest()}, version)
            return digest.hexdigest()

    # -- the SQLite file ------------------------------------------------------------------------------------

    def _get(self, version: FileVersion, kind: str) -> dict[str, Any] | None:
        query = "SELECT value FROM files WHERE kind = ? AND path = ? AND size = ? AND mtime_ns = ?"
        rows = self._run(query, [(kind, *version)])
        return _value(rows[0][0]) if rows else None

    def _run(self, statement: str, values: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run one statement, or one for many rows in a transaction; trouble is logged, and the answer is empty."""
        with self._lock:
            try:
                connection = self._connection or self._open()
                if len(values) == 1:
                    return connection.execute(statement, values[0]).fetchall()
                connection.execute("BEGIN IMMEDIATE")
                with connection:  # keeps all rows or none
                    connection.executemany(statement, values)
            except (sqlite3.OperationalError, UnicodeError) as error:  # locked, disk full, an odd file name
                log.warning("The cache of file data is not used: %s", error)
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
            return []

    def _open(self) -> sqlite3.Connection:
        try:
            self._connection = _connect(self._file)
        except (OSError, sqlite3.OperationalError) as error:
            log.warning("%s can't be written (%s); hashes are kept in memory only.", self._file, error)
            self._connection = _connect(None)
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._connection = self._connection or _connect(None)
        return self._connection

    def _set_aside(self, error: Exception) -> None:
        """Rename the damaged file and begin a new one, in memory where that fails."""
        self.close()
        file, self._file = self._file, None
        if file is None:
            return
        aside = file.with_name(file.name + ".damaged")
        log.warning("%s is damaged (%s); it is now %s, a new one begins.", file, error, aside.name)
        try:
            os.replace(file, aside)
            for end in ("-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)
            self._connection = _connect(file)
            self._file = file
        except (OSError, sqlite3.Error) as again:
            log.warning("%s can't be begun anew (%s); hashes are kept in memory only.", file, again)


def _connect(file: Path | None) -> sqlite3.Connection:
    """Open or make the file; None: in memory.

    Raises: OSError, sqlite3.Error.
    """
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _value(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _skip_nothing(file: FileIO, path: Path, size: int) -> None:
    pass


def _skip_header(file: FileIO, path: Path, size: int) -> None:
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= size - 8:
        raise BadFile(path, "it is no safetensors file.")
    file.seek(8 + length)


def _unreadable(path: Path, error: OSError) -> BadFile:
    return BadFile(path, f"it can't be read ({error.strerror}).")
