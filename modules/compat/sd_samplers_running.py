"""Sampling that an extension runs itself (`p.sampler.sample(...)`), on the program's own denoiser and samplers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from modules.compat.older_options import state
from modules.compat.sd_conditions import conditioning_of, guidance_of
from modules.compat.sd_model_text import usable
from modules.faults import NotPossibleNow
from modules.generation.batch import model_sigmas, windows_of
from modules.generation.options import SamplingOptions
from modules.models.placement import placed
from modules.sampling.catalogue import Sampler as Line
from modules.sampling.catalogue import Scheduler, effective_schedule, find_scheduler, resolve
from modules.sampling.denoiser import GuidedDenoiser, LatentMask
from modules.sampling.predictor import Predictor
from modules.sampling.sample import SamplerSettings, Start, Stopped, sample
from modules.sampling.schedules import ModelSigmas
from modules.sampling.schedules import sigmas as make_sigmas
from modules.sampling.windows import Windows

if TYPE_CHECKING:
    from modules.compat.sd_samplers_common import Sampler
    from modules.models.latent_diffusion import LatentDiffusion


class ModelWrap:
    """The model without guidance in k-diffusion's terms: called with `clean + sigma * noise`, it gives the clean.

    Args: sigmas: the noise levels; model: None: only these; windows: in which it sees large latents.
    """

    def __init__(self, sigmas: ModelSigmas, model: Any = None, windows: Windows | None = None) -> None:
        self.ours = sigmas
        self.inner_model = model
        self.windows = windows
        self.sigmas, self.log_sigmas = sigmas.sigmas, sigmas.log_sigmas
        self.quantize = False

    @classmethod
    def of(cls, model: Any) -> ModelWrap:
        """That of an `SdModel`. Raises: NotPossibleNow: there is no model."""
        if model is None:
            raise NotPossibleNow("No model is loaded. Load a checkpoint first.")
        return cls(model_sigmas(model.loaded, SamplingOptions()), model)

    @property
    def sigma_min(self) -> Tensor:
        """The smallest noise level."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """The largest."""
        return self.sigmas[-1]

    def sigma_to_t(self, sigma: Tensor, quantize: bool | None = None) -> Tensor:
        """Timesteps of noise levels; whole ones if `quantize`."""
        flat = self.ours.to_timestep(sigma.reshape(-1)).reshape(sigma.shape)
        return flat.round() if quantize else flat

    def t_to_sigma(self, t: Tensor) -> Tensor:
        """Noise levels of timesteps."""
        t = torch.as_tensor(t)
        return self.ours.to_sigma(t.reshape(-1)).reshape(t.shape)

    def get_sigmas(self, n: int | None = None) -> Tensor:
        """The uniform schedule of so many steps, `[n + 1]`; None: all noise levels."""
        if n is None:
            return torch.cat([self.sigmas.flip(0), self.sigmas.new_zeros(1)])
        return make_sigmas("uniform", n, self.ours)

    def __call__(self, x: Tensor, sigma: Tensor, cond: Any = None, **options: Any) -> Tensor:
        """Denoised latents `[B, 4, h, w]`."""
        model: LatentDiffusion = self.inner_model.loaded
        predictor = Predictor(model.unet, model.prediction, self.windows)
        with placed(model, "unet"), torch.no_grad():
            return predictor(x, sigma, self.ours.to_timestep(sigma), [conditioning_of(cond)])[0]


class OlderDenoiser:
    """The denoiser of a job as an extension's sampler calls it: what it says besides x and sigma is known already."""

    def __init__(self, denoiser: GuidedDenoiser) -> None:
        self.denoiser = denoiser

    @property
    def inner_model(self) -> ModelWrap:
        """The model without guidance."""
        from modules.compat.sd_models import model_data

        return ModelWrap(self.denoiser.sigmas, model_data.sd_model, self.denoiser.windows)

    def __call__(self, x: Tensor, sigma: Any, **extra_args: Any) -> Tensor:
        """Args: x: `clean + sigma * noise`; sigma: a number, or `[B]`."""
        sigma = torch.as_tensor(sigma, device=x.device, dtype=x.dtype).reshape(-1).expand(len(x))
        return self.denoiser(x, sigma)


class _GivenNoise:
    """The noise that an extension hands over; see `sampling.noise.PictureNoise`."""

    def __init__(self, p: Any, x: Tensor) -> None:
        self._p, self._x = p, x
        seeds = list(getattr(p, "seeds", None) or [])[: len(x)]
        seeds += [0] * (len(x) - len(seeds))
        self.seeds = [SimpleNamespace(seed=int(seed)) for seed in seeds]

    def first(self) -> Tensor:
        return self._x

    def next(self) -> Tensor:
        rng = getattr(self._p, "rng", None)
        return torch.randn_like(self._x) if rng is None else rng.next().to(self._x)


def run(
    sampler: Sampler,
    p: Any,
    noise: Tensor,
    cond: Any,
    uncond: Any,
    steps: int | None,
    image_conditioning: Any = None,
    begin: Tensor | None = None,
) -> Tensor:
    """Latents `[B, 4, h, w]` from noise, or from a picture's latents `begin` with noise.

    Raises: Fault: what was asked for can't be done.
    """
    from modules.compat.sd_models import model_data
    from modules.compat.sd_samplers_common import setup_img2img_steps

    sd_model: Any = sampler.sd_model or model_data.get_sd_model()
    model: LatentDiffusion = ModelWrap.of(sd_model).inner_model.loaded
    line, scheduler = _line(sampler, p)
    sampler.initialize(p)
    schedule_steps, start = steps or p.steps, None
    if begin is not None:
        schedule_steps, done = setup_img2img_steps(p, steps)
        multiplier = float(getattr(p, "initial_noise_multiplier", None) or 1.0)
        start = Start(begin, done, noise_multiplier=multiplier)
    mask = None
    if getattr(p, "nmask", None) is not None and getattr(p, "init_latent", None) is not None:
        mask = LatentMask(p.init_latent, p.nmask)

    def stop_if_asked() -> None:
        if state("interrupted", False) or state("skipped", False):
            raise Stopped

    def on_step(done: int, denoised: Tensor) -> None:
        sampler.callback_state({"i": done - 1, "denoised": denoised, "x": denoised})

    request = getattr(p, "easel_request", None)
    denoiser = GuidedDenoiser(
        model.unet,
        model_sigmas(model, SamplingOptions()),
        _guidance(model, cond, uncond, p.cfg_scale, image_conditioning, noise, p),
        model.prediction,
        before_call=stop_if_asked,
        mask=mask,
        windows=None if request is None else windows_of(request.sampling, model),
    )
    given: Any = _GivenNoise(p, noise)
    with placed(model, "unet"):
        sampled = sample(
            denoiser, given, line, scheduler, schedule_steps, _settings(sampler, p), on_step, start
        )
    sampler.last_latent = usable(sampled.latents)
    return sampler.last_latent


def guided(
    owner: Any,
    x: Tensor,
    sigma: Tensor,
    uncond: Any,
    cond: Any,
    scale: float,
    s_min_uncond: float,
    picture: Any,
) -> Tensor:
    """One call of the model with guidance. Args: owner: a `CFGDenoiser`, which counts its calls."""
    wrap: ModelWrap = owner.inner_model
    model: LatentDiffusion = wrap.inner_model.loaded
    guidance = _guidance(model, cond, uncond, scale, picture, x, None)
    denoiser = GuidedDenoiser(model.unet, wrap.ours, guidance, model.prediction, windows=wrap.windows)
    denoiser.calls = owner.step
    with placed(model, "unet"), torch.no_grad():
        denoised = usable(denoiser(x, sigma))
    if owner.mask is not None and owner.init_latent is not None:
        denoised = owner.init_latent * owner.mask + owner.nmask * denoised
    return denoised


def _guidance(
    model: LatentDiffusion, cond: Any, uncond: Any, scale: float, picture: Any, x: Tensor, p: Any
) -> Any:
    channels = picture if isinstance(picture, Tensor) else None
    if isinstance(picture, dict):
        channels = next(iter(picture.get("c_concat") or ()), None)
    reads = model.unet.config.in_channels > x.shape[1]
    if not reads or channels is None or channels.shape[-2:] != x.shape[-2:]:
        channels = (
            torch.zeros(1, model.unet.config.in_channels - x.shape[1], *x.shape[-2:]).to(x) if reads else None
        )
    edit = model.family.picture == "edit"
    return guidance_of(cond, uncond, scale, channels, getattr(p, "image_cfg_scale", None) if edit else None)


def _line(sampler: Sampler, p: Any) -> tuple[Line, Scheduler]:
    """The line of the table that a sampler is, and the schedule of a job."""
    from modules.compat.sampling_tables import line_of
    from modules.compat.sd_samplers_common import SamplerData

    scheduler = getattr(p, "scheduler", None) or "Automatic"
    if sampler.config is not None:
        return resolve(sampler.config.name, scheduler)
    made = line_of(SamplerData("an extension's", lambda model: sampler, [], sampler.options))
    if made is None:
        raise NotPossibleNow("This sampler has no function that could be called.")
    return made, find_scheduler(scheduler)


def _settings(sampler: Sampler, p: Any) -> SamplerSettings:
    infinite = sampler.s_tmax == float("inf")
    return SamplerSettings(
        eta=getattr(p, "eta", None),
        s_churn=sampler.s_churn,
        s_tmin=sampler.s_tmin,
        s_tmax=0.0 if infinite else sampler.s_tmax,
        s_noise=sampler.s_noise,
    )


def sigmas_for(sampler: Sampler, p: Any, steps: int) -> Tensor:
    """The schedule of a job, `[steps + 1]`."""
    line, scheduler = _line(sampler, p)
    override: Callable[[int], Tensor] | None = getattr(p, "sampler_noise_scheduler_override", None)
    if override is not None:
        return override(steps)
    wrap: ModelWrap = sampler.model_wrap_cfg.inner_model
    return make_sigmas(effective_schedule(line, scheduler).name, steps, wrap.ours, line.discard_next_to_last)
