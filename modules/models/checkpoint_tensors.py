"""What every kind of checkpoint file looks like from outside: named tensors that are read one at a time."""

from __future__ import annotations

import math
import mmap
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Buffer

    from modules.models.tensor_names import Shape

MAX_DIMENSIONS = 16


class TensorFile(ABC):
    """Tensors by name, in a file or a folder; a context manager.

    Tensors that were read stay usable after `close`: they keep what they need of the file.

    Args:
        metadata: words about the model: a safetensors file's `__metadata__`, what a diffusers folder says.
        shapes, dtypes: of all tensors, known without reading them.
    """

    def __init__(
        self,
        path: Path,
        metadata: Mapping[str, str],
        shapes: Mapping[str, Shape],
        dtypes: Mapping[str, torch.dtype],
    ) -> None:
        self.path = path
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self.shapes: Mapping[str, Shape] = MappingProxyType(dict(shapes))
        self.dtypes: Mapping[str, torch.dtype] = MappingProxyType(dict(dtypes))

    @abstractmethod
    def tensor(self, name: str) -> Tensor:
        """Read one tensor: on the CPU, in the file's dtype; it may share memory with the mapped file.

        Raises: KeyError: there is none of this name; BadFile.
        """

    def close(self) -> None:  # noqa: B027  # what holds nothing open has nothing to do
        """Let the file go. No tensor can be read afterwards."""

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class RenamedTensors(TensorFile):
    """The tensors of other files under new names.

    Args:
        sources: new name -> the file and the tensor's name in it. Where the new shape in `shapes` has more
            dimensions (a linear layer that is a 1x1 convolution now), the tensor is reshaped.
        files: closed with this one.
    """

    def __init__(
        self,
        path: Path,
        metadata: Mapping[str, str],
        sources: Mapping[str, tuple[TensorFile, str]],
        shapes: Mapping[str, Shape],
        files: tuple[TensorFile, ...],
    ) -> None:
        dtypes = {name: file.dtypes[source] for name, (file, source) in sources.items()}
        super().__init__(path, metadata, shapes, dtypes)
        self._sources = dict(sources)
        self._files = files

    def tensor(self, name: str) -> Tensor:
        """Read one tensor; see `TensorFile.tensor`."""
        file, source = self._sources[name]
        return file.tensor(source).reshape(self.shapes[name])

    def close(self) -> None:
        """Close the files that hold the tensors."""
        for file in self._files:
            file.close()


class MappedFile:
    """A file's bytes in memory as far as they are used, and vectors of numbers in them.

    The mapping is copy-on-write: whoever writes into such a tensor changes neither the file nor crashes. A vector's
    pages leave the memory with it (what was written there is lost then), so that reading a file tensor by tensor
    takes hardly more memory than the largest of them.

    Raises: BadFile: the file can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                self._map: mmap.mmap | None = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except OSError as error:
            raise BadFile(path, f"it can't be read ({error.strerror}).") from error
        except ValueError as error:  # nothing to map
            raise BadFile(path, "the file is empty. Download it again.") from error

    def vector(self, offset: int, count: int, dtype: torch.dtype) -> Tensor:
        """`count` numbers at a byte offset, `[count]`.

        Raises: BadFile: the file ends before.
        """
        if self._map is None:
            raise ValueError(f"{self.path} is closed")
        size = count * dtype.itemsize
        if offset < 0 or count < 0 or offset + size > len(self._map):
            raise BadFile(self.path, "it is cut off. Download it again.")
        if offset % dtype.itemsize:  # numbers have to lie at multiples of their size
            return vector_of(bytearray(self._map[offset : offset + size]), 0, count, dtype)
        return vector_of(_part_of(self._map, offset, size), 0, count, dtype)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes at an offset; fewer where the file ends before."""
        if self._map is None:
            raise ValueError(f"{self.path} is closed")
        return self._map[offset : offset + size]

    def close(self) -> None:
        """Let the file go; it stays mapped as long as a tensor in it lives."""
        self._map = None


def _part_of(mapped: mmap.mmap, offset: int, size: int) -> Any:
    """A part of a mapped file that gives its pages back to the system when nobody uses it any more."""
    import numpy as np

    whole = np.frombuffer(mapped, np.uint8, size, offset)
    # whole pages only: the first and the last belong to the neighbours too
    start, end = -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE, (offset + size) // mmap.PAGESIZE * mmap.PAGESIZE
    if end <= start or not hasattr(mmap, "MADV_DONTNEED"):
        return whole
    part = whole.view(_part_class())
    part.give_back = (mapped, start, end - start)
    return part


@cache
def _part_class() -> Any:
    """The class of such parts; made late, as numpy isn't wanted at the start of the program."""
    import numpy as np

    class Part(np.ndarray[Any, Any]):
        give_back: tuple[mmap.mmap, int, int] | None = None

        def __del__(self) -> None:
            if self.give_back is not None:
                mapped, start, size = self.give_back
                mapped.madvise(mmap.MADV_DONTNEED, start, size)

    return Part


def vector_of(data: bytearray | Buffer, offset: int, count: int, dtype: torch.dtype) -> Tensor:
    """`count` numbers at a byte offset of `data`, `[count]`, without copying where that is possible."""
    import torch

    if not count:
        return torch.empty(0, dtype=dtype)
    raw = torch.frombuffer(data, dtype=torch.uint8, count=count * dtype.itemsize, offset=offset)
    # a bool of 2 is undefined behaviour in torch, so bools are made from their bytes
    return raw.ne(0) if dtype == torch.bool else raw.view(dtype)


def is_possible_shape(shape: Shape) -> bool:
    """Can torch make such a shape at all (even where a side is 0)?"""
    return len(shape) <= MAX_DIMENSIONS and math.prod(side for side in shape if side) < 1 << 60
