"""Pickled files that are made to exhaust memory or time, or are damaged: refused in one sentence."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.faults import BadFile
from modules.models import pickle_machine, pickle_zip
from modules.models.checkpoint_file import open_tensors, read_tensors
from modules.models.pickle_file import read_pickle
from tests.pickle_support import FOUR, ONE, call, number, refused, tensor, text, write

# -- bombs --------------------------------------------------------------------------------------------------


def laughs(instruction: bytes, levels: int = 60) -> bytes:
    """Containers of ten times the one before."""
    body = b"]q\x00"
    for i in range(levels):
        body += b"0(" + (b"h" + bytes([i])) * 10 + instruction + b"q" + bytes([i + 1])
    return body


BOMBS = {
    "billion laughs in lists": laughs(b"l"),
    "billion laughs in tuples": laughs(b"t"),
    "a tuple of tuples as a key": b"}" + laughs(b"t", 30) + b"K\x01s",
    "a list in itself": b"]q\x00h\x00a",
    "a dict in itself": b"}q\x00K\x01h\x00s",
    "nested deeply": b"]" * 100_000 + b"a" * 99_999,
    "tuples nested deeply": b")" + b"\x85" * 100_000,
    "marks without end": b"(" * 1_000_000,
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_are_refused(case: str, tmp_path: Path) -> None:
    refused(write(tmp_path / "model.pt", BOMBS[case], "zip"))


def test_copies_dont_multiply(tmp_path: Path) -> None:
    copy = b"h\x00" + b"\x85" + b"R"  # copies the list in memo 0
    body = b"](" + b"N" * 50_000 + b"eq\x000" + (b"cbuiltins\nlist\n" + copy + b"0") * 5_000 + b"N"
    assert "builds more objects" in refused(write(tmp_path / "model.pt", body, "bare"))


COPIES = {
    # each makes a large object in memo 0, and then something of it many times
    "pairs of one key": (b"](" + b"h\x01" * 50_000 + b"eq\x000", b"ccollections\nOrderedDict\nh\x00\x85R"),
    "parameters": (
        b"}" + text("_parameters") + b"](" + b"N" * 50_000 + b"esq\x000",
        b"ctorch.nn.modules.container\nParameterDict\n)\x81h\x00b",
    ),
    "bytes of a text": (text("x" * 50_000) + b"q\x000", call("_codecs", "encode", b"h\x00", text("latin1"))),
    "arguments": (b"(" + b"N" * 50_000 + b"tq\x000", b"cpathlib\nPosixPath\nh\x00R"),
}


@pytest.mark.parametrize("case", COPIES)
def test_large_objects_arent_copied_again_and_again(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_BYTES", 1 << 22)
    large, use = COPIES[case]
    body = text("k") + b"K\x01\x86q\x010" + large + (use + b"0") * 100 + b"N"
    assert "builds more objects" in refused(write(tmp_path / "model.pt", body, "bare"))


def test_arrays_of_the_same_bytes_dont_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_BYTES", 1 << 20)
    kind = call("numpy", "dtype", text("u1")) + b"q\x020"
    data = b"\x80\x04\x8e" + struct.pack("<Q", 100_000) + bytes(100_000) + b"q\x000" + kind
    make = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85K\x00tR"
    array = make + b"(K\x01" + number(100_000) + b"\x85h\x02\x89h\x00tb"
    path = write(tmp_path / "model.pt", data + b"(" + array * 5 + b"l.", "bare")
    assert [len(array) for array in read_pickle(path)] == [100_000] * 5
    assert "builds more objects" in refused(write(path, data + b"(" + array * 50 + b"l.", "bare"))


def test_keys_of_storages_are_texts(tmp_path: Path) -> None:
    heads = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {}]
    path = tmp_path / "model.pt"
    path.write_bytes(b"".join(pickle.dumps(head, 2) for head in heads) + b"\x80\x02" + laughs(b"l") + b".")
    assert "cut off or damaged" in refused(path)


def test_names_stay_short(tmp_path: Path) -> None:
    for key in (b"x" * 2000, b"y" * 999):
        name = text(key.decode())
        body = b"}" + (name + b"}") * 10 + tensor(b"K\x00", FOUR, ONE)[1:] + b"s" * 10
        path = write(tmp_path / "model.pt", body, "zip", _0=bytes(16))
        with pytest.raises(BadFile, match="longer names"):
            open_tensors(path)
    long = b"\x80\x04" + text("lightning") + text("n" * 100_000) + b"\x93."
    assert "it wants to run lightning" in refused(write(tmp_path / "model.pt", long, "bare"))


def test_there_is_a_limit_of_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_INSTRUCTIONS", 1000)
    assert "builds more objects" in refused(write(tmp_path / "model.pt", b"N0" * 1000 + b"N", "bare"))


def test_a_giant_memo_index_costs_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "model.pt", b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff", "bare")
    assert read_pickle(path) == 7


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.ckpt"
    body = tensor(b"K\x00", FOUR, ONE, count=number(1 << 20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("model/data/0", bytes(1 << 22))
    assert "far larger than the file" in refused(path)
    monkeypatch.setattr(pickle_zip, "MAX_BYTES", 1 << 10)
    write(path, b"N0" * 1000 + b"N", "zip")
    assert "larger than in any model file" in refused(path)


def test_many_tensors_of_one_storage_dont_fill_the_memory(tmp_path: Path) -> None:
    numbers = torch.zeros(1 << 20)
    path = tmp_path / "model.pt"
    torch.save({str(i): numbers[: -i - 1] for i in range(40)}, path)
    assert "far more memory than the file" in refused(path)


# -- damaged files ------------------------------------------------------------------------------------------


def small_model() -> dict[str, Any]:
    return {
        "state_dict": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.bfloat16)},
        "step": 3,
        "number": np.float64(2.5),
    }


def saved(form: str) -> bytes:
    stream = io.BytesIO()
    torch.save(small_model(), stream, _use_new_zipfile_serialization=form == "zip")
    return stream.getvalue()


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_cut_off_files_are_refused_at_every_length(form: str, tmp_path: Path) -> None:
    whole = saved(form)
    path = tmp_path / "model.ckpt"
    for length in [*range(0, len(whole), 23), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile):
            read_tensors(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(["zip", "legacy"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_files_are_read_or_refused(
    form: str, changes: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(saved(form))
    for place, byte in changes:
        data[int(place * len(data))] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.ckpt"
    path.write_bytes(data)
    for read in (read_tensors, read_pickle):
        try:
            read(path)
        except BadFile as error:
            assert "\n" not in error.message


@settings(max_examples=300, deadline=None)
@given(program=st.binary(max_size=60))
def test_random_programs_are_read_or_refused(
    program: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pt"
    path.write_bytes(b"\x80\x02" + program + b".")
    try:
        read_pickle(path)
    except BadFile as error:
        assert "\n" not in error.message
