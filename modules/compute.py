"""Which device computes, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Compute:
    """The device and the precision of each part of a model.

    Args: device: "cpu", "cuda", "cuda:1", "mps"; unet, vae, text: the dtypes of the weights.
    """

    device: torch.device
    unet: torch.dtype
    vae: torch.dtype
    text: torch.dtype


def choose(device: str | None = None) -> Compute:
    """The best device there is, with half precision where it is exact and fast enough.

    On a CPU everything is float32. The VAE of many checkpoints overflows in float16, so on a GPU it is bfloat16
    where the GPU has it, else float32.
    """
    import torch

    if device is None:
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
        else:
            device = "cpu"
    where = torch.device(device)
    if where.type != "cuda":
        return Compute(where, torch.float32, torch.float32, torch.float32)
    vae = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return Compute(where, torch.float16, vae, torch.float16)
