"""Samplers that k-diffusion doesn't have, in its signature: Restart and LCM.

Sources: Xu et al., "Restart Sampling for Improving Generative Processes" (2023); Luo et al., "Latent Consistency
Models" (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from torch import Tensor

from modules.sampling.kdiffusion import append_dims, sampling
from modules.sampling.schedules import ModelSigmas

Model = Callable[..., Tensor]
Callback = Callable[[dict[str, Any]], None]

RESTART_FROM, RESTART_TO = 2.0, 0.1
LCM_TIMESTEPS = 50
LCM_SIGMA_DATA = 0.5
LCM_TIMESTEP_SCALE = 10.0


def restart(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    s_noise: float = 1.0,
) -> Tensor:
    """Heun steps that go back up to a higher sigma with fresh noise, once or twice, and down again."""
    ones = x.new_ones([len(x)])
    extra_args = extra_args or {}
    for i, (now, following) in enumerate(_restart_steps(sigmas)):
        if now < following:
            x = x + sampling().torch.randn_like(x) * s_noise * (following**2 - now**2) ** 0.5
            continue
        denoised = model(x, now * ones, **extra_args)
        slope = (x - denoised) / now
        if callback is not None:
            callback({"x": x, "i": i, "sigma": now, "sigma_hat": now, "denoised": denoised})
        ahead = x + slope * (following - now)
        if following > 0:
            denoised = model(ahead, following * ones, **extra_args)
            slope = (slope + (ahead - denoised) / following) / 2
            ahead = x + slope * (following - now)
        x = ahead
    return x


def _restart_steps(sigmas: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of sigmas to go between; where the second is the larger, noise is added."""
    steps = len(sigmas) - 1
    times, length = (0, 0) if steps < 20 else (1, 9) if steps < 36 else (2, steps // 4)
    if times == 0:
        yield from pairwise(sigmas)
        return
    karras = sampling().get_sigmas_karras
    base = karras(steps - length * times, sigmas[-2].item(), sigmas[0].item(), device=sigmas.device)
    low = int((base - RESTART_TO).abs().argmin())
    high = int((base - RESTART_FROM).abs().argmin())
    again = karras(length + 1, base[low].item(), base[high].item(), device=sigmas.device)[:-1]
    for i in range(len(base) - 1):
        yield base[i], base[i + 1]
        if i + 1 == low and high < low:
            for _ in range(times):
                yield base[low], again[0]
                yield from pairwise(again)


class LcmSigmas(ModelSigmas):
    """The fifty noise levels that a latent consistency model was distilled for: every 20th timestep from 999 down."""

    def __init__(self, model: ModelSigmas) -> None:
        self.stride = len(model.sigmas) // LCM_TIMESTEPS
        super().__init__(model.sigmas[self.stride - 1 :: self.stride], model.sdxl)

    def to_timestep(self, sigma: Tensor) -> Tensor:
        """The nearest of the fifty timesteps (of the model's thousand)."""
        distances = sigma.log()[:, None] - self.log_sigmas.to(sigma.device)[None]
        return distances.abs().argmin(dim=1) * self.stride + self.stride - 1

    def finish(self, denoised: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """The boundary condition of consistency models: at timestep 0 the function is the identity."""
        t = append_dims(self.to_timestep(sigma).to(x), x.ndim) * LCM_TIMESTEP_SCALE
        skip = LCM_SIGMA_DATA**2 / (t**2 + LCM_SIGMA_DATA**2)
        return denoised * t / (t**2 + LCM_SIGMA_DATA**2).sqrt() + x * skip


def lcm(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Multistep consistency sampling: to the clean latent, then up to the next noise level.

    Args: model: a denoiser over `LcmSigmas`.
    """
    ones = x.new_ones([len(x)])
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        if callback is not None:
            callback({"x": x, "i": i, "sigma": now, "sigma_hat": now, "denoised": denoised})
        x = denoised
        if following > 0:
            x = x + following * sampling().torch.randn_like(x)
    return x
