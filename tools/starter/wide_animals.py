"""The animals that only the wider world has: bear, owl, butterfly and dragon."""

from __future__ import annotations

from .animals import eye
from .palette import COLOURS, GLOW, INK, Rgb, darker, lighter
from .pen import Pen, ellipse, poly, stroke

WHITE = COLOURS["white"]
CLAW: Rgb = (244, 226, 190)


def bear(pen: Pen, colour: Rgb) -> None:
    """A bear that sits and looks at us, with round ears and a light belly."""
    pen.draw(
        colour,
        ellipse(0, 0.27, 0.33, 0.28),
        ellipse(-0.24, 0.08, 0.15, 0.09),
        ellipse(0.24, 0.08, 0.15, 0.09),
        ellipse(-0.33, 0.34, 0.09, 0.18, -22),
        ellipse(0.33, 0.34, 0.09, 0.18, 22),
    )
    pen.fill(lighter(colour, 0.45), ellipse(0, 0.27, 0.2, 0.19))
    pen.fill(lighter(colour, 0.45), ellipse(-0.27, 0.08, 0.075, 0.055), ellipse(0.27, 0.08, 0.075, 0.055))
    ears = (ellipse(-0.23, 0.9, 0.105, 0.1), ellipse(0.23, 0.9, 0.105, 0.1))
    pen.draw(colour, *ears, ellipse(0, 0.72, 0.31, 0.24))
    pen.fill(lighter(colour, 0.45), ellipse(-0.23, 0.9, 0.05, 0.05), ellipse(0.23, 0.9, 0.05, 0.05))
    pen.fill(lighter(colour, 0.55), ellipse(0, 0.63, 0.14, 0.105))
    pen.fill(INK, ellipse(0, 0.68, 0.06, 0.042))
    pen.fill(darker(colour, 0.6), stroke(0.02, (-0.05, 0.59), (0, 0.575), (0.05, 0.59)))
    eye(pen, -0.13, 0.78, 0.034)
    eye(pen, 0.13, 0.78, 0.034)


def owl(pen: Pen, colour: Rgb) -> None:
    """An owl with great round eyes, tufted ears and a speckled breast."""
    beak: Rgb = (244, 168, 56)
    pen.fill(beak, *[ellipse(x, 0.03, 0.04, 0.04) for x in (-0.16, -0.09, 0.09, 0.16)])
    ears = (poly((-0.31, 0.76), (-0.33, 1.02), (-0.08, 0.9)), poly((0.31, 0.76), (0.33, 1.02), (0.08, 0.9)))
    pen.draw(colour, *ears, ellipse(0, 0.4, 0.33, 0.37), ellipse(0, 0.7, 0.33, 0.25))
    breast = lighter(colour, 0.5)
    pen.fill(breast, ellipse(0, 0.33, 0.2, 0.25))
    specks = (
        (-0.09, 0.42),
        (0.0, 0.42),
        (0.09, 0.42),
        (-0.05, 0.32),
        (0.05, 0.32),
        (-0.09, 0.22),
        (0.0, 0.22),
        (0.09, 0.22),
    )
    pen.fill(darker(colour, 0.1), *[ellipse(x, y, 0.026, 0.03) for x, y in specks])
    pen.draw(
        darker(colour, 0.24), ellipse(-0.31, 0.36, 0.085, 0.26, -10), ellipse(0.31, 0.36, 0.085, 0.26, 10)
    )
    for x in (-0.145, 0.145):
        pen.draw(WHITE, ellipse(x, 0.71, 0.13, 0.13))
        pen.fill((250, 198, 66), ellipse(x, 0.71, 0.085, 0.085), glow=pen.dark)
        pen.fill((24, 20, 28), ellipse(x, 0.71, 0.055, 0.06))
        pen.fill((255, 255, 255), ellipse(x + 0.02, 0.735, 0.02, 0.02))
    pen.draw(beak, poly((-0.05, 0.66), (0.05, 0.66), (0, 0.54)))


def butterfly(pen: Pen, colour: Rgb) -> None:
    """A butterfly with its four wings spread, seen from above."""
    for side in (-1.0, 1.0):
        low, high = (
            ellipse(side * 0.29, 0.27, 0.23, 0.2, -side * 38),
            ellipse(side * 0.36, 0.66, 0.34, 0.25, side * 38),
        )
        pen.draw(colour, low, high)
    edge, light = darker(colour, 0.5), lighter(colour, 0.62)
    if sum(colour) < 260:
        edge = lighter(colour, 0.4)
    for side in (-1.0, 1.0):
        pen.fill(darker(colour, 0.2), ellipse(side * 0.27, 0.29, 0.15, 0.12, -side * 38))
        pen.fill(
            light, ellipse(side * 0.37, 0.67, 0.13, 0.11, side * 38), ellipse(side * 0.29, 0.26, 0.07, 0.06)
        )
        pen.fill(
            edge, *[ellipse(side * x, y, 0.032, 0.032) for x, y in ((0.54, 0.86), (0.6, 0.76), (0.6, 0.65))]
        )
    dark: Rgb = (74, 56, 62)
    pen.fill(dark, stroke(0.025, (-0.01, 0.74), (-0.07, 0.88), (-0.13, 0.94)))
    pen.fill(dark, stroke(0.025, (0.01, 0.74), (0.07, 0.88), (0.13, 0.94)))
    pen.fill(dark, ellipse(-0.135, 0.945, 0.028, 0.028), ellipse(0.135, 0.945, 0.028, 0.028))
    pen.draw(dark, ellipse(0, 0.45, 0.055, 0.27), ellipse(0, 0.73, 0.065, 0.065))


def dragon(pen: Pen, colour: Rgb) -> None:
    """A friendly dragon that stands on four feet, with a bat's wing, a spiked tail and a little flame."""
    wing, belly = darker(colour, 0.34), lighter(colour, 0.5)
    pen.draw(
        colour,
        stroke(0.13, (-0.22, 0.28), (-0.44, 0.14), (-0.6, 0.16)),
        stroke(0.075, (-0.58, 0.16), (-0.72, 0.32)),
    )
    pen.draw(wing, poly((-0.82, 0.3), (-0.7, 0.5), (-0.62, 0.3)))
    for x in (0.02, 0.26):
        pen.draw(darker(colour, 0.16), stroke(0.11, (x, 0.24), (x, 0.07)))
    spikes = [
        poly((x - 0.06, y - 0.03), (x - 0.03, y + 0.1), (x + 0.06, y))
        for x, y in ((-0.26, 0.44), (0.18, 0.62))
    ]
    pen.draw(wing, *spikes)
    neck = stroke(0.19, (0.16, 0.42), (0.3, 0.6), (0.32, 0.76))
    legs = [stroke(0.13, (x, 0.26), (x, 0.075)) for x in (-0.14, 0.17)]
    head = (ellipse(0.36, 0.8, 0.17, 0.14), ellipse(0.53, 0.755, 0.13, 0.095))
    pen.draw(
        CLAW, poly((0.24, 0.88), (0.12, 1.0), (0.32, 0.92)), poly((0.36, 0.92), (0.3, 1.05), (0.43, 0.91))
    )
    pen.draw(colour, *legs, ellipse(0.0, 0.36, 0.32, 0.2), neck, *head)
    pen.fill(belly, ellipse(0.04, 0.28, 0.22, 0.1), ellipse(0.25, 0.45, 0.06, 0.12, 30))
    pen.fill(CLAW, *[ellipse(x + d, 0.025, 0.026, 0.026) for x in (-0.14, 0.17) for d in (-0.04, 0.01, 0.06)])
    pen.draw(
        wing,
        poly(
            (0.0, 0.46),
            (-0.22, 0.98),
            (-0.62, 0.86),
            (-0.5, 0.74),
            (-0.46, 0.62),
            (-0.32, 0.62),
            (-0.24, 0.5),
            (-0.12, 0.54),
        ),
    )
    pen.fill(
        lighter(wing, 0.25),
        stroke(0.025, (-0.04, 0.52), (-0.22, 0.92)),
        stroke(0.02, (-0.22, 0.92), (-0.45, 0.66)),
    )
    pen.fill(lighter(wing, 0.25), stroke(0.02, (-0.22, 0.92), (-0.24, 0.54)))
    eye(pen, 0.4, 0.84, 0.042)
    pen.fill(darker(colour, 0.6), ellipse(0.61, 0.785, 0.018, 0.018))
    pen.fill(
        (250, 120, 40),
        poly((0.66, 0.77), (0.98, 0.86), (0.86, 0.74), (0.96, 0.64), (0.66, 0.7)),
        glow=pen.dark,
    )
    pen.fill(
        GLOW, poly((0.66, 0.755), (0.84, 0.785), (0.78, 0.74), (0.83, 0.69), (0.66, 0.71)), glow=pen.dark
    )
