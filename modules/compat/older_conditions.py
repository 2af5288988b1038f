"""Encoded prompts and the sampler at work, in the form in which the older UI's scripts know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.compat.prompt_parser import (
    ComposableScheduledPromptConditioning,
    MulticondLearnedConditioning,
    ScheduledPromptConditioning,
)
from modules.sampling.catalogue import resolve

if TYPE_CHECKING:
    from modules.generation.hooks import PassInfo
    from modules.models.conditioning import Conditioning
    from modules.sampling.denoiser import Guidance, TextTimeline


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


class DenoiserView:
    """What callbacks and scripts see of the denoiser (`params.denoiser`): names of the older `CFGDenoiser`."""

    def __init__(self, p: Any, sampler: Any, total_steps: int) -> None:
        self.p = p
        self.sampler = sampler
        self.step = 0
        self.total_steps = self.steps = total_steps
        self.image_cfg_scale = getattr(p, "image_cfg_scale", None)
        self.mask: Any = None
        self.nmask: Any = None
        self.init_latent: Any = None
        self.padded_cond_uncond = False
        self.need_last_noise_uncond = False
        self.mask_before_denoising = False
        self.model_wrap = self

    @property
    def inner_model(self) -> Any:
        """The model in use."""
        from modules.compat import shared

        return shared.sd_model


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
        self.last_latent: Any = None
        self.eta = p.eta
        self.s_churn, self.s_tmin, self.s_tmax, self.s_noise = p.s_churn, p.s_tmin, p.s_tmax, p.s_noise
        self.stop_at = None
        self.sampler_extra_args: dict[str, Any] = {}
