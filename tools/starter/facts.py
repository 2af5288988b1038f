"""What a scene holds, and how often: its facts, and the choice of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ground import GROUNDS
from .objects import KINDS, Kind
from .palette import COLOURS


@dataclass(frozen=True)
class Thing:
    """An object of a scene.

    Attributes:
        kind: One of the kinds of its world (see `worlds`).
        color: One of `palette.COLOURS`, or None for the kind's natural colour.
        position: "left", "right" or "middle".
        size: "small", "medium" or "large".
        count: How many of it stand side by side, 1 to 3.
    """

    kind: str
    color: str | None
    position: str
    size: str = "medium"
    count: int = 1


@dataclass(frozen=True)
class Facts:
    """All that is true of a scene.

    Attributes:
        time: One of `palette.LIGHTS`.
        sky: What is in the sky: of "sun", "moon", "stars", "clouds", "rain", "snow", "rainbow"; in world 2 also "fog"
            and "storm".
        ground: One of `ground.GROUNDS`.
        scenery: What stands about: of "trees", "round stones", "cacti".
        objects: None, one or two things.
        relation: How the first thing stands to the second: "beside", "in front of" or "on"; else None.
        style: One of the styles of its world.
    """

    time: str
    sky: tuple[str, ...]
    ground: str
    scenery: tuple[str, ...]
    objects: tuple[Thing, ...]
    relation: str | None
    style: str


TIMES = {"day": 0.36, "night": 0.24, "sunset": 0.15, "dusk": 0.13, "dawn": 0.12}
STYLES = {"flat": 0.52, "watercolor": 0.18, "pixel art": 0.15, "pencil sketch": 0.15}
GROUND_WEIGHTS = {"meadow": 1.5, "forest": 1.2, "hills": 0.9, "sea": 0.9, "city": 0.9}
RIDERS = ("cat", "dog", "rabbit", "bird", "robot")
MOUNTS = ("horse", "car", "mushroom")
SMALL = ("cat", "dog", "fox", "rabbit", "bird", "flower", "mushroom", "car", "tent", "robot", "snowman")
TALL = ("house", "castle", "tree")
RIDING = "astronaut riding a horse"


def pick(rng: np.random.Generator, options: dict[str, float]) -> str:
    """One of the options by chance, by their weights."""
    weights = np.array(list(options.values()))
    return list(options)[int(rng.choice(len(options), p=weights / weights.sum()))]


def any_of(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of the options by chance, all alike."""
    return options[int(rng.integers(len(options)))]


def choose_sky(rng: np.random.Generator, time: str, ground: str) -> tuple[str, ...]:
    """What is in the sky at this time over this ground."""
    falling = rng.random()
    wintry = ground in ("snow", "snowy forest")
    cold = wintry or ground in ("mountains", "city")
    rain = falling < 0.08 and not wintry and ground != "desert"
    snow = 0.08 <= falling < (0.24 if cold else 0.11) and ground not in ("desert", "beach", "sea")
    clear = not rain and not snow
    light = time in ("day", "dawn", "sunset")
    sky = []
    if light and clear and rng.random() < (0.55 if time == "day" else 0.7):
        sky.append("sun")
    if light and time != "sunset" and not snow and rng.random() < 0.1:
        sky.append("rainbow")
    if not light and clear and rng.random() < 0.6:
        sky.append("moon")
    if not light and clear and rng.random() < (0.65 if time == "night" else 0.3):
        sky.append("stars")
    if rain or rng.random() < (0.45 if light and time != "sunset" else 0.25):
        sky.append("clouds")
    return (*sky, *(["rain"] if rain else []), *(["snow"] if snow else []))


def choose_kind(rng: np.random.Generator, ground: str, kinds: dict[str, Kind] = KINDS) -> str:
    """A kind that fits on this ground."""
    weights = {}
    for name, kind in kinds.items():
        weight = 1.4 if name in ("house", "cat", "dog", "fox", "tree", "castle", "car", RIDING) else 1.0
        if ground == "sea":
            weight = {"water": 4.0, "shore": 1.5, "air": 1.0}.get(kind.place, 0.0)
        elif kind.place == "water":
            weight = 1.0 if ground == "beach" else 0.14
        elif name == "snowman":
            weight = 3.0 if ground.startswith("snow") else 0.25
        elif name == "umbrella" and ground == "beach":
            weight = 2.0
        weights[name] = weight
    return pick(rng, weights)


def colour_thing(
    rng: np.random.Generator, kind: str, position: str, size: str = "medium", count: int = 1
) -> Thing:
    """The thing in a colour by chance; some kinds have only their own."""
    natural = kind in ("snowman", "astronaut") or rng.random() < 0.22
    colour = None if natural else any_of(rng, tuple(COLOURS))
    return Thing(kind, colour, position, size, count)


def side_by_side(
    rng: np.random.Generator, ground: str, known: dict[str, Kind] = KINDS
) -> tuple[tuple[Thing, ...], str]:
    """Two things of different kinds, one on each side."""
    kinds = [choose_kind(rng, ground, known), choose_kind(rng, ground, known)]
    while kinds[0] == kinds[1] or RIDING in kinds:
        kinds = [choose_kind(rng, ground, known), choose_kind(rng, ground, known)]
    sides = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    return (colour_thing(rng, kinds[0], sides[0]), colour_thing(rng, kinds[1], sides[1])), "beside"


def _pair(rng: np.random.Generator, ground: str) -> tuple[tuple[Thing, ...], str | None]:
    """Two things side by side, one before the other, or one upon the other."""
    roll = rng.random()
    if roll < 0.2 and ground != "sea":
        front, behind = any_of(rng, SMALL), any_of(rng, TALL)
        return (colour_thing(rng, front, "middle"), colour_thing(rng, behind, "middle")), "in front of"
    if roll < 0.38 and ground != "sea":
        return (
            colour_thing(rng, any_of(rng, RIDERS), "middle"),
            colour_thing(rng, any_of(rng, MOUNTS), "middle"),
        ), "on"
    return side_by_side(rng, ground)


def _things(rng: np.random.Generator, ground: str) -> tuple[tuple[Thing, ...], str | None]:
    roll = rng.random()
    if roll < 0.08:
        return (), None
    if roll > 0.8:
        return _pair(rng, ground)
    kind = choose_kind(rng, ground)
    if roll < 0.14 and kind != RIDING:
        return (colour_thing(rng, kind, "middle", count=int(rng.integers(2, 4))),), None
    position = pick(rng, {"middle": 0.46, "left": 0.27, "right": 0.27})
    size = pick(rng, {"medium": 0.7, "small": 0.13, "large": 0.17})
    return (colour_thing(rng, kind, position, size),), None


def choose_scenery(rng: np.random.Generator, ground: str) -> tuple[str, ...]:
    """What stands about on this ground."""
    scenery = []
    if ground in ("meadow", "hills", "snow", "mountains") and rng.random() < 0.4:
        scenery.append("trees")
    if ground == "desert" and rng.random() < 0.45:
        scenery.append("cacti")
    if ground not in ("sea", "city") and rng.random() < 0.25:
        scenery.append("round stones")
    return tuple(scenery)


def not_hidden(sky: tuple[str, ...], things: tuple[Thing, ...], kinds: dict[str, Kind]) -> tuple[str, ...]:
    """The sky without sun and moon where several things, one of them in the air, would hide them."""
    if sum(thing.count for thing in things) > 1 and any(kinds[thing.kind].place == "air" for thing in things):
        return tuple(name for name in sky if name not in ("sun", "moon"))
    return sky


def sample_facts(rng: np.random.Generator) -> Facts:
    """Choose the facts of a scene, with the frequencies from which the model shall learn."""
    time = pick(rng, TIMES)
    ground = pick(rng, {name: GROUND_WEIGHTS.get(name, 1.0) for name in GROUNDS})
    style = pick(rng, STYLES)
    scenery = choose_scenery(rng, ground)
    things, relation = _things(rng, ground)
    sky = not_hidden(choose_sky(rng, time, ground), things, KINDS)
    return Facts(time, sky, ground, scenery, things, relation, style)
