"""Samplers that walk over the model's own timesteps: DDIM, DDIM CFG++ and PLMS.

They work on variance-preserving latents, `sqrt(a) * clean + sqrt(1 - a) * noise`, with `a` the share of signal
(`alphas_cumprod`), while the denoiser speaks of `clean + sigma * noise`. `NoisePrediction` stands between the two.

Sources: Song et al., "Denoising Diffusion Implicit Models" (2020); Liu et al., "Pseudo Numerical Methods for Diffusion
Models on Manifolds" (2022); Chung et al., "CFG++" (2024).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modules.sampling.denoiser import GuidedDenoiser
from modules.sampling.linear_multistep import ADAMS_BASHFORTH, weighted_sum
from modules.sampling.schedules import ModelSigmas

Callback = Callable[[dict[str, Any]], None]
NoiseSource = Callable[[], Tensor]

CFG_PLUS_PLUS_SCALE = 1 / 12.5
"""CFG++ wants a scale between 0 and 1; this makes the usual 12.5 its 1."""


def timesteps_for(steps: int, total: int = 1000) -> list[int]:
    """Timesteps rising, every `total // steps`-th from 1 on: often one or more than `steps`."""
    return [min(t + 1, total - 1) for t in range(0, total, max(total // steps, 1))]


class NoisePrediction:
    """The noise that the model sees in a variance-preserving latent."""

    def __init__(self, denoiser: GuidedDenoiser) -> None:
        self._denoiser = denoiser
        self.signal = signal_share(denoiser.sigmas)

    def __call__(self, x: Tensor, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Args: signal: the share of signal in `x`. Returns the noise and the clean latent."""
        sigma = ((1 - signal) / signal).sqrt()
        clean = self._denoiser.of_variance_preserving(x, signal.sqrt(), sigma.to(x).expand(len(x)))
        return (x / signal.sqrt() - clean) / sigma, clean


def signal_share(sigmas: ModelSigmas) -> Tensor:
    """`alphas_cumprod` of the model: `1 / (1 + sigma^2)`, float32 `[T]`."""
    return 1 / (1 + sigmas.sigmas**2)


def ddim(
    denoiser: GuidedDenoiser,
    x: Tensor,
    timesteps: list[int],
    noise: NoiseSource,
    callback: Callback,
    eta: float = 0.0,
) -> Tensor:
    """DDIM; with `eta` 1 it is DDPM's ancestral sampling. From the last timestep down to the first."""
    predict = NoisePrediction(denoiser)
    for i, index in enumerate(reversed(range(1, len(timesteps)))):
        a, a_prev = predict.signal[timesteps[index]], predict.signal[timesteps[index - 1]]
        direction, clean = predict(x, a)
        if denoiser.unguided is not None:  # CFG++: renoised along the unguided prediction
            direction = (x - a.sqrt() * denoiser.unguided) / (1 - a).sqrt()
        deviation = eta * ((1 - a_prev) / (1 - a) * (1 - a / a_prev)).sqrt()
        x = a_prev.sqrt() * clean + (1 - a_prev - deviation**2).clamp(min=0).sqrt() * direction
        if deviation > 0:
            x = x + deviation * noise()
        callback({"i": i, "x": x, "denoised": clean})
    return x


def ddim_cfg_pp(
    denoiser: GuidedDenoiser,
    x: Tensor,
    timesteps: list[int],
    noise: NoiseSource,
    callback: Callback,
    eta: float = 0.0,
) -> Tensor:
    """DDIM with CFG++: guided towards the clean latent, but renoised along the unguided prediction."""
    denoiser.keep_unguided(CFG_PLUS_PLUS_SCALE)
    return ddim(denoiser, x, timesteps, noise, callback, eta)


def plms(
    denoiser: GuidedDenoiser, x: Tensor, timesteps: list[int], noise: NoiseSource, callback: Callback
) -> Tensor:
    """PLMS: linear multistep over the noise predictions, begun with a pseudo improved Euler step (two calls)."""
    predict = NoisePrediction(denoiser)

    def moved(x: Tensor, direction: Tensor, index: int) -> tuple[Tensor, Tensor]:
        a, a_prev = predict.signal[timesteps[index]], predict.signal[timesteps[index - 1]]
        clean = (x - (1 - a).sqrt() * direction) / a.sqrt()
        return a_prev.sqrt() * clean + (1 - a_prev).sqrt() * direction, clean

    history: list[Tensor] = []
    for i, index in enumerate(reversed(range(1, len(timesteps)))):
        direction, _ = predict(x, predict.signal[timesteps[index]])
        if not history:
            ahead, _ = moved(x, direction, index)
            after, _ = predict(ahead, predict.signal[timesteps[index - 1]])
            combined = (direction + after) / 2
        else:
            latest = [direction, *history[:3]]
            combined = weighted_sum(ADAMS_BASHFORTH[len(latest) - 1], latest)
        history = [direction, *history[:2]]
        x, clean = moved(x, combined, index)
        callback({"i": i, "x": x, "denoised": clean})
    return x
