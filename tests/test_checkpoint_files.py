"""Files of tensors: every format gives the same tensors, under the names that count, or one sentence."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from modules.faults import BadFile
from modules.models.checkpoint_file import open_tensors, read_metadata, read_tensors
from modules.models.tensor_names import dotted_ema_name, plain_names
from modules.models.unet import UNet, UNetConfig

UNET = "model.diffusion_model."
DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32,
    torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn,
    torch.float8_e5m2,
]  # fmt: skip


def save_zip(tensors: dict[str, Any], path: Path) -> None:
    torch.save(tensors, path)


def save_legacy(tensors: dict[str, Any], path: Path) -> None:
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


def save_compressed(tensors: dict[str, Any], path: Path) -> None:
    """As someone packs a checkpoint's archive anew."""
    save_zip(tensors, path)
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


FORMATS: list[tuple[Callable[[dict[str, Any], Path], None], str]] = [
    (save_file, "model.safetensors"),
    (save_file, "model.ckpt"),  # the contents count, not the suffix
    (save_zip, "model.ckpt"),
    (save_zip, "model.safetensors"),
    (save_legacy, "model.pt"),
    (save_legacy, "model.safetensors"),
    (save_compressed, "model.bin"),
]
each_format = pytest.mark.parametrize(
    ("save", "name"), FORMATS, ids=[f"{save.__name__}-{name}" for save, name in FORMATS]
)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to the last bit, for kinds of numbers too that can't be compared."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    return torch.equal(
        a.contiguous().reshape(-1).view(torch.uint8), b.contiguous().reshape(-1).view(torch.uint8)
    )


@each_format
def test_all_kinds_of_numbers(
    save: Callable[[dict[str, Any], Path], None], name: str, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for i, dtype in enumerate(DTYPES):
        raw = torch.randint(0, 2 if dtype == torch.bool else 100, (6,), generator=generator)
        tensors[f"n{i}"] = raw.to(torch.float32).to(dtype).reshape(2, 3)
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}
    path = tmp_path / name
    save(tensors, path)
    with open_tensors(path) as file:
        assert file.path == path
        assert dict(file.shapes) == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        assert dict(file.dtypes) == {name: tensor.dtype for name, tensor in tensors.items()}
        found = {name: file.tensor(name) for name in file.shapes}
        with pytest.raises(KeyError):
            file.tensor("another")
    assert all(same(found[name], tensor) for name, tensor in tensors.items())
    assert set(read_tensors(path)) == set(tensors)
    if save is save_zip and path.suffix == ".ckpt":  # torch itself can't read all of the others
        loaded = torch.load(path, weights_only=True)
        assert set(loaded) == set(found)
        assert all(same(found[name], tensor) for name, tensor in loaded.items())


@each_format
def test_tensors_outlive_the_file_and_never_change_it(
    save: Callable[[dict[str, Any], Path], None], name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    save({"a": torch.ones(1000)}, path)
    before = path.read_bytes()
    file = open_tensors(path)
    tensor = file.tensor("a")
    file.close()
    tensor += 1
    assert tensor.sum() == 2000
    assert path.read_bytes() == before


def test_views_and_strides_of_pickled_tensors(tmp_path: Path) -> None:
    whole = torch.arange(24.0)
    tensors = {"t": whole.view(4, 6).t(), "part": whole[5:9], "every": whole[1::2], "whole": whole}
    for save in (save_zip, save_legacy):
        save(tensors, tmp_path / "model.pt")
        found = read_tensors(tmp_path / "model.pt")
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_metadata(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"modelspec.title": "x"})
    save_zip({"a": torch.zeros(1)}, tmp_path / "a.ckpt")
    assert dict(open_tensors(tmp_path / "a.safetensors").metadata) == {"modelspec.title": "x"}
    assert read_metadata(tmp_path / "a.safetensors") == {"modelspec.title": "x"}
    assert read_metadata(tmp_path / "a.ckpt") == dict(open_tensors(tmp_path / "a.ckpt").metadata) == {}


# -- damaged safetensors ------------------------------------------------------------------------------------


def raw(path: Path, header: object, data: bytes = bytes(16)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: object = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"a": entry(offsets=(0, 17))}, "it is cut off"),
        ({"a": entry(offsets=(0, 12))}, "its header is damaged"),
        ({"a": entry(shape=(5,))}, "its header is damaged"),
        ({"a": entry(shape=(-4,))}, "its header is damaged"),
        ({"a": entry(shape=(4.0,))}, "its header is damaged"),
        ({"a": entry(shape=(True, 4))}, "its header is damaged"),
        ({"a": entry(shape="4")}, "its header is damaged"),
        ({"a": entry(shape=(0, 1 << 62, 1 << 62), offsets=(0, 0))}, "its header is damaged"),
        ({"a": entry(shape=[1] * 99 + [4])}, "its header is damaged"),
        ({"a": entry(offsets=(16, 0))}, "its header is damaged"),
        ({"a": entry(offsets=(-16, 0))}, "its header is damaged"),
        ({"a": entry(offsets=(0,))}, "its header is damaged"),
        ({"a": entry(offsets=("0", "16"))}, "its header is damaged"),
        ({"a": entry(dtype=7)}, "its header is damaged"),
        ({"a": entry(dtype="F4")}, "of the kind 'F4', which Easel can't read"),
        ({"a": entry(dtype="nn")}, "of the kind 'nn'"),
        ({"a": {}}, "its header is damaged"),
        ({"a": [1]}, "its header is damaged"),
        (
            {"a": entry(shape=(2,), offsets=(0, 8)), "b": entry(shape=(2,), offsets=(4, 12))},
            "header is damaged",
        ),
        ({"__metadata__": {"a": "b"}}, "it holds no tensors"),
        (b'{"a": ' + b"[" * 100_000, "its header is damaged"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "its header is damaged"),
        (b'{"a"\xff: 1}', "its header is damaged"),
    ],
)
def test_damaged_headers_are_refused(header: object, reason: str, tmp_path: Path) -> None:
    path = raw(tmp_path / "bad.safetensors", header)
    with pytest.raises(BadFile) as caught:
        open_tensors(path)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_metadata_of_any_kind_and_unaligned_numbers_are_read(tmp_path: Path) -> None:
    data = b"\0" + struct.pack("<4f", 1, 2, 3, 4)
    for spaces in range(8):
        text = json.dumps({"__metadata__": {"n": 5}, "a": entry(offsets=(1, 17))}).encode() + b" " * spaces
        path = raw(tmp_path / f"{spaces}.safetensors", text, data)
        assert read_tensors(path)["a"].tolist() == [1, 2, 3, 4]
        assert read_metadata(path) == {"n": "5"}
    assert read_metadata(raw(tmp_path / "x.safetensors", {"__metadata__": 5, "a": entry()})) == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x80", "it is"),
        (b"<html><body>404", "but a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"hello, I am a text" * 50, "it is"),
        (bytes(257) + b"ustar" + bytes(300), "from before PyTorch"),
        (b"PK\x03\x04" + bytes(100), "it is cut off or damaged"),
        (bytes(5000), "it is"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt", ".pt", ".bin", ""])
def test_other_files_are_refused(data: bytes, reason: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data)
    for read in (open_tensors, read_tensors):
        with pytest.raises(BadFile, match="can't be used: ") as caught:
            read(path)
        assert reason in caught.value.message


def test_other_archives_are_refused(tmp_path: Path) -> None:
    def archive(*names: str) -> Path:
        path = tmp_path / "model.ckpt"
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, b"\x80\x02}.")
        return path

    for names, reason in (
        (("readme.txt",), "a zip archive, but no model"),
        (("a/data.pkl", "b/data.pkl"), "a zip archive, but no model"),
        (("a/data.pkl", "a/constants.pkl", "a/code/x.py"), "a TorchScript program"),
        (("a/data.pkl", "a/byteorder"), "."),
        (("a/data.pkl",), "it holds no tensors"),
    ):
        with pytest.raises(BadFile) as caught:
            open_tensors(archive(*names))
        assert reason in caught.value.message


def test_missing_files_are_named(tmp_path: Path) -> None:
    for name in ("gone.safetensors", "gone.ckpt", "gone"):
        with pytest.raises(BadFile, match=rf"{name} can't be used: it can't be read"):
            open_tensors(tmp_path / name)


def test_cut_off_safetensors_are_refused_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(5), "b": torch.zeros(3).half()}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile):
            read_tensors(path)


@settings(max_examples=200, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), min_size=1, max_size=5))
def test_damaged_safetensors_are_read_or_refused(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file({"a": torch.zeros(5), "b": torch.zeros(3).half(), "c": torch.zeros(2, 2)}, path)
    data = bytearray(path.read_bytes())
    for place, byte in changes:
        data[place] = byte
    path.write_bytes(data)
    try:
        read_tensors(path)
    except BadFile as error:
        assert "\n" not in error.message


# -- names --------------------------------------------------------------------------------------------------

SD2 = UNetConfig(context_width=1024, heads=None, head_channels=64, linear_projections=True, vector_width=None)
SDXL = UNetConfig(
    multipliers=(1, 2, 4),
    input_depths=((0, 0), (2, 2), (10, 10)),
    middle_depth=10,
    output_depths=((0, 0, 0), (2, 2, 2), (10, 10, 10)),
    context_width=2048,
    heads=None,
    head_channels=64,
    linear_projections=True,
    vector_width=2816,
)


@pytest.mark.parametrize("config", [UNetConfig(), SD2, SDXL], ids=["sd1", "sd2", "sdxl"])
def test_averaged_names_get_their_dots_back(config: UNetConfig) -> None:
    with torch.device("meta"):
        names = [UNET + name for name in UNet(config).state_dict()]
    averaged = {"model_ema." + name.removeprefix("model.").replace(".", ""): name for name in names}
    assert len(averaged) == len(names)
    assert {source: name for name, source in plain_names(averaged).items()} == averaged


def test_averaged_names_that_are_none() -> None:
    for name in ("model_ema.decay", "model_ema.num_updates", "model_ema.diffusion_modelsomethingelse"):
        assert dotted_ema_name(name) is None
    assert dotted_ema_name("model_ema.diffusion_modellabel_embweight") == UNET + "label_emb.weight"


@pytest.mark.parametrize("save", [save_file, save_zip])
def test_the_plain_weights_count_where_both_are_there(
    save: Callable[[dict[str, Any], Path], None], tmp_path: Path
) -> None:
    plain = {UNET + "out.2.bias": torch.zeros(4), "first_stage_model.x": torch.zeros(2)}
    averaged = {"model_ema.diffusion_modelout2bias": torch.ones(4), "model_ema.decay": torch.tensor(0.9)}
    save(plain | averaged, tmp_path / "both.ckpt")
    assert set(read_tensors(tmp_path / "both.ckpt")) == set(plain)
    del plain[UNET + "out.2.bias"]
    save(plain | averaged, tmp_path / "averaged.ckpt")
    found = read_tensors(tmp_path / "averaged.ckpt")
    assert set(found) == {UNET + "out.2.bias", "first_stage_model.x"}
    assert torch.equal(found[UNET + "out.2.bias"], torch.ones(4))


NAMES = [UNET + "out.2.bias", "first_stage_model.x", "cond_stage_model.y"]


@pytest.mark.parametrize("wrapper", ["", "module.", "model.", "state_dict.", "model.module.", "_orig_mod."])
def test_wrappers_go(wrapper: str) -> None:
    assert plain_names([wrapper + name for name in NAMES]) == {name: wrapper + name for name in NAMES}


def test_names_of_other_files_stay() -> None:
    for names in (["lora_unet_x.alpha", "a"], ["emb_params"], ["model.x"], ["decoder.conv_in.weight"]):
        assert plain_names(names) == {name: name for name in names}
    assert plain_names(["module.x", "module.y"]) == {"x": "module.x", "y": "module.y"}


def test_weights_are_found_among_other_things(tmp_path: Path) -> None:
    weight = torch.ones(2)
    path = tmp_path / "model.ckpt"
    optimizer = {"state": {0: {"exp_avg": torch.zeros(2)}}}
    for tree in (
        {"state_dict": {"a": weight}, "epoch": 3, "optimizer_states": [optimizer]},
        {"model": {"a": weight}, "optimizer": optimizer},
        {"model": {"state_dict": {"a": weight}}},
        {"module": {"a": weight}},
        {"params_ema": {"a": weight}, "params": {"a": torch.zeros(2)}},
        {"ema": {"a": weight}},
    ):
        save_zip(tree, path)
        found = read_tensors(path)
        assert set(found) == {"a"}
        assert torch.equal(found["a"], weight)
    embedding = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": weight}, "name": "x"}
    save_zip(embedding, path)
    assert set(read_tensors(path)) == {"string_to_token.*", "string_to_param.*"}
    layers: dict[Any, Any] = {320: [{"linear.0.weight": weight}, {"linear.0.weight": weight}]}
    save_zip(layers, path)
    assert set(read_tensors(path)) == {"320.0.linear.0.weight", "320.1.linear.0.weight"}
