"""Multistep samplers that k-diffusion doesn't have, in its signature: IPNDM, DEIS, RES, ER-SDE.

Each remembers what the denoiser said before, so it asks once a step. They differ in what they take for a polynomial:
the slope `d = (x - D) / sigma` over sigma (IPNDM, DEIS), or the denoised latent `D` over log sigma (RES) or sigma
(ER-SDE).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from modules.sampling.kdiffusion import sampling
from modules.sampling.linear_multistep import ADAMS_BASHFORTH, weighted_sum

Model = Callable[..., Tensor]
Callback = Callable[[dict[str, Any]], None]
MAX_ORDER = 3


def _tell(callback: Callback | None, i: int, x: Tensor, sigma: Tensor, denoised: Tensor) -> None:
    if callback is not None:
        callback({"i": i, "x": x, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})


def ipndm(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Adams-Bashforth of order up to 4 with the weights of equal steps (Zhang & Chen 2022, "iPNDM")."""
    ones = x.new_ones([len(x)])
    history: list[Tensor] = []
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        _tell(callback, i, x, now, denoised)
        if following == 0:
            return denoised
        history = [(x - denoised) / now, *history[:3]]
        weights = ADAMS_BASHFORTH[len(history) - 1]
        x = x + (following - now) * weighted_sum(weights, history)
    return x


def deis(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Adams-Bashforth with the weights of the real steps: the polynomial through the slopes, integrated exactly.

    Source: Zhang & Chen, "Fast Sampling of Diffusion Models with Exponential Integrator" (2022), rho-AB-DEIS.
    """
    ones = x.new_ones([len(x)])
    history: list[Tensor] = []
    places: list[float] = []
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        _tell(callback, i, x, now, denoised)
        if following == 0:
            return denoised
        history = [(x - denoised) / now, *history[: MAX_ORDER - 1]]
        places = [float(now), *places[: MAX_ORDER - 1]]
        x = x + weighted_sum(_lagrange_integrals(places, float(now), float(following)), history)
    return x


def _lagrange_integrals(places: list[float], start: float, end: float) -> list[float]:
    """The integral from `start` to `end` of each Lagrange polynomial through `places`."""
    integrals = []
    for i, place in enumerate(places):
        others = [other for k, other in enumerate(places) if k != i]
        polynomial = np.poly1d(others, r=True) / math.prod(place - other for other in others)
        antiderivative = polynomial.integ()
        integrals.append(float(antiderivative(end) - antiderivative(start)))
    return integrals


def res_multistep(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Exponential integrator of order 2 over log sigma (Zhang et al. 2023, "Refined Exponential Solver").

    With `D` linear in `-log sigma`: `x' = exp(-h) x + h (phi1(-h) D + h phi2(-h) slope)`.
    """
    ones = x.new_ones([len(x)])
    before: tuple[float, Tensor] | None = None
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        _tell(callback, i, x, now, denoised)
        if following == 0:
            return denoised
        h = math.log(float(now) / float(following))
        phi1 = -math.expm1(-h) / h
        phi2 = (1 - phi1) / h
        x = math.exp(-h) * x + h * phi1 * denoised
        if before is not None:
            last_h, last = before
            x = x + h * h * phi2 / last_h * (denoised - last)
        before = (h, denoised)
    return x


def er_sde(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    s_noise: float = 1.0,
) -> Tensor:
    """Extended reverse-time SDE of order 2 with the paper's noise scale `f(s) = s (exp(s^0.3) + 10)`.

    Source: Cui et al., "Elucidating the Solution Space of Extended Reverse-Time SDE for Diffusion Models" (2023).
    """

    def scale(sigma: float) -> float:
        return sigma * (math.exp(sigma**0.3) + 10)

    ones = x.new_ones([len(x)])
    before: tuple[float, Tensor] | None = None
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        _tell(callback, i, x, now, denoised)
        if following == 0:
            return denoised
        s, t = float(now), float(following)
        ratio = scale(t) / scale(s)
        new = ratio * x + (1 - ratio) * denoised
        if before is not None:
            last_sigma, last = before
            points = np.linspace(t, s, 201)
            integral = float(np.trapezoid(1 / (points * (np.exp(points**0.3) + 10)), points))
            new = new + (t - s + scale(t) * integral) * (denoised - last) / (s - last_sigma)
        noise = math.sqrt(max(t * t - s * s * ratio * ratio, 0.0))
        x = new + sampling().torch.randn_like(x) * (s_noise * noise)
        before = (s, denoised)
    return x
