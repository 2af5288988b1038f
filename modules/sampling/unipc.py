"""UniPC: a multistep predictor-corrector in the space of clean latents, order 3, with `B(h) = h`.

Source: Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models" (2023),
algorithms 5 to 8 (data prediction).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.sampling.denoiser import GuidedDenoiser
from modules.sampling.linear_multistep import weighted_sum
from modules.sampling.timestep_samplers import Callback, NoiseSource, signal_share

ORDER = 3


class _ContinuousTime:
    """The noise schedule over continuous time, `1/T` to 1: the logarithm of the signal is linear between timesteps."""

    def __init__(self, signal: Tensor) -> None:
        self._log_alpha = 0.5 * signal.double().log()
        self.total = len(signal)

    def log_alpha(self, t: float) -> float:
        """Logarithm of `sqrt(a)` at time `t`."""
        position = min(max(t * self.total - 1, 0.0), self.total - 1)
        low = min(int(position), self.total - 2)
        share = position - low
        return float((1 - share) * self._log_alpha[low] + share * self._log_alpha[low + 1])


@dataclass(frozen=True)
class _Moment:
    """A point of time: `alpha` and `sigma` of the variance-preserving latent, and half its log-SNR."""

    t: float
    alpha: float
    sigma: float
    log_snr: float


def _moment(time: _ContinuousTime, t: float) -> _Moment:
    log_alpha = time.log_alpha(t)
    alpha = math.exp(log_alpha)
    sigma = math.sqrt(max(1 - alpha**2, 1e-20))
    return _Moment(t, alpha, sigma, log_alpha - math.log(sigma))


def unipc(
    denoiser: GuidedDenoiser,
    x: Tensor,
    timesteps: list[int],
    noise: NoiseSource,
    callback: Callback,
    start: float = 1.0,
) -> Tensor:
    """Sample from `x` in as many steps as there are timesteps, uniform in time from `start` to `1/T`.

    Args: x: variance-preserving latents `[B, 4, h, w]`.
    """
    time = _ContinuousTime(signal_share(denoiser.sigmas))
    steps = len(timesteps)
    moments = [
        _moment(time, t)
        for t in torch.linspace(start, 1.0 / time.total, steps + 1, dtype=torch.float64).tolist()
    ]

    def clean_at(x: Tensor, moment: _Moment) -> Tensor:
        sigma = torch.tensor(moment.sigma / moment.alpha)
        return denoiser.of_variance_preserving(x, moment.alpha, sigma.to(x).expand(len(x)))

    history = [(moments[0], clean_at(x, moments[0]))]
    for step in range(1, steps + 1):
        order = min(ORDER, step, steps + 1 - step)  # fewer at the beginning and at the end
        x, clean = _step(x, history, moments[step], order, clean_at if step < steps else None)
        callback({"i": step - 1, "x": x, "denoised": history[-1][1] if clean is None else clean})
        if clean is not None:
            history = [*history[-(ORDER - 1) :], (moments[step], clean)]
    return x


def _step(
    x: Tensor,
    history: list[tuple[_Moment, Tensor]],
    target: _Moment,
    order: int,
    clean_at: Callable[[Tensor, _Moment], Tensor] | None,
) -> tuple[Tensor, Tensor | None]:
    """One step: predicted from the history, then corrected with the model's answer at the target (not in the last)."""
    now, clean_now = history[-1]
    h = target.log_snr - now.log_snr
    ratios, differences = [], []
    for moment, clean in reversed(history[-order:-1]):
        ratio = (moment.log_snr - now.log_snr) / h
        ratios.append(ratio)
        differences.append((clean - clean_now) / ratio)
    ratios.append(1.0)
    matrix, vector = _equations(ratios, -h)

    linear = target.sigma / now.sigma * x - target.alpha * math.expm1(-h) * clean_now
    predicted = linear
    if differences:
        weights = [0.5] if order == 2 else torch.linalg.solve(matrix[:-1, :-1], vector[:-1]).tolist()
        predicted = linear - target.alpha * -h * weighted_sum(weights, differences)
    if clean_at is None:
        return predicted, None
    clean = clean_at(predicted, target)
    weights = [0.5] if order == 1 else torch.linalg.solve(matrix, vector).tolist()
    correction = weighted_sum(weights, [*differences, clean - clean_now])
    return linear - target.alpha * -h * correction, clean


def _equations(ratios: list[float], h: float) -> tuple[Tensor, Tensor]:
    """The linear system whose solution are the weights of the differences (equation 10 of the paper)."""
    order = len(ratios)
    phi = math.expm1(h) / h - 1
    factorial = 1.0
    rows, values = [], []
    for k in range(1, order + 1):
        rows.append([ratio ** (k - 1) for ratio in ratios])
        values.append(phi * factorial / h)
        factorial *= k + 1
        phi = phi / h - 1 / factorial
    return torch.tensor(rows, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
