"""Sampling: from noise to a clean latent, with one of the samplers of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from modules.sampling.catalogue import Sampler, Scheduler, effective_schedule
from modules.sampling.denoiser import GuidedDenoiser
from modules.sampling.kdiffusion import picture_noise, sampling
from modules.sampling.noise import PictureNoise
from modules.sampling.own_samplers import LcmSigmas
from modules.sampling.schedules import Ends, ModelSigmas
from modules.sampling.schedules import sigmas as make_sigmas
from modules.sampling.timestep_samplers import timesteps_for


class Stopped(Exception):
    """Raised by the callback to end a sampling; `sample` then returns the latest denoised latents."""


@dataclass(frozen=True)
class SamplerSettings:
    """The finer settings; see `generation.requests.SamplingOptions`. None: the sampler's own default."""

    eta: float | None = None
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = 0.0
    s_noise: float = 1.0
    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    discard_next_to_last_sigma: bool | None = None
    sgm_noise_multiplier: bool = False


@dataclass(frozen=True)
class Sampled:
    """Args: latents: `[B, 4, h, w]`, scaled; complete: False where the sampling was ended early."""

    latents: Tensor
    complete: bool


StepCallback = Callable[[int, Tensor], None]
"""Called after each step with the number of steps done and the denoised latents; may raise `Stopped`."""


@torch.inference_mode()
def sample(
    denoiser: GuidedDenoiser,
    noise: PictureNoise,
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    settings: SamplerSettings = SamplerSettings(),
    on_step: StepCallback | None = None,
) -> Sampled:
    """Make latents from noise.

    Args:
        steps: how many steps; a sampler may call the denoiser more than once in each.
    """
    latest = first = noise.first()

    def callback(state: dict[str, Any]) -> None:
        nonlocal latest
        latest = state["denoised"]
        if on_step is not None:
            on_step(min(int(state["i"]) + 1, steps), latest)

    run = _over_timesteps if sampler.over_timesteps else _over_sigmas
    try:
        with picture_noise(noise.next):
            return Sampled(run(denoiser, first, noise, sampler, scheduler, steps, settings, callback), True)
    except Stopped:
        return Sampled(latest, False)


def _over_timesteps(
    denoiser: GuidedDenoiser,
    x: Tensor,
    noise: PictureNoise,
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    settings: SamplerSettings,
    callback: Callable[[dict[str, Any]], None],
) -> Tensor:
    """Samplers over the model's timesteps: they begin with the plain noise and know no schedule of sigmas."""
    arguments = (
        {"eta": sampler.eta if settings.eta is None else settings.eta} if "eta" in sampler.takes else {}
    )
    timesteps = timesteps_for(steps, len(denoiser.sigmas.sigmas))
    return _function(sampler)(denoiser, x, timesteps, noise.next, callback, **arguments)


def _over_sigmas(
    denoiser: GuidedDenoiser,
    x: Tensor,
    noise: PictureNoise,
    sampler: Sampler,
    scheduler: Scheduler,
    steps: int,
    settings: SamplerSettings,
    callback: Callable[[dict[str, Any]], None],
) -> Tensor:
    """Samplers over a schedule of sigmas: k-diffusion's, and ours in its signature."""
    if sampler.function == "lcm":
        denoiser = denoiser.over(LcmSigmas(denoiser.sigmas))
    discard = settings.discard_next_to_last_sigma
    sigmas = make_sigmas(
        effective_schedule(sampler, scheduler).name,
        steps,
        denoiser.sigmas,
        sampler.discard_next_to_last if discard is None else discard,
        _ends(settings, denoiser.sigmas),
    ).to(x.device)
    x = x * ((1 + sigmas[0] ** 2).sqrt() if settings.sgm_noise_multiplier else sigmas[0])
    arguments = _arguments(sampler, settings, denoiser, x, sigmas, noise, steps)
    return _function(sampler)(denoiser, x, callback=callback, disable=True, **arguments)


def _function(sampler: Sampler) -> Callable[..., Tensor]:
    """The function of a line of the catalogue."""
    if sampler.origin == "k_diffusion":
        return getattr(sampling(), sampler.function)
    return getattr(import_module(f"modules.sampling.{sampler.origin}"), sampler.function)


def _ends(settings: SamplerSettings, model: ModelSigmas) -> Ends:
    return Ends(
        settings.sigma_min or model.minimum, settings.sigma_max or model.maximum, settings.rho or None
    )


def _arguments(
    sampler: Sampler,
    settings: SamplerSettings,
    denoiser: GuidedDenoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: PictureNoise,
    steps: int,
) -> dict[str, Any]:
    """The keyword arguments of the sampler's function."""
    arguments: dict[str, Any] = dict(sampler.extra)
    if sampler.sigma_range:
        arguments |= {"sigma_min": denoiser.sigmas.minimum, "sigma_max": denoiser.sigmas.maximum}
        if sampler.function == "sample_dpm_fast":
            arguments["n"] = steps
    else:
        arguments["sigmas"] = sigmas
    if "eta" in sampler.takes:
        arguments["eta"] = sampler.eta if settings.eta is None else settings.eta
    if "s_noise" in sampler.takes:
        arguments["s_noise"] = settings.s_noise
    if "churn" in sampler.takes:
        arguments |= {
            "s_churn": settings.s_churn,
            "s_tmin": settings.s_tmin,
            "s_tmax": settings.s_tmax or float("inf"),
        }
    if sampler.brownian:
        positive = sigmas[sigmas > 0]
        seeds = [each.seed for each in noise.seeds]
        tree = sampling().BrownianTreeNoiseSampler
        arguments["noise_sampler"] = tree(x, positive.min(), positive.max(), seed=seeds)
    return arguments
