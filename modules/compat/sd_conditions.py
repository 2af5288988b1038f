"""The older UI's conditionings as the program's own: what a pass is steered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from modules.compat.prompt_parser import (
    MulticondLearnedConditioning,
    ScheduledPromptConditioning,
    at_step,
    stack_any,
)
from modules.faults import NotSupported
from modules.models.conditioning import Conditioning
from modules.sampling.denoiser import Guidance, TextTimeline

_ALWAYS = 1 << 30


def guidance_of(
    cond: Any, uncond: Any, cfg_scale: float, picture: Any = None, picture_scale: float | None = None
) -> Guidance:
    """What a pass is steered by.

    Args:
        cond: a tensor `[B, tokens, width]`, a dict of such, schedules for each picture, or all of that with AND.
        uncond: the same without AND; None: as `cond`, for a scale of 1.
        picture: `[B, C, h, w]`, behind the latents' channels; None: the model reads no picture.

    Raises: NotSupported: the pictures' prompts have different weights.
    """
    if isinstance(cond, MulticondLearnedConditioning):
        weights = {tuple(part.weight for part in parts) for parts in cond.batch}
        if len(weights) != 1:
            raise NotSupported(
                "The prompts of a batch must have the same weights with AND. Use a batch size of 1."
            )
        columns = zip(*cond.batch, strict=True)
        timelines = [_timeline([part.schedules for part in column], picture) for column in columns]
        positive = list(zip(weights.pop(), timelines, strict=True))
    else:
        positive = [(1.0, _any_timeline(cond, picture))]
    longest = max(timeline.tokens for _, timeline in positive)
    negative = positive[0][1] if uncond is None else _any_timeline(uncond, picture)
    return Guidance(
        tuple((weight, timeline.stretched(longest)) for weight, timeline in positive),
        negative,
        cfg_scale,
        picture_scale=picture_scale,
    )


def _any_timeline(cond: Any, picture: Tensor | None) -> TextTimeline:
    if isinstance(cond, Tensor | Mapping):
        return TextTimeline(((_ALWAYS, conditioning_of(cond, picture)),))
    return _timeline(cond, picture)


def _timeline(
    pictures: Sequence[Sequence[ScheduledPromptConditioning]], picture: Tensor | None
) -> TextTimeline:
    ends = sorted({each.end_at_step for entries in pictures for each in entries})
    stacked = [stack_any([at_step(entries, end) for entries in pictures]) for end in ends]
    conditionings = [conditioning_of(each, picture) for each in stacked]
    longest = max(each.tokens.shape[1] for each in conditionings)
    parts = [
        TextTimeline(((end, each),)).stretched(longest).entries[0]
        for end, each in zip(ends, conditionings, strict=True)
    ]
    return TextTimeline(tuple(parts))


def conditioning_of(cond: Any, picture: Tensor | None = None) -> Conditioning:
    """One conditioning: a tensor `[B, tokens, width]`, or a dict as the older UI has it."""
    if isinstance(cond, Mapping):
        texts = cond.get("crossattn", cond.get("c_crossattn"))
        tokens = texts[0] if isinstance(texts, list | tuple) else texts
        made = Conditioning(tokens, cond.get("vector", cond.get("c_adm")))
        concat = cond.get("c_concat")
        picture = concat[0] if isinstance(concat, list | tuple) and concat else picture
    else:
        made = Conditioning(cond)
    return made if picture is None else replace(made, channels=picture)
