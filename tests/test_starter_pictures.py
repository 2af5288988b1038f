"""What img2img, inpainting and outpainting do on the starter model, measured."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.generation.requests import ImageToImage, Mask, PictureOptions
from modules.imaging.frame import OutpaintFrame
from tests.starter import SIDE, Pixels, Starter, as_pixels


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Starter:
    return Starter.in_folder(tmp_path_factory.mktemp("starter"))


def kept(starter: Starter, picture: Image.Image) -> str:
    """The name of a picture that was given to the program."""
    file = BytesIO()
    picture.save(file, "PNG")
    return starter.inputs.put(file.getvalue())


@pytest.fixture(scope="module")
def day(starter: Starter) -> Pixels:
    return starter.make("a red house in a meadow by day", seeds=1, seed=5)[0]


@pytest.fixture(scope="module")
def day_name(starter: Starter, day: Pixels) -> str:
    return kept(starter, Image.fromarray(day.astype(np.uint8)))


def again(starter: Starter, name: str, prompt: str, seeds: int = 1, **changes: Any) -> list[Pixels]:
    fields: dict[str, Any] = {"width": SIDE, "height": SIDE, "steps": 16, "seed": 1, "cfg_scale": 5}
    request = ImageToImage(
        prompt=prompt, init_images=(name,), batch_size=seeds, save=False, **(fields | changes)
    )
    return [as_pixels(picture) for picture in starter.pictures(request)]


def difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a - b).mean())


def test_likeness_falls_with_the_strength(starter: Starter, day: Pixels, day_name: str) -> None:
    exact = PictureOptions(exact_steps=True)
    nothing = again(starter, day_name, "a meadow at night", denoising_strength=0, picture=exact)[0]
    coded = difference(nothing, day)  # what the VAE alone does
    distances = [
        float(
            np.mean(
                [
                    difference(picture, day)
                    for picture in again(starter, day_name, "a meadow at night", 8, denoising_strength=s)
                ]
            )
        )
        for s in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert coded < 8
    assert distances == sorted(distances)
    assert distances[0] < 0.5 * distances[-1]


def test_full_strength_ignores_the_picture(starter: Starter, day: Pixels, day_name: str) -> None:
    prompt = "a lighthouse on a beach at sunset"
    from_day = again(starter, day_name, prompt, 8, denoising_strength=1)
    from_noise = starter.make(prompt)
    like_day = [float(np.mean([difference(one, day) for one in them])) for them in (from_day, from_noise)]
    assert like_day[0] > 0.85 * like_day[1]


def test_inpainting_the_sky_darkens_it_and_leaves_the_rest(
    starter: Starter, day: Pixels, day_name: str
) -> None:
    sky = Image.new("L", (SIDE, SIDE))
    sky.paste(255, (0, 0, SIDE, 40))
    mask = Mask(image=kept(starter, sky), blur_x=2, blur_y=2, content="original")
    pictures = again(
        starter, day_name, "a meadow at night", 4, denoising_strength=0.9, mask=mask, sampler="Euler"
    )
    for picture in pictures:
        assert picture[:32].mean() < day[:32].mean() - 25
        assert np.array_equal(picture[48:], day[48:])


def test_outpainting_keeps_the_picture_and_continues_it(starter: Starter, day: Pixels, day_name: str) -> None:
    pictures = again(
        starter,
        day_name,
        "a house in a meadow by day",
        4,
        width=SIDE + 64,
        denoising_strength=0.8,
        frame=OutpaintFrame(right=64),
        mask=Mask(content="original", blur_x=0, blur_y=0),
        sampler="Euler",
    )
    for picture in pictures:
        assert picture.shape == (SIDE, SIDE + 64, 3)
        assert np.array_equal(picture[:, : SIDE - 32], day[:, : SIDE - 32])
        left, right = picture[:, SIDE - 12 : SIDE], picture[:, SIDE : SIDE + 12]
        assert abs(left.mean() - right.mean()) < 25
        for rows in (slice(0, 30), slice(100, 128)):  # sky goes on as sky, ground as ground
            assert np.abs(left[rows].mean((0, 1)) - right[rows].mean((0, 1))).max() < 45
