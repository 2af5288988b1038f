"""CFG++ for Euler and its ancestral form: guided towards the clean latent, renoised along the unguided prediction.

Source: Chung et al., "CFG++: Manifold-constrained Classifier Free Guidance for Diffusion Models" (2024).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import Tensor

from modules.sampling.denoiser import GuidedDenoiser
from modules.sampling.kdiffusion import sampling
from modules.sampling.timestep_samplers import CFG_PLUS_PLUS_SCALE

Callback = Callable[[dict[str, Any]], None]


def euler_cfg_pp(
    model: GuidedDenoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Euler steps; the CFG scale is divided by 12.5, as CFG++ wants it between 0 and 1."""
    return euler_ancestral_cfg_pp(model, x, sigmas, extra_args, callback, disable, eta=0.0)


def euler_ancestral_cfg_pp(
    model: GuidedDenoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Ancestral Euler steps; `eta` is the share of fresh noise."""
    model.keep_unguided(CFG_PLUS_PLUS_SCALE)
    ones = x.new_ones([len(x)])
    for i, (now, following) in enumerate(pairwise(sigmas)):
        denoised = model(x, now * ones, **(extra_args or {}))
        unguided = denoised if model.unguided is None else model.unguided
        if callback is not None:
            callback({"i": i, "x": x, "sigma": now, "sigma_hat": now, "denoised": denoised})
        down, up = sampling().get_ancestral_step(now, following, eta=eta)
        x = denoised + (x - unguided) / now * down
        if up > 0:
            x = x + sampling().torch.randn_like(x) * (s_noise * up)
    return x
