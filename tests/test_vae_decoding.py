"""The VAE under pressure: NaN in half precision, and too little memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from modules.compute import Compute, choose
from modules.faults import NotPossibleNow
from modules.generation.engine import Engine, check
from modules.generation.requests import TextToImage
from modules.generation.results import Unwatched
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import Checkpoint, CheckpointCatalogue
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.loader import load
from modules.models.store import ModelStore
from modules.models.tiling import circular_convolutions
from modules.models.unet import UNet
from modules.models.vae_decoding import check_latents, decode, encode, tiled
from tests import tiny_model

STARTER = Path(__file__).resolve().parents[1] / "models" / "Stable-diffusion" / "starter.safetensors"
F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tiny_model.write(tmp_path_factory.mktemp("models") / "tiny.safetensors")
    return Checkpoint(path, "tiny", path.name)


def model_of(checkpoint: Checkpoint, vae: torch.dtype = F32) -> LatentDiffusion:
    return load(checkpoint, Compute(torch.device("cpu"), F32, vae, F32))


LATENT = torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(1))


def overflowing(monkeypatch: pytest.MonkeyPatch, *bad: torch.dtype) -> None:
    """Let VAEs of these types give NaN, both ways."""

    def spoilt(method: Callable[[Autoencoder, Tensor], Tensor]) -> Callable[[Autoencoder, Tensor], Tensor]:
        return lambda vae, x: method(vae, x) * (float("nan") if x.dtype in bad else 1)

    for name in ("decode", "encode"):
        monkeypatch.setattr(Autoencoder, name, spoilt(getattr(Autoencoder, name)))


def test_more_precision_where_half_overflows_and_it_stays(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = decode(model_of(tiny), LATENT)
    model = model_of(tiny, F16)
    overflowing(monkeypatch, F16, BF16)
    with caplog.at_level(logging.INFO):
        # the weights are those of the file again, not the rounded ones
        assert torch.equal(decode(model, LATENT), expected)
    assert len(caplog.records) == 2
    assert next(model.vae.parameters()).dtype == F32
    decode(model, LATENT)
    assert len(caplog.records) == 2


def test_encoding_gets_more_precision_too(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tiny, F16)
    overflowing(monkeypatch, F16)
    latents = encode(model, torch.zeros(2, 3, 48, 64))
    assert latents.shape == (2, 4, 6, 8)
    assert latents.isfinite().all()
    assert next(model.vae.parameters()).dtype == BF16


def test_no_picture_is_told(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tiny)
    overflowing(monkeypatch, F32)
    with pytest.raises(NotPossibleNow, match=r"The VAE gave no picture \(NaN\)\. Choose another VAE"):
        decode(model, LATENT)
    unchecked = replace(model, compute=replace(model.compute, nan_check=False))
    assert decode(unchecked, LATENT).isnan().all()


@pytest.mark.parametrize(("dtype", "advice"), [(F16, "--no-half"), (F32, "CFG scale")])
def test_nan_of_the_unet_is_told(tiny: Checkpoint, dtype: torch.dtype, advice: str) -> None:
    model = model_of(tiny)
    model = replace(model, compute=replace(model.compute, unet=dtype))
    check_latents(model, LATENT[None])
    with pytest.raises(NotPossibleNow, match=advice):
        check_latents(model, LATENT[None] * float("nan"))
    check_latents(
        replace(model, compute=replace(model.compute, nan_check=False)), LATENT[None] * float("nan")
    )


# -- memory -------------------------------------------------------------------------------------------------


def short_of_memory(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> list[int]:
    """Let the VAE fail above so many numbers in; returns the sides that it is called with."""
    method = getattr(Autoencoder, name)
    sides: list[int] = []

    def limited(vae: Autoencoder, x: Tensor) -> Tensor:
        sides.append(x.shape[-1])
        if x.shape[-1] * x.shape[-2] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return method(vae, x)

    monkeypatch.setattr(Autoencoder, name, limited)
    return sides


def test_tiles_get_smaller_until_they_fit(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tiny)
    latent = torch.randn(4, 72, 40, generator=torch.Generator().manual_seed(2))
    sides = short_of_memory(monkeypatch, "decode", 32 * 32)
    assert decode(model, latent).shape == (3, 72 * 8, 40 * 8)
    assert sides[:3] == [40, 40, 32]
    short_of_memory(monkeypatch, "decode", 10)
    with pytest.raises(NotPossibleNow, match="not enough memory for the VAE"):
        decode(model, latent)


def test_other_errors_pass(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(vae: Autoencoder, x: Tensor) -> Tensor:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Autoencoder, "decode", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        decode(model_of(tiny), LATENT)


@pytest.mark.parametrize("size", [(7, 5), (64, 64), (65, 130), (100, 64)])
@pytest.mark.parametrize("ratio", [Fraction(2), Fraction(1, 2)])
def test_tiles_cover_the_picture(size: tuple[int, int], ratio: Fraction) -> None:
    """A network that looks at nothing around gives with tiles what it gives without, to the last pixel."""
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))

    def network(part: Tensor) -> Tensor:
        if ratio > 1:
            return torch.nn.functional.interpolate(part, scale_factor=2.0, mode="nearest")
        return torch.nn.functional.avg_pool2d(part, 2)

    assert torch.allclose(tiled(network, x, 32, 8, ratio), network(x), atol=1e-6)
    assert torch.allclose(tiled(network, x, 32, 8, ratio, wraps=True), network(x), atol=1e-6)


@pytest.fixture(scope="module")
def starter() -> LatentDiffusion:
    return model_of(Checkpoint(STARTER, "starter", STARTER.name))


def scene(side: int) -> Tensor:
    """A picture with large shapes, `[1, 3, side, side]`."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, side)] * 2, indexing="ij")
    hill = (y > 0.3 * torch.sin(3 * x)).float()
    return torch.stack([x * 0.5, hill - 0.5, y * 0.6])[None]


@torch.inference_mode()
def test_no_seam_is_seen(starter: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    latent = encode(starter, scene(640)[..., :512, :])[0]
    whole = decode(starter, latent)
    short_of_memory(monkeypatch, "decode", 64 * 64)
    pieces = decode(starter, latent)
    off = (pieces - whole) / 2 * 255
    # a seam is a step in the difference from one pixel to the next, all along a line where a tile begins or ends
    steps = off.diff(dim=2).mean(dim=1).abs()
    for line in (16 * 8, 64 * 8):
        assert steps[:, line - 2 : line + 2].max() < 2


@torch.inference_mode()
def test_tiled_encoding_is_close(starter: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = scene(768)[..., :512, :]
    whole = encode(starter, picture)
    short_of_memory(monkeypatch, "encode", 512 * 512)
    assert (encode(starter, picture) - whole).abs().mean() < 0.15 * whole.std()


def test_edges_still_fit_together_in_tiles(tiny: Checkpoint) -> None:
    model = model_of(tiny)
    latent = torch.randn(1, 4, 20, 20, generator=torch.Generator().manual_seed(4))
    with circular_convolutions(model.vae), torch.inference_mode():
        here = tiled(model.vae.decode, latent, 16, 4, Fraction(8), wraps=True)
        rolled = tiled(model.vae.decode, latent.roll(10, -1), 16, 4, Fraction(8), wraps=True)
    assert here.shape == (1, 3, 160, 160)
    assert (here.roll(80, -1) - rolled).abs().mean() < 0.2 * here.std()


# -- sampling -----------------------------------------------------------------------------------------------


def test_a_batch_that_is_too_large_is_sampled_in_halves(
    tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(CheckpointCatalogue((), tiny.path.with_name("cache"), (tiny.path,)), choose)
    engine = Engine(store)
    wanted = TextToImage(prompt="a cat", seed=5, steps=3, width=64, height=48, batch_size=3, save=False)
    request = check(replace(wanted, sampler="Euler a"), store)
    whole = list(engine.run(request, Unwatched()))
    forward, most = UNet.forward, 2

    def limited(unet: UNet, x: Tensor, *others: Tensor) -> Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(unet, x, *others)

    monkeypatch.setattr(UNet, "forward", limited)
    halves = list(engine.run(request, Unwatched()))
    for one, other in zip(whole, halves, strict=True):
        a, b = (torch.from_numpy(np.array(each.image).astype(int)) for each in (one, other))
        assert (a - b).abs().max() <= 1
    most = 0
    with pytest.raises(NotPossibleNow, match="not enough memory for 64x48 in batches of 3"):
        list(engine.run(request, Unwatched()))
