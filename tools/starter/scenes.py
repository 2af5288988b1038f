"""Captioned scenes: what the starter model is trained on, drawn without end from a seed.

A scene is a set of facts (time of day, sky, ground, objects, style), a picture that shows exactly these
facts, and a caption that names some of them and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import ground, sky, styles, wide_sky
from .captions import caption
from .facts import Facts, Thing, sample_facts
from .objects import KINDS
from .palette import COLOURS, LIGHTS, Light, Rgb, mix
from .pen import Pen, ellipse
from .wide_objects import WIDE_KINDS
from .wide_styles import WIDE_FILTERS
from .worlds import WORLDS

__all__ = [
    "COLOURS",
    "GROUNDS",
    "KINDS",
    "POSITIONS",
    "SIZES",
    "STYLES",
    "TIMES",
    "Facts",
    "Scene",
    "Thing",
    "describe",
    "draw",
    "make",
    "places",
    "sample_facts",
]

TIMES = tuple(LIGHTS)
GROUNDS = tuple(ground.GROUNDS)
STYLES = tuple(styles.FILTERS)
POSITIONS = ("left", "right", "middle")
SIZES = {"small": 0.72, "medium": 1.0, "large": 1.22}
TURNS = ("fox", "horse", "bird", "fish", "car", "boat", "astronaut riding a horse", "dragon", "train")
_SEATS = {  # x, y in the mount's heights
    "horse": (-0.06, 0.6),
    "car": (-0.05, 0.97),
    "mushroom": (0.0, 0.95),
    "bridge": (0.0, 0.82),
    "dragon": (-0.02, 0.5),
    "train": (-0.48, 0.97),
    "apple": (-0.1, 0.76),
}
_MOUNTS = {"car": 0.3, "bridge": 0.36, "train": 0.34, "apple": 0.42}
"""How high a mount is; others 0.44."""
FOG_BEHIND, FOG_BEFORE = 0.8, 0.3
"""How thick fog is behind and before the things."""
_CLOSED = ("forest", "snowy forest", "mountains", "hills", "city")


@dataclass(frozen=True)
class Scene:
    """A picture (uint8 `[H, W, 3]`, RGB) and the facts that it shows."""

    image: np.ndarray
    facts: Facts


@dataclass(frozen=True)
class Place:
    """Where one thing stands: its foot's x and y and its height as parts of the picture, y from the top."""

    thing: Thing
    x: float
    y: float
    height: float
    flip: bool = False
    shadow: bool = True

    @property
    def half(self) -> float:
        """Half of its width."""
        return self.height * WIDE_KINDS[self.thing.kind].width / 2


def places(facts: Facts, rng: np.random.Generator) -> list[Place]:
    """Where every single thing of the scene stands, from the back to the front."""
    if facts.relation == "in front of":
        return _one_before_the_other(facts, rng)
    if facts.relation == "on":
        return _one_on_the_other(facts, rng)
    crowd = sum(thing.count for thing in facts.objects)
    return [place for thing in facts.objects for place in _row(thing, crowd, facts.ground, rng)]


def _row(thing: Thing, crowd: int, land: str, rng: np.random.Generator) -> list[Place]:
    kind = WIDE_KINDS[thing.kind]
    room = {1: 0.8, 2: 0.47, 3: 0.31}[crowd]
    height = min(kind.height * SIZES[thing.size] * (1.0, 0.86, 0.66)[crowd - 1], room / kind.width)
    height *= rng.uniform(0.96, 1.04)
    half = height * kind.width / 2
    foot = rng.uniform(0.85, 0.885)
    if kind.place == "air":
        foot = 0.09 + height + rng.uniform(-0.03, 0.03)
    elif land == "sea":
        foot = 0.8
    flip = {"left": False, "right": True, "middle": bool(rng.random() < 0.5)}[thing.position]
    row = []
    for offset in {1: (0.0,), 2: (-0.24, 0.24), 3: (-0.32, 0.0, 0.32)}[thing.count]:
        x = {"left": 0.27, "right": 0.73, "middle": 0.5}[thing.position] + offset + rng.uniform(-0.02, 0.02)
        x = min(max(x, half + 0.02), 0.98 - half)
        row.append(Place(thing, x, foot, height, flip, kind.place != "air" and land != "sea"))
    return row


def _one_before_the_other(facts: Facts, rng: np.random.Generator) -> list[Place]:
    front, behind = facts.objects
    side = 1.0 if rng.random() < 0.5 else -1.0
    low, high = WIDE_KINDS[front.kind], WIDE_KINDS[behind.kind]
    jitter = rng.uniform(-0.02, 0.02)
    return [
        Place(behind, 0.5 + side * 0.08 + jitter, 0.77, min(0.62, 0.8 / high.width)),
        Place(front, 0.5 - side * 0.17 + jitter, 0.93, min(0.36, 0.5 / low.width), side < 0),
    ]


def _one_on_the_other(facts: Facts, rng: np.random.Generator) -> list[Place]:
    rider, mount = facts.objects
    kind = WIDE_KINDS[mount.kind]
    height = _MOUNTS.get(mount.kind, 0.44)
    flip = bool(rng.random() < 0.5)
    x, y = 0.5 + rng.uniform(-0.04, 0.04), rng.uniform(0.88, 0.91)
    seat_x, seat_y = _SEATS[mount.kind]
    lower = Place(mount, x, y, min(height, 0.8 / kind.width), flip)
    seat = x + (-seat_x if flip else seat_x) * lower.height
    return [lower, Place(rider, seat, y - seat_y * lower.height, 0.36, flip, shadow=False)]


def _sun_side(facts: Facts) -> str | None:
    """Sun and moon stand where no thing hides them."""
    sides = {thing.position for thing in facts.objects}
    return "right" if sides == {"left"} else "left" if sides == {"right"} else None


def draw(facts: Facts, rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """Draw the scene: uint8 `[size, size, 3]`, RGB. The generator gives only the small variations."""
    light = LIGHTS[facts.time]
    image = np.empty((2 * size, 2 * size, 3), np.uint8)
    open_land = facts.ground not in _CLOSED and sum(thing.count for thing in facts.objects) < 2
    sky.sky(image, light, facts.sky, rng, _sun_side(facts), open_land)
    if "storm" in facts.sky:
        wide_sky.storm(image, light, rng, _sun_side(facts))
    ground.ground(image, facts.ground, light, facts.scenery, rng)
    if "fog" in facts.sky:
        wide_sky.fog(image, light, rng, FOG_BEHIND)
    for place in places(facts, rng):
        if place.shadow:
            _shadow(image, place, light.ground)
        turned = place.flip and place.thing.kind in TURNS
        pen = Pen(image, place.x, place.y, place.height, light.thing, turned, light.dark)
        WIDE_KINDS[place.thing.kind].draw(pen, _main_colour(place.thing))
        if facts.ground == "sea" and WIDE_KINDS[place.thing.kind].place != "air":
            _waterline(image, place, light)
    if "fog" in facts.sky:
        wide_sky.fog(image, light, rng, FOG_BEFORE)
    sky.falling(image, light, facts.sky, rng)
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return WIDE_FILTERS[facts.style](small, rng)


def _shadow(image: np.ndarray, place: Place, tint: Rgb) -> None:
    """Darken the ground under a thing, softly."""
    side = image.shape[0]
    top, bottom = int((place.y - 0.04) * side), min(side, int((place.y + 0.05) * side))
    strip = image[top:bottom]
    dark = strip.copy()
    centre = (int(place.x * side * 16), (int(place.y * side) - top) * 16)
    axes = (int(place.half * 0.88 * side * 16), int(0.028 * side * 16))
    cv2.ellipse(dark, centre, axes, 0, 0, 360, tuple(int(c * 52) for c in tint), -1, cv2.LINE_AA, 4)
    cv2.addWeighted(dark, 0.3, strip, 0.7, 0, dst=strip)


def _waterline(image: np.ndarray, place: Place, light: Light) -> None:
    """Water before the foot of a thing that floats."""
    pen = Pen(image, place.x, place.y, 1.0, light.ground)
    pen.fill(mix(ground.SEA, (255, 255, 255), 0.4), ellipse(0, -0.005, place.half * 1.05, 0.022))
    pen.fill(ground.SEA, ellipse(0, -0.025, place.half * 1.1, 0.03))


def _main_colour(thing: Thing) -> Rgb:
    """The colour that the thing's drawing asks for: of a snowman, his scarf's."""
    return COLOURS["red" if thing.kind == "snowman" else thing.color or WIDE_KINDS[thing.kind].natural]


def describe(facts: Facts, rng: np.random.Generator) -> str:
    """A caption of the scene: lower case, only what was drawn, in varying words and order."""
    return caption(facts, rng)


def make(seed: int, size: int = 128, world: int = 1) -> tuple[np.ndarray, str, Facts]:
    """The scene of a seed: (picture, caption, facts). The same seed always gives the same scene of a world."""
    rng = np.random.default_rng(seed)
    facts = WORLDS[world].sample(rng)
    image = draw(facts, rng, size)
    return image, describe(facts, rng), facts
