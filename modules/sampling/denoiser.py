"""The denoiser that samplers call: the U-Net with guidance, in k-diffusion's terms.

`denoiser(x, sigma) -> denoised`, where `x = clean + sigma * noise`.
Sources: Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022); Karras et al. 2022 for the scalings;
Liu et al., "Compositional Visual Generation" (2022) for several weighted conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from modules.models.unet import UNet
from modules.models.unet_layers import KeysValues
from modules.sampling.schedules import ModelSigmas

Prediction = Literal["epsilon", "v"]
Context = Tensor | Mapping[str, list[KeysValues]]


@dataclass(frozen=True)
class TextTimeline:
    """Text conditioning over the model calls of a pass: each entry holds until its call, counted from 0.

    Args: entries: `(last call, [1 or B, tokens, width])`; past the last one, the first holds again.
    """

    entries: tuple[tuple[int, Tensor], ...]

    def at(self, call: int) -> Tensor:
        """The conditioning of this call."""
        return next((text for last, text in self.entries if call <= last), self.entries[0][1])

    @property
    def tokens(self) -> int:
        """The length of the conditioning: 77 for each chunk."""
        return self.entries[0][1].shape[1]

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
            tuple((last, torch.cat([text, more(text, missing)], dim=1)) for last, text in self.entries)
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
    """

    positive: tuple[tuple[float, TextTimeline], ...]
    negative: TextTimeline
    cfg_scale: float
    skip_negative_below: float = 0.0
    skip_negative_always: bool = False
    skip_negative_until: int = -1

    def without_negative(self, call: int, sigma: Tensor) -> bool:
        """Whether this call leaves the negative prompt out."""
        if call <= self.skip_negative_until:
            return True
        below = self.skip_negative_below > 0 and (self.skip_negative_always or call % 2 == 1)
        return below and bool(sigma[0] < self.skip_negative_below)


class GuidedDenoiser:
    """The U-Net with guidance. One object serves one pass: it counts its calls.

    Args:
        before_call: called before every model call; may raise to end the sampling.
    """

    def __init__(
        self,
        unet: UNet,
        sigmas: ModelSigmas,
        guidance: Guidance,
        prediction: Prediction = "epsilon",
        before_call: Callable[[], None] | None = None,
    ) -> None:
        self.sigmas = sigmas
        self.guidance = guidance
        self.calls = 0
        self._unet = unet
        self._prediction = prediction
        self._before_call = before_call
        self._contexts = _ContextCache(unet)
        self._scale_factor = 1.0
        self._keeps_unguided = False
        self.unguided: Tensor | None = None
        """The latest prediction for the negative prompt alone, where `keep_unguided` asked for it."""

    def keep_unguided(self, scale_factor: float) -> None:
        """From now on keep the prediction for the negative prompt, and multiply the scale by a factor (for CFG++)."""
        self._keeps_unguided = True
        self._scale_factor = scale_factor

    def over(self, sigmas: ModelSigmas) -> GuidedDenoiser:
        """A denoiser of the same kind over other noise levels."""
        return GuidedDenoiser(self._unet, sigmas, self.guidance, self._prediction, self._before_call)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Args: x: `[B, 4, h, w]`; sigma: `[B]`, all equal. Returns the denoised `[B, 4, h, w]`."""
        if self._before_call is not None:
            self._before_call()
        guidance, call = self.guidance, self.calls
        self.calls += 1
        texts = [timeline.at(call) for _, timeline in guidance.positive]
        weights = [weight for weight, _ in guidance.positive]
        scale = guidance.cfg_scale * self._scale_factor
        needless = scale == 1 and len(texts) == 1 and weights[0] == 1 and not self._keeps_unguided
        if needless or guidance.without_negative(call, sigma):
            self.unguided = None
            return self._compose(self._predict(x, sigma, texts), None, weights, 1.0)
        predictions = self._predict(x, sigma, [*texts, guidance.negative.at(call)])
        self.unguided = predictions[-1] if self._keeps_unguided else None
        return self._compose(predictions[:-1], predictions[-1], weights, scale)

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

    def _predict(self, x: Tensor, sigma: Tensor, texts: list[Tensor]) -> list[Tensor]:
        """The denoised picture for each text: texts of the same length in one call of the U-Net."""
        results: list[Tensor | None] = [None] * len(texts)
        for length in {text.shape[1] for text in texts}:
            group = [i for i, text in enumerate(texts) if text.shape[1] == length]
            context = self._contexts.get([texts[i] for i in group], len(x))
            denoised = self._denoise(x.repeat(len(group), 1, 1, 1), sigma.repeat(len(group)), context)
            for i, part in zip(group, denoised.chunk(len(group)), strict=True):
                results[i] = part
        return [result for result in results if result is not None]

    def _denoise(self, x: Tensor, sigma: Tensor, context: Context) -> Tensor:
        """One call of the U-Net, scaled as its kind of prediction wants it."""
        s = sigma[:, None, None, None]
        scaled = x / (s**2 + 1).sqrt()
        dtype = next(self._unet.parameters()).dtype
        output = self._unet(scaled.to(dtype), self.sigmas.to_timestep(sigma), context).to(x.dtype)
        if self._prediction == "v":
            return x / (s**2 + 1) - output * s / (s**2 + 1).sqrt()
        return x - output * s


class _ContextCache:
    """Keys and values of the texts: computed when a text is first used, then the same for all steps."""

    def __init__(self, unet: UNet) -> None:
        self._unet = unet
        self._projected: dict[int, tuple[Tensor, dict[str, list[KeysValues]]]] = {}
        self._joined: dict[tuple[int, ...], dict[str, list[KeysValues]]] = {}

    def get(self, texts: Sequence[Tensor], batch: int) -> dict[str, list[KeysValues]]:
        """The projections of `texts` for a batch that repeats the pictures once for each text."""
        key = (batch, *(id(text) for text in texts))
        if key not in self._joined:
            parts = [self._project(text) for text in texts]
            self._joined[key] = {
                name: [_join([part[name][i] for part in parts], batch) for i in range(len(blocks))]
                for name, blocks in parts[0].items()
            }
        return self._joined[key]

    def _project(self, text: Tensor) -> dict[str, list[KeysValues]]:
        if id(text) not in self._projected:  # the text is kept too, so that its id stays its own
            self._projected[id(text)] = (text, self._unet.project_context(text))
        return self._projected[id(text)][1]


def _join(parts: list[KeysValues], batch: int) -> KeysValues:
    """Stack the keys and values of several texts, each spread over the pictures of the batch."""
    return KeysValues(
        torch.cat([part.keys.expand(batch, -1, -1, -1) for part in parts]),
        torch.cat([part.values.expand(batch, -1, -1, -1) for part in parts]),
    )
