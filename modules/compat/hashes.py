"""`modules.hashes` of the older UI: hashes of files, computed once for each version of a file by our own cache."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any, BinaryIO

from modules.compat.cache import cache, dump_cache
from modules.compat.house import house, is_open
from modules.faults import BadFile
from modules.models.file_cache import ADDNET, FileCache

__all__ = [
    "addnet_hash_safetensors",
    "cache",
    "calculate_sha256",
    "calculate_sha256_real",
    "dump_cache",
    "partial_hash_from_cache",
    "sha256",
    "sha256_from_cache",
]

blksize = 1024 * 1024
_files: dict[Path | None, FileCache] = {}


def _cache() -> FileCache:
    """The program's own file of hashes, by a connection of our own."""
    file = house().folders.cache / "files.sqlite" if is_open() else None
    if file not in _files:
        for old in _files.values():
            old.close()
        _files.clear()
        _files[file] = FileCache(file)
    return _files[file]


def calculate_sha256_real(filename: str) -> str:
    """The SHA-256 of a file, read now. Raises: OSError."""
    digest = hashlib.sha256()
    with open(filename, "rb") as file:
        while block := file.read(blksize):
            digest.update(block)
    return digest.hexdigest()


def calculate_sha256(filename: str) -> str:
    """The SHA-256 of a file. Raises: BadFile: it can't be read."""
    return _cache().sha256(Path(filename))


def sha256_from_cache(filename: str, title: str, use_addnet_hash: bool = False) -> str | None:
    """The hash, if it is known; use_addnet_hash: that of the tensors alone. `title` is not needed here."""
    if not use_addnet_hash:
        return _cache().known_sha256(Path(filename))
    value = _cache().get(Path(filename), ADDNET)
    return str(value["sha256"]) if value and value.get("sha256") else None


def sha256(filename: str, title: str, use_addnet_hash: bool = False) -> str | None:
    """The hash, computed if need be; None where that is switched off, or the file can't be read."""
    from modules.compat.shared_cmd_options import cmd_opts

    known = sha256_from_cache(filename, title, use_addnet_hash)
    if known is not None or cmd_opts.no_hashing:
        return known
    try:
        if use_addnet_hash:
            return _cache().sha256_after_header(Path(filename))
        return _cache().sha256(Path(filename))
    except BadFile:
        return None


def addnet_hash_safetensors(b: BinaryIO) -> str:
    """The SHA-256 of an open safetensors file without its header."""
    b.seek(0)
    (length,) = struct.unpack("<Q", b.read(8))
    b.seek(8 + length)
    digest = hashlib.sha256()
    while block := b.read(blksize):
        digest.update(block)
    return digest.hexdigest()


def partial_hash_from_cache(filename: str, *, ignore_cache: bool = False, digits: int = 8) -> str | None:
    """The hash of very old infotexts. Raises: BadFile."""
    found = _cache().window_hash(Path(filename))
    return found[:digits] if found else None


def __getattr__(name: str) -> Any:
    if name == "cache_data":
        return cache("hashes")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
