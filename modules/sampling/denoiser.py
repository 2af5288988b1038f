"""The denoiser that samplers call: the U-Net with guidance, in k-diffusion's terms.

`denoiser(x, sigma) -> denoised`, where `x = clean + sigma * noise`. Each call shows itself to the pass's `Points`.
Sources: Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022); Karras et al. 2022 for the scalings;
Liu et al., "Compositional Visual Generation" (2022) for several weighted conditions; Podell et al., "SDXL" (2023)
for the refiner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.models.conditioning import Conditioning
from modules.models.families import Prediction
from modules.models.noise_schedule import TIMESTEPS
from modules.models.unet import UNet
from modules.sampling.guidance_limits import Threshold, rescaled, thresholded
from modules.sampling.points import NO_POINTS, Points
from modules.sampling.predictor import Predictor
from modules.sampling.schedules import ModelSigmas
from modules.sampling.windows import Windows


@dataclass(frozen=True)
class TextTimeline:
    """Text conditioning over the model calls of a pass: each entry holds until its call, counted from 0.

    Args: entries: `(last call, conditioning)`; past the last one, the first holds again.
    """

    entries: tuple[tuple[int, Conditioning], ...]

    def at(self, call: int) -> Conditioning:
        """The conditioning of this call."""
        return next((text for last, text in self.entries if call <= last), self.entries[0][1])

    @property
    def tokens(self) -> int:
        """The length of the conditioning: 77 for each chunk."""
        return self.entries[0][1].tokens.shape[1]

    def stretched(self, tokens: int) -> TextTimeline:
        """The same with so many tokens: the last vector is repeated."""
        return self._extended(tokens, lambda text, missing: text[:, -1:].repeat(1, missing, 1))

    def filled(self, tokens: int, empty: Tensor) -> TextTimeline:
        """The same with so many tokens: filled up with the encoding of the empty prompt, `[1, 77, width]`."""

        def fill(text: Tensor, missing: int) -> Tensor:
            return empty.expand(len(text), -1, -1).repeat(1, missing // empty.shape[1], 1)

        return self._extended(tokens, fill)

    def _extended(self, tokens: int, more: Callable[[Tensor, int], Tensor]) -> TextTimeline:
        missing = tokens - self.tokens
        if missing == 0:
            return self
        return TextTimeline(
            tuple(
                (last, text.with_tokens(torch.cat([text.tokens, more(text.tokens, missing)], dim=1)))
                for last, text in self.entries
            )
        )


@dataclass(frozen=True)
class Guidance:
    """What a pass is steered by.

    Args:
        positive: the parts of the prompt (joined by AND) with their weights, at least one.
        negative: the negative prompt.
        skip_negative_below: leave the negative prompt out in every odd call below this sigma (0: never).
        skip_negative_always: in every call below it, and not only in odd ones.
        skip_negative_until: leave the negative prompt out in the calls up to this one (-1: never).
        picture_scale: how strongly an editing model follows the picture; None: the model reads no picture.
        rescale: give the guided prediction the spread of the one without guidance, to this share (0: not at all).
        threshold: bound the guided prediction; None: don't.
    """

    positive: tuple[tuple[float, TextTimeline], ...]
    negative: TextTimeline
    cfg_scale: float
    skip_negative_below: float = 0.0
    skip_negative_always: bool = False
    skip_negative_until: int = -1
    picture_scale: float | None = None
    rescale: float = 0.0
    threshold: Threshold | None = None

    def without_negative(self, call: int, sigma: Tensor) -> bool:
        """Whether this call leaves the negative prompt out."""
        if call <= self.skip_negative_until:
            return True
        below = self.skip_negative_below > 0 and (self.skip_negative_always or call % 2 == 1)
        return below and bool(sigma[0] < self.skip_negative_below)


@dataclass(frozen=True)
class LatentMask:
    """What of a picture is kept while the rest is made anew (inpainting).

    Args:
        original: the picture's latents `[1 or B, 4, h, w]`.
        change: 1 where it is made anew, 0 where it is kept, shades between: `[h, w]` or `[1 or B, 1, h, w]`.
    """

    original: Tensor
    change: Tensor

    def blend(self, latents: Tensor) -> Tensor:
        """The original where it is kept."""
        return latents * self.change + self.original * (1 - self.change)


@dataclass(frozen=True)
class Switch:
    """A change of the model within a pass: to SDXL's refiner, or to any other that has the same latents.

    Args:
        at: from which share of the noise's timesteps on, 0 to 1.
        to: gives the other U-Net, its guidance, and what it predicts; called once, when it is time.
        calls: the model calls of the pass: then the share is one of the calls.
    """

    at: float
    to: Callable[[], tuple[UNet, Guidance, Prediction]]
    calls: int | None = None

    def is_due(self, call: int, timestep: Tensor) -> bool:
        """Args: timestep: of this call, `[B]`."""
        if self.calls is not None:
            return call / self.calls >= self.at
        return (TIMESTEPS - 1 - int(timestep[0].round())) / TIMESTEPS >= self.at


@dataclass(frozen=True)
class ModelCall:
    """What the model is asked in one call.

    Args:
        latents: noisy, `clean + sigma * noise`, `[B, 4, h, w]`; sigma: `[B]`, all equal.
        positive: the encoded parts of the prompt; their number must stay.
        negative: the encoded negative prompt, also where this call leaves it out.
        number: of the call within the pass, from 0.
    """

    latents: Tensor
    sigma: Tensor
    positive: tuple[Conditioning, ...]
    negative: Conditioning
    number: int

    def same_texts(self, other: ModelCall) -> bool:
        """Whether the model is asked about the very same texts."""
        mine, others = (*self.positive, self.negative), (*other.positive, other.negative)
        return len(mine) == len(others) and all(
            a.tokens is b.tokens for a, b in zip(mine, others, strict=True)
        )


class GuidedDenoiser:
    """The U-Net with guidance. One object serves one pass: it counts its calls.

    Args:
        switch: another model takes over within the pass.
        mask: keeps a part of a picture: after every call.
        before_call: called before every model call, and before each window; may raise to end the sampling.
        points: what looks into every call.
        windows: the U-Net sees large latents in these, also the one that takes over; None: as a whole.
    """

    def __init__(
        self,
        unet: UNet,
        sigmas: ModelSigmas,
        guidance: Guidance,
        prediction: Prediction = "epsilon",
        before_call: Callable[[], None] | None = None,
        mask: LatentMask | None = None,
        switch: Switch | None = None,
        points: Points = NO_POINTS,
        windows: Windows | None = None,
    ) -> None:
        self.sigmas = sigmas
        self.guidance = guidance
        self.mask = mask
        self.points = points
        self.windows = windows
        self.calls = 0
        self._before_call = before_call
        self._model = unet, prediction
        self._predictor = self._new_predictor()
        self._switch = switch
        self._blends = mask is not None
        self._scale_factor = 1.0
        self._keeps_unguided = False
        self.unguided: Tensor | None = None
        """The latest prediction for the negative prompt alone, where `keep_unguided` asked for it."""

    def keep_unguided(self, scale_factor: float) -> None:
        """From now on keep the prediction for the negative prompt, and multiply the scale by a factor (for CFG++)."""
        self._keeps_unguided = True
        self._scale_factor = scale_factor

    def over(self, sigmas: ModelSigmas) -> GuidedDenoiser:
        """The same over other noise levels."""
        self.sigmas = sigmas
        return self

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Args: x: `[B, 4, h, w]`; sigma: `[B]`, all equal. Returns the denoised `[B, 4, h, w]`."""
        if self._before_call is not None:
            self._before_call()
        number = self.calls
        self.calls += 1
        if self._switch is not None and self._switch.is_due(number, self.sigmas.to_timestep(sigma)):
            unet, self.guidance, prediction = self._switch.to()
            self._model = unet, prediction
            self._predictor = self._new_predictor()
            self._switch = None
        texts = tuple(timeline.at(number) for _, timeline in self.guidance.positive)
        own = ModelCall(x, sigma, texts, self.guidance.negative.at(number), number)
        call = self.points.model_call(own)
        # what a predictor computes of texts it keeps: not of those that are here for one call only
        predictor = self._predictor if call.same_texts(own) else self._new_predictor()
        denoised = self.sigmas.finish(self._guided(call, predictor), call.latents, call.sigma)
        denoised = self.points.denoised(denoised, sigma, number)
        return self.blended(denoised, sigma, number) if self._blends else denoised

    def _new_predictor(self) -> Predictor:
        """One for the model at work."""
        return Predictor(*self._model, self.windows, self._before_call)

    def of_variance_preserving(self, x: Tensor, alpha: Tensor | float, sigma: Tensor) -> Tensor:
        """The denoised latents of `alpha * clean + alpha * sigma * noise`; here a mask keeps a part of the input.

        Args: sigma: `[B]`.
        """
        scaled = x / alpha
        if self.mask is None:
            return self(scaled, sigma)
        self._blends = False
        seen = self.blended(x, sigma, self.calls) / alpha
        return scaled - seen + self(seen, sigma)

    def blended(self, latents: Tensor, sigma: Tensor | None, call: int) -> Tensor:
        """The latents with what the mask keeps put over them; the same where there is no mask.

        Args: see `Points.blended`.
        """
        if self.mask is None:
            return latents
        return self.points.blended(self.mask.blend(latents), latents, self.mask, sigma, call)

    def _guided(self, call: ModelCall, predictor: Predictor) -> Tensor:
        guidance, x, sigma = self.guidance, call.latents, call.sigma
        weights = [weight for weight, _ in guidance.positive]
        scale = guidance.cfg_scale * self._scale_factor
        self.unguided = None

        def predict(*texts: Conditioning) -> list[Tensor]:
            predictions = predictor(x, sigma, self.sigmas.to_timestep(sigma), texts)
            return self.points.predicted(predictions, call)

        if guidance.picture_scale not in (None, 1.0) and len(call.positive) == 1:
            # Brooks et al., "InstructPix2Pix" (2023): text and picture, the picture alone, neither
            negative = call.negative
            both, picture, neither = predict(call.positive[0], negative, negative.without_picture())
            self.unguided = neither if self._keeps_unguided else None
            of_picture = guidance.picture_scale * (picture - neither)
            return self._limited(
                lambda scale: neither + scale * (both - picture) + of_picture, scale, call, predictor
            )
        needless = scale == 1 and len(weights) == 1 and weights[0] == 1 and not self._keeps_unguided
        if needless or guidance.without_negative(call.number, sigma):
            return self._compose(predict(*call.positive), None, weights, 1.0)
        predictions = predict(*call.positive, call.negative)
        self.unguided = predictions[-1] if self._keeps_unguided else None

        def guided(scale: float) -> Tensor:
            return self._compose(predictions[:-1], predictions[-1], weights, scale)

        return self._limited(guided, scale, call, predictor)

    def _limited(
        self, guided: Callable[[float], Tensor], scale: float, call: ModelCall, predictor: Predictor
    ) -> Tensor:
        """The prediction with guidance of this scale, rescaled and bounded where the guidance asks for it.

        Args: guided: the prediction for any scale; 1 is that for the prompt alone.
        """
        result, threshold = guided(scale), self.guidance.threshold
        if self.guidance.rescale > 0:
            origin = predictor.origin(call.latents, call.sigma)
            result = rescaled(result, guided(1.0), origin, self.guidance.rescale)
        if threshold is not None:
            mimic = None if threshold.mimic_scale is None else guided(threshold.mimic_scale)
            result = thresholded(result, threshold.percentile, mimic)
        return result

    @staticmethod
    def _compose(
        positive: list[Tensor], negative: Tensor | None, weights: list[float], scale: float
    ) -> Tensor:
        """`negative + sum(weight * scale * (positive - negative))`; without a negative, around the first part."""
        if negative is None and len(positive) == 1 and weights[0] * scale == 1:
            return positive[0]
        base = positive[0] if negative is None else negative
        result = base.clone()
        for prediction, weight in zip(positive, weights, strict=True):
            result += (prediction - base) * (weight * scale)
        return result
