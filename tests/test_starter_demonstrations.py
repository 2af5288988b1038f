"""The classic demonstrations on the model that ships with Easel; what they show is read off by the judge."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.generation.requests import ImageToImage, Mask
from modules.imaging.frame import OutpaintFrame
from tests.starter import SIDE, Pixels, Starter, as_pixels
from tools.starter import judge
from tools.starter.judge import Judge

FOX = "a watercolor painting of a fox in a snowy forest at dusk"
GARDEN = "a cottage in the countryside by day, trees, stones"


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Starter:
    return Starter.in_folder(tmp_path_factory.mktemp("starter"))


@pytest.fixture(scope="module")
def eye() -> Judge:
    return judge.load()


def make(starter: Starter, prompt: str, seeds: int = 6, **changes: Any) -> list[Pixels]:
    return starter.make(prompt, seeds, **({"seed": 100} | changes))


def sure(eye: Judge, pictures: list[Pixels], question: str, answer: str) -> float:
    return eye.sure([picture.astype(np.uint8) for picture in pictures], question, answer)


def kept(starter: Starter, pixels: Pixels) -> str:
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return starter.inputs.put(file.getvalue())


@pytest.fixture(scope="module")
def house(starter: Starter) -> Pixels:
    return starter.make("a red house in a meadow by day", seeds=1, seed=5, steps=20)[0]


def change(starter: Starter, picture: Pixels, prompt: str, **changes: Any) -> list[Pixels]:
    fields: dict[str, Any] = {
        "width": SIDE,
        "height": SIDE,
        "steps": 16,
        "seed": 1,
        "cfg_scale": 5,
        "batch_size": 3,
    }
    names = (kept(starter, picture),)
    request = ImageToImage(prompt=prompt, init_images=names, save=False, **(fields | changes))
    return [as_pixels(made) for made in starter.pictures(request)]


def dark_green_at_the_sides(pictures: list[Pixels]) -> float:
    """The share of the places where trees stand that has their colour."""
    seen = np.stack(pictures)[:, 40:90]
    seen = np.concatenate([seen[:, :, :32], seen[:, :, -32:]], 2)
    red, green, blue = (seen[..., i] for i in range(3))
    return float(((green > red + 8) & (green > blue + 8) & (seen.mean(-1) < 135)).mean())


def gray_below(pictures: list[Pixels]) -> float:
    """The share of the lowest quarter, where stones lie, that is light and without colour."""
    seen = np.stack(pictures)[:, 96:]
    return float(((seen.max(-1) - seen.min(-1) < 40) & (seen.mean(-1) > 70)).mean())


def test_a_negative_prompt_takes_trees_or_stones_away(starter: Starter) -> None:
    plain, no_trees, no_stones = (
        make(starter, GARDEN, negative_prompt=words, cfg_scale=7) for words in ("", "trees", "round stones")
    )
    assert dark_green_at_the_sides(no_trees) < 0.65 * dark_green_at_the_sides(plain)
    assert gray_below(no_stones) < 0.7 * gray_below(plain)
    assert gray_below(no_stones) < gray_below(no_trees)  # each takes away its own
    assert dark_green_at_the_sides(no_trees) < dark_green_at_the_sides(no_stones)


def test_emphasis_from_half_to_one_and_a_half(starter: Starter) -> None:
    """The heavier the sketch, the more of one it is; half a sketch is best told by who knows all of the styles."""
    eye = judge.load(judge.file_of(2))
    weights = (0.5, 0.75, 1.0, 1.25, 1.5)
    swept = [make(starter, f"a house in a meadow by day, (pencil sketch:{weight})", 4) for weight in weights]
    drawn = [sure(eye, pictures, "style", "pencil sketch") for pictures in swept]
    assert drawn[0] < drawn[1] < drawn[2]
    assert drawn[0] < 0.7 and min(drawn[2:]) > 0.95


@pytest.fixture(scope="module")
def foxes(starter: Starter) -> dict[int, list[Pixels]]:
    """The example's pictures by CFG scale."""
    return {scale: make(starter, FOX, cfg_scale=scale) for scale in (1, 2, 4)}


def test_guidance_makes_the_words_count(eye: Judge, foxes: dict[int, list[Pixels]]) -> None:
    fox = [sure(eye, pictures, "kind", "fox") for pictures in foxes.values()]
    assert fox[0] < fox[-1] - 0.2
    contrast = [float(np.stack(pictures).std()) for pictures in foxes.values()]
    assert contrast == sorted(contrast)


def test_the_example_is_a_watercolor_of_a_fox_in_a_snowy_forest_at_dusk(
    eye: Judge, foxes: dict[int, list[Pixels]]
) -> None:
    shown = {"style": "watercolor", "kind": "fox", "ground": "snowy forest", "time": "dusk"}
    for question, answer in shown.items():
        assert sure(eye, foxes[4], question, answer) > 0.9, question


def test_more_steps_come_to_rest(starter: Starter, eye: Judge) -> None:
    prompt = "a lighthouse on a beach at sunset"
    swept = {steps: make(starter, prompt, 2, steps=steps) for steps in (2, 4, 8, 12, 24)}
    far = [float(np.abs(np.stack(swept[steps]) - np.stack(swept[24])).mean()) for steps in (2, 4, 8, 12)]
    assert far == sorted(far, reverse=True) and far[-1] < 0.1 * far[0]
    assert sure(eye, swept[2], "kind", "lighthouse") < 0.7
    assert all(sure(eye, swept[steps], "kind", "lighthouse") > 0.9 for steps in (12, 24))
    assert sure(eye, swept[24], "time", "sunset") > 0.9


def test_day_turns_to_night_with_the_strength(starter: Starter, eye: Judge, house: Pixels) -> None:
    night = [
        change(starter, house, "a red house in a meadow at night", denoising_strength=s)
        for s in (0.3, 0.65, 0.9)
    ]
    dark = [sure(eye, pictures, "time", "night") for pictures in night]
    assert dark[0] < 0.05 and dark[2] > 0.5 and dark == sorted(dark)
    assert sure(eye, night[0], "color", "red") > 0.9


def test_a_light_strength_changes_the_style_and_keeps_the_picture(
    starter: Starter, eye: Judge, house: Pixels
) -> None:
    painted = change(starter, house, "a watercolor painting of a red house", denoising_strength=0.45)
    assert sure(eye, [house], "style", "flat") > 0.9 and sure(eye, painted, "style", "watercolor") > 0.9
    assert sure(eye, painted, "color", "red") > 0.9
    assert sure(eye, painted, "position", "middle") > 0.6


def test_a_rainbow_is_painted_into_the_sky(starter: Starter, eye: Judge, house: Pixels) -> None:
    sky = np.zeros((SIDE, SIDE, 3))
    sky[:50] = 255
    mask = Mask(image=kept(starter, sky), blur_x=4, blur_y=4, content="fill")
    painted = change(starter, house, "a rainbow in the sky", mask=mask, denoising_strength=1.0)
    assert sure(eye, [house], "rainbow", "yes") < 0.1 < 0.8 < sure(eye, painted, "rainbow", "yes")
    assert all(np.array_equal(picture[70:], house[70:]) for picture in painted)


def test_the_new_part_of_a_picture_fits_to_it(starter: Starter, eye: Judge, house: Pixels) -> None:
    wide = change(
        starter,
        house,
        "a meadow by day",
        width=SIDE + 64,
        frame=OutpaintFrame(right=64),
        mask=Mask(content="original", blur_x=0, blur_y=0),
        denoising_strength=0.8,
    )
    assert all(picture.shape == (SIDE, SIDE + 64, 3) for picture in wide)
    right = [picture[:, -SIDE:] for picture in wide]  # half of it is new
    for question, answer in (("ground", "meadow"), ("time", "day"), ("style", "flat")):
        assert sure(eye, right, question, answer) > 0.8, question


def test_unknown_words_wreck_nothing(starter: Starter, eye: Judge) -> None:
    strange = make(starter, "zorblat, a red house in a meadow by day, frumious vexplo, best quality, 8k")
    for question, answer in (("kind", "house"), ("color", "red"), ("time", "day"), ("ground", "meadow")):
        assert sure(eye, strange, question, answer) > 0.8, question
