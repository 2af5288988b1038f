"""Stage 4: one safetensors file in the layout of an SD1 checkpoint, fp16."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import save_file

from modules.models.autoencoder import Autoencoder
from modules.models.noise_schedule import alphas_cumprod
from tools.starter.diffusion_training import Denoiser

EXAMPLES = (
    "a watercolor painting of a fox in a snowy forest at dusk",
    "a red house in a meadow by day",
    "a lighthouse on a beach at sunset",
    "a castle on the hills at night, starry sky",
)


def metadata(size: int, world: int = 1) -> dict[str, str]:
    """The `modelspec` fields: title, resolution, licence, example prompts; and the world that it was trained on."""
    return {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "sgm",
        "modelspec.title": "Easel starter",
        "modelspec.author": "The Easel project",
        "modelspec.description": (
            "A very small latent diffusion model of drawn picture-book scenes. It ships with Easel, so that the "
            "first picture needs no download; it knows a few dozen words."
        ),
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": f"{size}x{size}",
        "easel.world": str(world),
        "modelspec.prediction_type": "epsilon",
        "modelspec.usage_hint": "Example prompts: " + " | ".join(EXAMPLES),
    }


def export(vae: Autoencoder, denoiser: Denoiser, path: Path, size: int, world: int = 1) -> None:
    """Write the checkpoint; the VAE's scale must have been folded into it."""
    tensors = {"alphas_cumprod": alphas_cumprod()}
    parts = (
        ("model.diffusion_model.", denoiser.unet.state_dict()),
        ("first_stage_model.", vae.state_dict()),
        ("cond_stage_model.transformer.text_model.", denoiser.text.model.state_dict()),
    )
    for prefix, weights in parts:
        tensors |= {
            prefix + name: w.detach().to("cpu", torch.float16).contiguous() for name, w in weights.items()
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata(size, world))
    os.replace(temporary, path)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")
