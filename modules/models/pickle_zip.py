"""PyTorch's zip format: finds the pickle and the storages in the archive. Nothing is unpacked to disk."""

from __future__ import annotations

import struct
import zipfile
import zlib

from modules.models.checkpoint_tensors import MappedFile
from modules.models.pickle_machine import MAX_BYTES
from modules.models.pickle_tensors import DAMAGED, BadPickle, Storage

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_MAX_RATIO = 50
"""Weights hardly get smaller by compression; what gets much smaller is made to fill the memory."""

_BOMB = "its parts are far larger than the file. Get it as .safetensors."


class ZippedPickle:
    """The members of an archive.

    Args: file: the archive.

    Attributes: pickle: the bytes of its `data.pkl`.

    Raises: BadPickle: it is damaged or no archive of PyTorch's.
    """

    def __init__(self, file: MappedFile) -> None:
        self._file = file
        try:
            self._size = file.path.stat().st_size
            with zipfile.ZipFile(file.path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise BadPickle(DAMAGED) from error
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise BadPickle("two of its parts have the same name. Get it as .safetensors.")
        if sum(member.compress_size for member in members) > self._size:  # they would have to overlap
            raise BadPickle(_BOMB)
        pickles = [name for name in self._members if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise BadPickle("it is a zip archive, but no model.")
        self._prefix = pickles[0][: -len("data.pkl")]
        if f"{self._prefix}constants.pkl" in self._members:
            raise BadPickle("it is a TorchScript program, not a model file. Get it as .safetensors.")
        order = self._members.get(f"{self._prefix}byteorder")
        if order is not None and self.read(order.filename, 16) != b"little":
            raise BadPickle("it was written on a machine with another byte order. Get it as .safetensors.")
        self.pickle = self.read(pickles[0], MAX_BYTES)

    def place(self, storage: Storage) -> None:
        """Find a storage's bytes.

        Raises: BadPickle: it isn't there, or smaller than it says.
        """
        member = self._members.get(f"{self._prefix}data/{storage.key}")
        if member is None:
            raise BadPickle(DAMAGED)
        if storage.count * storage.dtype.itemsize > member.file_size:
            raise BadPickle("a tensor in it reaches beyond its data. Download it again.")
        self._check(member)
        if member.compress_type == zipfile.ZIP_STORED:
            storage.offset = self._data_offset(member)
        else:
            storage.member = member.filename

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a member.

        Raises: BadPickle: it is damaged or larger than `limit`.
        """
        member = self._members[name]
        if limit is not None and member.file_size > limit:
            raise BadPickle("a part of it is larger than in any model file. Get it as .safetensors.")
        self._check(member)
        try:
            data = self._file.read(self._data_offset(member), member.compress_size)
            if member.compress_type == zipfile.ZIP_DEFLATED:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
        except (zlib.error, MemoryError) as error:
            raise BadPickle(DAMAGED) from error
        if len(data) != member.file_size:
            raise BadPickle(DAMAGED)
        return data

    def _check(self, member: zipfile.ZipInfo) -> None:
        """Is the member of a kind and size that can be?"""
        if member.flag_bits & 1:
            raise BadPickle("it is encrypted.")
        if member.compress_type == zipfile.ZIP_STORED:
            possible = member.compress_size == member.file_size
        elif member.compress_type == zipfile.ZIP_DEFLATED:
            possible = member.file_size <= _MAX_RATIO * member.compress_size + (1 << 16)
        else:
            raise BadPickle("it is compressed in a way that no model file is. Get it as .safetensors.")
        if not possible:
            raise BadPickle(_BOMB)

    def _data_offset(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes of a member begin: after its local header, whose length only it knows itself."""
        try:
            fields = _LOCAL_HEADER.unpack(self._file.read(member.header_offset, _LOCAL_HEADER.size))
        except struct.error as error:
            raise BadPickle(DAMAGED) from error
        offset = member.header_offset + _LOCAL_HEADER.size + fields[9] + fields[10]
        if fields[0] != b"PK\x03\x04" or offset + member.compress_size > self._size:
            raise BadPickle(DAMAGED)
        return offset
