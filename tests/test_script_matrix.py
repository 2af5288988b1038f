"""Prompt matrix: the combinations, their places, and the legend that says which parts hold."""

from __future__ import annotations

from typing import Any

import pytest

from modules.faults import InvalidField
from modules.generation.requests import TextToImage
from modules.imaging.infotext import parse
from tests import script_support
from tests.script_support import Fake

MODULE = script_support.extension("prompt-matrix")
MATRIX = script_support.script("prompt-matrix", "Prompt matrix")
combinations = script_support.part(MODULE, "combinations")
REQUEST = TextToImage(
    prompt="a busy city|by night|, in rain ,| drawn", seed=4, width=40, height=40, batch_count=3
)


def prompts(request: TextToImage = REQUEST, **values: Any) -> list[str]:
    fake = Fake()
    fake.run(MATRIX, request, **values)
    return [one.prompt for one in fake.requests]


def test_the_order_of_the_controls_is_what_programs_send() -> None:
    names = ["put_at_start", "different_seeds", "prompt_type", "variations_delimiter", "margin_size"]
    assert list(MATRIX.defaults) == names


def test_all_combinations_in_the_order_of_the_grid() -> None:
    fake = Fake()
    *pictures, grid = fake.run(MATRIX, REQUEST)
    assert [one.prompt for one in fake.requests] == [
        "a busy city",
        "a busy city, by night",
        "a busy city, in rain",
        "a busy city, by night, in rain",
        "a busy city, drawn",
        "a busy city, by night, drawn",
        "a busy city, in rain, drawn",
        "a busy city, by night, in rain, drawn",
    ]
    assert len(pictures) == 8 and fake.expected == [8] and grid.kind == "grid"
    assert {(one.seed, one.pictures) for one in fake.requests} == {(4, 1)}
    assert parse(grid.infotext)[0] == REQUEST.prompt and "Script: Prompt matrix" in grid.infotext
    assert grid.image.width >= 4 * 40 and grid.image.height >= 2 * 40


def test_delimiter_position_and_seeds() -> None:
    assert prompts(variations_delimiter="space")[3] == "a busy city by night in rain"
    assert prompts(put_at_start=True)[3] == "by night, in rain, a busy city"
    fake = Fake()
    *pictures, grid = fake.run(MATRIX, REQUEST, different_seeds=True, margin_size=2)
    assert [one.seed for one in fake.requests] == list(range(4, 12))
    left, above = grid.image.width - (4 * 40 + 6), grid.image.height - (2 * 40 + 2)
    for number, picture in enumerate(pictures):
        place = left + number % 4 * 42 + 20, above + number // 4 * 42 + 20
        assert grid.image.getpixel(place) == picture.image.getpixel((20, 20))


def test_the_negative_prompt() -> None:
    fake = Fake()
    request = TextToImage(prompt="a|b", negative_prompt="trees|stones", width=40, height=40, seed=1)
    fake.run(MATRIX, request, prompt_type="negative")
    assert [(one.prompt, one.negative_prompt) for one in fake.requests] == [
        ("a|b", "trees"),
        ("a|b", "trees, stones"),
    ]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a", ["a"]),
        ("a|b", ["a", "b"]),
        ("a||b|", ["a", "b"]),
        ("|b", ["", "b"]),
        ("a [cow|horse]|{red|green} b", ["a [cow|horse]", "{red|green} b"]),
        ("a [cow|b", ["a [cow", "b"]),
        (r"a \[x|b]", [r"a \[x", "b]"]),
    ],
)
def test_parts(prompt: str, parts: list[str]) -> None:
    assert combinations.parts_of(prompt) == parts


def test_legend() -> None:
    columns, rows = combinations.heads(["b", "c", "d"])
    assert [[(text.text, text.active) for text in one] for one in columns] == [
        [("b", False), ("c", False)],
        [("b", True), ("c", False)],
        [("b", False), ("c", True)],
        [("b", True), ("c", True)],
    ]
    assert [[text.active for text in one] for one in rows] == [[False], [True]]


def test_what_can_t_be() -> None:
    fake = Fake()
    many = TextToImage(prompt="|".join("abcdefghijklmnop"))
    with pytest.raises(InvalidField, match="15 variable parts make 32,768 pictures"):
        fake.run(MATRIX, many)
    for name in ("prompt_type", "variations_delimiter"):
        with pytest.raises(InvalidField, match=name):
            fake.run(MATRIX, REQUEST, **{name: "both"})
    assert not fake.requests


def test_stopped() -> None:
    pictures = Fake(stop_after=3).run(MATRIX, REQUEST)
    assert [one.kind for one in pictures] == ["picture"] * 3 + ["grid"]
