"""The ground, with the trees, stones and cacti that stand on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import objects
from .palette import GLOW, HORIZON, Light, Rgb, mix
from .pen import Pen, box, ellipse, poly, stroke

GRASS: Rgb = (124, 196, 92)
SNOW: Rgb = (236, 243, 252)
SAND: Rgb = (242, 212, 146)
SEA: Rgb = (54, 142, 198)


def _ridge(
    pen: Pen, colour: Rgb, level: float, swing: float, waves: float, phase: float, bottom: float = 0.0
) -> None:
    """Land up to a wavy edge at `level` (from the bottom of the picture)."""
    xs = [i / 16 for i in range(-1, 18)]
    edge = [(x, level + swing * float(np.sin(2 * np.pi * waves * x + phase))) for x in xs]
    pen.fill(colour, poly((1.1, bottom), (-0.1, bottom), *edge))


def ground(
    image: np.ndarray, kind: str, light: Light, scenery: tuple[str, ...], rng: np.random.Generator
) -> None:
    """Draw the ground, with the trees, stones or cacti that stand on it."""
    pen = Pen(image, 0.0, 1.0, 1.0, light.ground, dark=light.dark)
    GROUNDS[kind](pen, rng)
    if "trees" in scenery:
        _trees(pen, kind, rng)
    if "cacti" in scenery:
        for x in (0.1, 0.9):
            _plant(pen, objects.cactus, (84, 156, 90), x + rng.uniform(-0.03, 0.03), 0.36, 0.24)
    if "round stones" in scenery:
        for x, y in ((0.1, 0.1), (0.22, 0.05), (0.9, 0.08)):
            _plant(
                pen, objects.stone, (150, 148, 152), x + rng.uniform(-0.03, 0.03), y, rng.uniform(0.09, 0.115)
            )


def _plant(
    pen: Pen, what: Callable[[Pen, Rgb], None], colour: Rgb, x: float, y: float, height: float
) -> None:
    tint = mix(pen.tint, (1.0, 1.0, 1.0), 0.25)
    what(Pen(pen.image, x, 1 - y, height, tint, dark=pen.dark), colour)


def _trees(pen: Pen, kind: str, rng: np.random.Generator) -> None:
    """Green trees: two or three at the sides; in a forest they stand there anyway."""
    snowy = kind == "snow"
    for x in (0.09, 0.91):
        what = objects.snowy_pine if snowy else objects.tree
        colour = (64, 128, 96) if snowy else (84, 168, 76)
        _plant(pen, what, colour, x + rng.uniform(-0.03, 0.03), 0.34, rng.uniform(0.36, 0.42))


def _meadow(pen: Pen, rng: np.random.Generator) -> None:
    phase = rng.uniform(0, 6.28)
    _ridge(pen, (104, 178, 88), 0.44, 0.02, 0.8, phase)
    _ridge(pen, GRASS, 0.36, 0.015, 0.6, phase + 2)
    for x, y in ((0.12, 0.2), (0.45, 0.3), (0.84, 0.24), (0.3, 0.06), (0.7, 0.07)):
        x += rng.uniform(-0.04, 0.04)
        pen.fill(
            (92, 164, 72), *[stroke(0.011, (x + d / 4, y), (x + d, y + 0.05)) for d in (-0.035, 0.0, 0.035)]
        )


def _hills(pen: Pen, rng: np.random.Generator) -> None:
    phase = rng.uniform(-0.4, 0.4)
    for colour, x, y, rx, ry in (
        ((150, 204, 140), 0.25, 0.36, 0.42, 0.24),
        ((134, 196, 120), 0.8, 0.34, 0.42, 0.2),
        ((112, 184, 92), 0.1, 0.2, 0.5, 0.22),
        ((98, 170, 80), 0.75, 0.14, 0.7, 0.24),
    ):
        pen.fill(colour, ellipse(x + phase * 0.12, y, rx, ry))
    pen.fill((98, 170, 80), box(-0.1, 0, 1.1, 0.24))


def _desert(pen: Pen, rng: np.random.Generator) -> None:
    phase = rng.uniform(0, 6.28)
    _ridge(pen, (232, 178, 104), 0.44, 0.045, 0.9, phase)
    _ridge(pen, (244, 200, 124), 0.36, 0.035, 0.7, phase + 2.4)
    _ridge(pen, (238, 188, 110), 0.12, 0.03, 0.6, phase + 4)


def _snow(pen: Pen, rng: np.random.Generator) -> None:
    phase = rng.uniform(0, 6.28)
    _ridge(pen, (206, 222, 244), 0.45, 0.025, 0.8, phase)
    _ridge(pen, SNOW, 0.37, 0.02, 0.6, phase + 2)
    _ridge(pen, (226, 236, 250), 0.1, 0.02, 0.7, phase + 4)


def _water(pen: Pen, colour: Rgb, top: float, bottom: float, rng: np.random.Generator) -> None:
    pen.fill(colour, box(-0.1, bottom, 1.1, top))
    for _ in range(max(3, int((top - bottom) * 22))):
        y = top - 0.05 - (top - bottom - 0.06) * rng.random()
        x = rng.uniform(0.05, 0.85)
        pen.fill(mix(colour, (255, 255, 255), 0.35), stroke(0.012, (x, y), (x + rng.uniform(0.06, 0.12), y)))


def _sea(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill((92, 172, 214), box(-0.1, 0.3, 1.1, 1 - HORIZON))
    _water(pen, SEA, 0.36, 0.0, rng)


def _beach(pen: Pen, rng: np.random.Generator) -> None:
    _water(pen, SEA, 1 - HORIZON, 0.26, rng)
    phase = rng.uniform(0, 6.28)
    _ridge(pen, (240, 248, 252), 0.27, 0.016, 1.2, phase)
    _ridge(pen, SAND, 0.245, 0.016, 1.2, phase)


def _forest(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill((58, 112, 72), box(-0.1, 0.3, 1.1, 0.56))
    for i, x in enumerate((0.06, 0.24, 0.42, 0.6, 0.78, 0.95)):
        colour = (52, 122, 66) if i % 2 else (72, 148, 76)
        _plant(pen, objects.tree, colour, x + rng.uniform(-0.03, 0.03), 0.33, 0.36 + 0.06 * (i % 2))
    _ridge(pen, (92, 150, 72), 0.36, 0.012, 0.8, rng.uniform(0, 6.28))


def _snowy_forest(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill((150, 178, 196), box(-0.1, 0.3, 1.1, 0.5))
    for i, x in enumerate((0.06, 0.24, 0.42, 0.6, 0.78, 0.95)):
        colour = (52, 108, 88) if i % 2 else (72, 130, 104)
        _plant(pen, objects.snowy_pine, colour, x + rng.uniform(-0.03, 0.03), 0.32, 0.36 + 0.08 * (i % 2))
    _ridge(pen, SNOW, 0.36, 0.012, 0.8, rng.uniform(0, 6.28))


def _mountains(pen: Pen, rng: np.random.Generator) -> None:
    shift = rng.uniform(-0.06, 0.06)
    for x, y, half, colour in (
        (0.2, 0.68, 0.36, (142, 148, 182)),
        (0.84, 0.66, 0.36, (142, 148, 182)),
        (0.52, 0.8, 0.4, (116, 122, 160)),
    ):
        x, base = x + shift, 0.36
        pen.fill(colour, poly((x - half, base), (x, y), (x + half, base)))
        pen.fill(mix(colour, (40, 40, 80), 0.22), poly((x, y), (x + half, base), (x + half * 0.15, base)))
        k = 0.3
        low = y - (y - base) * k
        pen.fill(
            (244, 248, 254),
            poly(
                (x, y),
                (x + half * k, low),
                (x + half * k * 0.4, low + 0.035),
                (x, low - 0.015),
                (x - half * k * 0.4, low + 0.035),
                (x - half * k, low),
            ),
        )
    _ridge(pen, (110, 178, 92), 0.38, 0.015, 0.8, rng.uniform(0, 6.28))


def _city(pen: Pen, rng: np.random.Generator) -> None:
    walls: tuple[Rgb, ...] = (
        (186, 150, 142),
        (150, 160, 184),
        (206, 184, 150),
        (160, 140, 170),
        (176, 176, 166),
    )
    turn = int(rng.integers(5))
    for i in range(5):
        left, top = i * 0.2, 0.6 + 0.17 * ((i * 2 + turn) % 3) / 2 + rng.uniform(-0.01, 0.01)
        pen.draw(walls[(i + turn) % 5], box(left, 0.2, left + 0.2, top))
        for x in (left + 0.06, left + 0.14):
            for y in (0.4, 0.5, 0.6):
                if y + 0.04 < top:
                    pane = box(x - 0.022, y - 0.03, x + 0.022, y + 0.03)
                    if pen.dark:
                        pen.fill(mix(GLOW, walls[i], 0.15), pane, glow=True)
                    else:
                        pen.fill((206, 230, 242), pane)
    pen.fill((200, 198, 196), box(-0.1, 0.24, 1.1, 0.32))
    pen.fill((110, 112, 122), box(-0.1, 0.0, 1.1, 0.25))
    pen.fill((240, 236, 220), *[box(x, 0.055, x + 0.13, 0.08) for x in (0.06, 0.31, 0.56, 0.81)])


GROUNDS = {
    "meadow": _meadow,
    "hills": _hills,
    "mountains": _mountains,
    "desert": _desert,
    "snow": _snow,
    "beach": _beach,
    "sea": _sea,
    "forest": _forest,
    "snowy forest": _snowy_forest,
    "city": _city,
}
