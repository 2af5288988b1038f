"""Checkpoint files: found, told apart, loaded, and refused in one sentence when they can't be used."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.compute import choose
from modules.faults import BadFile, NotPossibleNow, UnknownName
from modules.models.autoencoder import AutoencoderConfig
from modules.models.catalogue import CheckpointCatalogue
from modules.models.checkpoint_file import read_header
from modules.models.detection import autoencoder_config, text_encoder_config, unet_config
from modules.models.families import FAMILIES, family_of
from modules.models.latent_preview import LatentColours
from modules.models.store import ModelStore
from modules.models.tokenizer import tokenize
from modules.models.unet import UNet, UNetConfig
from tests import tiny_model

SD1 = next(family for family in FAMILIES if family.name == "Stable Diffusion 1")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def catalogue_of(folder: Path, *files: Path) -> CheckpointCatalogue:
    return CheckpointCatalogue((folder,), folder / "cache" / "hashes.json", files)


# -- shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [UNetConfig(), tiny_model.UNET], ids=["sd15", "tiny"])
def test_unet_shape_is_read_from_the_tensors(config: UNetConfig) -> None:
    with torch.device("meta"):
        shapes = {name: tuple(w.shape) for name, w in UNet(config).state_dict().items()}
    assert unet_config(shapes, SD1) == config


def test_other_shapes_are_read_from_the_tensors(tiny: Path) -> None:
    weights = load_file(tiny)
    shapes = {name: tuple(w.shape) for name, w in weights.items()}
    family = family_of(shapes)
    assert family is not None
    assert family.name == "Stable Diffusion 1"

    def part(prefix: str) -> dict[str, tuple[int, ...]]:
        return {name[len(prefix) :]: shape for name, shape in shapes.items() if name.startswith(prefix)}

    found: AutoencoderConfig = autoencoder_config(part("first_stage_model."), family.latent_scale)
    assert found == tiny_model.VAE
    text = {f"model.{name}": s for name, s in part("cond_stage_model.transformer.text_model.").items()}
    assert text_encoder_config(text, family.text[0]) == tiny_model.TEXT


def test_tokens_are_those_of_clip() -> None:
    assert tokenize(["a photo of a cat", "Hello,  WORLD!", ""]) == [
        [320, 1125, 539, 320, 2368],
        [3306, 267, 1002, 256],
        [],
    ]


# -- loading ------------------------------------------------------------------------------------------------


def test_a_loaded_model_has_the_files_weights(tiny: Path) -> None:
    model = ModelStore(catalogue_of(tiny.parent), choose).get("tiny")
    stored = load_file(tiny)
    for name, weight in model.unet.state_dict().items():
        assert torch.equal(weight.half(), stored[f"model.diffusion_model.{name}"])
    assert model.checkpoint.short_hash is not None
    assert model.checkpoint.title == f"tiny.safetensors [{model.checkpoint.short_hash}]"
    assert not any(parameter.requires_grad for parameter in model.unet.parameters())


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("<html>404: this is not the model that you are looking for</html>" * 50)


def cut_off(path: Path) -> None:
    whole = tiny_model.write(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def cut_in_header(path: Path) -> None:
    path.write_bytes(tiny_model.write(path).read_bytes()[:300])


def no_tensors(path: Path) -> None:
    save_file({}, path)


def damaged_header(path: Path) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)


def another_model(path: Path) -> None:
    save_file({"some.weight": torch.zeros(4)}, path)


def sd3(path: Path) -> None:
    names = ("model.diffusion_model.joint_blocks.0.x", "first_stage_model.x")
    save_file({name: torch.zeros(1, 4, 3, 3) for name in names}, path)


def without_vae(path: Path) -> None:
    save_file({k: w for k, w in tiny_model.tensors().items() if not k.startswith("first_stage")}, path)


def one_missing(path: Path) -> None:
    weights = tiny_model.tensors()
    del weights["model.diffusion_model.out.2.bias"]
    save_file(weights, path)


def wrong_shape(path: Path) -> None:
    weights = tiny_model.tensors()
    weights["model.diffusion_model.out.0.weight"] = torch.zeros(7).half()
    save_file(weights, path)


def not_a_number(path: Path) -> None:
    weights = tiny_model.tensors()
    weights["model.diffusion_model.out.0.weight"][3] = float("nan")
    save_file(weights, path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (empty, "the file is empty"),
        (text, "it is no safetensors file"),
        (cut_off, "it is cut off"),
        (cut_in_header, "it is cut off"),
        (no_tensors, "it holds no tensors"),
        (damaged_header, "its header is damaged"),
        (another_model, "no Stable Diffusion checkpoint"),
        (sd3, "it is a Stable Diffusion 3 model"),
        (without_vae, "tensors are missing"),
        (one_missing, "1 tensors are missing, such as out.2.bias"),
        (wrong_shape, "out.0.weight has the shape"),
        (not_a_number, "NaN"),
    ],
)
def test_unusable_files_say_why_and_the_old_model_stays(
    make: Callable[[Path], None], reason: str, tiny: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.safetensors"
    make(bad)
    store = ModelStore(catalogue_of(tmp_path, tiny), choose)
    before = store.get("tiny")
    with pytest.raises(BadFile) as caught:
        store.get("bad")
    assert caught.value.message.startswith("bad.safetensors can't be used: ")
    assert reason in caught.value.message
    assert caught.value.message.count("\n") == 0
    assert store.loaded is before
    assert store.get("tiny") is before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"gone\.safetensors can't be used: it can't be read"):
        read_header(tmp_path / "gone.safetensors")


# -- the catalogue ------------------------------------------------------------------------------------------


def test_checkpoints_are_found_by_all_their_names(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.safetensors").write_bytes(tiny.read_bytes())
    catalogue = catalogue_of(tmp_path, tiny)
    assert [c.name for c in catalogue.all()] == ["tiny", "sub/deep"]
    assert catalogue.default() == catalogue.all()[0]
    hashed = catalogue.with_hash(catalogue.find("sub/deep.safetensors"))
    assert hashed.sha256 is not None
    for name in (
        hashed.title,
        hashed.name,
        "deep",
        "DEEP",
        "deep [0123456789]",
        hashed.sha256,
        hashed.sha256[:10],
    ):
        assert catalogue.find(name).path == hashed.path
    with pytest.raises(UnknownName, match="There is no checkpoint named 'shallow'"):
        catalogue.find("shallow")


def test_metadata_are_read(tiny: Path) -> None:
    found = catalogue_of(tiny.parent).find("tiny")
    assert found.resolution == (64, 48)
    assert found.examples == ()


def test_hashes_are_kept_until_the_file_changes(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(tiny.read_bytes())
    first = catalogue_of(tmp_path).with_hash(catalogue_of(tmp_path).find("model"))
    assert catalogue_of(tmp_path).find("model").sha256 == first.sha256
    tiny_model.write(path, seed=1)
    assert catalogue_of(tmp_path).find("model").sha256 is None


def test_a_new_file_is_there_after_a_refresh(tiny: Path, tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path)
    with pytest.raises(NotPossibleNow, match="There is no checkpoint"):
        ModelStore(catalogue, choose).resolve(None)
    (tmp_path / "new.safetensors").write_bytes(tiny.read_bytes())
    catalogue.refresh()
    assert catalogue.find("new").filename == "new.safetensors"


# -- previews -----------------------------------------------------------------------------------------------


def test_preview_colours_follow_the_vae(tiny: Path) -> None:
    """On a VAE that is a linear map itself, the fitted map is that map."""

    class LinearVae(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = AutoencoderConfig()
            self.matrix = torch.nn.Parameter(
                torch.randn(3, 4, generator=torch.Generator().manual_seed(5)) * 0.1
            )

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            colours = torch.einsum("bchw,dc->bdhw", latents, self.matrix) + 0.2
            return torch.nn.functional.interpolate(colours, scale_factor=8)

    vae = LinearVae()
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        expected = torch.einsum("bchw,dc->bdhw", latents, vae.matrix) + 0.2
    colours = LatentColours.fit(vae)(latents)  # type: ignore[arg-type]
    assert torch.allclose(colours, expected.clamp(-1, 1), atol=1e-4)
