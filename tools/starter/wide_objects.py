"""The things that only the wider world has; and the table of its kinds."""

from __future__ import annotations

import math

from . import wide_animals
from .objects import KINDS, WOOD, Kind, roof_for, window
from .palette import COLOURS, GLOW, INK, Rgb, darker, lighter
from .pen import Pen, box, ellipse, poly, stroke

WHITE = COLOURS["white"]
LEAF: Rgb = (80, 150, 70)
STEEL: Rgb = (92, 96, 110)


def _arc(rx: float, ry: float, y: float, steps: int = 16) -> list[tuple[float, float]]:
    """The upper half of an ellipse around (0, y), from left to right."""
    turns = [math.pi * (1 - i / steps) for i in range(steps + 1)]
    return [(rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def bridge(pen: Pen, colour: Rgb) -> None:
    """An arched stone bridge with a parapet; one looks through under it."""
    outer, inner = _arc(1.0, 0.62, 0.12), _arc(0.56, 0.5, 0.0)
    body = poly((-1.0, 0), *outer, (1.0, 0), *reversed(inner))
    pen.draw(colour, body)
    pen.draw(lighter(colour, 0.3), stroke(0.09, *[(x, y + 0.17) for x, y in outer]))
    posts = [(x, y) for i, (x, y) in enumerate(outer) if i % 4 == 2]
    pen.draw(colour, *[box(x - 0.05, y - 0.02, x + 0.05, y + 0.24) for x, y in posts])
    shade = darker(colour, 0.24)
    pen.fill(shade, stroke(0.06, *[(x * 1.06, y * 1.06) for x, y in inner]))
    for x, y in (
        (-0.78, 0.2),
        (-0.7, 0.36),
        (0.78, 0.2),
        (0.7, 0.36),
        (-0.3, 0.6),
        (0.3, 0.6),
        (0.82, 0.06),
        (-0.82, 0.06),
    ):
        pen.fill(shade, stroke(0.025, (x - 0.05, y), (x + 0.05, y)))


def train(pen: Pen, colour: Rgb) -> None:
    """A steam engine with its cab, a chimney and three puffs of steam."""
    puff: Rgb = (240, 240, 244)
    pen.fill(
        puff,
        ellipse(0.42, 1.04, 0.11, 0.08),
        ellipse(0.22, 1.12, 0.13, 0.1),
        ellipse(-0.05, 1.17, 0.15, 0.11),
    )
    pen.draw(darker(colour, 0.4), box(0.37, 0.6, 0.53, 0.9), box(0.33, 0.86, 0.57, 0.96))
    pen.draw((222, 176, 70), box(0.02, 0.7, 0.2, 0.78), ellipse(0.11, 0.78, 0.09, 0.08))
    pen.draw(colour, box(-0.2, 0.3, 0.66, 0.68), ellipse(0.66, 0.49, 0.1, 0.19))
    pen.fill(lighter(colour, 0.35), box(-0.2, 0.57, 0.64, 0.63))
    pen.fill((222, 176, 70), box(0.2, 0.3, 0.25, 0.68), box(0.5, 0.3, 0.55, 0.68))
    pen.draw(colour, box(-0.76, 0.26, -0.2, 0.92))
    pen.draw(darker(colour, 0.4), box(-0.84, 0.9, -0.12, 1.0))
    window(pen, -0.5, 0.7, 0.3, 0.24)
    pen.draw(darker(colour, 0.3), box(-0.82, 0.2, 0.74, 0.34), poly((0.7, 0.34), (0.7, 0.06), (0.96, 0.06)))
    for x, radius in ((-0.52, 0.19), (-0.06, 0.19), (0.34, 0.14), (0.62, 0.14)):
        pen.draw((50, 48, 56), ellipse(x, radius, radius, radius))
        pen.fill((206, 208, 214), ellipse(x, radius, radius * 0.45, radius * 0.45))
    pen.fill(STEEL, stroke(0.05, (-0.52, 0.19), (-0.06, 0.19)))
    pen.fill(GLOW, ellipse(0.73, 0.56, 0.055, 0.07), glow=pen.dark)


def windmill(pen: Pen, colour: Rgb) -> None:
    """A windmill with a pointed cap and four sails of lattice."""
    sail: Rgb = (250, 240, 218)
    pen.draw(colour, poly((-0.3, 0), (0.3, 0), (0.18, 0.6), (-0.18, 0.6)))
    pen.fill(darker(colour, 0.16), poly((0.18, 0), (0.3, 0), (0.18, 0.6), (0.11, 0.6)))
    pen.draw(roof_for(colour), poly((-0.22, 0.58), (-0.14, 0.72), (0, 0.79), (0.14, 0.72), (0.22, 0.58)))
    pen.draw(WOOD, box(-0.08, 0, 0.08, 0.17), ellipse(0, 0.17, 0.08, 0.07))
    window(pen, 0, 0.38, 0.11, 0.11)
    hub = (0.0, 0.64)
    for turn in (0.5, 2.07, 3.64, 5.21):
        along, across = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))

        def at(
            far: float, aside: float, along: tuple[float, float] = along, across: tuple[float, float] = across
        ) -> tuple[float, float]:
            return (hub[0] + far * along[0] + aside * across[0], hub[1] + far * along[1] + aside * across[1])

        pen.draw(sail, poly(at(0.1, 0.0), at(0.1, 0.1), at(0.46, 0.12), at(0.46, 0.0)))
        pen.fill(darker(colour, 0.3), stroke(0.03, at(0, 0), at(0.48, 0)))
        pen.fill((196, 164, 120), *[stroke(0.012, at(far, 0), at(far, 0.105)) for far in (0.2, 0.29, 0.38)])
    pen.draw(darker(colour, 0.3), ellipse(*hub, 0.05, 0.05))


def apple(pen: Pen, colour: Rgb) -> None:
    """An apple with its stalk and a leaf."""
    pen.draw(
        colour,
        ellipse(-0.17, 0.44, 0.28, 0.38, 6),
        ellipse(0.17, 0.44, 0.28, 0.38, -6),
        ellipse(-0.1, 0.12, 0.16, 0.1),
        ellipse(0.1, 0.12, 0.16, 0.1),
    )
    pen.fill(darker(colour, 0.16), ellipse(0.27, 0.38, 0.13, 0.26, -10))
    pen.fill(lighter(colour, 0.6), ellipse(-0.25, 0.57, 0.07, 0.13, -20))
    pen.fill(darker(colour, 0.45), ellipse(0, 0.755, 0.1, 0.04))
    pen.draw(WOOD, stroke(0.045, (0, 0.74), (0.02, 0.88), (0.07, 0.96)))
    pen.draw(LEAF if colour != COLOURS["green"] else (136, 188, 72), ellipse(0.2, 0.9, 0.15, 0.065, 22))


def sunflower(pen: Pen, colour: Rgb) -> None:
    """A tall sunflower: a great dark middle within many pointed petals; `colour` is the petals'."""
    pen.draw(LEAF, stroke(0.05, (0, 0), (-0.01, 0.3), (0, 0.55)))
    pen.draw(LEAF, ellipse(-0.17, 0.2, 0.17, 0.075, -28), ellipse(0.18, 0.29, 0.17, 0.075, 28))
    middle = (0.0, 0.69)
    rings: tuple[tuple[float, Rgb, float], ...] = (
        (0.0, darker(colour, 0.15), 0.31),
        (math.pi / 12, colour, 0.29),
    )
    for shift, tone, reach in rings:
        petals = []
        for i in range(12):
            turn = shift + i * math.pi / 6
            x, y = math.cos(turn), math.sin(turn)
            a, b = 0.13, 0.068
            petals.append(
                poly(
                    (middle[0] + a * x - b * y, middle[1] + a * y + b * x),
                    (middle[0] + reach * 0.72 * x - b * y, middle[1] + reach * 0.72 * y + b * x),
                    (middle[0] + reach * x, middle[1] + reach * y),
                    (middle[0] + reach * 0.72 * x + b * y, middle[1] + reach * 0.72 * y - b * x),
                    (middle[0] + a * x + b * y, middle[1] + a * y - b * x),
                )
            )
        pen.draw(tone, *petals)
    pen.draw((112, 70, 42), ellipse(*middle, 0.145, 0.145))
    pen.fill((150, 98, 56), ellipse(middle[0], middle[1], 0.085, 0.085))
    pen.fill(
        (92, 56, 38),
        *[
            ellipse(0.11 * math.cos(i * 0.785), 0.69 + 0.11 * math.sin(i * 0.785), 0.016, 0.016)
            for i in range(8)
        ],
    )


def rocket(pen: Pen, colour: Rgb) -> None:
    """A rocket on its way up, with a round window, fins and a flame."""
    trim = COLOURS["red"] if colour != COLOURS["red"] else (240, 236, 228)
    pen.fill((250, 130, 40), poly((-0.13, 0.24), (0, -0.02), (0.13, 0.24)), glow=True)
    pen.fill((255, 226, 110), poly((-0.07, 0.24), (0, 0.09), (0.07, 0.24)), glow=True)
    pen.draw(
        trim, poly((-0.14, 0.5), (-0.33, 0.16), (-0.12, 0.26)), poly((0.14, 0.5), (0.33, 0.16), (0.12, 0.26))
    )
    pen.draw(colour, ellipse(0, 0.56, 0.2, 0.36), box(-0.13, 0.22, 0.13, 0.4))
    pen.fill(darker(colour, 0.16), ellipse(0.12, 0.54, 0.06, 0.28))
    pen.draw(trim, poly((-0.145, 0.8), (-0.08, 0.93), (0, 1.01), (0.08, 0.93), (0.145, 0.8)))
    pen.draw((150, 156, 170), ellipse(0, 0.62, 0.105, 0.105))
    pen.fill(GLOW if pen.dark else (190, 226, 244), ellipse(0, 0.62, 0.07, 0.07), glow=pen.dark)
    pen.draw(INK, box(-0.12, 0.2, 0.12, 0.24))


WIDE_KINDS: dict[str, Kind] = {
    **KINDS,
    "bear": Kind(wide_animals.bear, "brown", 0.52, 0.9),
    "owl": Kind(wide_animals.owl, "brown", 0.5, 0.82),
    "butterfly": Kind(wide_animals.butterfly, "orange", 0.44, 1.36, "air"),
    "dragon": Kind(wide_animals.dragon, "green", 0.5, 1.7),
    "bridge": Kind(bridge, "gray", 0.38, 2.1, "shore"),
    "train": Kind(train, "red", 0.42, 1.8),
    "windmill": Kind(windmill, "white", 0.58, 1.0),
    "apple": Kind(apple, "red", 0.44, 0.94),
    "sunflower": Kind(sunflower, "yellow", 0.58, 0.66),
    "rocket": Kind(rocket, "white", 0.56, 0.68, "air"),
}
"""All kinds of the wider world, those of world 1 among them."""
