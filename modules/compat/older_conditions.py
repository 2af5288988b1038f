"""Encoded prompts and the sampler at work, in the form in which the older UI's scripts know them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.compat.prompt_parser import (
    ComposableScheduledPromptConditioning,
    MulticondLearnedConditioning,
    ScheduledPromptConditioning,
)
from modules.compat.sd_conditions import guidance_of
from modules.compat.sd_samplers_cfg_denoiser import CFGDenoiser
from modules.sampling.catalogue import resolve

if TYPE_CHECKING:
    from modules.generation.hooks import PassInfo
    from modules.models.conditioning import Conditioning
    from modules.sampling.denoiser import Guidance, TextTimeline

_combine_denoised = CFGDenoiser.combine_denoised


def of_guidance(guidance: Guidance, batch: int) -> tuple[Any, list[list[Any]]]:
    """`p.c` and `p.uc`. The tensors are the guidance's own, so what is written into them takes effect."""
    parts = [
        ComposableScheduledPromptConditioning(_schedule(timeline), weight)
        for weight, timeline in guidance.positive
    ]
    conds = MulticondLearnedConditioning((batch,), [list(parts) for _ in range(batch)])
    return conds, [_schedule(guidance.negative) for _ in range(batch)]


def _schedule(timeline: TextTimeline) -> list[ScheduledPromptConditioning]:
    return [ScheduledPromptConditioning(end, _cond(text)) for end, text in timeline.entries]


def _cond(text: Conditioning) -> Any:
    if text.vector is None:
        return text.tokens[0]
    return {"crossattn": text.tokens[0], "vector": text.vector[0]}


class DenoiserView(CFGDenoiser):
    """What callbacks and scripts see of the denoiser (`params.denoiser`): the older `CFGDenoiser`.

    A `combine_denoised` of an extension, put on it or on the class, takes effect; see `sampling_callbacks`.
    """

    def __init__(self, p: Any, sampler: Any, total_steps: int) -> None:
        super().__init__(sampler)
        self.p = p
        self.total_steps = self.steps = total_steps
        self.image_cfg_scale = getattr(p, "image_cfg_scale", None)
        self.model_wrap = self
        self.weights: list[float] = []
        self.cond_scale = 1.0
        """How predictions are combined: the weights of the prompt's parts, and the CFG scale."""
        self.substitute: Any = None
        """The denoiser of a sampler that a script has put into the place of the one at work."""

    @property
    def inner_model(self) -> Any:
        """The model in use."""
        from modules.compat import shared

        return shared.sd_model

    @property
    def own_combination(self) -> Callable[..., Any] | None:
        """An extension's way to make one of the predictions; None: the program's own is used."""
        for each in (self.substitute, self):
            if each is None:
                continue
            combine: Callable[..., Any] = each.combine_denoised
            if getattr(combine, "__func__", combine) is not _combine_denoised:
                each.step, each.p = self.step, self.p
                return combine
        return None


def own_conds(p: Any, guidance: Guidance) -> Guidance:
    """The guidance with the conds that a script's own `p.setup_conds` leaves in `p.c` and `p.uc`, where there is one.

    Raises: Fault: they can't be used.
    """
    if "setup_conds" not in vars(p):
        return guidance
    before = p.c, p.uc
    p.setup_conds()
    if p.c is before[0] and p.uc is before[1]:
        return guidance
    channels = guidance.positive[0][1].entries[0][1].channels
    made = guidance_of(p.c, p.uc, guidance.cfg_scale, channels, guidance.picture_scale)
    return replace(guidance, positive=made.positive, negative=made.negative)


def noise_of(p: Any, about: PassInfo, shape: Any) -> Any:
    """`p.rng`: the noise of the batch at work. Args: shape: of its latents, `[B, 4, h, w]`."""
    from modules.compat.rng import ImageRNG

    seeds, subseeds = list(p.seeds or [])[: shape[0]], list(p.subseeds or [])[: shape[0]]
    sizes = p.seed_resize_from_h, p.seed_resize_from_w
    return ImageRNG(tuple(shape[1:]), seeds, subseeds, p.subseed_strength, *sizes)


class SamplerView:
    """What scripts see of the sampler at work (`p.sampler`): names of the older `Sampler`."""

    def __init__(self, p: Any, about: PassInfo, sampler: str) -> None:
        chosen = resolve(sampler, "Automatic")[0]
        self.p = p
        self.config = chosen
        self.funcname = chosen.function
        self.steps_of_pass = max(1, about.calls // chosen.calls_a_step)
        self.model_wrap_cfg = DenoiserView(p, self, about.calls)
        self.model_wrap = self.model_wrap_cfg
        self.model_wrap_cfg.substitute = _substitute(p, sampler)
        self.last_latent: Any = None
        self.eta = p.eta
        self.s_churn, self.s_tmin, self.s_tmax, self.s_noise = p.s_churn, p.s_tmin, p.s_tmax, p.s_noise
        self.stop_at = None
        self.sampler_extra_args: dict[str, Any] = {}


def _substitute(p: Any, sampler: str) -> Any:
    """The denoiser of the sampler that a script has named in `p` for the one at work; None: it named none.

    Such a sampler is one of the program's with a denoiser of its own; of it only how it combines predictions counts.
    """
    from modules.compat import sd_samplers

    name = p.sampler_name
    if not name or name == sampler or name not in sd_samplers.all_samplers_map:
        return None
    made = sd_samplers.create_sampler(name, p.sd_model)
    return getattr(made, "model_wrap_cfg", None)
