"""The recipe of a picture: what its infotext says."""

from __future__ import annotations

from typing import NamedTuple

from modules.generation.requests import TextToImage
from modules.imaging.infotext import compose
from modules.models.catalogue import Checkpoint
from modules.sampling.catalogue import (
    AUTOMATIC,
    BETA_ALPHA,
    BETA_BETA,
    Sampler,
    Scheduler,
    effective_schedule,
)
from modules.version import VERSION


class Prompts(NamedTuple):
    """The prompts of one picture, with its wildcards filled in."""

    prompt: str
    negative_prompt: str


def infotext(
    request: TextToImage,
    picture: int,
    prompts: Prompts,
    checkpoint: Checkpoint,
    sampler: Sampler,
    scheduler: Scheduler,
    stopped_at: int | None = None,
) -> str:
    """The infotext of picture number `picture` (from 0).

    Args: stopped_at: the last step that was done, where the job was interrupted.
    """
    noise, text, sampling = request.noise, request.text, request.sampling
    varied = noise.variation_strength > 0
    resized = noise.resize_from_width > 0 and noise.resize_from_height > 0
    parameters: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": sampler.name,
        "Schedule type": _schedule_label(sampler, scheduler),
        "CFG scale": float(request.cfg_scale),
        "Seed": request.seed_of(picture),
        "Size": f"{request.width}x{request.height}",
        "Model hash": checkpoint.short_hash,
        "Model": checkpoint.path.stem,
        "Variation seed": request.variation_seed_of(picture) if varied else None,
        "Variation seed strength": noise.variation_strength if varied else None,
        "Seed resize from": f"{noise.resize_from_width}x{noise.resize_from_height}" if resized else None,
        "Clip skip": text.clip_skip if text.clip_skip > 1 else None,
        "ENSD": noise.seed_delta or None,
        "RNG": None if noise.source == "GPU" else noise.source,
        "Tiling": True if request.tiling else None,
        "Schedule max sigma": sampling.sigma_max or None,
        "Schedule min sigma": sampling.sigma_min or None,
        "Schedule rho": sampling.rho or None,
        "Pad conds": True if text.pad_negative else None,
        "Emphasis": None if text.emphasis == "Original" else text.emphasis,
        "NGMS": sampling.skip_negative_below or None,
        "NGMS all steps": True if sampling.skip_negative_always and sampling.skip_negative_below else None,
        "Skip Early CFG": sampling.skip_negative_early or None,
        "Eta": sampling.eta if "eta" in sampler.takes else None,
        "Sigma churn": sampling.s_churn or None,
        "Sigma tmin": sampling.s_tmin or None,
        "Sigma tmax": sampling.s_tmax or None,
        "Sigma noise": sampling.s_noise if sampling.s_noise != 1 else None,
        "Discard penultimate sigma": True if sampling.discard_next_to_last_sigma else None,
        "SGM noise multiplier": True if sampling.sgm_noise_multiplier else None,
        "Beta schedule alpha": BETA_ALPHA if scheduler.name == "beta" else None,
        "Beta schedule beta": BETA_BETA if scheduler.name == "beta" else None,
        "Wildcard prompt": request.prompt if request.prompt != prompts.prompt else None,
        "Wildcard negative prompt": (
            request.negative_prompt if request.negative_prompt != prompts.negative_prompt else None
        ),
        "Interrupted at step": stopped_at,
        "Version": f"Easel {VERSION}",
    }
    return compose(prompts.prompt, prompts.negative_prompt, parameters)


def _schedule_label(sampler: Sampler, scheduler: Scheduler) -> str:
    """The schedule that was really used; "Automatic" where the sampler has none of its own."""
    if scheduler.label == AUTOMATIC and sampler.schedule == "Uniform":
        return AUTOMATIC
    return effective_schedule(sampler, scheduler).label
