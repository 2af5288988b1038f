"""Colours straight from latents: a linear map that costs nothing, fitted to the model's own VAE.

The VAE's latents are close to a small, coarse picture in other colours; least squares over a few decoded random
latents finds which. So every family, and every VAE, has its own map, and no table of numbers is needed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.models.autoencoder import Autoencoder


class LatentColours:
    """The map of one VAE.

    Args: matrix: `[5, 3]`: weights of the four latent channels, then the constant.
    """

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix

    @classmethod
    @torch.inference_mode()
    def fit(cls, vae: Autoencoder, side: int = 16, seed: int = 0) -> LatentColours:
        """Fit the map: smooth random latents `[1, 4, side, side]`, decoded, against their mean colour a cell."""
        parameter = next(vae.parameters())
        channels, cell = vae.config.latent_channels, vae.config.downscale
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.randn(1, channels, side // 4, side // 4, generator=generator)
        latents = F.interpolate(coarse, size=(side, side), mode="bilinear")
        decoded = vae.decode(latents.to(parameter)).float().cpu().clamp(-1, 1)
        colours = F.avg_pool2d(decoded, cell)[0].flatten(1).T
        inputs = torch.cat([latents[0].flatten(1).T, torch.ones(side * side, 1)], dim=1)
        return cls(torch.linalg.lstsq(inputs, colours).solution)

    def __call__(self, latents: Tensor) -> Tensor:
        """Latents `[B, 4, h, w]` -> colours `[B, 3, h, w]` in -1..1."""
        latents = latents.float().cpu()
        colours = (
            torch.einsum("bchw,cd->bdhw", latents, self._matrix[:-1]) + self._matrix[-1][None, :, None, None]
        )
        return colours.clamp(-1, 1)
