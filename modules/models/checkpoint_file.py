"""Reads checkpoint files: their tensors and their metadata.

Format: safetensors (8 bytes little-endian header length, a JSON header, the tensors). The tensors are memory-mapped,
so nothing is read before it is used.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors",)
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")
_MAX_HEADER = 100_000_000


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: `{tensor name: {"dtype", "shape", "data_offsets"}, "__metadata__"}`.

    Costs one small read, whatever the size of the file; it is checked that the file is as long as it says.

    Raises: BadFile: with the reason in words.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if size == 0:
                raise BadFile(path, "the file is empty. Download it again.")
            if not 2 <= length <= _MAX_HEADER:
                raise BadFile(path, "it is no safetensors file.")
            text = file.read(length)
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    if not text.lstrip().startswith(b"{"):
        raise BadFile(path, "it is no safetensors file.")
    if len(text) < length:
        raise BadFile(path, "it is cut off. Download it again.")
    try:
        header = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadFile(path, "its header is damaged. Download it again.") from error
    if size < 8 + length + max(ends, default=0):
        raise BadFile(path, "it is cut off. Download it again.")
    if not ends:
        raise BadFile(path, "it holds no tensors.")
    return header


def read_metadata(path: Path) -> dict[str, str]:
    """The `__metadata__` of a safetensors file (`modelspec.*` and others).

    Raises: BadFile.
    """
    metadata = read_header(path).get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint by name, memory-mapped on the CPU.

    Raises: BadFile.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise BadFile(path, "only .safetensors files can be read yet. Convert it to safetensors.")
    read_header(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadFile(path, f"it is damaged ({error}). Download it again.") from error
