"""The noise schedule that a checkpoint was trained with.

Sources: Ho et al., "Denoising Diffusion Probabilistic Models" (2020); Lin et al., "Common Diffusion Noise
Schedules and Sample Steps Are Flawed" (2023) for the terminal SNR of zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

TIMESTEPS = 1000


def alphas_cumprod(start: float = 0.00085, end: float = 0.012, steps: int = TIMESTEPS) -> Tensor:
    """The share of signal left after each timestep, float32 `[steps]`: betas linear in their square root."""
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, dim=0).float()


def sigmas(alphas: Tensor) -> Tensor:
    """Noise levels relative to the signal, `sqrt((1 - a) / a)`: `[steps]`, rising."""
    return ((1 - alphas) / alphas) ** 0.5
