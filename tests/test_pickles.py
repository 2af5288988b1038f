"""Pickled model files: read without ever being run, and refused in one sentence when they want more."""

from __future__ import annotations

import copyreg
import os
import pickle
import struct
import subprocess
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.models.checkpoint_file import read_tensors
from modules.models.pickle_file import read_pickle
from modules.models.pickle_names import Inert, Named
from tests.pickle_support import FORMATS, FOUR, ONE, call, number, refused, tensor, text, write

MARKER = "ran.txt"

# -- hostile files ------------------------------------------------------------------------------------------

TOUCH = text(f"touch {MARKER}")
EVAL = text(f"open({MARKER!r}, 'w')")
# what each wants to call -> the pickle
HOSTILE: dict[str, bytes] = {
    "os.system": call("os", "system", TOUCH),
    "posix.system": call("posix", "system", TOUCH),
    "nt.system": call("nt", "system", TOUCH),
    "subprocess.Popen": call("subprocess", "Popen", TOUCH),
    "subprocess.check_output": call("subprocess", "check_output", TOUCH),
    "builtins.eval": call("builtins", "eval", EVAL),
    "builtins.exec": call("builtins", "exec", EVAL),
    "__builtin__.eval": call("__builtin__", "eval", EVAL),
    "builtins.open": call("builtins", "open", text(MARKER), text("w")),
    "builtins.__import__": call("builtins", "__import__", text("antigravity")),
    "builtins.getattr": call("builtins", "getattr", text("x"), text("upper")),
    "builtins.compile": call("builtins", "compile", EVAL, text("x"), text("exec")),
    "builtins.range": call("builtins", "range", number(10**15)),
    "importlib.import_module": call("importlib", "import_module", text("antigravity")),
    "runpy._run_code": call("runpy", "_run_code", EVAL),
    "operator.attrgetter": call("operator", "attrgetter", text("system")),
    "functools.partial": call("functools", "partial"),
    "types.FunctionType": call("types", "FunctionType"),
    "webbrowser.open": call("webbrowser", "open", text("http://localhost")),
    "pickle.loads": call("pickle", "loads", text("x")),
    "torch.load": call("torch", "load", text("x")),
    "torch.hub.load": call("torch.hub", "load", text("x")),
    "torch.jit.unsupported_tensor_ops.execWrapper": call(
        "torch.jit.unsupported_tensor_ops", "execWrapper", EVAL, b"}", b"}"
    ),
    "torch.storage._load_from_bytes": call("torch.storage", "_load_from_bytes", text("x")),
    "torch.storage.UntypedStorage.from_file": call("torch.storage", "UntypedStorage.from_file", text("x")),
    "torch.__dict__": call("torch", "__dict__"),
    "torch._utils._rebuild_tensor_v2.__globals__": call("torch._utils", "_rebuild_tensor_v2.__globals__"),
    "numpy.testing._private.utils.runstring": call("numpy.testing._private.utils", "runstring", EVAL, b"}"),
    "numpy.load": call("numpy", "load", text("x")),
    "__main__.Network": call("__main__", "Network"),
    "pytorch_lightning.os.system": call("pytorch_lightning", "os.system", TOUCH),
    "a registered extension": b"\x82\x01)R",
    "bdb.Bdb.run": b"\x80\x04\x8c\x03bdb\x8c\x07Bdb.run\x93)R.",
    "collections.OrderedDict.fromkeys": (
        b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93]\x85R."
    ),
    "posixpath.join": b"(" + text("a") + b"iposixpath\njoin\n",
    "shutil.rmtree": b"(cshutil\nrmtree\n" + text("/nowhere") + b"o",
    "socket.socket": b"csocket\nsocket\n)\x81",
    "ctypes.CDLL": b"\x80\x04cctypes\nCDLL\n)}\x92.",
}


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Any call that a file could want fails the test; the marker file would say so too."""
    ran: list[str] = []

    def trap(name: str) -> Callable[..., None]:
        return lambda *arguments, **keywords: ran.append(name)

    monkeypatch.chdir(tmp_path)
    for module, name in ((os, "system"), (subprocess, "Popen")):
        monkeypatch.setattr(module, name, trap(name))
    yield
    monkeypatch.undo()
    assert not ran
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wanted", HOSTILE)
def test_what_wants_to_run_something_is_refused_by_name(wanted: str, form: str, tmp_path: Path) -> None:
    message = refused(write(tmp_path / "model.ckpt", HOSTILE[wanted], form))
    assert f"it wants to run {wanted}" in message
    assert "which no model file needs. Get it as .safetensors." in message


@pytest.mark.parametrize("form", FORMATS)
def test_the_suffix_doesnt_help_a_hostile_file(form: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", HOSTILE["os.system"], form)
    assert "it wants to run os.system" in refused(path)


def test_a_hostile_object_among_good_tensors_is_found(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / MARKER),)

    for zipped in (True, False):
        path = tmp_path / "model.pt"
        torch.save({"a": torch.zeros(3), "b": Evil()}, path, _use_new_zipfile_serialization=zipped)
        assert "it wants to run posix.mkdir" in refused(path).replace("nt.mkdir", "posix.mkdir")


def test_a_registered_extension_isnt_looked_up(tmp_path: Path) -> None:
    copyreg.add_extension("os", "system", 77)
    try:
        refused(write(tmp_path / "model.pt", b"\x82\x4d(" + TOUCH + b"tR", "bare"))
    finally:
        copyreg.remove_extension("os", "system", 77)


def test_a_message_shows_no_control_characters(tmp_path: Path) -> None:
    body = b"\x80\x04\x8c\x04a\x1b\nb\x8c\x02\r\n\x93."
    assert "it wants to run a??b.??," in refused(write(tmp_path / "model.pt", body, "bare"))


# -- allowed names with hostile arguments -------------------------------------------------------------------


OUTSIDE = {
    "too long": tensor(b"K\x00", b"K\x05\x85", ONE),
    "offset": tensor(b"K\x01", FOUR, ONE),
    "far offset": tensor(number(1 << 61), ONE, ONE),
    "negative offset": tensor(number(-1), FOUR, ONE),
    "stride": tensor(b"K\x00", FOUR, b"K\x02\x85"),
    "negative stride": tensor(b"K\x03", FOUR, number(-1) + b"\x85"),
    "negative size": tensor(b"K\x00", number(-4) + b"\x85", ONE),
    "huge size": tensor(b"K\x00", number(1 << 40) + b"\x85", b"K\x00\x85"),
    "size overflow": tensor(b"K\x00", b"(" + number(1 << 33) * 2 + b"t", b"K\x00K\x00\x86"),
    "empty overflow": tensor(b"K\x00", b"(K\x00" + number(1 << 60) * 2 + b"t", b"(K\x00K\x00K\x00t"),
    "many sides": tensor(b"K\x00", b"(" + b"K\x01" * 99 + b"t", b"(" + b"K\x01" * 99 + b"t"),
    "fewer strides": tensor(b"K\x00", FOUR, b")"),
    "text as a size": tensor(b"K\x00", text("4") + b"\x85", ONE),
    "true as a size": tensor(b"K\x00", b"\x88\x85", ONE),
    "storage longer than its data": tensor(b"K\x00", FOUR, ONE, count=number(1 << 40)),
    "wider numbers than its data": tensor(b"K\x00", FOUR, ONE, kind="DoubleStorage"),
    "negative count": tensor(b"K\x00", FOUR, ONE, count=number(-4)),
}


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("case", OUTSIDE)
def test_no_tensor_reaches_beyond_its_storage(case: str, form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / "model.pt", OUTSIDE[case], form, _0=bytes(16)))


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_the_same_tensor_within_its_storage_is_read(form: str, tmp_path: Path) -> None:
    data = np.arange(4, dtype="<f4").tobytes()
    path = write(tmp_path / "model.pt", tensor(b"K\x01", b"K\x03\x85", ONE), form, _0=data)
    assert read_tensors(path)["a"].tolist() == [1, 2, 3]


ODD = {
    "a tensor of a text": call("torch._utils", "_rebuild_tensor_v2", *[text("x")] * 6),
    "a tensor of nothing": call("torch._utils", "_rebuild_tensor_v2"),
    "a parameter of a text": call("torch._utils", "_rebuild_parameter", text("x"), b"\x88", b"}"),
    "another class behind a tensor": call(
        "torch._tensor", "_rebuild_from_type_v2", b"c_codecs\nencode\n", b"ctorch\nTensor\n", b")", b"}"
    ),
    "bytes by number": call("builtins", "bytes", number(10**12)),
    "bytes in another encoding": call("_codecs", "encode", text("x"), text("rot13")),
    "numpy objects": call("numpy", "dtype", text("O8"), b"\x89", b"\x88"),
    "numpy records": call("numpy", "dtype", text("V8"), b"\x89", b"\x88"),
    "a number of too few bytes": call(
        "numpy.core.multiarray",
        "scalar",
        call("numpy", "dtype", text("f8")),
        call("_codecs", "encode", text("x")),
    ),
    "a call of a number": b"K\x01)R",
    "a call of a type": b"cbuiltins\nobject\n)R",
    "a dict of a number": call("collections", "OrderedDict", b"K\x05"),
    "items of a text": text("x") + b"(K\x01K\x02u",
    "appending to a dict": b"}K\x01a",
    "half an item": b"}(K\x01u",
    "the state of a text": text("x") + b"}b",
    "a list as a key": b"}]K\x01s",
    "a persistent id without storages": b"(" + text("storage") + b"tQ",
    "a number as a persistent id": b"K\x05Q",
    "a persistent id in text": b"Pstorage\n",
    "an out-of-band buffer": b"\x80\x05\x97.",
    "a number of a million digits": b"I" + b"9" * 1_000_000 + b"\n",
    "a number of a million bytes": b"\x8b" + struct.pack("<i", 1_000_000) + b"\x01" * 1_000_000,
    "an empty stack": b"",
    "a mark alone": b"(",
    "no mark": b"t",
    "an unknown memo": b"h\x05",
    "an unknown instruction": b"\xff",
    "a text longer than the file": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"x.",
    "bytes longer than any": b"\x80\x04\x8e" + struct.pack("<Q", (1 << 64) - 1) + b"x.",
    "no stop": b"\x80\x02}",
    "no name": b"\x80\x04K\x01K\x02\x93.",
    "keywords": b"\x80\x04ccollections\nOrderedDict\n)}K\x01K\x02s\x92.",
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", ODD)
def test_odd_pickles_are_refused(case: str, form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / "model.pt", ODD[case], form))


# -- good files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_plain_objects_of_all_protocols(protocol: int, tmp_path: Path) -> None:
    value = {
        "numbers": [1, -5, 1 << 40, 2.5, True, None, 3j],
        "text": "ä\n☃",
        "bytes": b"\x00\xff" * 200,
        "set": {1, "a"},
        "frozen": frozenset({2}),
        "tuple": (1, (2, 3, 4, 5)),
        "ordered": OrderedDict(a=1, b=OrderedDict()),
        "default": defaultdict(list, {"x": [1]}),
        (1, "key"): bytearray(b"xy"),
        "numpy": [np.float32(0.5), np.int64(-3), np.bool_(True), np.dtype("<f4")],
    }
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(value, protocol))
    found = read_pickle(path)
    assert found == value
    assert [type(n) for n in found["numpy"][:3]] == [float, int, bool]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_trees_with_tensors(zipped: bool, tmp_path: Path) -> None:
    whole = torch.arange(12.0)
    attributed = torch.nn.Parameter(torch.ones(2))
    attributed.note = "x"  # type: ignore[attr-defined]
    value = {
        320: ({"linear.0.weight": whole[3:9].view(2, 3)}, {"t": whole.view(3, 4).t()}),
        "string_to_param": torch.nn.ParameterDict({"*": torch.ones(2, 8)}),
        "expanded": torch.zeros(1).expand(7),
        "parameter": attributed,
        "state": torch.nn.Linear(2, 2).state_dict(),
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "device": torch.device("cuda:0"),
    }
    path = tmp_path / "model.pt"
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    found = read_pickle(path)
    path.unlink()  # nothing of the file is needed any more
    assert torch.equal(found[320][0]["linear.0.weight"], whole[3:9].view(2, 3))
    assert torch.equal(found[320][1]["t"], whole.view(3, 4).t())
    assert list(found["string_to_param"]) == ["*"]
    assert torch.equal(found["string_to_param"]["*"], torch.ones(2, 8))
    assert torch.equal(found["expanded"], torch.zeros(7))
    assert torch.equal(found["parameter"], attributed)
    assert set(found["state"]) == {"weight", "bias"}
    assert found["array"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (found["size"], found["dtype"]) == ((1, 2), torch.float16)
    assert found["device"].startswith("cuda")


def test_views_of_the_oldest_format_are_read(tmp_path: Path) -> None:
    """Legacy files may hold parts of storages: `(key, start, count)` at the end of a persistent id."""
    identity = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04"
    for start, good in ((1, True), (2, False)):
        view = b"(" + text("v") + bytes([75, start]) + b"K\x03t"
        rest = b"tQK\x01K\x02\x85K\x01\x85\x89}tRs"
        body = b"}" + text("a") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + view + rest
        path = write(tmp_path / "model.pt", body, "legacy", _0=np.arange(4, dtype="<f4").tobytes())
        if good:
            assert read_tensors(path)["a"].tolist() == [2, 3]
        else:
            refused(path)


def test_objects_of_training_programs_are_left_out(tmp_path: Path) -> None:
    checkpoint = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    config = b"comegaconf.dictconfig\nDictConfig\n)\x81}" + text("_content") + b"Nsb"
    body = (
        b"}("
        + text("callbacks")
        + b"}"
        + checkpoint
        + b"}s"
        + text("config")
        + config
        + text("step")
        + b"K\x05u"
    )
    found = read_pickle(write(tmp_path / "model.ckpt", body, "bare"))
    assert found["step"] == 5
    (key,) = found["callbacks"]
    assert isinstance(key, Named)
    assert isinstance(found["config"], Inert)
    assert repr(found["config"]) == "<omegaconf.dictconfig.DictConfig, left out>"
