"""The choice of a scene's facts in the wider world: more things, more of them at once, fog and storms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .facts import (
    GROUND_WEIGHTS,
    RIDERS,
    RIDING,
    SMALL,
    STYLES,
    TALL,
    TIMES,
    Facts,
    Thing,
    any_of,
    choose_kind,
    choose_scenery,
    choose_sky,
    colour_thing,
    not_hidden,
    pick,
    side_by_side,
)
from .ground import GROUNDS
from .wide_objects import WIDE_KINDS

WIDE_STYLES = {name: 0.78 * share for name, share in STYLES.items()} | {
    "oil painting": 0.12,
    "blueprint": 0.1,
}
WIDE_RIDERS = (*RIDERS, "owl", "bear", "fox")
WIDE_MOUNTS = ("horse", "car", "mushroom", "bridge", "dragon", "train", "apple")
WIDE_SMALL = (*SMALL, "bear", "owl", "apple", "sunflower")
WIDE_TALL = (*TALL, "windmill", "lighthouse")
STORM, FOG = 0.06, 0.08
"""How often there is a storm or fog, where there can be."""


def _sky(rng: np.random.Generator, time: str, ground: str) -> tuple[str, ...]:
    roll = rng.random()
    if roll < STORM and not ground.startswith("snow"):
        return ("clouds", "rain", "storm") if rng.random() < 0.6 else ("clouds", "storm")
    if roll > 1 - FOG and ground != "desert":
        return ("fog",)
    return choose_sky(rng, time, ground)


def _pair(rng: np.random.Generator, ground: str) -> tuple[tuple[Thing, ...], str]:
    """Two things side by side, one before the other, or one upon the other."""
    roll = rng.random()
    if roll < 0.28 and ground != "sea":
        front, behind = any_of(rng, WIDE_SMALL), any_of(rng, WIDE_TALL)
        return (colour_thing(rng, front, "middle"), colour_thing(rng, behind, "middle")), "in front of"
    if roll < 0.56 and ground != "sea":
        rider, mount = any_of(rng, WIDE_RIDERS), any_of(rng, WIDE_MOUNTS)
        return (colour_thing(rng, rider, "middle"), colour_thing(rng, mount, "middle")), "on"
    return side_by_side(rng, ground, WIDE_KINDS)


def _things(rng: np.random.Generator, ground: str) -> tuple[tuple[Thing, ...], str | None]:
    roll = rng.random()
    if roll < 0.07:
        return (), None
    if roll > 0.72:
        return _pair(rng, ground)
    kind = choose_kind(rng, ground, WIDE_KINDS)
    if roll < 0.17 and kind != RIDING:
        return (colour_thing(rng, kind, "middle", count=int(rng.integers(2, 4))),), None
    position = pick(rng, {"middle": 0.46, "left": 0.27, "right": 0.27})
    size = pick(rng, {"medium": 0.7, "small": 0.13, "large": 0.17})
    return (colour_thing(rng, kind, position, size),), None


def sample_wide(rng: np.random.Generator) -> Facts:
    """Choose the facts of a scene of world 2.

    A blueprint shows neither colours nor the time of day, so there they are the usual ones.
    """
    time = pick(rng, TIMES)
    ground = pick(rng, {name: GROUND_WEIGHTS.get(name, 1.0) for name in GROUNDS})
    style = pick(rng, WIDE_STYLES)
    scenery = choose_scenery(rng, ground)
    things, relation = _things(rng, ground)
    if style == "blueprint":
        time, things = "day", tuple(replace(thing, color=None) for thing in things)
    sky = not_hidden(_sky(rng, time, ground), things, WIDE_KINDS)
    return Facts(time, sky, ground, scenery, things, relation, style)
