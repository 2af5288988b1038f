"""Previews of latents: TAESD against diffusers on the same random weights, its files, and which way is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.faults import BadFile
from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.latent_preview import (
    FullPreview,
    LatentColours,
    TinyPreview,
    latent_preview,
    taesd_file,
)
from modules.models.tiny_autoencoder import TinyDecoder

CPU, FLOAT = torch.device("cpu"), torch.float32


@pytest.fixture(scope="module")
def decoder() -> TinyDecoder:
    torch.manual_seed(0)
    decoder = TinyDecoder().eval().requires_grad_(False)
    for parameter in decoder.parameters():
        parameter.mul_(1.5)  # so that the output is no mere constant
    return decoder


@pytest.fixture(scope="module")
def vae() -> Autoencoder:
    torch.manual_seed(1)
    config = AutoencoderConfig(channels=32, multipliers=(1, 1, 1, 1), residual_blocks=1)
    return Autoencoder(config).eval().requires_grad_(False)


def diffusers_names(decoder: TinyDecoder) -> dict[str, torch.Tensor]:
    names = {}
    for name, weight in decoder.state_dict().items():
        place, rest = name.split(".", 1)
        names[f"decoder.layers.{int(place) - 1}.{rest}"] = weight
    return names


def test_tiny_decoder_is_that_of_diffusers(decoder: TinyDecoder) -> None:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
    theirs = diffusers.AutoencoderTiny().eval()
    result = theirs.load_state_dict(diffusers_names(decoder), strict=False)
    assert not result.unexpected_keys
    assert all(name.startswith("encoder.") for name in result.missing_keys)
    latents = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(2)) * 3
    with torch.no_grad():
        expected = theirs.decode(latents).sample
    assert (decoder(latents) * 2 - 1 - expected).abs().max().item() < 1e-4
    assert expected.std() > 0.01


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("original", [True, False], ids=["original names", "diffusers names"])
def test_tiny_decoder_is_read_from_its_files(
    decoder: TinyDecoder, tmp_path: Path, suffix: str, original: bool
) -> None:
    path = tmp_path / f"taesd_decoder{suffix}"
    weights = dict(decoder.state_dict()) if original else diffusers_names(decoder)
    if suffix == ".pth":
        torch.save(weights, path)
    else:
        weights["encoder.layers.0.weight"] = torch.zeros(1)  # a whole autoencoder holds more
        save_file(weights, path)
    loaded = TinyDecoder.load(path, CPU, FLOAT)
    latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(loaded(latents), decoder(latents), atol=1e-6)
    seen = TinyPreview(loaded)(latents)
    assert seen.shape == (1, 3, 32, 32)
    assert torch.allclose(seen, (decoder(latents) * 2 - 1).clamp(-1, 1), atol=1e-5)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"1.weight": torch.zeros(64, 4, 3, 3)}, tmp_path / "half.safetensors")
    save_file({"up.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    for name in ("half", "other"):
        with pytest.raises(BadFile, match="TAESD"):
            TinyDecoder.load(tmp_path / f"{name}.safetensors", CPU, FLOAT)


def test_files_fit_their_models_only(tmp_path: Path) -> None:
    for name in ("taesd_decoder.pth", "taesdxl_decoder.safetensors"):
        (tmp_path / name).touch()
    sd, sdxl = AutoencoderConfig(), AutoencoderConfig(scale=0.13025)
    assert taesd_file(sd, tmp_path) == tmp_path / "taesd_decoder.pth"
    assert taesd_file(sdxl, tmp_path) == tmp_path / "taesdxl_decoder.safetensors"
    assert taesd_file(AutoencoderConfig(scale=0.08333), tmp_path) is None
    assert taesd_file(AutoencoderConfig(channels=32), tmp_path) is None  # a VAE with latents of its own
    assert taesd_file(sd, tmp_path / "empty") is None


def test_ways_to_see_latents(vae: Autoencoder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    latents = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(4))
    full = latent_preview("Full", vae)
    assert isinstance(full, FullPreview)
    assert torch.allclose(full(latents), vae.decode(latents).clamp(-1, 1), atol=1e-5)
    linear = latent_preview("Linear", vae)
    assert isinstance(linear, LatentColours)
    assert linear(latents).shape == (2, 3, 4, 6)
    assert not caplog.records
    assert isinstance(latent_preview("TAESD", vae, tmp_path), LatentColours)  # no file: said, and linear
    assert "TAESD" in caplog.text
