"""Stage 1: the VAE, trained on random crops of the scenes, then scaled so that its latents have variance 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from tools.starter.dataset import SceneSet
from tools.starter.optimizers import MatrixOptimizer, Rates
from tools.starter.pixels import to_pixels
from tools.starter.training_state import Checkpoints, Training, autocast, device

CONFIG = AutoencoderConfig(channels=32, multipliers=(1, 1, 2, 4), residual_blocks=1)
RATES = Rates(matrices=3e-3, rest=1e-3)
DECODER_RATES = Rates(matrices=1.5e-3, rest=5e-4)
DECODER_MSE = 10.0
"""Weight of the squared error where the decoder alone is trained on: by then the edges are there."""
AVERAGE = 0.998
KL_WEIGHT = 1e-4


def _crops(scenes: SceneSet, count: int, size: int, rng: np.random.Generator) -> Tensor:
    """Random crops, mirrored half of the time: `[count, 3, size, size]`."""
    limit = scenes.pictures.shape[1] - size
    crops = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        n, x, y = rng.integers(len(scenes.pictures)), rng.integers(limit + 1), rng.integers(limit + 1)
        crop = scenes.pictures[n, y : y + size, x : x + size]
        crops[i] = crop[:, ::-1] if rng.random() < 0.5 else crop
    return to_pixels(crops)


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(output: Tensor, target: Tensor, mse: float = 1.0) -> Tensor:
    """L1, MSE (so much of it) and the L1 of the pixel differences (edges)."""
    edges = sum(F.l1_loss(a, b) for a, b in zip(_gradients(output), _gradients(target), strict=True))
    return F.l1_loss(output, target) + mse * F.mse_loss(output, target) + edges


def train(scenes: SceneSet, folder: Path, steps: int, batch: int, crop: int = 64) -> None:
    """Train (or go on training) until `steps`; the state is in `folder/vae.pt`."""
    where = device()
    torch.manual_seed(1)
    vae = Autoencoder(CONFIG).to(where)
    training = Training(vae, MatrixOptimizer(vae, RATES), folder / "vae.pt", AVERAGE)
    for step, meter in training.steps(steps, "vae"):
        rng = np.random.default_rng((7, step))
        pixels = _crops(scenes, batch, crop, rng).to(where)
        with autocast(where):
            mean, log_variance = vae.moments(pixels)
            latents = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            output = vae.decoder(vae.post_quant_conv(latents)).float()
        loss = reconstruction_loss(output, pixels)
        kl = 0.5 * (mean.float() ** 2 + log_variance.float().exp() - 1 - log_variance.float()).mean()
        training.learn(loss + KL_WEIGHT * kl)
        meter.add(loss=loss, kl=kl, mse=F.mse_loss(output, pixels))


def train_decoder(scenes: SceneSet, folder: Path, steps: int, batch: int, crop: int = 128) -> None:
    """Train the decoder alone, so that latents (and U-Nets trained on them) stay what they are.

    The state is in `folder/decoder.pt`; it begins with the VAE in `folder/vae.pt`. It sees whole pictures, as it will
    later: the attention in its middle then has all of one to look at, and its borders are real ones.
    """
    where = device()
    torch.manual_seed(3)
    vae = load(folder).requires_grad_(False)
    decoder = _decoding_part(vae).requires_grad_(True)
    training = Training(decoder, MatrixOptimizer(decoder, DECODER_RATES), folder / "decoder.pt", AVERAGE)
    for step, meter in training.steps(steps, "decoder"):
        pixels = _crops(scenes, batch, crop, np.random.default_rng((13, step))).to(where)
        with autocast(where):
            with torch.no_grad():
                latents = vae.moments(pixels)[0]
            output = vae.decoder(vae.post_quant_conv(latents)).float()
        loss = reconstruction_loss(output, pixels, DECODER_MSE)
        training.learn(loss)
        meter.add(loss=loss, mse=F.mse_loss(output, pixels))


def _decoding_part(vae: Autoencoder) -> nn.ModuleList:
    return nn.ModuleList([vae.post_quant_conv, vae.decoder])


def load(folder: Path) -> Autoencoder:
    """The trained VAE (its moving average), not yet scaled."""
    saved = Checkpoints(folder / "vae.pt").load()
    if saved is None:
        raise SystemExit(f"There is no trained VAE in {folder}: run the stage 'vae' first.")
    vae = Autoencoder(CONFIG)
    vae.load_state_dict(saved["average"])
    if further := Checkpoints(folder / "decoder.pt").load():
        _decoding_part(vae).load_state_dict(further["average"])
    return vae.eval().to(device())


@torch.inference_mode()
def latents_of(vae: Autoencoder, scenes: SceneSet, batch: int = 16) -> Tensor:
    """Unscaled latent means of all scenes: fp16 `[N, 4, h, w]` on the CPU."""
    where = device()
    parts = []
    for i in range(0, len(scenes.pictures), batch):
        pixels = to_pixels(scenes.pictures[i : i + batch]).to(where)
        with autocast(where):
            parts.append(vae.moments(pixels)[0].half().cpu())
    return torch.cat(parts)


@torch.no_grad()
def fold_scale(vae: Autoencoder, mean: Tensor, deviation: Tensor) -> None:
    """Change the 1x1 convolutions so that `encode` gives latents of mean 0 and variance 1 in every channel.

    Args: mean, deviation: `[4]`, of the unscaled latents, before this change.
    """
    factor = 1.0 / (deviation * vae.config.scale)
    channels = vae.config.latent_channels
    encode, decode = vae.quant_conv, vae.post_quant_conv
    assert encode.bias is not None and decode.bias is not None
    encode.weight[:channels] *= factor[:, None, None, None]
    encode.bias[:channels] = (encode.bias[:channels] - mean) * factor
    encode.bias[channels:] += 2 * torch.log(factor)  # the log-variances
    decode.bias += (decode.weight[:, :, 0, 0] * mean).sum(1)
    decode.weight /= factor[None, :, None, None]


@torch.inference_mode()
def psnr(vae: Autoencoder, scenes: SceneSet, batch: int = 16) -> float:
    """Mean peak signal-to-noise ratio of the reconstructions, in dB."""
    where, values = device(), []
    for i in range(0, len(scenes.pictures), batch):
        pixels = to_pixels(scenes.pictures[i : i + batch]).to(where)
        output = vae.decode(vae.encode(pixels)).clamp(-1, 1)
        mse = ((output - pixels) / 2).square().flatten(1).mean(1)
        values.append(-10 * torch.log10(mse))
    return torch.cat(values).mean().item()
