"""The recipe of a picture: what its infotext says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modules.generation.hooks import NO_HOOKS, GenerationHooks
from modules.generation.prompting import Prompts
from modules.generation.requests import HiresFix, ImageToImage, Mask, PictureRequest, TextToImage
from modules.imaging.infotext import compose
from modules.models.latent_diffusion import LatentDiffusion
from modules.sampling.catalogue import (
    AUTOMATIC,
    BETA_ALPHA,
    BETA_BETA,
    Sampler,
    Scheduler,
    effective_schedule,
)
from modules.version import VERSION

Parameters = dict[str, object]
"""Names and values of an infotext; those that are None are not written."""


@dataclass(frozen=True)
class Recipe:
    """What the pictures of a batch were made from.

    Args:
        stopped_at: the last step that was done, where the job was interrupted.
        networks: what network files add; hooks: what extensions add.
    """

    request: PictureRequest
    prompts: Prompts
    model: LatentDiffusion
    sampler: Sampler
    scheduler: Scheduler
    stopped_at: int | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
    hooks: GenerationHooks = NO_HOOKS

    def infotext(self, picture: int) -> str:
        """The infotext of picture number `picture` (from 0)."""
        parameters: Parameters = {
            **self._basics(picture),
            **self._of_its_kind(),
            **self.networks,
            **_refiner(self.request),
            **self._finer_settings(),
            "Interrupted at step": self.stopped_at,
            "Version": f"Easel {VERSION}",
        }
        parameters = self.hooks.infotext(parameters, self.request, picture)
        return compose(self.prompts.prompt, self.prompts.negative_prompt, parameters)

    def _basics(self, picture: int) -> Parameters:
        request, checkpoint, noise = self.request, self.model.checkpoint, self.request.noise
        varied = noise.variation_strength > 0
        resized = noise.resize_from_width > 0 and noise.resize_from_height > 0
        vae = self.model.vae_file
        return {
            "Steps": request.steps,
            "Sampler": self.sampler.name,
            "Schedule type": schedule_label(self.sampler, self.scheduler),
            "CFG scale": float(request.cfg_scale),
            "Image CFG scale": _image_cfg_scale(request, self.model),
            "Seed": request.seed_of(picture),
            "Face restoration": request.faces.restorer,
            "Size": f"{request.width}x{request.height}",
            "Model hash": checkpoint.short_hash,
            "Model": checkpoint.path.stem,
            "VAE hash": None if vae is None else vae.short_hash,
            "VAE": None if vae is None else vae.filename,
            "Variation seed": request.variation_seed_of(picture) if varied else None,
            "Variation seed strength": noise.variation_strength if varied else None,
            "Seed resize from": f"{noise.resize_from_width}x{noise.resize_from_height}" if resized else None,
            "Denoising strength": _strength(request),
            "Conditional mask weight": _mask_weight(request, self.model),
            "Clip skip": request.text.clip_skip if request.text.clip_skip > 1 else None,
            "ENSD": noise.seed_delta or None,
            "RNG": None if noise.source == "GPU" else noise.source,
            "Tiling": True if request.tiling else None,
        }

    def _of_its_kind(self) -> Parameters:
        request = self.request
        if isinstance(request, TextToImage):
            return {} if request.hires is None else _hires(request.hires)
        if isinstance(request, ImageToImage):
            return _picture(request)
        return {}

    def _finer_settings(self) -> Parameters:
        request, text, sampling = self.request, self.request.text, self.request.sampling
        beta = self.scheduler.name == "beta"
        own_sigmas = sampling.custom_sigmas and not (self.sampler.over_timesteps or self.sampler.sigma_range)
        threshold = sampling.threshold_percentile or None
        return {
            "Schedule max sigma": sampling.sigma_max or None,
            "Schedule min sigma": sampling.sigma_min or None,
            "Schedule rho": sampling.rho or None,
            "Pad conds": True if text.pad_negative else None,
            "Emphasis": None if text.emphasis == "Original" else text.emphasis,
            "NGMS": sampling.skip_negative_below or None,
            "NGMS all steps": True
            if sampling.skip_negative_always and sampling.skip_negative_below
            else None,
            "Skip Early CFG": sampling.skip_negative_early or None,
            "Eta": sampling.eta if "eta" in self.sampler.takes else None,
            "Sigma churn": sampling.s_churn or None,
            "Sigma tmin": sampling.s_tmin or None,
            "Sigma tmax": sampling.s_tmax or None,
            "Sigma noise": sampling.s_noise if sampling.s_noise != 1 else None,
            "Discard penultimate sigma": True if sampling.discard_next_to_last_sigma else None,
            "SGM noise multiplier": True if sampling.sgm_noise_multiplier else None,
            "Noise Schedule": None if sampling.noise_schedule == "Default" else sampling.noise_schedule,
            "Custom sigmas": ", ".join(f"{s:g}" for s in sampling.custom_sigmas) if own_sigmas else None,
            "CFG rescale": sampling.cfg_rescale or None,
            "Dynamic threshold percentile": threshold,
            "Dynamic threshold mimic scale": sampling.threshold_mimic_scale or None if threshold else None,
            "Window": f"{sampling.window_width}x{sampling.window_height}" if sampling.windowed else None,
            "Window overlap": sampling.window_overlap if sampling.windowed else None,
            "Beta schedule alpha": BETA_ALPHA if beta else None,
            "Beta schedule beta": BETA_BETA if beta else None,
            "Wildcard prompt": _if_other(request.prompt, self.prompts.prompt),
            "Wildcard negative prompt": _if_other(request.negative_prompt, self.prompts.negative_prompt),
        }


def _refiner(request: PictureRequest) -> Parameters:
    refiner = request.refiner
    return {} if refiner is None else {"Refiner": refiner.checkpoint, "Refiner switch at": refiner.switch_at}


def _if_other(template: str, filled_in: str) -> str | None:
    return None if template == filled_in else template


def _strength(request: PictureRequest) -> float | None:
    if isinstance(request, ImageToImage):
        return request.denoising_strength
    if isinstance(request, TextToImage) and request.hires is not None:
        return request.hires.denoising_strength
    return None


def _image_cfg_scale(request: PictureRequest, model: LatentDiffusion) -> float | None:
    edits = isinstance(request, ImageToImage) and model.family.picture == "edit"
    return request.image_cfg_scale if edits and isinstance(request, ImageToImage) else None


def _mask_weight(request: PictureRequest, model: LatentDiffusion) -> float | None:
    if model.family.picture != "inpainting":
        return None
    return request.picture.mask_weight if isinstance(request, ImageToImage) else 1.0


def _hires(hires: HiresFix) -> Parameters:
    to_size = hires.width > 0 or hires.height > 0
    return {
        "Hires upscale": None if to_size else float(hires.scale),
        "Hires resize": f"{hires.width}x{hires.height}" if to_size else None,
        "Hires steps": hires.steps or None,
        "Hires upscaler": hires.upscaler,
        "Hires prompt": hires.prompt or None,
        "Hires negative prompt": hires.negative_prompt or None,
        "Hires sampler": hires.sampler,
        "Hires schedule type": hires.scheduler,
        "Hires checkpoint": hires.checkpoint,
        "Hires CFG scale": hires.cfg_scale,
    }


def _picture(request: ImageToImage) -> Parameters:
    options, frame = request.picture, request.frame
    sides = None if frame is None else f"{frame.left} {frame.right} {frame.top} {frame.bottom}"
    return {
        **({} if request.mask is None else _mask(request.mask)),
        "Outpaint": sides,
        "Noise multiplier": options.noise_multiplier if options.noise_multiplier != 1 else None,
        "Extra noise": options.extra_noise or None,
        "Color correction": True if options.colour_correction else None,
    }


def _mask(mask: Mask) -> Parameters:
    blur = mask.blur_x if mask.blur_x == mask.blur_y else f"{mask.blur_x}x{mask.blur_y}"
    return {
        "Mask mode": "Inpaint not masked" if mask.invert else None,
        "Mask blur": blur or None,
        "Inpaint area": "Only masked" if mask.only_masked else None,
        "Masked area padding": mask.padding if mask.only_masked else None,
        "Masked content": None if mask.content == "original" else mask.content,
    }


def schedule_label(sampler: Sampler, scheduler: Scheduler) -> str:
    """The schedule that was really used; "Automatic" where the sampler has none of its own."""
    if scheduler.label == AUTOMATIC and sampler.schedule == "Uniform":
        return AUTOMATIC
    return effective_schedule(sampler, scheduler).label
