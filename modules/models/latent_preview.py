"""Pictures of latents while they are sampled, in three ways: a linear map, TAESD, the VAE itself.

The linear map costs nothing and is fitted to the model's own VAE. The VAE's latents are close to a small, coarse
picture in other colours; least squares over a few decoded random latents finds which. So every family, and every VAE,
has its own map, and no table of numbers is needed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.faults import BadFile
from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.tiny_autoencoder import TinyDecoder

log = logging.getLogger(__name__)

Method = Literal["Linear", "TAESD", "Full"]
_TAESD_FILES = {0.18215: "taesd_decoder", 0.13025: "taesdxl_decoder"}
"""By the scale of the latents, which tells SDXL's VAE from that of SD1 and SD2."""
_TAESD_SUFFIXES = (".safetensors", ".pth", ".pt")


class LatentPreview(Protocol):
    """A way to see latents."""

    def __call__(self, latents: Tensor) -> Tensor:
        """Latents `[B, 4, h, w]` -> pictures `[B, 3, h', w']` in -1..1, on the CPU, of any size."""


class LatentColours:
    """The linear map of one VAE.

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


class TinyPreview:
    """TAESD."""

    def __init__(self, decoder: TinyDecoder) -> None:
        self._decoder = decoder

    @torch.inference_mode()
    def __call__(self, latents: Tensor) -> Tensor:
        """Latents `[B, 4, h, w]` -> pictures `[B, 3, 8h, 8w]` in -1..1."""
        weight = next(self._decoder.parameters())
        pictures = [self._decoder(one[None].to(weight)).float().cpu() for one in latents]
        return (torch.cat(pictures) * 2 - 1).clamp(-1, 1)


class FullPreview:
    """The VAE itself: exact, and as slow as the last step of a picture."""

    def __init__(self, vae: Autoencoder) -> None:
        self._vae = vae

    @torch.inference_mode()
    def __call__(self, latents: Tensor) -> Tensor:
        """Latents `[B, 4, h, w]` -> pictures `[B, 3, 8h, 8w]` in -1..1."""
        parameter = next(self._vae.parameters())
        pictures = [self._vae.decode(one[None].to(parameter)).float().cpu() for one in latents]
        return torch.cat(pictures).clamp(-1, 1)


def latent_preview(method: Method, vae: Autoencoder, folder: Path | None = None) -> LatentPreview:
    """The way to see the latents of a VAE.

    Where TAESD has no file that fits, the linear map stands in, and the log says so.

    Args: folder: `models/VAE-approx`, with TAESD's files.
    """
    if method == "Full":
        return FullPreview(vae)
    path = taesd_file(vae.config, folder) if method == "TAESD" and folder is not None else None
    if path is not None:
        parameter = next(vae.parameters())
        try:
            return TinyPreview(TinyDecoder.load(path, parameter.device, parameter.dtype))
        except BadFile as error:
            log.warning("Previews are linear: %s", error)
    elif method == "TAESD":
        log.warning("Previews are linear: there is no TAESD file in %s that fits this model.", folder)
    return LatentColours.fit(vae)


def taesd_file(config: AutoencoderConfig, folder: Path) -> Path | None:
    """TAESD's file for the latents of this VAE; None where there is none, or the VAE is none of Stable Diffusion's."""
    published = AutoencoderConfig(scale=config.scale)
    name = _TAESD_FILES.get(config.scale)
    if name is None or config != published:
        return None
    paths = (folder / (name + suffix) for suffix in _TAESD_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)
