"""The noise schedule that a checkpoint was trained with.

Sources: Ho et al., "Denoising Diffusion Probabilistic Models" (2020); Lin et al., "Common Diffusion Noise
Schedules and Sample Steps Are Flawed" (2023) for the terminal SNR of zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

TIMESTEPS = 1000
_NEARLY_NOTHING = 4.8973451890853435e-08
"""The share of signal that stands for none at the last timestep: zero would make its sigma infinite."""


def alphas_cumprod(start: float = 0.00085, end: float = 0.012, steps: int = TIMESTEPS) -> Tensor:
    """The share of signal left after each timestep, float32 `[steps]`: betas linear in their square root."""
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, dim=0).float()


def zero_terminal_snr(alphas: Tensor) -> Tensor:
    """The schedule stretched so that nothing of the signal is left at the last timestep (Lin et al., algorithm 1)."""
    roots = alphas.double().sqrt()
    first, last = roots[0], roots[-1]
    stretched = ((roots - last) * first / (first - last)) ** 2
    stretched[-1] = _NEARLY_NOTHING
    return stretched.float()


def sigmas(alphas: Tensor) -> Tensor:
    """Noise levels relative to the signal, `sqrt((1 - a) / a)`: `[steps]`, rising."""
    return ((1 - alphas) / alphas) ** 0.5
