"""Orders of convergence: on a model whose answer is known, each solver's error falls as its paper promises.

The data are a mixture of two Gaussians in each coordinate, whose best denoiser is known in closed form, so the
probability-flow ODE can be solved to any precision. Half the steps of a solver of order p give 2^p times its error.
"""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from torch import Tensor

from modules.models.noise_schedule import alphas_cumprod
from modules.models.noise_schedule import sigmas as model_sigmas
from modules.sampling.catalogue import resolve
from modules.sampling.sample import sampler_function
from modules.sampling.schedules import ModelSigmas

MEANS, DEVIATION = (-0.8, 1.1), 0.6
START, END = 8.0, 0.4


class Mixture:
    """The denoiser of the mixture, in k-diffusion's terms."""

    sigmas = ModelSigmas(model_sigmas(alphas_cumprod()))
    unguided: Tensor | None = None

    def keep_unguided(self, scale_factor: float) -> None:
        """CFG++ without guidance is the plain sampler."""

    def __call__(self, x: Tensor, sigma: Tensor, **_: object) -> Tensor:
        s = sigma.to(x).view(-1, *[1] * (x.ndim - 1))
        variance = DEVIATION**2 + s**2
        weights = torch.softmax(torch.stack([-((x - m) ** 2) / (2 * variance) for m in MEANS]), dim=0)
        means = torch.stack([(x * DEVIATION**2 + m * s**2) / variance for m in MEANS])
        return (weights * means).sum(0)


def solve(name: str, steps: int, **options: object) -> Tensor:
    """From START to END in so many geometric steps, in float64."""
    x = torch.linspace(-3, 3, 64, dtype=torch.float64).view(1, 1, 8, 8) * START
    sigmas = torch.exp(torch.linspace(math.log(START), math.log(END), steps + 1, dtype=torch.float64))
    function = sampler_function(resolve(name, "Automatic")[0])
    return function(Mixture(), x, sigmas, disable=True, **options)


@cache
def exact_solution() -> Tensor:
    """Heun's method in so many steps that its error is far below that of the others."""
    return solve("Heun", 3200)


ORDERS = [
    ("Euler", 1, {}),
    ("Euler CFG++", 1, {}),
    ("Euler a", 1, {"eta": 0.0}),
    ("Heun", 2, {}),
    ("DPM2", 2, {}),
    ("DPM++ 2S a", 2, {"eta": 0.0}),
    ("DPM++ 2M", 2, {}),
    ("DPM++ SDE", 2, {"eta": 0.0}),
    ("DPM++ 2M SDE", 2, {"eta": 0.0}),
    ("DPM++ 3M SDE", 2, {"eta": 0.0}),  # of order 3 but for its first two steps, which decide the whole
    ("RES multistep", 2, {}),
    ("DEIS", 3, {}),
    ("LMS", 3, {}),
    ("SA-Solver", 3, {"eta": 0.0}),
    ("Restart", 2, {}),
]


@pytest.mark.parametrize(("name", "order", "options"), ORDERS, ids=[case[0] for case in ORDERS])
def test_error_falls_with_the_promised_order(name: str, order: int, options: dict[str, object]) -> None:
    options = dict(options)
    if options.get("eta") == 0.0 and "SDE" in name:
        options["noise_sampler"] = lambda *_: 0.0
    exact = exact_solution()
    coarse, fine = (16, 19) if name == "Restart" else (40, 80)
    errors = [(solve(name, steps, **options) - exact).abs().max().item() for steps in (coarse, fine)]
    measured = math.log(errors[0] / errors[1]) / math.log(fine / coarse)
    assert measured == pytest.approx(order, abs=0.45) or measured > order, (
        f"order {measured:.2f}, errors {errors}"
    )
    assert errors[1] < 0.2
