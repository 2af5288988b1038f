"""Network files: reading them, what is said of bad ones, and the catalogue."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.faults import BadFile, InvalidField
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.unet import UNet, UNetConfig
from modules.networks.lora.adapter import LoraAdapter, LoraUse
from modules.networks.lora.block_weights import LAYOUTS, PRESETS, block_weight, parse_block_weights
from modules.networks.lora.catalogue import LoraCatalogue, LoraNotes, hash12
from modules.networks.lora.file import LoraFile, match
from modules.networks.lora.keys import ModuleNames
from tests.reference import reference, reference_json

KEY = "lora_unet_input_blocks_1_0_in_layers_2"


def lora(key: str = KEY, out: int = 8, inputs: int = 8) -> dict[str, Tensor]:
    return {f"{key}.lora_up.weight": torch.ones(out, 2), f"{key}.lora_down.weight": torch.ones(2, inputs)}


def written(
    folder: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None, name: str = "x"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path := folder / f"{name}.safetensors", metadata)
    return path


def test_a_file_with_everything(tmp_path: Path) -> None:
    tensors = lora() | {
        f"{KEY}.alpha": torch.tensor(1.0),
        "lora_unet_conv_in.hada_w1_a": torch.ones(4, 2),
        "lora_unet_conv_in.hada_w1_b": torch.ones(2, 4),
        "lora_unet_conv_in.hada_w2_a": torch.ones(4, 2),
        "lora_unet_conv_in.hada_w2_b": torch.ones(2, 4),
        "bundle_emb.sunny.string_to_param.*": torch.ones(3, 16),
        "bundle_emb.xl.clip_l": torch.ones(16),
        "bundle_emb.xl.clip_g": torch.ones(2, 32).half(),
        "something.else": torch.ones(1),
    }
    metadata = {"ss_output_name": "Sunny", "ss_base_model_version": "sd_v1"}
    file = LoraFile.read(written(tmp_path, tensors, metadata))
    assert {key: module.kind.name for key, module in file.modules.items()} == {
        KEY: "LoRA",
        "lora_unet_conv_in": "LoHa",
    }
    assert file.modules[KEY].scale == 0.5
    assert {n: {p: tuple(t.shape) for p, t in e.items()} for n, e in file.embeddings.items()} == {
        "sunny": {"*": (3, 16)},
        "xl": {"clip_l": (1, 16), "clip_g": (2, 32)},
    }
    assert (file.unknown, file.output_name, file.made_for) == (("something.else",), "Sunny", "sd_v1")


def test_alpha_in_the_metadata_of_diffusers(tmp_path: Path) -> None:
    key = "unet.down_blocks.0.resnets.0.conv1"
    tensors = {f"{key}.lora_A.weight": torch.ones(2, 8), f"{key}.lora_B.weight": torch.ones(8, 2)}
    for metadata, scale in (
        (None, 1.0),
        ({"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 8, "unet.r": 2})}, 4.0),
        ({"lora_adapter_metadata": "broken"}, 1.0),
    ):
        assert LoraFile.read(written(tmp_path, tensors, metadata)).modules[key].scale == scale


def test_what_matches_nothing_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tensors = lora() | lora("lora_unet_nowhere") | lora("lora_te2_x") | {"more": torch.ones(1)}
    found = match(
        LoraFile.read(written(tmp_path, tensors)), ModuleNames(UNet(UNetConfig(channels=32, heads=1)))
    )
    assert [place.modules for place, _ in found.modules] == [("input_blocks.1.0.in_layers.2",)]
    assert (found.unmatched, found.first_unmatched) == (3, "more")
    assert [record.getMessage() for record in caplog.records] == [
        "x.safetensors: 3 of its keys have no place in the model, such as more."
    ]


def test_a_file_for_another_kind_of_model(tmp_path: Path) -> None:
    path = written(tmp_path, lora("lora_unet_double_blocks_0"), {"modelspec.architecture": "flux-1-dev/lora"})
    with pytest.raises(BadFile) as caught:
        match(LoraFile.read(path), ModuleNames(None), "Stable Diffusion 1")
    assert caught.value.message == (
        "x.safetensors can't be used: it is for another kind of model (flux-1-dev/lora): "
        "none of its 1 modules is in Stable Diffusion 1."
    )


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (
            {f"{KEY}.lora_down.weight": torch.ones(2, 8)},
            f"{KEY} has lora_down, but not all that a LoRA needs.",
        ),
        (
            lora() | {f"{KEY}.alpha": torch.ones(2)},
            f"{KEY}.alpha should be one number but has the shape [2].",
        ),
        (lora() | {f"{KEY}.lora_up.weight": torch.ones(8, 0)}, f"{KEY}.lora_up.weight is empty."),
        (
            lora() | {f"{KEY}.alpha": torch.tensor(torch.nan)},
            f"{KEY}.alpha holds values that are no numbers (NaN).",
        ),
        (
            {"model.diffusion_model.x.weight": torch.ones(1)},
            "it is no network file: none of its 1 tensors is named",
        ),
        ({f"{KEY}.alpha": torch.tensor(1.0)}, "it is no network file"),
        (
            lora() | {"bundle_emb.x.clip_l": torch.ones(1, 2, 3)},
            "its embedding bundle_emb.x.clip_l is no list",
        ),
    ],
)
def test_bad_files_say_why(tmp_path: Path, tensors: dict[str, Tensor], reason: str) -> None:
    with pytest.raises(BadFile) as caught:
        LoraFile.read(written(tmp_path, tensors))
    assert reason in caught.value.message
    assert caught.value.message.startswith("x.safetensors can't be used: ")


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path, lora())
    whole = path.read_bytes()
    for length in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile, match=r"x\.safetensors"):
            LoraFile.read(path)
    path.unlink()
    with pytest.raises(BadFile, match="can't be read"):
        LoraFile.read(path)


# -- the reference files --------------------------------------------------------------------------------------


TINY_SD15 = UNetConfig(channels=32, multipliers=(1, 2, 4, 4))
TINY_SD2 = UNetConfig(
    channels=64, multipliers=(1, 2, 2, 2), heads=None, head_channels=64, linear_projections=True
)
TINY_SDXL = UNetConfig(
    channels=32,
    multipliers=(1, 2, 4),
    input_depths=((0, 0), (1, 1), (2, 2)),
    middle_depth=2,
    output_depths=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    heads=None,
    head_channels=32,
    linear_projections=True,
    vector_width=128 + 6 * 256,
)
KINDS = {
    "dora": "LoRA",
    "locon": "LoRA",
    "locon_cp": "LoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "lora": "LoRA",
    "lora_te": "LoRA",
    "sd2": "LoRA",
    "xl": "LoRA",
}


@pytest.mark.reference
@pytest.mark.parametrize("name", list(KINDS))
def test_every_key_of_the_reference_files_is_found_and_fits(name: str) -> None:
    path = reference() / "pictures" / "networks" / "Lora" / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"no reference data at {path}")
    file = LoraFile.read(path)
    assert {module.kind.name for module in file.modules.values()} == {KINDS[name]}
    contexts = [
        m.parts["lora_down"].shape[1] if "lora_down" in m.parts else 128
        for key, m in file.modules.items()
        if "attn2_to_k" in key
    ]
    config = {"sd2": TINY_SD2, "xl": TINY_SDXL}.get(name, TINY_SD15)
    with torch.device("meta"):
        unet = UNet(UNetConfig(**{**config.__dict__, "context_width": contexts[0] if contexts else 128}))
        widths = (64, 128) if name == "xl" else (128,)
        texts = [
            TextEncoder(
                TextEncoderConfig(width=w, layers=12, heads=2, intermediate=4 * w, vocabulary=8, projection=w)
            )
            for w in widths
        ]
    adapter = LoraAdapter(unet, texts)
    found = adapter.match(file)
    assert (found.unmatched, len(found.modules)) == (0, len(file.modules))
    # on the "meta" device shapes are computed, and no numbers
    adapter.set([LoraUse(file, 0.7, 0.5)])


@pytest.mark.reference
@pytest.mark.parametrize(("name", "config"), [("xl", TINY_SD15), ("sd2", TINY_SD15), ("lora", TINY_SDXL)])
def test_reference_files_for_another_kind_of_model(name: str, config: UNetConfig) -> None:
    path = reference() / "pictures" / "networks" / "Lora" / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"no reference data at {path}")
    with torch.device("meta"):
        unet = UNet(config)
    file = LoraFile.read(path)
    adapter = LoraAdapter(unet, [], "another family")
    with pytest.raises(BadFile, match=r"it is for another kind of model.*another family"):
        adapter.set([LoraUse(file)])
    assert adapter.active == ()


@pytest.mark.reference
def test_hashes_of_the_reference_infotexts() -> None:
    folder = reference() / "pictures" / "networks" / "Lora"
    catalogue = LoraCatalogue([folder])
    seen = set()
    for request in reference_json("pictures/requests.json"):
        text = request.get("infotext") or ""
        if 'Lora hashes: "' in text:
            for pair in text.split('Lora hashes: "')[1].split('"')[0].split(", "):
                name, digits = pair.split(": ")
                entry = catalogue.find(name)
                assert entry is not None and catalogue.hash12(entry) == digits
                seen.add(name)
    assert len(seen) >= 5


# -- block weights --------------------------------------------------------------------------------------------


def test_block_weights_name_their_blocks() -> None:
    assert {count: len(blocks) + 1 for count, blocks in LAYOUTS.items()} == {n: n for n in (12, 17, 20, 26)}
    weights = tuple(float(i) for i in range(17))  # BASE IN01 IN02 IN04 IN05 IN07 IN08 MID OUT03 ... OUT11
    for module, expected in (
        (None, 0),
        ("time_embed.0", 0),
        ("out.2", 0),
        ("input_blocks.1.1.proj_in", 1),
        ("input_blocks.4.1.proj_in", 3),
        ("input_blocks.8.1.proj_in", 6),
        ("input_blocks.11.0.in_layers.2", 6),
        ("input_blocks.3.0.op", 2),
        ("input_blocks.0.0", 0),
        ("middle_block.1.proj_in", 7),
        ("output_blocks.0.0.in_layers.2", 7),
        ("output_blocks.3.1.proj_in", 8),
        ("output_blocks.11.1.proj_in", 16),
    ):
        assert block_weight(weights, module) == expected, module
    sdxl = tuple(float(i) for i in range(12))
    assert block_weight(sdxl, "input_blocks.4.1.proj_in") == 1
    assert block_weight(sdxl, "middle_block.1.proj_in") == 5
    assert block_weight(sdxl, "output_blocks.5.1.proj_in") == 11
    assert block_weight(None, "middle_block.1.proj_in") == 1.0


def test_block_weights_are_parsed() -> None:
    assert {len(preset) for preset in PRESETS.values()} == {17}
    assert parse_block_weights(" ind ") == PRESETS["IND"]
    assert parse_block_weights(",".join(["0.5"] * 12)) == (0.5,) * 12
    for wrong in ("", "1,2,3", "nothing", ",".join(["nan"] * 17), ",".join(["x"] * 17)):
        with pytest.raises(InvalidField, match="12, 17, 20 or 26 numbers"):
            parse_block_weights(wrong)


# -- the catalogue --------------------------------------------------------------------------------------------


def test_names_aliases_and_case(tmp_path: Path) -> None:
    one = written(tmp_path / "Lora", lora(), {"ss_output_name": "Watercolour"}, "wc-v2")
    two = written(tmp_path / "Lora" / "inner", lora(), {"ss_output_name": "wc-v2"}, "Other")
    three = written(tmp_path / "LyCORIS", lora(), None, "third")
    written(tmp_path / "LyCORIS", lora(), None, "Other")
    catalogue = LoraCatalogue([tmp_path / "Lora", tmp_path / "LyCORIS", tmp_path / "missing"])
    assert [(entry.name, entry.path) for entry in catalogue.all()] == [
        ("Other", two),
        ("third", three),
        ("wc-v2", one),
    ]

    def found(name: str) -> Path | None:
        entry = catalogue.find(name)
        return entry.path if entry else None

    assert found("wc-v2") == one  # a file's name goes before another's alias
    assert found("Watercolour") == found("watercolour") == one
    assert found("other") == two
    assert found("none") is None
    four = written(tmp_path / "Lora", lora(), None, "later")
    catalogue.refresh()
    assert found("later") == four


def test_hash_is_that_of_what_follows_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, lora(), {"a": "b"})
    data = path.read_bytes()
    header = int.from_bytes(data[:8], "little")
    assert hash12(path) == hashlib.sha256(data[8 + header :]).hexdigest()[:12]
    other = written(tmp_path, lora(), {"another": "header"}, "y")
    assert hash12(other) == hash12(path)


def test_files_stay_open_until_they_change(tmp_path: Path) -> None:
    path = written(tmp_path, lora())
    catalogue = LoraCatalogue([tmp_path])
    entry = catalogue.find("x")
    assert entry is not None
    first = catalogue.open(entry)
    assert catalogue.open(entry) is first
    written(tmp_path, lora(out=16))
    second = catalogue.open(entry)
    assert second is not first
    assert second.modules[KEY].parts["lora_up"].shape == (16, 2)
    assert first.modules[KEY].parts["lora_up"].sum() == 16  # what was read stays as it was
    path.unlink()
    with pytest.raises(BadFile, match="can't be read"):
        catalogue.open(entry)


def test_opened_files_are_let_go_when_they_take_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [written(tmp_path, lora(), None, name).stat().st_size for name in "abc"]
    monkeypatch.setattr("modules.networks.lora.catalogue._KEPT_BYTES", sizes[0] * 2)
    catalogue = LoraCatalogue([tmp_path])
    a, b, c = catalogue.all()
    first, second = catalogue.open(a), catalogue.open(b)
    catalogue.open(c)
    assert catalogue.open(b) is second
    assert catalogue.open(a) is not first


def test_notes_and_previews(tmp_path: Path) -> None:
    path = written(tmp_path, lora())
    entry = LoraCatalogue([tmp_path]).find("x")
    assert entry is not None
    assert (entry.notes, entry.preview) == (LoraNotes(), None)
    beside = {"preferred weight": 0.8, "activation text": "sunny", "negative text": 7, "sd version": "SD1"}
    path.with_suffix(".json").write_text(json.dumps(beside), encoding="utf-8")
    (tmp_path / "x.preview.png").touch()
    assert entry.notes == LoraNotes(weight=0.8, activation="sunny", sd_version="SD1")
    assert entry.preview == tmp_path / "x.preview.png"
    path.with_suffix(".json").write_text("[broken", encoding="utf-8")
    assert entry.notes == LoraNotes()


def test_ten_thousand_files_are_listed_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(10_000):
        (tmp_path / f"n{i}.safetensors").touch()

    def read(path: Path) -> dict[str, str]:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("modules.networks.lora.catalogue.read_metadata", read)
    catalogue = LoraCatalogue([tmp_path])
    assert len(catalogue.all()) == 10_000
    assert catalogue.find("n9999") is not None


def test_metadata_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, lora(), {"ss_output_name": "A"})
    reads = []

    def read(path: Path) -> dict[str, str]:
        reads.append(path)
        return {"ss_output_name": "A"}

    monkeypatch.setattr("modules.networks.lora.catalogue.read_metadata", read)
    catalogue = LoraCatalogue([tmp_path])
    assert [catalogue.all()[0].alias for _ in range(3)] == ["A"] * 3
    assert len(reads) == 1


def test_a_damaged_file_has_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nonsense nonsense")
    entry = LoraCatalogue([tmp_path]).all()[0]
    assert (entry.metadata, entry.alias) == ({}, "x")
