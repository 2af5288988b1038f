"""The starter model for tests that measure what a request does to a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.compute import choose
from modules.generation.engine import Engine, check
from modules.generation.requests import ImageToImage, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.imaging.inputs import InputStore
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from tests.server import checkpoint

Pixels = NDArray[np.float64]
SIDE = 128


@dataclass
class Starter:
    """The starter model, ready to make pictures of its own size."""

    engine: Engine
    models: ModelStore
    inputs: InputStore

    @classmethod
    def in_folder(cls, folder: Path) -> Starter:
        """A starter with its pictures in `folder`."""
        catalogue = CheckpointCatalogue((), folder / "files.sqlite", (checkpoint(),))
        models, inputs = ModelStore(catalogue, choose), InputStore(folder / "inputs")
        return cls(Engine(models, pictures=inputs), models, inputs)

    def pictures(self, request: TextToImage | ImageToImage) -> list[GeneratedImage]:
        """The request's pictures."""
        return list(self.engine.run(check(request, self.models), Unwatched()))

    def make(self, prompt: str, seeds: int = 8, **changes: Any) -> list[Pixels]:
        """Pictures from a prompt, one for each seed, as `[H, W, 3]` from 0 to 255."""
        fields: dict[str, Any] = {"seed": 1, "steps": 12, "cfg_scale": 5, "batch_size": seeds}
        request = TextToImage(prompt=prompt, width=SIDE, height=SIDE, save=False, **(fields | changes))
        return [as_pixels(picture) for picture in self.pictures(request)]


def as_pixels(picture: GeneratedImage) -> Pixels:
    """The picture as numbers."""
    return np.asarray(picture.image).astype(float)


def mean_of(measure: Callable[[Pixels], float], pictures: list[Pixels]) -> float:
    """The mean of a measure over pictures."""
    return float(np.mean([measure(picture) for picture in pictures]))


def brightness(picture: Pixels) -> float:
    """0 to 255."""
    return float(picture.mean())


def green(picture: Pixels) -> float:
    """The share of green pixels."""
    r, g, b = (picture[..., i] for i in range(3))
    return float(((g > r + 15) & (g > b + 10)).mean())


def red(picture: Pixels) -> float:
    """The share of red pixels."""
    r, g, b = (picture[..., i] for i in range(3))
    return float(((r > g + 60) & (r > b + 60)).mean())


def blue(picture: Pixels) -> float:
    """The share of blue pixels."""
    r, g, b = (picture[..., i] for i in range(3))
    return float(((b > r + 60) & (b > g + 30)).mean())
