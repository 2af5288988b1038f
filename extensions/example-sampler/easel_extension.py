"""A sampler: Euler's method, with the slope averaged over the last two steps. Shows `samplers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modules.plugins.hooks import Me, Sampler, hookimpl


def averaged_euler(
    model: Callable[..., Tensor],
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    disable: bool | None = None,
) -> Tensor:
    before = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * x.new_ones(len(x)), **(extra_args or {}))
        slope = (x - denoised) / sigmas[i]
        if callback is not None:
            callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        used = slope if before is None or sigmas[i + 1] == 0 else 1.5 * slope - 0.5 * before
        x, before = x + used * (sigmas[i + 1] - sigmas[i]), slope
    return x


@hookimpl
def samplers(me: Me) -> list[Sampler]:
    return [Sampler("Averaged Euler", averaged_euler, schedule="Karras", aliases=("example_averaged_euler",))]
