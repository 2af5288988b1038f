"""Reads `.ckpt`, `.pt`, `.pth` and `.bin` files: pickles with tensors beside them. Nothing in them is ever run.

Three formats, told apart by their first bytes:

- zip, PyTorch's since 1.6: `<any>/data.pkl` is the pickle, `<any>/data/<key>` are the storages;
- legacy: a pickled magic number, version and description of the machine, then the pickle of the objects, the list of
  the storages' keys, and each storage as its length (int64) and its numbers;
- a pickle alone, without tensors.

Storages are read when a tensor in them is wanted. See `pickle_machine` for how a pickle is read without being run.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.faults import BadFile
from modules.models.checkpoint_tensors import MappedFile, TensorFile, vector_of
from modules.models.pickle_machine import MAX_BYTES, finish, run
from modules.models.pickle_names import Named
from modules.models.pickle_tensors import (
    DAMAGED,
    BadPickle,
    Storage,
    StorageType,
    StorageView,
    StoredTensor,
    natural_numbers,
    storage_view,
)
from modules.models.pickle_zip import ZippedPickle
from modules.models.tensor_names import plain_names, weights_in

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class PickleFile(TensorFile):
    """The tensors of a pickled file. Names: see `tensor_names`.

    Raises: BadFile: it is damaged, holds no tensors, or wants to run something; the message says what.
    """

    def __init__(self, path: Path) -> None:
        self._contents = _Contents(path)
        try:
            tree = self._contents.tree()
            found = _weights(tree)
            self._tensors: dict[str, StoredTensor] = {
                ours: found[theirs] for ours, theirs in plain_names(found).items()
            }
            if not self._tensors:
                raise BadPickle("it holds no tensors.")
        except BadPickle as error:
            self._contents.close()
            raise BadFile(path, str(error)) from error
        except BadFile:
            self._contents.close()
            raise
        super().__init__(
            path,
            metadata={},
            shapes={name: tensor.shape for name, tensor in self._tensors.items()},
            dtypes={name: tensor.dtype for name, tensor in self._tensors.items()},
        )

    def tensor(self, name: str) -> Tensor:
        """Read one tensor; see `TensorFile.tensor`."""
        return self._contents.read(self._tensors[name])

    def close(self) -> None:
        """Let the file go."""
        self._contents.close()


def _weights(tree: Any) -> dict[str, StoredTensor]:
    try:
        return weights_in(tree, lambda leaf: isinstance(leaf, StoredTensor))
    except ValueError as error:
        raise BadPickle("it names more tensors, or longer names, than any model file.") from error


def read_pickle(path: Path) -> Any:
    """All that a pickled file holds: dicts, lists, numbers, texts, numpy arrays, and its tensors, read.

    `OrderedDict` and its like become plain dicts, numpy's numbers Python's, devices texts. Objects of training
    programs (PyTorch Lightning, OmegaConf) become `pickle_names.Inert`: empty, but there.

    Raises: BadFile: it is damaged, or wants to run something; the message says what.
    """
    contents = _Contents(path)
    try:
        return finish(contents.tree(), lambda tensor: contents.read(tensor).clone())
    except BadPickle as error:
        raise BadFile(path, str(error)) from error
    finally:
        contents.close()


class _Contents:
    """A pickled file: its tree of objects, and the numbers of its storages."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = MappedFile(path)
        self._storages: dict[str, Storage] = {}
        self._zip: ZippedPickle | None = None

    def tree(self) -> Any:
        """The objects, with `StoredTensor`s in them.

        Raises: BadPickle.
        """
        start = self._file.read(0, 4)
        if start == b"PK\x03\x04":
            self._zip = ZippedPickle(self._file)
            tree = run(io.BytesIO(self._zip.pickle), self._storage)
        else:
            tree = self._unzipped(io.BytesIO(self._file.read(0, MAX_BYTES)))
        tensors: list[StoredTensor] = []

        def collect(tensor: StoredTensor) -> StoredTensor:
            tensors.append(tensor)
            return tensor

        tree = finish(tree, collect)
        stored = sum(storage.count * storage.dtype.itemsize for storage in self._storages.values())
        if sum(tensor.size for tensor in tensors) > 4 * stored + (1 << 26):
            raise BadPickle(
                "its tensors would take far more memory than the file has. Get it as .safetensors."
            )
        return tree

    def read(self, tensor: StoredTensor) -> Tensor:
        """A tensor's numbers."""
        storage = tensor.storage
        count = storage.count * storage.dtype.itemsize // tensor.dtype.itemsize
        if storage.member is not None:
            assert self._zip is not None
            try:
                data = bytearray(self._zip.read(storage.member))
            except BadPickle as error:
                raise BadFile(self._path, str(error)) from error
            return tensor.within(vector_of(data, 0, count, tensor.dtype))
        assert storage.offset is not None
        return tensor.within(self._file.vector(storage.offset, count, tensor.dtype))

    def close(self) -> None:
        self._file.close()

    def _unzipped(self, stream: io.BytesIO) -> Any:
        first = run(stream)
        if first != _MAGIC or isinstance(first, float):
            return first
        if run(stream) != _PROTOCOL:
            raise BadPickle("it is in a version of PyTorch's format that Easel doesn't know.")
        machine = run(stream)
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise BadPickle("it was written on a machine with another byte order. Get it as .safetensors.")
        tree = run(stream, self._storage)
        self._place(run(stream), stream.tell())
        return tree

    def _place(self, keys: object, offset: int) -> None:
        """Find the storages of the legacy format: they lie one after the other in the order of `keys`."""
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise BadPickle(DAMAGED)
        if len(set(keys)) != len(keys):
            raise BadPickle(DAMAGED)
        for key in keys:
            storage = self._storages.get(key)
            if storage is None:
                raise BadPickle(DAMAGED)
            count = int(self._file.vector(offset, 1, torch.int64))
            if count != storage.count:
                raise BadPickle(DAMAGED)
            storage.offset = offset + 8
            offset += 8 + count * storage.dtype.itemsize
            if offset > self._path.stat().st_size:
                raise BadPickle("it is cut off. Download it again.")
        if any(storage.offset is None for storage in self._storages.values()):
            raise BadPickle(DAMAGED)

    def _storage(self, identity: object) -> StorageView | Named:
        """What a persistent id stands for.

        `("storage", class, key, device, count[, part])`, or in the legacy format a class of a network with its source
        code (which is not looked at): `("module", class, file, source)`.
        """
        if isinstance(identity, tuple) and identity[:1] == ("module",):
            if len(identity) == 4 and isinstance(identity[1], Named):
                return identity[1]
            raise BadPickle(DAMAGED)
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            raise BadPickle(DAMAGED)
        _, kind, key, _, count, *part = identity
        if not isinstance(kind, StorageType) or not isinstance(key, str) or not natural_numbers((count,)):
            raise BadPickle(DAMAGED)
        storage = self._storages.get(key)
        if storage is None:
            storage = self._storages[key] = Storage(key, kind.dtype, count)
            if self._zip is not None:
                self._zip.place(storage)
        if (storage.dtype, storage.count) != (kind.dtype, count):
            raise BadPickle(DAMAGED)
        return storage_view(storage, part[0] if part else None)
