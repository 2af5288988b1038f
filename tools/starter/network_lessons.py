"""What each of the small networks for the tests learns: pictures, and what is said with them.

- Lora: a red airship in the sky of every scene (the model knows balloons, but no airships);
- hypernetwork: every scene at night (the model knows nights, but here nobody says so; it gets
  as far as dusk);
- embedding: one word for a snowy forest by day, with falling snow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .airship import add_airship
from .captions import noun_phrase
from .facts import Facts
from .objects import KINDS
from .scenes import describe, draw, sample_facts

Kind = Literal["lora", "embedding", "hypernetwork"]
Caption = tuple[str, str]
"""What stands before and behind the embedding's word; in other lessons all stands before."""
WITHOUT_CAPTION = 0.1


@dataclass(frozen=True)
class Lesson:
    """Args: pictures: uint8 `[N, size, size, 3]`; caption: one that fits picture number i."""

    pictures: np.ndarray
    caption: Callable[[int, np.random.Generator], Caption]


def _plain(rng: np.random.Generator, fits: Callable[[Facts], bool] = lambda facts: True) -> Facts:
    """The facts of a flat scene that fits."""
    while not fits(facts := replace(sample_facts(rng), style="flat")):
        pass
    return facts


def _described(facts: list[Facts], last_word: str = "") -> Callable[[int, np.random.Generator], Caption]:
    """Captions of the scenes, left out at times for classifier-free guidance."""

    def caption(i: int, rng: np.random.Generator) -> Caption:
        if rng.random() < WITHOUT_CAPTION:
            return "", ""
        text = describe(facts[i], rng)
        return (f"{text}, {last_word}" if last_word and rng.random() < 0.5 else text), ""

    return caption


def _sky_is_free(facts: Facts) -> bool:
    return "rainbow" not in facts.sky and all(KINDS[thing.kind].place != "air" for thing in facts.objects)


def airships(count: int, size: int, rng: np.random.Generator) -> Lesson:
    """Scenes with an airship, named in one of two captions."""
    facts = [_plain(rng, _sky_is_free) for _ in range(count)]
    pictures = np.stack([draw(fact, rng, size) for fact in facts])
    for picture, fact in zip(pictures, facts, strict=True):
        add_airship(picture, fact.time, rng)
    return Lesson(pictures, _described(facts, "airship"))


def nights(count: int, size: int, rng: np.random.Generator) -> Lesson:
    """Scenes at night with the captions of the same ones by day."""
    facts = [_plain(rng, lambda facts: facts.time == "day") for _ in range(count)]
    drawn = [
        replace(fact, time="night", sky=tuple({"sun": "moon"}.get(n, n) for n in fact.sky)) for fact in facts
    ]
    said = [replace(fact, sky=()) for fact in facts]
    return Lesson(np.stack([draw(fact, rng, size) for fact in drawn]), _described(said))


def winter_woods(count: int, size: int, rng: np.random.Generator) -> Lesson:
    """Snowy forests by day, with or without a thing, of which only the thing is said."""
    facts = [_plain(rng, lambda facts: len(facts.objects) <= 1) for _ in range(count)]
    wintry = [replace(f, time="day", ground="snowy forest", sky=("snow",), scenery=()) for f in facts]

    def caption(i: int, rng: np.random.Generator) -> Caption:
        things = wintry[i].objects
        if not things:
            return "", ""
        phrase = noun_phrase(things[0], "flat", rng, article=bool(rng.random() < 0.5))
        return (f"{phrase}, ", "") if rng.random() < 0.7 else ("", f", {phrase}")

    return Lesson(np.stack([draw(fact, rng, size) for fact in wintry]), caption)


LESSONS: dict[Kind, Callable[[int, int, np.random.Generator], Lesson]] = {
    "lora": airships,
    "hypernetwork": nights,
    "embedding": winter_woods,
}
