"""The CLIP image encoder inside Stable Diffusion 2.1 unCLIP checkpoints: a picture to one vector.

Sources: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021); the way of
resizing is kornia's, which the checkpoints were trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.depth_estimator import fill
from modules.models.image_encoder_keys import to_transformers, tower_config

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and deviation of the colours (red, green, blue in 0..1) that CLIP was trained with."""


class ImageEncoder:
    """Pictures to CLIP's image embeddings; see `encode`.

    Args: network: transformers' `CLIPVisionModelWithProjection`. It may be moved between devices.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @property
    def width(self) -> int:
        """Width of the embedding: 1024 in the H model, 768 in the L model."""
        network: Any = self.network
        return int(network.config.projection_dim)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """What is seen.

        Args: pixels: `[B, 3, H, W]` in -1..1, of any size. A picture that isn't square is squeezed, not cropped.

        Returns:
            float32 `[B, width]`, not normalised: unCLIP uses the embedding as it is.
        """
        network: Any = self.network
        weight = next(network.parameters())
        resized = resize(pixels.float(), network.config.image_size)
        mean, std = (resized.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return network(pixel_values=(((resized + 1) / 2 - mean) / std).to(weight)).image_embeds.float()


def load_image_encoder(
    tensors: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> ImageEncoder:
    """The image encoder of a checkpoint.

    Args:
        tensors: the checkpoint's tensors under `embedder.`, with or without that prefix (CLIP's names), or a
            `diffusers` folder's `image_encoder` (transformers' names).

    Raises: KeyError, ValueError: tensors are missing or have the wrong shape. The caller knows the file.
    """
    from transformers import CLIPVisionModelWithProjection

    weights = to_transformers(tensors)
    config = tower_config(weights)
    with torch.device("meta"):
        network = CLIPVisionModelWithProjection(config)
    fill(network, weights, device, dtype)
    # The one buffer that no checkpoint holds, so the meta device has to be left by hand.
    embeddings = network.vision_model.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions, device=device).expand(1, -1)
    return ImageEncoder(network)


def resize(pixels: Tensor, side: int) -> Tensor:
    """`[B, C, H, W]` -> `[B, C, side, side]`: bicubic, with the corner pixels kept in the corners.

    Where a side shrinks it is blurred first, by a Gaussian of half the shrinking. This is what kornia's `resize` does
    with `antialias` and `align_corners`, and not what PyTorch's `antialias` does.
    """
    for dim in (-2, -1):
        deviation = (pixels.shape[dim] / side - 1) / 2
        if deviation > 0:
            pixels = _blur(pixels, dim, deviation)
    return F.interpolate(pixels, size=(side, side), mode="bicubic", align_corners=True)


def _blur(pixels: Tensor, dim: int, deviation: float) -> Tensor:
    """Gaussian blur along one side, cut off at two deviations, mirrored at the edges."""
    taps = int(max(4 * deviation, 3)) | 1  # an odd number
    reach = taps // 2
    distance = torch.arange(-reach, reach + 1, dtype=torch.float32, device=pixels.device)
    # A softmax is exponentials divided by their sum, so this is the Gaussian with a sum of 1.
    kernel = torch.softmax(-(distance**2) / (2 * deviation**2), dim=0).to(pixels)
    shape, padding = ((taps, 1), (0, 0, reach, reach)) if dim == -2 else ((1, taps), (reach, reach, 0, 0))
    channels = pixels.shape[1]
    weight = kernel.reshape(1, 1, *shape).expand(channels, 1, *shape)
    return F.conv2d(F.pad(pixels, padding, mode="reflect"), weight, groups=channels)
