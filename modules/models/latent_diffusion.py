"""A loaded model: text encoders, U-Net and VAE of one checkpoint, with what sampling must know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.compute import Compute
from modules.models.autoencoder import Autoencoder
from modules.models.catalogue import Checkpoint
from modules.models.families import Family, Prediction
from modules.models.text_encoder import TextEncoder
from modules.models.unet import UNet
from modules.models.vae_catalogue import VaeFile

if TYPE_CHECKING:
    from torch import Tensor

    from modules.models.depth_estimator import DepthEstimator
    from modules.models.image_encoder import ImageEncoder
    from modules.models.noise_augmentation import NoiseAugmentation


@dataclass(frozen=True)
class TextTower:
    """A text encoder and how it is read.

    Args:
        layer: which layer's output is taken, counted from the end; None: "CLIP skip" decides.
        final_norm: whether the final layer norm is applied to it.
        pad: the token that fills a chunk up after its end token.
        pooled: whether its pooled output is part of the conditioning.
    """

    encoder: TextEncoder
    layer: int | None
    final_norm: bool
    pad: int
    pooled: bool


@dataclass(frozen=True)
class LatentDiffusion:
    """The networks of one checkpoint, ready on their device.

    Args:
        texts: the text encoders; their vectors are joined along the width.
        alphas_cumprod: float32 `[1000]` on the CPU: the noise schedule that the U-Net was trained with.
        prediction: what the U-Net predicts.
        vae_file: the file that the VAE is from, where it isn't the checkpoint's own.
        depth, image_encoder, noise_augmentation: the helpers of the families that condition on a picture.
    """

    checkpoint: Checkpoint
    family: Family
    compute: Compute
    texts: tuple[TextTower, ...]
    unet: UNet
    vae: Autoencoder
    alphas_cumprod: Tensor
    prediction: Prediction
    vae_file: VaeFile | None = None
    depth: DepthEstimator | None = None
    image_encoder: ImageEncoder | None = None
    noise_augmentation: NoiseAugmentation | None = None
