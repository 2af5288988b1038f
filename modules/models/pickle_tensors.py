"""Tensors as a pickle describes them: checked against the storage they lie in before torch sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from modules.models.checkpoint_tensors import MAX_DIMENSIONS, is_possible_shape

MAX_EXPANDED = 1 << 16
"""A tensor may have this many elements though its storage has fewer (`expand`); more would be a bomb."""


class BadPickle(Exception):
    """A pickle that can't be used. The message is the end of the sentence "<file> can't be used: ..."."""


DAMAGED = "it is cut off or damaged. Download it again."
_OUTSIDE = "a tensor in it reaches beyond its data. Download it again."


@dataclass(frozen=True)
class StorageType:
    """A class of storages, such as `torch.HalfStorage`."""

    dtype: torch.dtype


@dataclass(eq=False)
class Storage:
    """A block of numbers in the file.

    Args:
        count: how many numbers; offset: its first byte in the file, or None while that isn't known.
        member: its name in a zip file where it is compressed there.
    """

    key: str
    dtype: torch.dtype
    count: int
    offset: int | None = None
    member: str | None = None


@dataclass(frozen=True)
class StorageView:
    """A part of a storage; `start` and `count` in numbers."""

    storage: Storage
    start: int
    count: int


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor that is still in the file; `offset` in numbers of `dtype` from the begin of the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes of memory that a copy takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def within(self, numbers: Tensor) -> Tensor:
        """The tensor, as a view of its storage's numbers `[count]` in its own dtype."""
        return numbers.as_strided(self.shape, self.stride, self.offset)


def natural_numbers(values: object) -> TypeGuard[Sequence[int]]:
    """Is this a list or tuple of a few whole numbers from 0 on?"""
    if not isinstance(values, list | tuple) or len(values) > MAX_DIMENSIONS:
        return False
    return all(type(v) is int and 0 <= v < 1 << 62 for v in values)


def stored_tensor(
    storage: object, offset: object, shape: object, stride: object, dtype: torch.dtype | None = None
) -> StoredTensor:
    """What torch's rebuilding functions would make of their arguments; nothing of them is trusted.

    Raises: BadPickle: they are no such arguments, or reach beyond the storage.
    """
    if not isinstance(storage, StorageView) or not natural_numbers((offset,)):
        raise BadPickle(_OUTSIDE)
    if not natural_numbers(shape) or not natural_numbers(stride) or len(shape) != len(stride):
        raise BadPickle(_OUTSIDE)
    assert isinstance(offset, int)
    dtype = dtype or storage.storage.dtype
    bytes_before = storage.start * storage.storage.dtype.itemsize
    available = storage.count * storage.storage.dtype.itemsize // dtype.itemsize
    count = math.prod(shape)
    last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
    if not is_possible_shape(tuple(shape)) or max(stride, default=0) >= 1 << 60:
        raise BadPickle(_OUTSIDE)
    if (count and last >= available) or offset > available or count > max(available, MAX_EXPANDED):
        raise BadPickle(_OUTSIDE)
    if bytes_before % dtype.itemsize:
        raise BadPickle(_OUTSIDE)
    start = bytes_before // dtype.itemsize + offset
    return StoredTensor(storage.storage, start, tuple(shape), tuple(stride), dtype)


def whole_storage(view: StorageView) -> StoredTensor:
    """A storage that stands alone, as a tensor `[count]`."""
    return stored_tensor(view, 0, [view.count], [1])


def storage_view(storage: Storage, metadata: Any = None) -> StorageView:
    """A storage, or the part of it that `(key, start, count)` names.

    Raises: BadPickle: it reaches beyond the storage.
    """
    if metadata is None:
        return StorageView(storage, 0, storage.count)
    if not isinstance(metadata, tuple) or len(metadata) != 3 or not natural_numbers(metadata[1:]):
        raise BadPickle(DAMAGED)
    _, start, count = metadata
    if start + count > storage.count:
        raise BadPickle(_OUTSIDE)
    return StorageView(storage, start, count)
