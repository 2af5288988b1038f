"""What the models that read a picture are told of it: the extra channels of the U-Net, or its vector.

Sources: Rombach et al. 2022 (inpainting: mask and masked picture); Brooks et al., "InstructPix2Pix" (2023); the model
cards of Stable Diffusion 2 (depth; x4 upscaler) and 2.1 unCLIP (Ramesh et al. 2022).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.faults import NotSupported
from modules.generation.batch import Batch
from modules.generation.guidance import PictureCondition
from modules.models.placement import placed

DEFAULT_IMAGE_CFG_SCALE = 1.5
UPSCALER_NOISE_LEVEL = 20


@torch.inference_mode()
def without_picture(batch: Batch, width: int, height: int) -> PictureCondition:
    """For pictures from a prompt alone, of this size in pixels.

    Raises: NotSupported: the model can't do without a picture.
    """
    model = batch.session.model
    cell = model.vae.config.downscale
    size = (height // cell, width // cell)
    zeros = torch.zeros(1, 4, *size, device=model.compute.device)
    match model.family.picture:
        case "inpainting":
            grey = torch.zeros(1, 3, size[0] * cell, size[1] * cell)
            return PictureCondition(torch.cat([torch.ones_like(zeros[:, :1]), batch.encode(grey)], dim=1))
        case "edit":
            return PictureCondition(zeros, scale=1.0)
        case "depth":
            return PictureCondition(zeros[:, :1])
        case "upscale":
            raise NotSupported(f"{model.checkpoint.name} makes pictures larger. Give it a picture (img2img).")
    if model.family.vector == "image":
        vector = torch.zeros(1, model.unet.config.vector_width or 0, device=model.compute.device)
        return PictureCondition(vector=vector, negative_vector=vector)
    return PictureCondition()


@torch.inference_mode()
def from_picture(
    batch: Batch,
    pixels: Tensor,
    latents: Tensor,
    mask: Tensor | None = None,
    mask_weight: float = 1.0,
    image_cfg_scale: float | None = None,
) -> PictureCondition:
    """For pictures that begin with a picture.

    Args:
        pixels: `[B, 3, H, W]` in -1..1; latents: what the VAE made of them.
        mask: `[H, W]`, 1 where the picture is made anew; None: everywhere.
        mask_weight: how surely an inpainting model doesn't see what is under the mask.
    """
    model = batch.session.model
    size = latents.shape[-2:]
    match model.family.picture:
        case "inpainting":
            return PictureCondition(_masked(batch, pixels, size, mask, mask_weight))
        case "edit":
            # the picture's latent as the VAE has it, unscaled
            scale = DEFAULT_IMAGE_CFG_SCALE if image_cfg_scale is None else image_cfg_scale
            return PictureCondition(latents / model.vae.config.scale, scale=scale)
        case "depth":
            from modules.models.depth_estimator import depth_condition

            assert model.depth is not None
            with placed(model, "depth"):
                depth = model.depth.estimate(pixels)
            return PictureCondition(depth_condition(depth, *size))
        case "upscale":
            return _small_picture(batch, pixels, size)
    if model.family.vector == "image":
        assert model.image_encoder is not None and model.noise_augmentation is not None
        with placed(model, "image"):
            seen = model.image_encoder.encode(pixels)
        vector = model.noise_augmentation.augment(seen, 0, torch.zeros_like(seen))
        return PictureCondition(vector=vector, negative_vector=torch.zeros_like(vector))
    return PictureCondition()


def _masked(batch: Batch, pixels: Tensor, size: torch.Size, mask: Tensor | None, weight: float) -> Tensor:
    """Mask and masked picture, `[B, 5, h, w]`."""
    mask = torch.ones(pixels.shape[-2:]) if mask is None else mask
    mask = mask.to(pixels)[None, None]
    masked = torch.lerp(pixels, pixels * (1 - mask), weight)
    latents = batch.encode(masked)
    small = F.interpolate(mask, size=size).to(latents)
    return torch.cat([small.expand(len(latents), -1, -1, -1), latents], dim=1)


def _small_picture(batch: Batch, pixels: Tensor, size: torch.Size) -> PictureCondition:
    """The picture that is made larger, at the latent's size, with the noise that the x4 upscaler was trained with."""
    model = batch.session.model
    small = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(-1, 1)
    noise = torch.stack([_noise(batch.request.seed_of(n), small.shape) for n in batch.numbers]).to(small)
    signal = model.alphas_cumprod[UPSCALER_NOISE_LEVEL].to(small)
    noisy = signal.sqrt() * small + (1 - signal).sqrt() * noise
    level = torch.tensor([UPSCALER_NOISE_LEVEL], device=small.device)
    return PictureCondition(noisy, vector=level, negative_vector=level)


def _noise(seed: int, shape: torch.Size) -> Tensor:
    """Noise of a seed for one picture of `[B, C, h, w]`, of which the latent's own first noise knows nothing."""
    _, channels, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    # the four channels before these may be the noise that sampling begins with
    return torch.randn(4 + channels, height, width, generator=generator)[4:]
