"""SA-Solver: a stochastic Adams method of order 3, as predictor and corrector, one call of the model a step.

Source: Xue et al., "SA-Solver: Stochastic Adams Solver for Fast Sampling of Diffusion Models" (2023).

With `lambda = -log sigma` and the denoised latent `D`, the reverse SDE with noise of strength `tau` is solved by

    x' = exp(-a h) x + integral of a exp(-a (lambda' - lambda)) D(lambda) + sigma' sqrt(1 - exp(-2 tau^2 h)) noise

where `a = 1 + tau^2` and `h = lambda' - lambda`. The predictor takes for `D` the polynomial through the latest
predictions; the corrector takes in the one at the new point too, which is the next step's anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from modules.sampling.kdiffusion import sampling
from modules.sampling.linear_multistep import weighted_sum

Model = Callable[..., Tensor]
Callback = Callable[[dict[str, Any]], None]

ORDER = 3
NOISE_FROM, NOISE_TO = 1.0, 0.05
"""Between these sigmas noise is added, as the paper does."""


def sa_solver(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Args: eta: the strength `tau` of the noise; 0 solves the ODE."""
    ones = x.new_ones([len(x)])
    places: list[float] = []
    history: list[Tensor] = []
    latest: Tensor | None = None
    """What the step before came from: its start with its noise, without the integral."""
    last_step = (0.0, 0.0)
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        if callback is not None:
            callback({"i": i, "x": x, "sigma": now, "sigma_hat": now, "denoised": denoised})
        if following == 0:
            return denoised
        here = -math.log(float(now))
        places, history = [here, *places[: ORDER - 1]], [denoised, *history[: ORDER - 1]]
        if latest is not None:
            h, tau = last_step
            x = latest + weighted_sum(_weights(places, here, h, tau), history)
        h = math.log(float(now) / float(following))
        tau = eta if NOISE_TO < float(now) <= NOISE_FROM else 0.0
        latest = math.exp(-(1 + tau**2) * h) * x
        if tau > 0:
            spread = float(following) * math.sqrt(-math.expm1(-2 * tau**2 * h)) * s_noise
            latest = latest + spread * sampling().torch.randn_like(x)
        x = latest + weighted_sum(_weights(places, here + h, h, tau), history)
        last_step = (h, tau)
    return x


def _weights(places: list[float], end: float, h: float, tau: float) -> list[float]:
    """The integral over the step that ends at `end`, for each Lagrange polynomial through `places`."""
    a = 1 + tau**2
    # of a * exp(a u) * u^k over u from -h to 0, where u is the distance from the end
    moments = [-math.expm1(-a * h)]
    for k in range(1, len(places)):
        moments.append(-math.exp(-a * h) * (-h) ** k - k / a * moments[-1])
    weights = []
    for i, place in enumerate(places):
        others = [other - end for j, other in enumerate(places) if j != i]
        polynomial = np.poly1d(others, r=True) / math.prod(place - end - other for other in others)
        coefficients = np.atleast_1d(polynomial.coeffs)[::-1]
        weights.append(float(sum(c * m for c, m in zip(coefficients, moments, strict=True))))
    return weights
