"""TAESD's decoder: latents to pictures through a small network, in a fraction of the VAE's time.

Source: Bohan, "Tiny AutoEncoder for Stable Diffusion" (2023). The files are `taesd_decoder.pth` and
`taesdxl_decoder.pth` (or `.safetensors`), with the original names or those of diffusers.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from modules.faults import BadFile
from modules.models.checkpoint_file import read_tensors

WIDTH = 64
BLOCKS = (3, 3, 3, 1)
"""Residual blocks at each size, the smallest first; between them the size doubles."""
_NAME = re.compile(r"(?P<diffusers>decoder\.layers\.)?(?P<place>\d+)\.(?P<rest>.+)")


class _Clamp(nn.Module):
    """Soft limits for latents that are far out."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class _Block(nn.Module):
    """Three convolutions with a residual: `[B, 64, h, w]` -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(_convolution(), nn.ReLU(), _convolution(), nn.ReLU(), _convolution())
        self.fuse = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(self.conv(x) + x)


def _convolution(inputs: int = WIDTH, outputs: int = WIDTH, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)


class TinyDecoder(nn.Sequential):
    """The U-Net's scaled latents `[B, C, h, w]` -> pictures `[B, 3, 8h, 8w]` in about 0..1."""

    def __init__(self, latent_channels: int = 4) -> None:
        layers: list[nn.Module] = [_Clamp(), _convolution(latent_channels), nn.ReLU()]
        for blocks in BLOCKS[:-1]:
            layers += [_Block() for _ in range(blocks)]
            layers += [nn.Upsample(scale_factor=2), _convolution(bias=False)]
        layers += [_Block() for _ in range(BLOCKS[-1])]
        super().__init__(*layers, _convolution(outputs=3))

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TinyDecoder:
        """Read the decoder from a file.

        Raises: BadFile: it can't be read, or holds no such decoder.
        """
        weights = _with_original_names(read_tensors(path))
        first = weights.get("1.weight")
        if first is None or first.ndim != 4:
            raise BadFile(path, "it holds no TAESD decoder.")
        decoder = cls(first.shape[1])
        try:
            decoder.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadFile(path, f"it holds no TAESD decoder that fits ({reason}).") from error
        decoder.eval().requires_grad_(False)
        return decoder.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _with_original_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's tensors under the original names; diffusers counts its layers without the clamp."""
    named = {}
    for name, weight in weights.items():
        if found := _NAME.fullmatch(name):
            place = int(found["place"]) + (1 if found["diffusers"] else 0)
            named[f"{place}.{found['rest']}"] = weight
    return named
