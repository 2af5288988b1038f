"""The program's own engine on one checkpoint, for measuring and showing what a starter model makes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modules.compute import choose
from modules.generation.engine import Engine, check
from modules.generation.requests import ImageToImage, TextToImage
from modules.generation.results import Unwatched
from modules.imaging.inputs import InputStore
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore

SIDE = 128
STEPS, CFG = 20, 5.0
SAMPLER = ("DPM++ 2M", "Karras")


class Studio:
    """Makes pictures with one checkpoint.

    Args: checkpoint: its file; folder: where the program's caches and input pictures go.
    """

    def __init__(self, checkpoint: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.models = ModelStore(CheckpointCatalogue((), folder / "files.sqlite", (checkpoint,)), choose)
        self._inputs = InputStore(folder / "inputs")
        self._engine = Engine(self.models, pictures=self._inputs)

    def make(self, prompt: str = "", **changes: Any) -> list[np.ndarray]:
        """Pictures from words, uint8 `[H, W, 3]` each; `changes` are fields of the request."""
        return self._run(TextToImage(prompt=prompt, **(self._fields() | changes)))

    def change(self, picture: np.ndarray, prompt: str, **changes: Any) -> list[np.ndarray]:
        """Pictures from a picture and words."""
        fields = self._fields() | {"init_images": (self.keep(picture),)} | changes
        return self._run(ImageToImage(prompt=prompt, **fields))

    def keep(self, picture: np.ndarray) -> str:
        """Give a picture to the program; its name in requests."""
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        return self._inputs.put(file.getvalue())

    @staticmethod
    def _fields() -> dict[str, Any]:
        sampler, scheduler = SAMPLER
        size: dict[str, Any] = {"width": SIDE, "height": SIDE, "steps": STEPS, "cfg_scale": CFG, "seed": 1}
        return size | {"sampler": sampler, "scheduler": scheduler, "save": False}

    def _run(self, request: TextToImage | ImageToImage) -> list[np.ndarray]:
        made = self._engine.run(check(request, self.models), Unwatched())
        return [np.asarray(picture.image.convert("RGB")) for picture in made]
