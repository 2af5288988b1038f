"""A checkpoint of the real SD1 layout with random weights, small enough to run in milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.unet import UNet, UNetConfig

UNET = UNetConfig(
    channels=32,
    multipliers=(1, 2),
    input_depths=((0,), (1,)),
    output_depths=((0, 0), (1, 1)),
    context_width=64,
)
VAE = AutoencoderConfig(channels=32, multipliers=(1, 1, 1, 1), residual_blocks=1)
TEXT = TextEncoderConfig(width=64, layers=2, heads=1, intermediate=128)


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    """The tensors of the checkpoint, fp16."""
    torch.manual_seed(seed)
    parts = (
        ("model.diffusion_model.", UNet(UNET)),
        ("first_stage_model.", Autoencoder(VAE)),
        ("cond_stage_model.transformer.text_model.", TextEncoder(TEXT).model),
    )
    return {
        prefix + name: weight.half().contiguous()
        for prefix, module in parts
        for name, weight in module.state_dict().items()
    }


def write(path: Path, seed: int = 0) -> Path:
    """Write the checkpoint to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"modelspec.title": "tiny", "modelspec.resolution": "64x48", "modelspec.usage_hint": ""}
    save_file(tensors(seed), path, metadata)
    return path
