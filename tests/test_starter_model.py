"""The model that ships with Easel, end to end: the prompt's effect is measured in the picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from modules.compute import choose
from modules.generation.engine import Engine, check
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from tests.server import STARTER

pytestmark = pytest.mark.skipif(not STARTER.exists(), reason=f"there is no {STARTER.name}")

SEEDS = 8
Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    cache = tmp_path_factory.mktemp("cache") / "hashes.json"
    return ModelStore(CheckpointCatalogue((STARTER.parent,), cache), choose)


@pytest.fixture(scope="module")
def draw(models: ModelStore) -> Draw:
    """Pictures of a prompt as float `[SEEDS, H, W, 3]`, 0 to 255."""
    engine = Engine(models)

    def draw(prompt: str, negative_prompt: str = "") -> np.ndarray:
        request = TextToImage(
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=1000,
            steps=12,
            cfg_scale=5,
            width=128,
            height=128,
            batch_size=SEEDS,
        )
        pictures: list[GeneratedImage] = list(engine.run(check(request, models), Unwatched()))
        return np.stack([np.asarray(picture.image) for picture in pictures]).astype(float)

    return draw


def brightness(pictures: np.ndarray) -> np.ndarray:
    """Mean luminance of each picture."""
    return (pictures @ np.array([0.299, 0.587, 0.114])).mean(axis=(1, 2))


def test_it_is_small_and_says_what_it_is(models: ModelStore) -> None:
    checkpoint = models.catalogue.find("starter")
    assert checkpoint.path.stat().st_size <= 45 * 2**20
    assert checkpoint.resolution == (128, 128)
    assert len(checkpoint.examples) >= 3
    assert checkpoint.description is not None


def test_night_is_darker_than_day(draw: Draw) -> None:
    day, night = (
        brightness(draw("a house in a meadow by day")),
        brightness(draw("a house in a meadow at night")),
    )
    assert (night < day).all()
    assert night.mean() < 0.75 * day.mean()


def test_a_negative_prompt_pushes_away(draw: Draw) -> None:
    plain, pushed = (
        draw("a house in a meadow"),
        draw("a house in a meadow", negative_prompt="night, dark, stars"),
    )
    pulled = draw("a house in a meadow", negative_prompt="day, bright, sun")
    assert brightness(pushed).mean() > brightness(pulled).mean() + 10
    assert np.abs(plain - pushed).mean() > 1


def test_a_house_has_about_its_colour(draw: Draw) -> None:
    """In the middle of the picture, where the house is, red houses are redder than blue ones."""

    def redness(pictures: np.ndarray) -> np.ndarray:
        middle = pictures[:, 48:112, 24:104]
        return (middle[..., 0] - middle[..., 2]).mean(axis=(1, 2))

    red, blue = (
        redness(draw("a red house in a meadow by day")),
        redness(draw("a blue house in a meadow by day")),
    )
    assert (red > blue).mean() >= 0.75
    assert red.mean() > blue.mean() + 15


def test_emphasis_pulls(draw: Draw) -> None:
    weak, strong = (brightness(draw(f"a house in a meadow (at night:{weight})")) for weight in (0.4, 1.5))
    assert strong.mean() < weak.mean()


def test_the_example_gives_a_winter_picture(draw: Draw) -> None:
    picture = draw("a watercolor painting of a fox in a snowy forest at dusk")
    assert picture.std() > 20
    assert 40 < brightness(picture).mean() < 220
