"""What the prompt language does to pictures of the starter model, measured over eight seeds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.starter import Starter, brightness, green, mean_of, red


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Starter:
    return Starter.in_folder(tmp_path_factory.mktemp("starter"))


def test_a_weight_makes_the_words_count_more(starter: Starter) -> None:
    strong, weak = starter.make("a meadow (at night:1.5)"), starter.make("a meadow (at night:0.5)")
    assert mean_of(brightness, strong) < mean_of(brightness, weak) - 8
    darker = sum(brightness(a) < brightness(b) for a, b in zip(strong, weak, strict=True))
    assert darker >= 7


def test_an_edited_prompt_is_neither_of_its_ends(starter: Starter) -> None:
    day, night = starter.make("a meadow by day"), starter.make("a meadow at night")
    edited = starter.make("a meadow [by day:at night:0.3]")
    assert mean_of(brightness, night) + 8 < mean_of(brightness, edited) < mean_of(brightness, day) - 8
    for ends in (day, night):
        assert min(np.abs(a - b).mean() for a, b in zip(edited, ends, strict=True)) > 5


def test_and_shows_both(starter: Starter) -> None:
    first, second = "a red house in a meadow", "a starry sky at night"
    houses, nights = starter.make(first), starter.make(second)
    both = starter.make(f"{first} AND {second}")
    assert mean_of(red, nights) < 0.1 * mean_of(red, houses)
    assert mean_of(red, both) > 0.4 * mean_of(red, houses)
    assert mean_of(brightness, both) < 0.6 * mean_of(brightness, houses)


def test_a_negative_prompt_takes_away(starter: Starter) -> None:
    prompt = "a cottage in the countryside by day, trees"
    with_trees, without = starter.make(prompt), starter.make(prompt, negative_prompt="trees")
    assert mean_of(green, without) < 0.5 * mean_of(green, with_trees)
    fewer = sum(green(a) < green(b) for a, b in zip(without, with_trees, strict=True))
    assert fewer >= 6
