"""Noise: every picture has its own generator, so it is the same alone and in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from modules.sampling.philox import PhiloxGenerator

Source = Literal["CPU", "NV", "GPU"]


class _Generator(Protocol):
    def randn(self, shape: tuple[int, ...]) -> Tensor: ...


class _TorchGenerator:
    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(seed)

    def randn(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)


class _Philox:
    def __init__(self, seed: int) -> None:
        self._generator = PhiloxGenerator(seed)

    def randn(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._generator.randn(shape))


@dataclass(frozen=True)
class Seeds:
    """What one picture's noise is made from.

    Args: variation, strength: mix in the noise of another seed, 0 (not at all) to 1 (only that).
    """

    seed: int
    variation: int = 0
    strength: float = 0.0


def slerp(share: float, low: Tensor, high: Tensor) -> Tensor:
    """Spherical interpolation of `[C, H, W]`, with norms over the height axis.

    That axis is an accident of the older UI, and so is the mean over all dot products; years of variation seeds
    depend on both.
    """
    low_unit = low / low.norm(dim=1, keepdim=True)
    high_unit = high / high.norm(dim=1, keepdim=True)
    dot = (low_unit * high_unit).sum(1)
    if dot.mean() > 0.9995:
        return low * share + high * (1 - share)
    omega = dot.acos()
    from_low = torch.sin((1.0 - share) * omega) / torch.sin(omega)
    from_high = torch.sin(share * omega) / torch.sin(omega)
    return from_low.unsqueeze(1) * low + from_high.unsqueeze(1) * high


class PictureNoise:
    """The noise of a batch: `first()` for the beginning, `next()` for every step that wants more.

    Args:
        shape: of one picture's latent, `(4, H/8, W/8)`.
        resize_from: latent height and width of the picture whose composition is to be kept, or None.
        seed_delta: with another value than 0, `next()` draws from generators seeded with `seed + seed_delta`.
        device: where the noise is wanted.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        seeds: Sequence[Seeds],
        device: torch.device,
        source: Source = "CPU",
        resize_from: tuple[int, int] | None = None,
        seed_delta: int = 0,
    ) -> None:
        self.shape = shape
        self.seeds = tuple(seeds)
        self._device = device
        self._source = source
        self._resize_from = resize_from
        self._seed_delta = seed_delta
        self._generators = [self._generator(each.seed) for each in seeds]

    def first(self) -> Tensor:
        """The noise that sampling begins with, `[B, 4, H/8, W/8]`. To be called once, before `next`."""
        noise = torch.stack(
            [
                self._first_of(each, generator)
                for each, generator in zip(self.seeds, self._generators, strict=True)
            ]
        )
        if self._seed_delta != 0:
            self._generators = [self._generator(each.seed + self._seed_delta) for each in self.seeds]
        return noise

    def next(self) -> Tensor:
        """Fresh noise for a step, `[B, 4, H/8, W/8]`."""
        return torch.stack([self._draw(generator, self.shape) for generator in self._generators])

    def _generator(self, seed: int) -> _Generator:
        if self._source == "NV":
            return _Philox(seed)
        on_gpu = self._source == "GPU" and self._device.type != "cpu"
        return _TorchGenerator(seed, self._device if on_gpu else torch.device("cpu"))

    def _draw(self, generator: _Generator, shape: tuple[int, ...]) -> Tensor:
        return generator.randn(shape).to(self._device)

    def _first_of(self, seeds: Seeds, generator: _Generator) -> Tensor:
        small = self.shape if self._resize_from is None else (self.shape[0], *self._resize_from)
        if small == self.shape:
            noise = self._draw(generator, self.shape)
            return self._with_variation(noise, seeds)
        noise = self._with_variation(self._draw(self._generator(seeds.seed), small), seeds)
        return _paste_centred(noise, self._draw(generator, self.shape))

    def _with_variation(self, noise: Tensor, seeds: Seeds) -> Tensor:
        if seeds.strength == 0:
            return noise
        other = self._draw(self._generator(seeds.variation), tuple(noise.shape))
        return slerp(seeds.strength, noise, other)


def _paste_centred(small: Tensor, large: Tensor) -> Tensor:
    """Put `small` `[C, h, w]` into the middle of `large` `[C, H, W]`; what reaches beyond it is cut off."""
    result = large.clone()
    slices: list[tuple[slice, slice]] = []
    for axis in (1, 2):
        offset = (large.shape[axis] - small.shape[axis]) // 2
        length = small.shape[axis] if offset >= 0 else small.shape[axis] + 2 * offset
        slices.append(
            (slice(max(0, offset), max(0, offset) + length), slice(max(0, -offset), max(0, -offset) + length))
        )
    (to_y, from_y), (to_x, from_x) = slices
    result[:, to_y, to_x] = small[:, from_y, from_x]
    return result
