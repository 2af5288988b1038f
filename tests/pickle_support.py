"""Pickles put together by hand, for the tests of how they are read."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from modules.faults import BadFile
from modules.models.checkpoint_file import open_tensors
from modules.models.pickle_file import read_pickle

FORMATS = ["bare", "zip", "legacy"]


def text(value: str) -> bytes:
    """A pickled text."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """The body of a pickle that calls `module.name`."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n(" + b"".join(arguments) + b"tR"


def number(value: int) -> bytes:
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + data


def write(path: Path, body: bytes, form: str, **storages: bytes) -> Path:
    """A file around a pickle's body (without PROTO and STOP)."""
    program = body if body[:1] == b"\x80" else b"\x80\x02" + body + b"."
    if form == "bare":
        path.write_bytes(program)
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", program)
            for key, data in storages.items():
                archive.writestr(f"model/data/{key.lstrip('_')}", data)
    else:
        heads = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        keys = pickle.dumps([key.lstrip("_") for key in storages], 2)
        numbers = b"".join(struct.pack("<q", len(data) // 4) + data for data in storages.values())
        path.write_bytes(b"".join(pickle.dumps(head, 2) for head in heads) + program + keys + numbers)
    return path


def refused(path: Path) -> str:
    """The message with which every way of reading refuses the file."""
    messages = set()
    for read in (read_pickle, open_tensors):
        with pytest.raises(BadFile) as caught:
            read(path)
        messages.add(caught.value.message)
    (message,) = messages
    assert message.startswith(f"{path.name} can't be used: ")
    assert "\n" not in message
    assert len(message) < 250
    return message


def tensor(
    offset: bytes, shape: bytes, stride: bytes, count: bytes = b"K\x04", kind: str = "FloatStorage"
) -> bytes:
    """The pickle of {"a": tensor} over four floats."""
    identity = (
        b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text("0") + text("cpu") + count + b"tQ"
    )
    rest = offset + shape + stride + b"\x89}"
    return b"}" + text("a") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + rest + b"tRs"


ONE, FOUR = b"K\x01\x85", b"K\x04\x85"
