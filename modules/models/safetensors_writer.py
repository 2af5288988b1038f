"""Writes a safetensors file tensor by tensor, so that a checkpoint never has to be in memory as a whole.

Format: 8 bytes little-endian header length, a JSON header `{name: {"dtype", "shape", "data_offsets"}}`, the tensors.
`safetensors.torch.save_file` wants all tensors at once; this wants their shapes at once.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from modules.faults import NotPossibleNow, NotSupported
from modules.folders import temporary_of

if TYPE_CHECKING:
    import torch

_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}


@dataclass(frozen=True)
class TensorSpec:
    """The shape and dtype of a tensor that will be written."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class SafetensorsWriter:
    """Writes one file; it is there whole after `commit`, or not at all.

    Use it as a context manager: leaving the block without `commit` takes everything away again.

    Args:
        specs: all tensors. They are written in the order of `names`, the widest dtypes first, so that each begins
            at a multiple of its item's size.

    Raises:
        NotPossibleNow: there is no room for the file, or its folder can't be written to.
        NotSupported: a dtype that the format doesn't have.
    """

    def __init__(self, path: Path, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> None:
        self._path = path
        self._specs = specs
        self.names = sorted(specs, key=lambda name: (-specs[name].dtype.itemsize, name))
        self._next = 0
        header = self._header(metadata)
        self._temporary = temporary_of(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._check_room(len(header))
            self._file: BinaryIO = open(self._temporary, "wb")  # noqa: SIM115 (closed by commit or discard)
        except OSError as error:
            raise self._fault(error) from error
        self._put(header)

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(spec.size for spec in self._specs.values())

    def write(self, name: str, tensor: torch.Tensor) -> None:
        """Write the next tensor of `names`; it has the shape and dtype that were announced.

        Raises: NotPossibleNow: the disk is full.
        """
        import torch

        spec = self._specs[name]
        if name != self.names[self._next] or tuple(tensor.shape) != spec.shape or tensor.dtype != spec.dtype:
            raise ValueError(
                f"{name} {tuple(tensor.shape)} {tensor.dtype} is not what the header says comes next"
            )
        self._next += 1
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        if flat.numel():
            self._put(flat.view(torch.uint8).numpy().data)

    def commit(self) -> None:
        """Give the complete file its name.

        Raises: NotPossibleNow: the disk is full, or the file of that name can't be replaced.
        """
        if self._next != len(self.names):
            raise ValueError(f"{len(self.names) - self._next} tensors are missing")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._path)
        except OSError as error:
            self.discard()
            raise self._fault(error) from error

    def discard(self) -> None:
        """Take away what was written. After `commit` there is nothing to take away."""
        with contextlib.suppress(OSError):  # a full disk may be told a second time
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> SafetensorsWriter:
        """The writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """See `discard`."""
        self.discard()

    def _header(self, metadata: Mapping[str, str]) -> bytes:
        entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
        offset = 0
        for name in self.names:
            spec = self._specs[name]
            kind = _NAMES.get(str(spec.dtype).removeprefix("torch."))
            if kind is None:
                raise NotSupported(
                    f"{name} is of the kind {spec.dtype}, which a safetensors file can't hold."
                )
            ends = [offset, offset + spec.size]
            entries[name] = {"dtype": kind, "shape": list(spec.shape), "data_offsets": ends}
            offset = ends[1]
        text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
        return struct.pack("<Q", len(text)) + text

    def _check_room(self, header: int) -> None:
        needed, free = self.size + header, shutil.disk_usage(self._path.parent).free
        if free < needed:
            raise NotPossibleNow(
                f"{self._path.name} needs {_gigabytes(needed)}, and its disk has {_gigabytes(free)} left. "
                "Free some space, then try again."
            )

    def _put(self, data: bytes | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self.discard()
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> NotPossibleNow:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = (
                f"The disk is full, so {self._path.name} was not written. Free some space, then try again."
            )
        else:
            message = f"{self._path.name} can't be written to {self._path.parent} ({error.strerror})."
        return NotPossibleNow(message)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
