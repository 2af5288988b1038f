"""The starter model's scenes: pictures that show their facts, and captions that say only what is shown."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from tools.starter import vocabulary
from tools.starter.palette import LIGHTS
from tools.starter.scenes import (
    COLOURS,
    GROUNDS,
    KINDS,
    STYLES,
    TIMES,
    Facts,
    Thing,
    describe,
    draw,
    make,
    places,
    sample_facts,
)

MANY = 400


def scene(
    *things: Thing,
    time: str = "day",
    ground: str = "meadow",
    style: str = "flat",
    scenery: tuple[str, ...] = (),
) -> Facts:
    return Facts(time, (), ground, scenery, things, None, style)


def luminance(picture: np.ndarray) -> float:
    return float((picture @ np.array([0.299, 0.587, 0.114])).mean())


def says(caption: str, phrases: tuple[str, ...] | set[str]) -> bool:
    return any(re.search(rf"\b{re.escape(phrase)}\b", caption) for phrase in phrases)


@pytest.fixture(scope="module")
def captions() -> list[tuple[str, Facts]]:
    """Many captions with their facts, without the drawing."""
    found = []
    for seed in range(5 * MANY):
        rng = np.random.default_rng(seed)
        facts = sample_facts(rng)
        found.append((describe(facts, rng), facts))
    return found


def test_a_seed_gives_the_same_scene() -> None:
    for seed in range(12):
        first, second = make(seed), make(seed)
        assert np.array_equal(first[0], second[0])
        assert first[1:] == second[1:]
    assert not np.array_equal(make(1)[0], make(2)[0])


@pytest.mark.parametrize("size", [64, 128, 256])
def test_pictures_have_the_asked_size(size: int) -> None:
    picture = make(5, size)[0]
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("style", STYLES)
def test_every_kind_is_drawn_on_every_ground(style: str) -> None:
    for i, kind in enumerate(KINDS):
        ground = GROUNDS[i % len(GROUNDS)]
        facts = scene(Thing(kind, None, "middle"), ground=ground, style=style)
        with_it = draw(facts, np.random.default_rng(i), 64)
        without = draw(scene(ground=ground, style=style), np.random.default_rng(i), 64)
        assert np.abs(with_it.astype(int) - without).mean() > 1, (kind, ground)


@pytest.mark.parametrize("style", STYLES)
def test_night_is_darker_than_day(style: str) -> None:
    brightness: dict[str, list[float]] = {time: [] for time in TIMES}
    for seed in range(40):
        facts = sample_facts(np.random.default_rng(seed))
        for time in TIMES:
            other = Facts(time, (), facts.ground, facts.scenery, facts.objects, facts.relation, style)
            brightness[time].append(luminance(draw(other, np.random.default_rng(seed), 64)))
    assert all(n < 0.75 * d for n, d in zip(brightness["night"], brightness["day"], strict=True))
    mean = {time: float(np.mean(values)) for time, values in brightness.items()}
    assert mean["night"] < mean["dusk"] < mean["sunset"] < mean["day"]


def _named(pixels: np.ndarray) -> np.ndarray:
    """The share of each colour of the palette among RGB pixels `[N, 3]`, by distance in Lab."""

    def lab(rgb: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(rgb.reshape(-1, 1, 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)

    palette = lab(np.array(list(COLOURS.values())))
    nearest = ((lab(pixels)[:, None] - palette) ** 2).sum(2).argmin(1)
    return np.bincount(nearest, minlength=len(COLOURS)) / len(pixels)


@pytest.mark.parametrize("time", ["day", "night"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("snowman", "astronaut")])
def test_the_colour_dominates_the_object(kind: str, time: str) -> None:
    """In the light of its time of day, the colour asked for has about the greatest share of the object."""
    without = draw(scene(time=time), np.random.default_rng(3))
    for i, colour in enumerate(COLOURS):
        picture = draw(scene(Thing(kind, colour, "middle"), time=time), np.random.default_rng(3))
        changed = np.abs(picture.astype(int) - without).sum(2) > 30
        share = _named(np.clip(picture[changed] / np.array(LIGHTS[time].thing), 0, 255))
        assert share[i] > 0.2 and share[i] > 0.75 * share.max(), (kind, colour, share.round(2))


@pytest.mark.parametrize("position, low, high", [("left", 0, 0.45), ("middle", 0.4, 0.6), ("right", 0.55, 1)])
def test_things_stand_where_the_facts_say(position: str, low: float, high: float) -> None:
    for kind in KINDS:
        facts = scene(Thing(kind, "purple", position))
        for seed in range(4):
            (place,) = places(facts, np.random.default_rng(seed))
            assert low <= place.x <= high
            assert place.half <= place.x <= 1 - place.half, f"{kind} is cut off at the side"
        picture = draw(facts, np.random.default_rng(7), 64).astype(int)
        difference = np.abs(picture - draw(scene(), np.random.default_rng(7), 64)).sum(axis=(0, 2))
        assert low <= (difference * np.arange(64)).sum() / difference.sum() / 64 <= high


def test_main_objects_can_be_read() -> None:
    for kind in KINDS:
        (place,) = places(scene(Thing(kind, None, "middle")), np.random.default_rng(0))
        assert 0.33 <= place.height <= 0.65, kind
        assert place.y - place.height >= 0, f"{kind} is cut off at the top"


def test_captions_claim_nothing_that_is_not_there(captions: list[tuple[str, Facts]]) -> None:
    for caption, facts in captions:
        shown = {thing.kind for thing in facts.objects}
        for kind in KINDS:
            nouns = {kind, *vocabulary.KIND_WORDS.get(kind, ())}
            if kind in ("astronaut", "horse") and "astronaut riding a horse" in shown:
                continue
            if says(caption, nouns):
                assert kind in shown, (caption, kind)
        colours = {thing.color or KINDS[thing.kind].natural for thing in facts.objects}
        told = re.sub(r"(white|green) (clouds|trees|meadow|forest|hills|cacti)", "", caption)
        for colour in COLOURS:
            if says(told, {colour, *vocabulary.COLOUR_WORDS.get(colour, ())}):
                assert colour in colours, (caption, colour)
        for time, tags in vocabulary.TIME_TAGS.items():
            if says(re.sub("starry night sky", "", caption), {tags[0], *vocabulary.TIME_WORDS[time]}):
                assert time == facts.time, (caption, time)
        if says(caption, {"rainbow"}):
            assert "rainbow" in facts.sky
        if says(caption, {"rain", "rainy", "raining"}):
            assert "rain" in facts.sky
        if says(caption, {"stars", "starry"}):
            assert "stars" in facts.sky
        if says(caption, {"trees"}):
            assert "trees" in facts.scenery or "forest" in facts.ground or "tree" in shown
        if says(caption, {"stones"}):
            assert "round stones" in facts.scenery


def test_scenery_is_mostly_mentioned(captions: list[tuple[str, Facts]]) -> None:
    """So that "trees" and "round stones" mean something in a negative prompt."""
    for name, word in (("trees", "trees"), ("round stones", "stones")):
        drawn = [caption for caption, facts in captions if name in facts.scenery]
        assert len(drawn) > 100
        assert sum(word in caption for caption in drawn) > 0.7 * len(drawn)


def test_captions_are_lower_case_and_varied(captions: list[tuple[str, Facts]]) -> None:
    texts = [caption for caption, _ in captions]
    assert all(text == text.lower() and text.strip(" ,") == text and "  " not in text for text in texts)
    assert len(set(texts)) > 0.95 * len(texts)
    red_house = scene(Thing("house", "red", "left"), time="night")
    rng = np.random.default_rng(0)
    assert len({describe(red_house, rng) for _ in range(100)}) > 60
    assert max(len(text.split()) for text in texts) < 40


def test_every_fact_occurs(captions: list[tuple[str, Facts]]) -> None:
    all_facts = [facts for _, facts in captions]
    assert {facts.time for facts in all_facts} == set(TIMES)
    assert {facts.ground for facts in all_facts} == set(GROUNDS)
    assert {facts.style for facts in all_facts} == set(STYLES)
    assert {thing.kind for facts in all_facts for thing in facts.objects} == set(KINDS)
    assert {thing.color for facts in all_facts for thing in facts.objects} == {None, *COLOURS}
    assert {facts.relation for facts in all_facts} == {None, "beside", "in front of", "on"}
