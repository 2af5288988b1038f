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

    run = _Run(denoiser, noise, sampler, scheduler, steps, settings, callback)
    try:
        with picture_noise(noise.next):
            return Sampled(
                run.over_timesteps(first) if sampler.over_timesteps else run.over_sigmas(first), True
            )
    except Stopped:
        return Sampled(latest, False)


@dataclass(frozen=True)
class _Run:
    """One sampling: what is the same for all kinds of samplers."""

    denoiser: GuidedDenoiser
    noise: PictureNoise
    sampler: Sampler
    scheduler: Scheduler
    steps: int
    settings: SamplerSettings
    callback: Callable[[dict[str, Any]], None]

    def over_timesteps(self, x: Tensor) -> Tensor:
        """Samplers over the model's timesteps: they begin with the plain noise and know no schedule of sigmas."""
        timesteps = timesteps_for(self.steps, len(self.denoiser.sigmas.sigmas))
        eta = {"eta": self._eta()} if "eta" in self.sampler.takes else {}
        return self._function()(self.denoiser, x, timesteps, self.noise.next, self.callback, **eta)

    def over_sigmas(self, x: Tensor) -> Tensor:
        """Samplers over a schedule of sigmas: k-diffusion's, and ours in its signature."""
        denoiser, settings = self.denoiser, self.settings
        if self.sampler.function == "lcm":
            denoiser = denoiser.over(LcmSigmas(denoiser.sigmas))
        model = denoiser.sigmas
        ends = Ends(
            settings.sigma_min or model.minimum, settings.sigma_max or model.maximum, settings.rho or None
        )
        discard = settings.discard_next_to_last_sigma
        if discard is None:
            discard = self.sampler.discard_next_to_last
        schedule = effective_schedule(self.sampler, self.scheduler)
        sigmas = make_sigmas(schedule.name, self.steps, model, discard, ends).to(x.device)
        x = x * ((1 + sigmas[0] ** 2).sqrt() if settings.sgm_noise_multiplier else sigmas[0])
        arguments = self._arguments(model, x, sigmas)
        return self._function()(denoiser, x, callback=self.callback, disable=True, **arguments)

    def _function(self) -> Callable[..., Tensor]:
        return sampler_function(self.sampler)

    def _eta(self) -> float:
        return self.sampler.eta if self.settings.eta is None else self.settings.eta

    def _arguments(self, model: ModelSigmas, x: Tensor, sigmas: Tensor) -> dict[str, Any]:
        """The keyword arguments of the sampler's function."""
        sampler, settings = self.sampler, self.settings
        arguments: dict[str, Any] = dict(sampler.extra)
        if sampler.sigma_range:
            arguments |= {"sigma_min": model.minimum, "sigma_max": model.maximum}
            if sampler.function == "sample_dpm_fast":
                arguments["n"] = self.steps
        else:
            arguments["sigmas"] = sigmas
        if "eta" in sampler.takes:
            arguments["eta"] = self._eta()
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
            seeds = [each.seed for each in self.noise.seeds]
            tree = sampling().BrownianTreeNoiseSampler
            arguments["noise_sampler"] = tree(x, positive.min(), positive.max(), seed=seeds)
        return arguments


def sampler_function(sampler: Sampler) -> Callable[..., Tensor]:
    """The function of a line of the catalogue."""
    if sampler.origin == "k_diffusion":
        return getattr(sampling(), sampler.function)
    return getattr(import_module(f"modules.sampling.{sampler.origin}"), sampler.function)
