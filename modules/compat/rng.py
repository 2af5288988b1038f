"""`modules.rng` of the older UI: noise of seeds, the same that the program's own jobs begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from modules.compat.house import house, is_open
from modules.compat.older_options import option
from modules.sampling.noise import PictureNoise, Seeds, Source
from modules.sampling.noise import slerp as _slerp
from modules.sampling.philox import PhiloxGenerator

_nv_generator: Any = None


def get_noise_source_type() -> str:
    """Where seeds become noise: "CPU", "GPU" or "NV"."""
    ours = house().settings.current.sampling.noise_source if is_open() else "CPU"
    return str(option("randn_source", ours))


def _device() -> torch.device:
    from modules.compute import choose

    loaded = house().models.loaded if is_open() else None
    return (choose() if loaded is None else loaded.compute).device


def _generator_device() -> torch.device:
    return _device() if get_noise_source_type() == "GPU" else torch.device("cpu")


def manual_seed(seed: int) -> None:
    """Set the seed of what `randn_without_seed` draws from."""
    global _nv_generator
    if get_noise_source_type() == "NV":
        _nv_generator = PhiloxGenerator(int(seed))
    else:
        torch.manual_seed(int(seed))


def create_generator(seed: int) -> Any:
    """A generator of its own."""
    if get_noise_source_type() == "NV":
        return PhiloxGenerator(int(seed))
    return torch.Generator(_generator_device()).manual_seed(int(seed))


def randn(seed: int, shape: Sequence[int], generator: Any = None) -> Tensor:
    """Normal noise of a seed; the common generator begins with it."""
    if generator is not None:
        manual_seed((seed + 100000) % 65536)
        return randn_without_seed(shape, generator)
    manual_seed(seed)
    return randn_without_seed(shape)


def randn_local(seed: int, shape: Sequence[int]) -> Tensor:
    """Normal noise of a seed, which leaves the common generator alone."""
    return randn_without_seed(shape, create_generator(seed))


def randn_like(x: Tensor) -> Tensor:
    """Normal noise like a tensor, from the common generator."""
    return randn_without_seed(x.shape).to(x)


def randn_without_seed(shape: Sequence[int], generator: Any = None) -> Tensor:
    """Normal noise from a generator, else from the common one."""
    global _nv_generator
    if isinstance(generator, PhiloxGenerator) or get_noise_source_type() == "NV":
        if generator is None:
            _nv_generator = generator = _nv_generator or PhiloxGenerator(0)
        return torch.from_numpy(generator.randn(tuple(shape))).to(_device())
    where = _generator_device() if generator is None else generator.device
    return torch.randn(tuple(shape), device=where, generator=generator).to(_device())


def slerp(val: float, low: Tensor, high: Tensor) -> Tensor:
    """Spherical interpolation of `[C, H, W]`."""
    return _slerp(val, low, high)


class ImageRNG:
    """The noise of a batch: `first()` for its beginning, `next()` for every step that wants more.

    Args:
        shape: of one picture's latent, `(4, H/8, W/8)`.
        subseeds, subseed_strength: mix in the noise of other seeds.
        seed_resize_from_h, seed_resize_from_w: in pixels: of the picture whose composition is to be kept.
    """

    def __init__(
        self,
        shape: Sequence[int],
        seeds: Sequence[int],
        subseeds: Sequence[int] | None = None,
        subseed_strength: float = 0.0,
        seed_resize_from_h: int | None = 0,
        seed_resize_from_w: int | None = 0,
    ) -> None:
        self.shape = tuple(map(int, shape))
        self.seeds, self.subseeds, self.subseed_strength = list(seeds), subseeds, subseed_strength
        self.seed_resize_from_h, self.seed_resize_from_w = seed_resize_from_h, seed_resize_from_w
        self.is_first = True
        variations = list(subseeds or ()) or [0]
        pairs = [
            Seeds(int(seed), int(variations[n % len(variations)]), subseed_strength if subseeds else 0.0)
            for n, seed in enumerate(self.seeds)
        ]
        height, width = int(seed_resize_from_h or 0) // 8, int(seed_resize_from_w or 0) // 8
        source: Source = get_noise_source_type()  # type: ignore[assignment]
        delta = house().settings.current.sampling.seed_delta if is_open() else 0
        self._noise = PictureNoise(
            (self.shape[0], self.shape[1], self.shape[2]),
            pairs,
            _device(),
            source,
            (height, width) if height > 0 and width > 0 else None,
            int(option("eta_noise_seed_delta", delta)),
        )

    def first(self) -> Tensor:
        """The noise that sampling begins with, `[B, 4, h, w]`."""
        self.is_first = False
        return self._noise.first()

    def next(self) -> Tensor:
        """More of it; the first time what `first` gives."""
        return self.first() if self.is_first else self._noise.next()
