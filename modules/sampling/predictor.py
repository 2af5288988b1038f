"""The U-Net's prediction of the clean latent, for several conditionings in one call.

Source for the scalings: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from modules.models.conditioning import Conditioning
from modules.models.families import Prediction
from modules.models.unet import ProjectedContext, UNet
from modules.models.unet_layers import BlockContext, KeysValues
from modules.sampling.windows import Windows, windowed


class Predictor:
    """One U-Net in one pass: it remembers what it computed of the texts.

    Args:
        prediction: what the U-Net predicts.
        windows: it is called on these and their answers are averaged; None: on the whole.
        before_window: called before each of them; may raise to end the sampling.
    """

    def __init__(
        self,
        unet: UNet,
        prediction: Prediction = "epsilon",
        windows: Windows | None = None,
        before_window: Callable[[], None] | None = None,
    ) -> None:
        self._unet = unet
        self._prediction = prediction
        self._windows = windows
        self._before_window = before_window
        self._texts = _TextCache(unet)

    def __call__(
        self, x: Tensor, sigma: Tensor, timestep: Tensor, conditionings: Sequence[Conditioning]
    ) -> list[Tensor]:
        """The denoised `[B, 4, h, w]` for each conditioning; texts of the same length go in one call of the U-Net.

        Args: x: `[B, 4, h, w]`, `clean + sigma * noise`; sigma, timestep: `[B]`.
        """
        results: list[Tensor | None] = [None] * len(conditionings)
        for length in dict.fromkeys(each.tokens.shape[1] for each in conditionings):
            places = [i for i, each in enumerate(conditionings) if each.tokens.shape[1] == length]
            group = [conditionings[i] for i in places]
            denoised = self._denoise(x, sigma, timestep, group)
            for i, part in zip(places, denoised.chunk(len(group)), strict=True):
                results[i] = part
        return [result for result in results if result is not None]

    def _denoise(self, x: Tensor, sigma: Tensor, timestep: Tensor, group: list[Conditioning]) -> Tensor:
        """One call of the U-Net for a group of conditionings, `[len(group) * B, 4, h, w]`."""
        batch, times = len(x), len(group)
        s = sigma[:, None, None, None]
        scaled = (x / (s**2 + 1).sqrt()).to(next(self._unet.parameters()).dtype)
        inputs = torch.cat([_with_channels(scaled, each.channels) for each in group])
        told = timestep.repeat(times), self._texts.get(group, batch), _vectors(group, batch)
        output = self._asked(inputs, told).to(x.dtype)
        x, s = x.repeat(times, 1, 1, 1), s.repeat(times, 1, 1, 1)
        if self._prediction == "v":
            return x / (s**2 + 1) - output * s / (s**2 + 1).sqrt()
        return x - output * s

    def _asked(self, inputs: Tensor, told: tuple[Tensor, ProjectedContext, Tensor | None]) -> Tensor:
        """The U-Net's answer for inputs `[B, C, h, w]`, as a whole or window by window."""
        if self._windows is None:
            return self._unet(inputs, *told)

        def ask(part: Tensor) -> Tensor:
            if self._before_window is not None:
                self._before_window()
            return self._unet(part, *told)

        return windowed(ask, inputs, self._windows)

    def origin(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised latents that an output of zero would mean, `[B, 4, h, w]`; see `guidance_limits`."""
        return x if self._prediction == "epsilon" else x / (sigma[:, None, None, None] ** 2 + 1)


def _with_channels(x: Tensor, channels: Tensor | None) -> Tensor:
    """The latents with the channels of a picture behind them."""
    if channels is None:
        return x
    return torch.cat([x, channels.to(x).expand(len(x), -1, -1, -1)], dim=1)


def _vectors(group: list[Conditioning], batch: int) -> Tensor | None:
    """The vectors of a group, each spread over the pictures of the batch."""
    vectors = [each.vector for each in group if each.vector is not None]
    if not vectors:
        return None
    return torch.cat([vector.expand(batch, *vector.shape[1:]) for vector in vectors])


class _TextCache:
    """Keys and values of the texts: computed when a text is first used, then the same for all steps."""

    def __init__(self, unet: UNet) -> None:
        self._unet = unet
        self._projected: dict[int, tuple[Tensor, ProjectedContext]] = {}
        self._joined: dict[tuple[int, ...], ProjectedContext] = {}

    def get(self, group: Sequence[Conditioning], batch: int) -> ProjectedContext:
        """The projections of the texts for a batch that repeats the pictures once for each text."""
        key = (batch, *(id(each.tokens) for each in group))
        if key not in self._joined:
            parts = [self._project(each.tokens) for each in group]
            self._joined[key] = {
                name: [_join([part[name][i] for part in parts], batch) for i in range(len(blocks))]
                for name, blocks in parts[0].items()
            }
        return self._joined[key]

    def _project(self, text: Tensor) -> ProjectedContext:
        if id(text) not in self._projected:  # the text is kept too, so that its id stays its own
            dtype = next(self._unet.parameters()).dtype
            self._projected[id(text)] = (text, self._unet.project_context(text.to(dtype)))
        return self._projected[id(text)][1]


def _join(parts: list[BlockContext], batch: int) -> BlockContext:
    """Stack the keys and values of several texts, each spread over the pictures of the batch."""
    return tuple(
        KeysValues(
            torch.cat([each.keys.expand(batch, -1, -1, -1) for each in same]),
            torch.cat([each.values.expand(batch, -1, -1, -1) for each in same]),
        )
        for same in zip(*parts, strict=True)
    )
