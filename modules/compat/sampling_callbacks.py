"""The older UI's callbacks in every call of the model: `cfg_denoiser`, `cfg_denoised`, `cfg_after_cfg`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.compat import older_model_calls, script_callbacks
from modules.compat.older_conditions import DenoiserView, SamplerView
from modules.generation.hooks import PassInfo, StepInfo

if TYPE_CHECKING:
    from torch import Tensor

    from modules.compat.older_run import OlderRun
    from modules.sampling.denoiser import ModelCall


def model_call(call: ModelCall, about: PassInfo, run: OlderRun | None) -> ModelCall:
    """What the model is asked, after `cfg_denoiser`."""
    batch, parts = len(call.latents), len(call.positive)
    x = older_model_calls.rows_of(call.latents, parts)
    image_cond = older_model_calls.image_cond_of(call, len(x))
    step, steps, denoiser = _place(call.number, about, run)
    params = script_callbacks.CFGDenoiserParams(
        x,
        image_cond.clone(),
        call.sigma[:1].repeat(len(x)),
        step,
        steps,
        older_model_calls.texts_of(call.positive, batch),
        older_model_calls.texts_of([call.negative], batch),
        denoiser,
    )
    script_callbacks.cfg_denoiser_callback(params)
    return older_model_calls.changed_call(call, params, image_cond)


def predicted(
    predictions: list[Tensor], call: ModelCall, about: PassInfo, run: OlderRun | None
) -> list[Tensor]:
    """The model's guesses, after `cfg_denoised`."""
    parts = len(call.positive)
    negatives = len(predictions) - parts
    step, steps, denoiser = _place(call.number, about, run)
    rows = older_model_calls.joined(predictions[:parts], predictions[parts:])
    params = script_callbacks.CFGDenoisedParams(rows, step, steps, denoiser)
    script_callbacks.cfg_denoised_callback(params)
    combine = denoiser.own_combination
    if combine is None or negatives != 1:
        return older_model_calls.apart(params.x, parts, negatives)
    batch = len(call.latents)
    uncond = older_model_calls.texts_of([call.negative], batch)
    weights = list(enumerate(denoiser.weights or [1.0] * parts))
    rows_of_each = [[(n * parts + i, weight) for i, weight in weights] for n in range(batch)]
    combined = combine(params.x, rows_of_each, uncond, denoiser.cond_scale)
    return [combined] * len(predictions)  # guidance between equal predictions leaves them as they are


def denoised(latents: Tensor, at: StepInfo, run: OlderRun | None) -> Tensor:
    """The guess with guidance, after `cfg_after_cfg`."""
    step, steps, _ = _place(at.number, at.of, run)
    params = script_callbacks.AfterCFGCallbackParams(latents, step, steps)
    script_callbacks.cfg_after_cfg_callback(params)
    return params.x  # type: ignore[no-any-return,unused-ignore]


def _place(call: int, about: PassInfo, run: OlderRun | None) -> tuple[int, int, DenoiserView]:
    """The step (from 0), how many there are, and the denoiser; for samplers that ask twice in a step, about."""
    sampler = None if run is None else run.p.sampler
    if not isinstance(sampler, SamplerView):
        return call, about.calls, DenoiserView(None if run is None else run.p, None, about.calls)
    sampler.model_wrap_cfg.step = call
    steps = sampler.steps_of_pass
    return min(call * steps // max(1, about.calls), steps - 1), steps, sampler.model_wrap_cfg
