"""Reads safetensors files.

Format: 8 bytes little-endian header length, a JSON header, the tensors. They are memory-mapped, so nothing is read
before it is used. Source: the format's description in the README of the safetensors project.
"""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile
from modules.models.checkpoint_tensors import MappedFile, TensorFile, is_possible_shape
from modules.models.tensor_names import plain_names

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MAX_HEADER = 100_000_000
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "C64": "complex64",
}
_CUT_OFF = "it is cut off. Download it again."
_DAMAGED = "its header is damaged. Download it again."


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: `{tensor name: {"dtype", "shape", "data_offsets"}, "__metadata__"}`.

    Costs one small read, whatever the size of the file; it is checked that the file is as long as it says.

    Raises: BadFile: with the reason in words.
    """
    return _header(path)[0]


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and where the tensors' bytes begin."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if size == 0:
                raise BadFile(path, "the file is empty. Download it again.")
            if not 2 <= length <= MAX_HEADER:
                raise BadFile(path, "it is no safetensors file.")
            text = file.read(min(length, size))
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    if not text.lstrip().startswith(b"{"):
        raise BadFile(path, "it is no safetensors file.")
    if len(text) < length:
        raise BadFile(path, _CUT_OFF)
    try:
        header = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        cut_off = size < 8 + length + max(ends, default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BadFile(path, _DAMAGED) from error
    if cut_off:
        raise BadFile(path, _CUT_OFF)
    if not ends:
        raise BadFile(path, "it holds no tensors.")
    return header, 8 + length


def metadata_of(header: dict[str, Any]) -> dict[str, str]:
    """The `__metadata__` of a header, as words."""
    metadata = header.get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


class SafetensorsFile(TensorFile):
    """The tensors of a safetensors file.

    Raises: BadFile: the file is cut off or damaged, or has numbers of an unknown kind.
    """

    def __init__(self, path: Path) -> None:
        import torch

        header, start = _header(path)
        entries: dict[str, tuple[torch.dtype, tuple[int, ...], int, int]] = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            kind, shape, begin, end = _entry(path, entry)
            if not hasattr(torch, _DTYPES.get(kind, "")):
                raise BadFile(path, f"its tensors are of the kind {kind[:20]!r}, which Easel can't read.")
            dtype: torch.dtype = getattr(torch, _DTYPES[kind])
            if end - begin != math.prod(shape) * dtype.itemsize or not is_possible_shape(shape):
                raise BadFile(path, _DAMAGED)
            entries[name] = dtype, shape, begin, end
        places = sorted((begin, end) for _, _, begin, end in entries.values() if end > begin)
        if any(end > following for (_, end), (following, _) in pairwise(places)):
            raise BadFile(path, _DAMAGED)

        names = plain_names(entries).items()
        self._places = {
            ours: (start + entries[theirs][2], math.prod(entries[theirs][1])) for ours, theirs in names
        }
        super().__init__(
            path,
            metadata_of(header),
            shapes={ours: entries[theirs][1] for ours, theirs in names},
            dtypes={ours: entries[theirs][0] for ours, theirs in names},
        )
        self._file = MappedFile(path)

    def tensor(self, name: str) -> Tensor:
        """Read one tensor; see `TensorFile.tensor`."""
        offset, count = self._places[name]
        return self._file.vector(offset, count, self.dtypes[name]).reshape(self.shapes[name])

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _entry(path: Path, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """A tensor's kind, shape, and first and last byte, if the header describes it as it should."""
    try:
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, LookupError, ValueError) as error:
        raise BadFile(path, _DAMAGED) from error
    numbers = [*shape, begin, end]
    if not isinstance(kind, str) or any(type(number) is not int or number < 0 for number in numbers):
        raise BadFile(path, _DAMAGED)
    return kind, shape, begin, end
