"""Schedules of sigmas: how the noise falls over the steps. All are computed on the CPU in float32.

Sources: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022); Sabour et al.,
"Align Your Steps" (2024), for KL Optimal too; Lee et al., "Beta Sampling is All You Need" (2024); Polyak et al.,
"Movie Gen" (2024), section 3.4.2, for Linear Quadratic; Sauer et al., "Adversarial Diffusion Distillation" (2023) for
Turbo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from modules.sampling.catalogue import BETA_ALPHA, BETA_BETA, find_scheduler
from modules.sampling.kdiffusion import sampling


class ModelSigmas:
    """The sigmas that a model was trained with, and the way between sigmas and (fractional) timesteps.

    Args:
        sigmas: rising, `[T]`.
        sdxl: the model is of SDXL's kind, for which Align Your Steps has values of its own.
    """

    def __init__(self, sigmas: Tensor, sdxl: bool = False) -> None:
        self.sdxl = sdxl
        self.sigmas = sigmas.float().cpu()
        self.log_sigmas = self.sigmas.log()

    @property
    def minimum(self) -> float:
        """The smallest sigma."""
        return self.sigmas[0].item()

    @property
    def maximum(self) -> float:
        """The largest sigma."""
        return self.sigmas[-1].item()

    def to_timestep(self, sigma: Tensor) -> Tensor:
        """Fractional timesteps of sigmas `[N]`, by interpolation of their logarithms."""
        logs = self.log_sigmas.to(sigma.device)
        position = torch.searchsorted(logs, sigma.log(), right=True) - 1
        low = position.clamp(0, len(logs) - 2)
        share = (logs[low] - sigma.log()) / (logs[low] - logs[low + 1])
        share = share.clamp(0, 1)
        return (1 - share) * low + share * (low + 1)

    def to_sigma(self, timestep: Tensor) -> Tensor:
        """Sigmas of (fractional) timesteps `[N]`."""
        logs = self.log_sigmas.to(timestep.device)
        timestep = timestep.float()
        low, high = timestep.floor().long(), timestep.ceil().long()
        share = timestep.frac()
        return ((1 - share) * logs[low] + share * logs[high]).exp()

    def finish(self, denoised: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """What becomes of a prediction before it is used: nothing, except for consistency models."""
        return denoised


@dataclass(frozen=True)
class Ends:
    """Where a schedule begins and ends, and how it bends.

    Args: rho: of Karras' schedule, or None for its own.
    """

    minimum: float
    maximum: float
    rho: float | None = None


def _with_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _timestep(model: ModelSigmas, sigma: float) -> Tensor:
    return model.to_timestep(torch.tensor([sigma]))[0]


def _uniform(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    return _with_zero(model.to_sigma(torch.linspace(len(model.sigmas) - 1, 0, steps)))


def _karras(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    return sampling().get_sigmas_karras(steps, ends.minimum, ends.maximum, rho=ends.rho or 7.0)


def _exponential(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    return sampling().get_sigmas_exponential(steps, ends.minimum, ends.maximum)


def _polyexponential(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    return sampling().get_sigmas_polyexponential(steps, ends.minimum, ends.maximum, rho=ends.rho or 1.0)


def _sgm_uniform(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    first, last = _timestep(model, ends.maximum), _timestep(model, ends.minimum)
    return _with_zero(model.to_sigma(torch.linspace(first.item(), last.item(), steps + 1)[:-1]))


def _normal(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    first, last = _timestep(model, ends.maximum), _timestep(model, ends.minimum)
    return _with_zero(model.to_sigma(torch.linspace(first.item(), last.item(), steps)))


def _kl_optimal(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    share = torch.arange(steps + 1) / steps
    low, high = torch.tensor(ends.minimum).atan(), torch.tensor(ends.maximum).atan()
    return (share * low + (1 - share) * high).tan()


ALIGN_YOUR_STEPS = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
"""The published values for SD1 and ten steps."""
ALIGN_YOUR_STEPS_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)
"""Those for SDXL."""


def interpolated(values: Sequence[float], steps: int) -> Tensor:
    """Falling sigmas above zero as a schedule of so many steps, with the zero after them: `[steps + 1]`.

    Where there are as many values as steps they are taken as they are, else they are interpolated: the logarithm of
    sigma is linear between the values, the first one and the last one stay (one step takes the first).
    """
    if len(values) == steps or steps == 1:
        return _with_zero(torch.tensor(values[:steps], dtype=torch.float32))
    rising = np.log(np.array(values[::-1]))
    places = np.linspace(0, 1, steps)
    sigmas = np.exp(np.interp(places, np.linspace(0, 1, len(rising)), rising))[::-1]
    return _with_zero(torch.from_numpy(sigmas.copy()).float())


def _align_your_steps(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    """The published values, interpolated log-linearly to so many."""
    return interpolated(ALIGN_YOUR_STEPS_SDXL if model.sdxl else ALIGN_YOUR_STEPS, steps)


def _simple(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    stride = len(model.sigmas) / steps
    return _with_zero(torch.stack([model.sigmas[-(1 + int(i * stride))] for i in range(steps)]))


def _ddim(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    stride = max(len(model.sigmas) // steps, 1)
    return _with_zero(model.sigmas[1::stride].flip(0))


def _beta(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    from scipy import stats

    quantiles = 1 - torch.linspace(0, 1, steps, dtype=torch.float64)
    shares = torch.from_numpy(stats.beta.ppf(quantiles.numpy(), BETA_ALPHA, BETA_BETA)).float()
    return _with_zero(ends.minimum + shares * (ends.maximum - ends.minimum))


LINEAR_SHARE = 0.025
"""How far the slow first half of Linear Quadratic goes."""


def _linear_quadratic(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    """Straight and slow through the first half of the steps, then along a parabola that continues it smoothly.

    It was made for flow matching, whose time `t` runs from 1 to 0 where latents are `(1 - t) * clean + t * noise`. In
    that time it is used here: `sigma = t / (1 - t)`, from the `t` of the largest sigma on.
    """
    straight = steps // 2
    curved = steps - straight
    slope = LINEAR_SHARE / straight if straight else 0.0
    begun = LINEAR_SHARE if straight else 0.0
    past = torch.arange(curved, dtype=torch.float64)
    parabola = begun + slope * past + (1 - begun - slope * curved) * (past / curved) ** 2
    done = torch.cat([slope * torch.arange(straight, dtype=torch.float64), parabola])
    t = (1 - done) * ends.maximum / (1 + ends.maximum)
    return _with_zero(t / (1 - t))


def _turbo(steps: int, model: ModelSigmas, ends: Ends) -> Tensor:
    """Timesteps at equal distances, from the last one on: 999, 749, 499, 249 for four steps."""
    total = len(model.sigmas)
    timesteps = (total - torch.arange(steps, dtype=torch.float64) * total / steps).round() - 1
    return _with_zero(model.sigmas[timesteps.long()])


_FUNCTIONS: dict[str, Callable[[int, ModelSigmas, Ends], Tensor]] = {
    "uniform": _uniform,
    "karras": _karras,
    "exponential": _exponential,
    "polyexponential": _polyexponential,
    "sgm_uniform": _sgm_uniform,
    "kl_optimal": _kl_optimal,
    "align_your_steps": _align_your_steps,
    "simple": _simple,
    "normal": _normal,
    "ddim": _ddim,
    "beta": _beta,
    "linear_quadratic": _linear_quadratic,
    "turbo": _turbo,
}


def sigmas(
    name: str, steps: int, model: ModelSigmas, discard_next_to_last: bool = False, ends: Ends | None = None
) -> Tensor:
    """The schedule `name` (see `catalogue.SCHEDULERS`) for so many steps: falling, usually `[steps + 1]`.

    Args:
        discard_next_to_last: make it for one step more and leave out the next-to-last sigma.
        ends: other ends than the model's; schedules that follow the model's timesteps don't heed them.
    """
    ends = ends or Ends(model.minimum, model.maximum)
    function = find_scheduler(name).call or _FUNCTIONS[name]
    result = function(steps + discard_next_to_last, model, ends)
    if discard_next_to_last:
        result = torch.cat([result[:-2], result[-1:]])
    return result.float()
