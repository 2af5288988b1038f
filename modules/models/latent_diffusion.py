"""A loaded model: text encoder, U-Net and VAE of one checkpoint, with what sampling must know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.compute import Compute
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import Checkpoint
from modules.models.families import Family
from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LatentDiffusion:
    """The networks of one checkpoint, ready on their device.

    Args:
        alphas_cumprod: float32 `[1000]` on the CPU: the noise schedule that the U-Net was trained with.
    """

    checkpoint: Checkpoint
    family: Family
    compute: Compute
    text_encoder: TextEncoder
    unet: UNet
    vae: Autoencoder
    alphas_cumprod: Tensor
