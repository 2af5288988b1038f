"""Infotexts read as the older UI reads them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from modules.generation.recipe_reading import read_recipe
from tests.reference import reference_json
from tests.rest_support import House, build_house, close


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    yield house
    close(house)


def png_with(infotext: str) -> str:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("parameters", infotext)
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=chunks)
    return b64encode(file.getvalue()).decode("ascii")


@pytest.mark.reference
def test_answers_are_those_of_the_reference(house: House) -> None:
    client = house.client()
    for case in reference_json("infotexts.json"):
        answer = client.post("/sdapi/v1/png-info", json={"image": png_with(case["info"])}).json()
        assert answer["info"] == case["info"]
        assert answer["parameters"] == case["parameters"], case["info"]


def test_emphasis_is_said_only_where_there_is_some() -> None:
    assert read_recipe("a (red:1.2) house\nSteps: 1, Sampler: Euler, Seed: 1")["Emphasis"] == "Original"
    assert "Emphasis" not in read_recipe("a red house BREAK a cat\nSteps: 1, Sampler: Euler, Seed: 1")


@pytest.mark.parametrize(
    ("version", "habit"),
    [
        ("v1.5.2", {"Old prompt editing timelines", "Pad conds v0", "Downcast alphas_cumprod"}),
        ("v1.7.0-224-gabc", {"Downcast alphas_cumprod"}),
        ("v1.7.0-225-gabc", set()),
        ("v1.10.1", set()),
        ("Easel 0.1.0", set()),
    ],
)
def test_old_versions_had_habits(version: str, habit: set[str]) -> None:
    read = read_recipe(f"a [cat:dog:5]\nSteps: 20, Sampler: DDIM, Seed: 1, Version: {version}")
    assert {name for name, value in read.items() if value is True} == habit


def test_windows_are_read_back() -> None:
    recipe = read_recipe("a fox\nSteps: 4, Size: 64x80, Window: 512x384, Window overlap: 64, Version: Easel")
    assert (recipe["Window-1"], recipe["Window-2"], recipe["Window overlap"]) == ("512", "384", "64")


def test_a_hypernetwork_of_old_is_a_tag_now() -> None:
    text = "a cat\nSteps: 20, Sampler: Euler, Seed: 1, Hypernet: ink, Hypernet strength: 0.6"
    assert read_recipe(text)["Prompt"] == "a cat<hypernet:ink:0.6>"


def test_any_format_can_hold_a_recipe(house: House) -> None:
    picture = Image.new("RGB", (8, 8))
    exif = picture.getexif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat\nSteps: 3, Sampler: Euler, Seed: 4".encode(
        "utf-16-be"
    )
    for kind in ("JPEG", "WEBP"):
        file = BytesIO()
        picture.save(file, kind, exif=exif.tobytes())
        image = b64encode(file.getvalue()).decode("ascii")
        answer = house.client().post("/sdapi/v1/png-info", json={"image": image}).json()
        assert answer["parameters"]["Prompt"] == "a cat"
        assert answer["parameters"]["Seed"] == "4"
