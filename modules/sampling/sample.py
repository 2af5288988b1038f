"""Sampling: from noise to a clean latent, with one of the samplers of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from modules.sampling.catalogue import Sampler, Scheduler, effective_schedule
from modules.sampling.denoiser import GuidedDenoiser
from modules.sampling.kdiffusion import picture_noise, sampling
from modules.sampling.noise import PictureNoise
from modules.sampling.own_samplers import LcmSigmas
from modules.sampling.schedules import Ends, ModelSigmas, interpolated
from modules.sampling.schedules import sigmas as make_sigmas
from modules.sampling.timestep_samplers import signal_share, timesteps_for


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
    custom_sigmas: tuple[float, ...] = ()


@dataclass(frozen=True)
class Sampled:
    """Args: latents: `[B, 4, h, w]`, scaled; complete: False where the sampling was ended early."""

    latents: Tensor
    complete: bool


@dataclass(frozen=True)
class Start:
    """Sampling that begins with a picture and not with noise alone.

    Args:
        latents: the picture's, `[1 or B, 4, h, w]`.
        steps: how many of the schedule's steps are done, less one ("t_enc").
        noise_multiplier: the noise on it is so much stronger.
        extra_noise: more noise, as a share.
    """

    latents: Tensor
    steps: int
    noise_multiplier: float = 1.0
    extra_noise: float = 0.0

    @classmethod
    def of_strength(cls, latents: Tensor, strength: float, steps: int, **options: float) -> Start:
        """Args: strength: 0 to 1: the share of the steps that is done."""
        return cls(latents, int(min(strength, _FULL_STRENGTH) * steps), **options)


_FULL_STRENGTH = 0.999


def exact_steps(strength: float, steps: int) -> int:
    """The length of a schedule of which a strength (above 0) leaves just `steps` steps."""
    return int(steps / min(strength, _FULL_STRENGTH))


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
    start: Start | None = None,
) -> Sampled:
    """Make latents from noise, or from a picture with noise.

    Args:
        steps: how many steps the schedule has; a sampler may call the denoiser more than once in each.
        start: the picture to begin with; then only the last steps of the schedule are done.
    """
    latest = first = noise.first()
    if start is not None:
        first = first * start.noise_multiplier
        latest = start.latents.expand_as(first)
    to_do = steps if start is None else start.steps + 1

    def callback(state: dict[str, Any]) -> None:
        nonlocal latest
        latest = state["denoised"]
        if on_step is not None:
            on_step(min(int(state["i"]) + 1, to_do), latest)

    run = _Run(denoiser, noise, sampler, scheduler, steps, settings, callback, start)
    try:
        with picture_noise(noise.next):
            sampled = Sampled(
                run.over_timesteps(first) if sampler.over_timesteps else run.over_sigmas(first), True
            )
    except Stopped:
        sampled = Sampled(latest, False)
    return replace(sampled, latents=denoiser.blended(sampled.latents, None, denoiser.calls))


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
    start: Start | None

    def over_timesteps(self, noise: Tensor) -> Tensor:
        """Samplers over the model's timesteps: they begin with the plain noise and know no schedule of sigmas."""
        total = len(self.denoiser.sigmas.sigmas)
        timesteps = timesteps_for(self.steps, total)
        arguments: dict[str, Any] = {"eta": self._eta()} if "eta" in self.sampler.takes else {}
        x = noise
        if self.start is not None:
            signal = signal_share(self.denoiser.sigmas)[timesteps[self.start.steps]]
            amount = (1 - signal).sqrt() + signal.sqrt() * self.start.extra_noise
            x = signal.sqrt() * self.start.latents + amount * noise
            x = self._with_other_extra_noise(x, noise, self.start, signal.sqrt())
            timesteps = timesteps[: self.start.steps]
            if self.sampler.function == "unipc" and timesteps:
                arguments["start"] = (timesteps[-1] + 1) / total
        x = self.denoiser.points.starting(x, noise)
        return self._function()(self.denoiser, x, timesteps, self.noise.next, self.callback, **arguments)

    def over_sigmas(self, noise: Tensor) -> Tensor:
        """Samplers over a schedule of sigmas: k-diffusion's, and ours in its signature."""
        denoiser, settings = self.denoiser, self.settings
        if self.sampler.function == "lcm":
            denoiser = denoiser.over(LcmSigmas(denoiser.sigmas))
        model = denoiser.sigmas
        sigmas = self._schedule(model).to(noise.device)
        if self.start is None:
            part = sigmas
            x = noise * ((1 + sigmas[0] ** 2).sqrt() if settings.sgm_noise_multiplier else sigmas[0])
        else:
            part = sigmas[max(self.steps - self.start.steps - 1, 0) :]
            x = self.start.latents + noise * (part[0] + self.start.extra_noise)
            x = self._with_other_extra_noise(x, noise, self.start)
        x = denoiser.points.starting(x, noise)
        arguments = self._arguments(model, x, sigmas, part)
        return self._function()(denoiser, x, callback=self.callback, disable=True, **arguments)

    def _with_other_extra_noise(
        self, x: Tensor, noise: Tensor, start: Start, signal: Tensor | float = 1.0
    ) -> Tensor:
        """The beginning `x` with what the pass's points make of the extra noise that is in it."""
        if start.extra_noise == 0:
            return x
        given = self.denoiser.points.extra_noise(noise.clone(), start.latents)
        # exactly `x` where it is the same noise, and no GPU is asked whether it is
        return x + (given - noise) * (signal * start.extra_noise)

    def _schedule(self, model: ModelSigmas) -> Tensor:
        """The whole schedule, `[steps + 1]`: the user's own, or that of this name."""
        settings = self.settings
        if settings.custom_sigmas:
            return interpolated(settings.custom_sigmas, self.steps)
        ends = Ends(
            settings.sigma_min or model.minimum, settings.sigma_max or model.maximum, settings.rho or None
        )
        discard = settings.discard_next_to_last_sigma
        if discard is None:
            discard = self.sampler.discard_next_to_last
        schedule = effective_schedule(self.sampler, self.scheduler)
        return make_sigmas(schedule.name, self.steps, model, discard, ends)

    def _function(self) -> Callable[..., Tensor]:
        return sampler_function(self.sampler)

    def _eta(self) -> float:
        return self.sampler.eta if self.settings.eta is None else self.settings.eta

    def _arguments(self, model: ModelSigmas, x: Tensor, sigmas: Tensor, part: Tensor) -> dict[str, Any]:
        """The keyword arguments of the sampler's function.

        Args: part: the sigmas that are left to do.
        """
        sampler, settings = self.sampler, self.settings
        arguments: dict[str, Any] = dict(sampler.extra)
        if sampler.sigma_range:
            if self.start is None:
                arguments |= {"sigma_min": model.minimum, "sigma_max": model.maximum}
            else:
                arguments |= {"sigma_min": part[-2].item(), "sigma_max": part[0].item()}
            if sampler.function == "sample_dpm_fast":
                arguments["n"] = self.steps if self.start is None else len(part) - 1
        else:
            arguments["sigmas"] = part
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
    if sampler.call is not None:
        return sampler.call
    if sampler.origin == "k_diffusion":
        return getattr(sampling(), sampler.function)
    return getattr(import_module(f"modules.sampling.{sampler.origin}"), sampler.function)
