"""The second pass on a finished picture, with upscalers of pictures and of latents."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.generation.requests import HiresFix, TextToImage
from tests.starter import SIDE, Starter, as_pixels


@pytest.mark.parametrize("upscaler", ["Lanczos", "Latent", "Latent (nearest-exact)"])
def test_a_finished_picture_is_made_larger(tmp_path: Path, upscaler: str) -> None:
    starter = Starter.in_folder(tmp_path)
    finished = Image.fromarray(starter.make("a red house in a meadow", seeds=1)[0].astype(np.uint8))
    file = BytesIO()
    finished.save(file, "PNG")
    request = TextToImage(
        prompt="a red house",
        width=SIDE,
        height=SIDE,
        steps=2,
        hires=HiresFix(scale=1.5, upscaler=upscaler, denoising_strength=0),
        first_pass=starter.inputs.put(file.getvalue()),
        save=False,
    )
    (picture,) = starter.pictures(request)
    side = SIDE * 3 // 2
    pixels = as_pixels(picture)
    assert pixels.shape[:2] == (side, side)
    wanted = np.asarray(finished.resize((side, side)), dtype=float)
    assert np.abs(pixels - wanted).mean() < 0.5 * np.abs(pixels - wanted[::-1]).mean()
