"""The cache of hashes and metadata: kept for one version of a file, and never in the way."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modules.faults import BadFile
from modules.models import file_cache as file_cache_module
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache, version_of
from tests.test_catalogue import other_file, sha256, tensors_file


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[FileCache]:
    cache = FileCache(tmp_path / "cache" / "files.sqlite")
    yield cache
    cache.close()


def test_values_are_kept_for_one_version_of_a_file(tmp_path: Path, cache: FileCache) -> None:
    path = other_file(tmp_path / "file", b"one")
    assert cache.get(path, "kind") is None
    cache.put(path, "kind", {"a": [1, "ü"]})
    cache.put(path, "other", {"b": None})
    assert cache.get(path, "kind") == {"a": [1, "ü"]}
    again = FileCache(tmp_path / "cache" / "files.sqlite")
    assert again.get(tmp_path / "cache" / ".." / "file", "kind") == {"a": [1, "ü"]}
    assert again.all_of("kind") == {version_of(path): {"a": [1, "ü"]}}
    again.close()
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
    assert cache.get(path, "kind") is None
    path.unlink()
    assert cache.get(path, "kind") is None
    with pytest.raises(BadFile, match="it can't be read"):
        cache.put(path, "kind", {})


def test_a_hash_is_computed_once_even_by_many_at_once(
    tmp_path: Path, cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = other_file(tmp_path / "big", os.urandom(9 << 20))
    computed = []
    real = hashlib.sha256

    def counting(*args: Any) -> Any:
        computed.append(args)
        return real(*args)

    expected = sha256(path)
    monkeypatch.setattr(file_cache_module.hashlib, "sha256", counting)
    barrier = threading.Barrier(6)

    def ask(_: int) -> str:
        barrier.wait()
        return cache.sha256(path)

    assert cache.known_sha256(path) is None
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(6))) == {expected}
    assert len(computed) == 1
    assert cache.known_sha256(path) == expected


def test_a_file_that_changes_while_it_is_read_gets_no_wrong_hash(
    tmp_path: Path, cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = other_file(tmp_path / "file", b"before")

    def changing(file: Any, name: Path, size: int) -> None:
        file.read()
        name.write_bytes(b"and after")

    monkeypatch.setattr(file_cache_module, "_skip_nothing", changing)
    cache.sha256(path)
    monkeypatch.undo()
    assert cache.known_sha256(path) is None
    assert cache.sha256(path) == hashlib.sha256(b"and after").hexdigest()


def test_the_hash_after_the_header_ignores_the_metadata(tmp_path: Path, cache: FileCache) -> None:
    one = tensors_file(tmp_path / "one.safetensors", 1, title="one")
    two = tensors_file(tmp_path / "two.safetensors", 1, title="of another length")
    three = tensors_file(tmp_path / "three.safetensors", 3)
    assert cache.sha256(one) != cache.sha256(two)
    expected = hashlib.sha256(one.read_bytes()[-4:]).hexdigest()
    assert cache.sha256_after_header(one) == cache.sha256_after_header(two) == expected
    assert cache.sha256_after_header(three) != expected
    assert cache.get(one, "addnet") == {"sha256": expected}
    for content in (b"", b"short", b"\xff" * 50):
        with pytest.raises(BadFile, match="it is no safetensors file"):
            cache.sha256_after_header(other_file(tmp_path / "bad", content))


def test_a_missing_file_has_no_hash(tmp_path: Path, cache: FileCache) -> None:
    with pytest.raises(BadFile, match="gone can't be used: it can't be read"):
        cache.sha256(tmp_path / "gone")
    assert cache.known_sha256(tmp_path / "gone") is None


def test_a_damaged_cache_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = other_file(tmp_path / "file", b"content")
    database = other_file(tmp_path / "files.sqlite", b'{"an older": "kind of cache"}' * 100)
    with caplog.at_level(logging.WARNING):
        assert FileCache(database).sha256(path) == sha256(path)
    assert "files.sqlite is damaged" in caplog.text
    assert (tmp_path / "files.sqlite.damaged").read_bytes().startswith(b'{"an older"')
    assert FileCache(database).known_sha256(path) == sha256(path)


def test_damage_inside_the_cache_is_survived(tmp_path: Path) -> None:
    path = other_file(tmp_path / "file", b"content")
    database = tmp_path / "files.sqlite"
    first = FileCache(database)
    first.put_many("kind", [(version_of(path)._replace(path=str(n)), {"n": n}) for n in range(2000)])
    first.close()
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    database.write_bytes(content)
    cache = FileCache(database)
    assert cache.all_of("kind") == {}
    assert cache.sha256(path) == sha256(path)
    assert (tmp_path / "files.sqlite.damaged").exists()
    assert FileCache(database).known_sha256(path) == sha256(path)


def test_values_that_are_no_json_count_as_missing(tmp_path: Path, cache: FileCache) -> None:
    path = other_file(tmp_path / "file")
    cache.put(path, "kind", {})
    with sqlite3.connect(tmp_path / "cache" / "files.sqlite") as connection:
        connection.execute("UPDATE files SET value = '{'")
    assert cache.get(path, "kind") is None
    assert cache.all_of("kind") == {}


def test_without_a_place_to_write_all_works_from_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tensors_file(tmp_path / "models" / "a.safetensors")
    blocked = other_file(tmp_path / "no folder") / "files.sqlite"
    catalogue = CheckpointCatalogue((path.parent,), blocked)
    with caplog.at_level(logging.WARNING):
        assert catalogue.with_hash(catalogue.find("a")).sha256 == sha256(path)
    catalogue.refresh()
    assert catalogue.find("a").sha256 == sha256(path)
    assert caplog.text.count("in memory only") == 1


def test_a_locked_cache_loses_a_value_and_nothing_else(tmp_path: Path, cache: FileCache) -> None:
    path = other_file(tmp_path / "file")
    cache.put(path, "kind", {"a": 1})
    assert cache._connection is not None
    cache._connection.execute("PRAGMA busy_timeout=10")
    other = sqlite3.connect(tmp_path / "cache" / "files.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert cache.sha256(path) == sha256(path)
    cache.put_many("kind", [(version_of(path), {"a": 2})] * 2)
    other.execute("COMMIT")
    other.close()
    assert cache.get(path, "kind") == {"a": 1}
    cache.put(path, "kind", {"a": 3})
    assert cache.get(path, "kind") == {"a": 3}
