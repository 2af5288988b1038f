"""The things that people built and that grow: one small function each; and the table of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import animals
from .palette import COLOURS, GLOW, Rgb, darker, lighter
from .pen import Pen, box, ellipse, poly, stroke

WHITE = COLOURS["white"]
WOOD: Rgb = (128, 84, 56)
SLATE: Rgb = (84, 92, 122)
BRICK: Rgb = (168, 78, 58)
WARM = ("red", "orange", "pink", "brown")


def roof_for(colour: Rgb) -> Rgb:
    """A roof that stands out from walls of this colour: slate on warm walls, brick on others."""
    return SLATE if colour in [COLOURS[name] for name in WARM] else BRICK


def window(pen: Pen, x: float, y: float, width: float, height: float) -> None:
    """A window with its middle at (x, y): sky blue by day, warm and shining in the dark."""
    shape = box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    pen.draw((196, 226, 242), shape)
    if pen.dark:
        pen.fill(GLOW, shape, glow=True)


def house(pen: Pen, colour: Rgb) -> None:
    """A house with a pointed roof, a door, two windows and a chimney."""
    roof = roof_for(colour)
    pen.draw(darker(roof, 0.2), box(0.22, 0.74, 0.34, 1.0))
    pen.draw(colour, box(-0.46, 0, 0.46, 0.66))
    pen.fill(darker(colour), box(0.33, 0, 0.46, 0.66))
    pen.draw(roof, poly((-0.56, 0.63), (0, 1.0), (0.56, 0.63)))
    pen.fill(lighter(roof, 0.16), poly((-0.5, 0.65), (0, 0.97), (0.06, 0.65)))
    pen.draw(WOOD, box(-0.09, 0, 0.09, 0.34))
    pen.fill(GLOW, ellipse(0.05, 0.17, 0.018, 0.018))
    window(pen, -0.28, 0.36, 0.18, 0.2)
    window(pen, 0.28, 0.36, 0.18, 0.2)


def castle(pen: Pen, colour: Rgb) -> None:
    """A castle: a keep with battlements between two towers under pointed roofs, and a flag."""
    shade = darker(colour)
    roof = roof_for(colour)
    pen.fill((90, 70, 64), stroke(0.02, (0, 0.7), (0, 0.98)))
    pen.draw((226, 62, 58), poly((0.01, 0.98), (0.2, 0.92), (0.01, 0.86)))
    teeth = [box(x, 0.55, x + 0.09, 0.68) for x in (-0.3, -0.13, 0.04, 0.21)]
    pen.draw(colour, box(-0.32, 0, 0.32, 0.58), *teeth)
    for x in (-0.42, 0.42):
        pen.draw(colour, box(x - 0.14, 0, x + 0.14, 0.66))
        pen.fill(shade, box(x + 0.05, 0, x + 0.14, 0.66))
        pen.draw(roof, poly((x - 0.19, 0.64), (x, 0.97), (x + 0.19, 0.64)))
        window(pen, x, 0.46, 0.08, 0.13)
    pen.draw((74, 50, 44), box(-0.11, 0, 0.11, 0.2), ellipse(0, 0.2, 0.11, 0.1))
    window(pen, 0, 0.43, 0.1, 0.1)


def tower(pen: Pen, colour: Rgb) -> None:
    """A tall round tower under a pointed roof."""
    roof = roof_for(colour)
    pen.draw(colour, poly((-0.19, 0), (0.19, 0), (0.15, 0.6), (-0.15, 0.6)), box(-0.21, 0.56, 0.21, 0.7))
    pen.fill(
        darker(colour), poly((0.08, 0), (0.19, 0), (0.15, 0.56), (0.06, 0.56)), box(0.08, 0.56, 0.21, 0.7)
    )
    pen.draw(roof, poly((-0.27, 0.68), (0, 1.0), (0.27, 0.68)))
    pen.draw(WOOD, box(-0.07, 0, 0.07, 0.15), ellipse(0, 0.15, 0.07, 0.06))
    window(pen, 0, 0.36, 0.1, 0.13)


def lighthouse(pen: Pen, colour: Rgb) -> None:
    """A lighthouse with white bands and a lamp, which shines in the dark."""
    if pen.dark:
        pen.fill(
            (255, 236, 160),
            poly((0, 0.82), (-0.5, 0.92), (-0.5, 0.74)),
            poly((0, 0.82), (0.5, 0.92), (0.5, 0.74)),
        )
    pen.draw((120, 112, 110), ellipse(0, 0.03, 0.3, 0.07))
    pen.draw(colour, poly((-0.2, 0.03), (0.2, 0.03), (0.12, 0.72), (-0.12, 0.72)))
    band = WHITE if colour != WHITE else COLOURS["red"]
    for low, high in ((0.18, 0.32), (0.47, 0.6)):
        left, right = 0.203 - 0.116 * low, 0.203 - 0.116 * high
        pen.fill(band, poly((-left, low), (left, low), (right, high), (-right, high)))
    pen.draw((96, 90, 100), box(-0.18, 0.71, 0.18, 0.755))
    pen.draw(GLOW, box(-0.09, 0.75, 0.09, 0.88))
    if pen.dark:
        pen.fill((255, 240, 170), box(-0.09, 0.75, 0.09, 0.88), glow=True)
    pen.draw(
        (168, 62, 56) if colour != COLOURS["red"] else SLATE, poly((-0.14, 0.87), (0, 1.0), (0.14, 0.87))
    )


def tree(pen: Pen, colour: Rgb) -> None:
    """A round tree: a trunk and a crown in three tones."""
    pen.draw(WOOD, poly((-0.08, 0), (0.08, 0), (0.05, 0.45), (-0.05, 0.45)))
    pen.draw(
        colour, ellipse(-0.18, 0.55, 0.2, 0.18), ellipse(0.19, 0.55, 0.2, 0.18), ellipse(0, 0.73, 0.26, 0.25)
    )
    pen.fill(darker(colour), ellipse(0.17, 0.51, 0.17, 0.12), ellipse(-0.14, 0.49, 0.15, 0.1))
    pen.fill(lighter(colour, 0.28), ellipse(-0.06, 0.8, 0.14, 0.11))


def pine(pen: Pen, colour: Rgb) -> None:
    """A fir tree of three tiers (scenery)."""
    pen.draw(WOOD, box(-0.05, 0, 0.05, 0.2))
    pen.draw(
        colour,
        poly((-0.3, 0.14), (0.3, 0.14), (0, 0.6)),
        poly((-0.24, 0.4), (0.24, 0.4), (0, 0.82)),
        poly((-0.17, 0.64), (0.17, 0.64), (0, 1.0)),
    )


def snowy_pine(pen: Pen, colour: Rgb) -> None:
    """A fir tree with snow on its tiers (scenery)."""
    pine(pen, colour)
    snow = (240, 246, 254)
    pen.fill(snow, poly((-0.13, 0.75), (0, 1.0), (0.13, 0.75), (0, 0.82)))
    pen.fill(
        snow, poly((-0.21, 0.44), (-0.1, 0.62), (-0.05, 0.5)), poly((0.21, 0.44), (0.1, 0.62), (0.05, 0.5))
    )
    pen.fill(
        snow, poly((-0.27, 0.18), (-0.12, 0.4), (-0.06, 0.26)), poly((0.27, 0.18), (0.12, 0.4), (0.06, 0.26))
    )


def cactus(pen: Pen, colour: Rgb) -> None:
    """A cactus with two arms (scenery)."""
    arms = (
        stroke(0.14, (0, 0.36), (-0.26, 0.4), (-0.26, 0.66)),
        stroke(0.14, (0, 0.28), (0.26, 0.34), (0.26, 0.56)),
    )
    pen.draw(colour, stroke(0.22, (0, 0.06), (0, 0.88)), *arms)
    pen.fill(lighter(colour, 0.3), stroke(0.05, (-0.03, 0.1), (-0.03, 0.86)))


def stone(pen: Pen, colour: Rgb) -> None:
    """A round stone (scenery)."""
    pen.draw(colour, ellipse(0, 0.42, 0.58, 0.45))
    pen.fill(lighter(colour, 0.4), ellipse(-0.12, 0.58, 0.32, 0.2))


def car(pen: Pen, colour: Rgb) -> None:
    """A round little car."""
    pen.draw(
        colour, poly((-0.5, 0.5), (-0.34, 0.94), (0.24, 0.94), (0.48, 0.5)), ellipse(-0.06, 0.9, 0.3, 0.1)
    )
    pen.draw(
        colour, box(-0.74, 0.2, 0.74, 0.54), ellipse(-0.74, 0.36, 0.1, 0.17), ellipse(0.74, 0.36, 0.12, 0.17)
    )
    pen.fill(darker(colour), box(-0.74, 0.2, 0.76, 0.29))
    glass = (196, 226, 242)
    pen.fill(glass, poly((-0.38, 0.54), (-0.27, 0.86), (-0.08, 0.86), (-0.08, 0.54)))
    pen.fill(glass, poly((0.0, 0.54), (0.0, 0.86), (0.2, 0.86), (0.36, 0.54)))
    for x in (-0.44, 0.44):
        pen.draw((50, 48, 56), ellipse(x, 0.19, 0.19, 0.19))
        pen.fill((206, 208, 214), ellipse(x, 0.19, 0.085, 0.085))
    pen.fill(GLOW, ellipse(0.78, 0.42, 0.06, 0.075), glow=pen.dark)


def boat(pen: Pen, colour: Rgb) -> None:
    """A sailing boat with a white sail; `colour` is the hull's."""
    pen.fill(WOOD, stroke(0.035, (0, 0.2), (0, 0.99)))
    pen.draw(WHITE, poly((0.05, 0.32), (0.05, 0.95), (0.44, 0.32)))
    pen.draw(lighter(colour, 0.35), poly((-0.05, 0.32), (-0.05, 0.84), (-0.34, 0.32)))
    pen.draw(colour, poly((-0.58, 0.3), (0.62, 0.3), (0.42, 0.0), (-0.4, 0.0)))
    pen.fill(darker(colour), poly((-0.45, 0.08), (0.47, 0.08), (0.42, 0.0), (-0.4, 0.0)))


def flower(pen: Pen, colour: Rgb) -> None:
    """A tall flower with six petals and two leaves."""
    leaf = (80, 150, 70)
    pen.draw(leaf, stroke(0.06, (0, 0), (0.01, 0.5)))
    pen.draw(leaf, ellipse(-0.14, 0.2, 0.15, 0.065, -30), ellipse(0.15, 0.26, 0.15, 0.065, 30))
    centre = (250, 206, 70) if colour != COLOURS["yellow"] else (150, 92, 48)
    around = ((0.0, 0.19), (0.165, 0.095), (0.165, -0.095), (0.0, -0.19), (-0.165, -0.095), (-0.165, 0.095))
    pen.draw(colour, *[ellipse(x, 0.7 + y, 0.115, 0.115) for x, y in around])
    pen.fill(lighter(colour, 0.3), *[ellipse(x * 1.1, 0.71 + y * 1.1, 0.055, 0.055) for x, y in around])
    pen.draw(centre, ellipse(0, 0.7, 0.105, 0.105))


def mushroom(pen: Pen, colour: Rgb) -> None:
    """A mushroom with a spotted cap."""
    pen.draw(
        (246, 234, 212),
        poly((-0.13, 0.0), (0.13, 0.0), (0.1, 0.55), (-0.1, 0.55)),
        ellipse(0, 0.04, 0.15, 0.05),
    )
    cap = [(-0.47, 0.48)] + [
        (-0.47 + 0.94 * i / 10, 0.5 + 0.48 * (1 - (i / 5 - 1) ** 2) ** 0.5) for i in range(11)
    ]
    pen.draw(colour, poly(*cap, (0.47, 0.48)), ellipse(0, 0.49, 0.47, 0.06))
    pen.fill(darker(colour), ellipse(0, 0.49, 0.45, 0.05))
    dot = (252, 248, 240) if colour != WHITE else (226, 120, 110)
    pen.fill(
        dot, ellipse(0.0, 0.8, 0.11, 0.09), ellipse(-0.27, 0.64, 0.08, 0.07), ellipse(0.27, 0.64, 0.08, 0.07)
    )


def balloon(pen: Pen, colour: Rgb) -> None:
    """A hot-air balloon with light stripes and a basket."""
    pen.fill(WOOD, stroke(0.02, (-0.2, 0.34), (-0.08, 0.15)), stroke(0.02, (0.2, 0.34), (0.08, 0.15)))
    pen.draw(
        colour, ellipse(0, 0.65, 0.36, 0.35), poly((-0.31, 0.46), (0.31, 0.46), (0.12, 0.25), (-0.12, 0.25))
    )
    stripe = lighter(colour, 0.6) if colour != WHITE else (240, 170, 160)
    pen.fill(
        stripe, ellipse(0, 0.64, 0.1, 0.355), poly((-0.09, 0.5), (0.09, 0.5), (0.04, 0.25), (-0.04, 0.25))
    )
    pen.fill(darker(colour), ellipse(0.285, 0.64, 0.055, 0.2))
    pen.draw((166, 112, 66), box(-0.1, 0.0, 0.1, 0.15))


def tent(pen: Pen, colour: Rgb) -> None:
    """A tent with an open door, lit from inside in the dark."""
    pen.draw(colour, poly((-0.62, 0), (0.62, 0), (0.0, 0.96)))
    pen.fill(darker(colour), poly((0.2, 0), (0.62, 0), (0.0, 0.96)))
    door = poly((-0.24, 0), (0.16, 0), (-0.01, 0.62))
    pen.fill((66, 50, 56), door)
    if pen.dark:
        pen.fill(GLOW, door, glow=True)


def umbrella(pen: Pen, colour: Rgb) -> None:
    """An open umbrella on its stick."""
    pen.draw((112, 76, 56), stroke(0.04, (0, 0.62), (0, 0.06), (0.05, 0.02), (0.11, 0.04), (0.13, 0.1)))
    arc = [(-0.56 + 1.12 * i / 14, 0.55 + 0.4 * (1 - (i / 7 - 1) ** 2) ** 0.5) for i in range(15)]
    pen.draw(
        colour,
        poly(*arc, (0.37, 0.6), (0.19, 0.54), (0, 0.6), (-0.19, 0.54), (-0.37, 0.6)),
        stroke(0.04, (0, 0.9), (0, 0.99)),
    )
    light = lighter(colour, 0.45) if colour != WHITE else (240, 180, 176)
    pen.fill(light, poly((0, 0.95), (-0.19, 0.84), (-0.19, 0.54), (0, 0.6), (0.19, 0.54), (0.19, 0.84)))
    pen.fill(colour, poly((0, 0.95), (-0.07, 0.86), (-0.07, 0.58), (0, 0.6), (0.07, 0.58), (0.07, 0.86)))


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        draw: The function that draws it, with a pen and its main colour.
        natural: The name of its colour when none is asked for.
        height: Its usual height as a part of the picture's.
        width: Its width as a part of its height.
        place: Where it belongs: "land", "water" or "air".
    """

    draw: Callable[[Pen, Rgb], None]
    natural: str
    height: float
    width: float
    place: str = "land"


KINDS: dict[str, Kind] = {
    "house": Kind(house, "yellow", 0.46, 1.12),
    "castle": Kind(castle, "gray", 0.52, 1.2),
    "tower": Kind(tower, "gray", 0.58, 0.54),
    "lighthouse": Kind(lighthouse, "red", 0.6, 0.6, "shore"),
    "tree": Kind(tree, "green", 0.56, 0.78),
    "flower": Kind(flower, "red", 0.52, 0.6),
    "mushroom": Kind(mushroom, "red", 0.48, 0.94),
    "car": Kind(car, "red", 0.36, 1.7),
    "boat": Kind(boat, "brown", 0.5, 1.16, "water"),
    "balloon": Kind(balloon, "red", 0.56, 0.72, "air"),
    "tent": Kind(tent, "orange", 0.44, 1.24),
    "umbrella": Kind(umbrella, "red", 0.46, 1.12),
    "cat": Kind(animals.cat, "orange", 0.5, 0.74),
    "dog": Kind(animals.dog, "brown", 0.5, 0.76),
    "fox": Kind(animals.fox, "orange", 0.47, 1.4),
    "rabbit": Kind(animals.rabbit, "gray", 0.5, 0.56),
    "horse": Kind(animals.horse, "brown", 0.54, 1.2),
    "bird": Kind(animals.bird, "blue", 0.44, 1.2),
    "fish": Kind(animals.fish, "orange", 0.42, 1.3, "water"),
    "snowman": Kind(animals.snowman, "white", 0.52, 0.8),
    "robot": Kind(animals.robot, "gray", 0.52, 0.9),
    "astronaut": Kind(animals.astronaut, "white", 0.52, 0.7),
    "astronaut riding a horse": Kind(animals.astronaut_on_horse, "brown", 0.62, 0.9),
}
