"""From prompts to guidance: read, encoded, and told about sizes and pictures, for one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from modules.generation.options import SamplingOptions
from modules.generation.prompting import Prompts
from modules.generation.requests import PictureRequest
from modules.models.conditioning import Conditioning
from modules.models.families import Family
from modules.prompts.editing import Schedule
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.prompts.plan import compile_prompt
from modules.sampling.denoiser import Guidance, TextTimeline
from modules.sampling.guidance_limits import Threshold


@dataclass(frozen=True)
class PictureCondition:
    """What the U-Net is told of a picture, besides the noisy latent.

    Args:
        channels: `[1 or B, C, H/8, W/8]`, behind the latent's channels.
        vector, negative_vector: `[1 or B, width]`, for the prompt and for the negative prompt.
        scale: how strongly an editing model follows the picture.
    """

    channels: Tensor | None = None
    vector: Tensor | None = None
    negative_vector: Tensor | None = None
    scale: float | None = None


NO_PICTURE = PictureCondition()


@dataclass(frozen=True)
class PassPlan:
    """What the guidance of one pass depends on besides the request.

    Args:
        prompts: those of the batch.
        width, height: of the pass, in pixels.
        prompt_calls: model calls over which the prompts' schedules run.
        calls: model calls of the pass, of which shares are taken.
        first_pass_calls: those of the first pass, where this is the second.
        cfg_scale: of the pass.
    """

    prompts: Prompts
    width: int
    height: int
    prompt_calls: int
    calls: int
    cfg_scale: float
    first_pass_calls: int | None = None


def encoding_settings(request: PictureRequest) -> EncodingSettings:
    """How a request's texts are read and encoded."""
    text = request.text
    return EncodingSettings(text.clip_skip, text.sdxl_clip_skip, text.emphasis, text.comma_backtrack)


def guidance_for(
    request: PictureRequest,
    plan: PassPlan,
    encoder: PromptEncoder,
    family: Family,
    picture: PictureCondition = NO_PICTURE,
) -> Guidance:
    """Read and encode the prompts of a pass."""
    text = request.text
    settings = encoding_settings(request)
    if plan.first_pass_calls is None:
        prompt = compile_prompt(*plan.prompts, plan.prompt_calls)
    else:
        prompt = compile_prompt(*plan.prompts, plan.first_pass_calls, hires_steps=plan.prompt_calls)

    def timeline(schedule: Schedule, finish: Callable[[Conditioning], Conditioning]) -> TextTimeline:
        encoded = encoder.encode(tuple(text for _, text in schedule), settings)
        ends = (end for end, _ in schedule)
        return TextTimeline(tuple(zip(ends, map(finish, encoded), strict=True)))

    def finish(conditioning: Conditioning, negative: bool) -> Conditioning:
        finished = _with_vector(conditioning, request, plan, family, picture, negative)
        return replace(finished, channels=picture.channels)

    positive = [timeline(part.schedule, lambda c: finish(c, False)) for part in prompt.positive]
    empty_negative = family.zero_empty_negative and not any(text for _, text in prompt.negative)
    negative = timeline(prompt.negative, lambda c: finish(c.emptied() if empty_negative else c, True))
    longest = max(part.tokens for part in positive)
    # the parts of one prompt are as long as the longest of them: the others repeat their last vector
    positive = [part.stretched(longest) for part in positive]
    if text.pad_negative and negative.tokens != longest:
        empty = encoder.encode(("",), settings)[0].tokens
        length = max(longest, negative.tokens)
        positive = [part.filled(length, empty) for part in positive]
        negative = negative.filled(length, empty)
    early = request.sampling.skip_negative_early
    return Guidance(
        positive=tuple((part.weight, texts) for part, texts in zip(prompt.positive, positive, strict=True)),
        negative=negative,
        cfg_scale=plan.cfg_scale,
        skip_negative_below=request.sampling.skip_negative_below,
        skip_negative_always=request.sampling.skip_negative_always,
        # the share is of the calls, and it is met while `call / calls <= share`
        skip_negative_until=int(early * plan.calls) if early else -1,
        picture_scale=picture.scale,
        rescale=request.sampling.cfg_rescale,
        threshold=_threshold(request.sampling),
    )


def _threshold(options: SamplingOptions) -> Threshold | None:
    if options.threshold_percentile == 0:
        return None
    return Threshold(options.threshold_percentile, options.threshold_mimic_scale or None)


def _with_vector(
    conditioning: Conditioning,
    request: PictureRequest,
    plan: PassPlan,
    family: Family,
    picture: PictureCondition,
    negative: bool,
) -> Conditioning:
    """The conditioning with the vector that its family wants."""
    size = (plan.height, plan.width)
    match family.vector:
        case "sizes":
            return conditioning.with_numbers((*size, *request.text.sdxl_crop, *size))
        case "aesthetic":
            score = request.text.aesthetic_scores[1 if negative else 0]
            return conditioning.with_numbers((*size, *request.text.sdxl_crop, score))
        case "image" | "noise level":
            return replace(conditioning, vector=picture.negative_vector if negative else picture.vector)
        case _:
            return replace(conditioning, vector=None)
