"""`modules.cache` of the older UI: values that are kept between starts, in a SQLite file in the cache folder."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from modules.compat.house import house, is_open

log = logging.getLogger(__name__)

FILE = "extension-cache.sqlite"
_lock = threading.RLock()
_caches: dict[tuple[Path | None, str], Cache] = {}


class Cache(MutableMapping[str, Any]):
    """The values of one subject, by their names. What JSON doesn't know is kept until the program ends.

    Args: file: None keeps everything in memory; subsection: the subject.
    """

    def __init__(self, file: Path | None, subsection: str) -> None:
        self._file = file
        self._subsection = subsection
        self._values: dict[str, Any] = {}
        with self._connected() as connection:
            if connection is not None:
                query = "SELECT name, value FROM entries WHERE subsection = ?"
                for name, text in connection.execute(query, (subsection,)):
                    with contextlib.suppress(ValueError):
                        self._values[name] = json.loads(text)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        with _lock:
            self._values[key] = value
            try:
                text = json.dumps(value)
            except (TypeError, ValueError):
                return
            self._run("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (self._subsection, str(key), text))

    def __delitem__(self, key: str) -> None:
        with _lock:
            del self._values[key]
            self._run("DELETE FROM entries WHERE subsection = ? AND name = ?", (self._subsection, str(key)))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def _run(self, statement: str, values: tuple[str, ...]) -> None:
        with self._connected() as connection:
            if connection is not None:
                connection.execute(statement, values)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection | None]:
        """The file; None where it can't be used, which is no harm: what is in it can be made again."""
        if self._file is None:
            yield None
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._file, timeout=5)) as connection, connection:
                table = "entries (subsection TEXT, name TEXT, value TEXT, PRIMARY KEY (subsection, name))"
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
                yield connection
        except (OSError, sqlite3.Error) as error:
            log.warning("The cache of extensions is not used: %s", error)
            self._file = None


def cache(subsection: str) -> Cache:
    """The values of a subject, such as "hashes"."""
    file = house().folders.cache / FILE if is_open() else None
    with _lock:
        if (file, subsection) not in _caches:
            _caches[file, subsection] = Cache(file, subsection)
        return _caches[file, subsection]


make_cache = cache


def dump_cache() -> None:
    """Nothing to do: values are written when they are set."""


def cached_data_for_file(subsection: str, title: str, filename: str, func: Callable[[], Any]) -> Any:
    """What `func` says of a file, asked once for each version of it. None isn't kept.

    Args: title: by which it is kept.
    """
    known = cache(subsection)
    changed = os.path.getmtime(filename)
    entry = known.get(title)
    if isinstance(entry, dict) and entry.get("mtime", 0) >= changed and "value" in entry:
        return entry["value"]
    value = func()
    if value is not None:
        known[title] = {"mtime": changed, "value": value}
    return value
