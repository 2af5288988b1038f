"""Every resize mode with pictures and sizes that fit nothing: it works, or a sentence says what sizes do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.generation.requests import MASKED_CONTENTS, RESIZE_MODES, ImageToImage, Mask
from tests.starter import Starter

PICTURES = ((511, 333), (64, 2048), (20, 16), (128, 128))
SIZES = ((104, 72), (64, 256))


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Starter:
    return Starter.in_folder(tmp_path_factory.mktemp("starter"))


def gradient(width: int, height: int) -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([across, down, 255 - across], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("mode", range(len(RESIZE_MODES)), ids=RESIZE_MODES)
@pytest.mark.parametrize("masked", ["whole", "masked", "only masked"])
def test_odd_sizes(starter: Starter, mode: int, masked: str) -> None:
    for number, (picture, size) in enumerate((p, s) for p in PICTURES for s in SIZES):
        mask = None
        if masked != "whole":
            white = Image.new("L", picture)
            white.paste(255, (picture[0] // 3, 0, picture[0], picture[1] // 2 + 1))
            content = MASKED_CONTENTS[number % len(MASKED_CONTENTS)]
            mask = Mask(
                image=starter.inputs.keep(white),
                only_masked=masked == "only masked",
                content=content,
                blur_x=2,
            )
        request = ImageToImage(
            prompt="a house",
            init_images=(starter.inputs.keep(gradient(*picture)),),
            width=size[0],
            height=size[1],
            steps=1,
            denoising_strength=0.5,
            resize_mode=mode,
            mask=mask,
            cfg_scale=1,
        )
        (made,) = starter.pictures(request)
        expected = picture if masked == "only masked" else size
        assert made.image.size == expected, (picture, size)
        assert np.asarray(made.image).std() > 1


def test_pictures_of_several_sizes_in_one_batch(starter: Starter) -> None:
    names = tuple(starter.inputs.keep(gradient(*size)) for size in PICTURES)
    for mode in range(len(RESIZE_MODES)):
        request = ImageToImage(
            init_images=names, width=96, height=128, steps=1, batch_size=4, resize_mode=mode, cfg_scale=1
        )
        assert [made.image.size for made in starter.pictures(request)] == [(96, 128)] * 4
