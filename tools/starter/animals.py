"""The animals, the snowman, the robot and the astronaut: one small function each, drawn facing right."""

from __future__ import annotations

from .palette import COLOURS, GLOW, INK, Rgb, darker, lighter
from .pen import Pen, box, ellipse, poly, stroke

WHITE = COLOURS["white"]
PINK: Rgb = (240, 140, 150)


def eye(pen: Pen, x: float, y: float, radius: float = 0.032) -> None:
    """A round dark eye with a glint; light around it, so that it shows on a black coat."""
    pen.fill(WHITE, ellipse(x, y, radius * 1.5, radius * 1.7))
    pen.fill((24, 20, 28), ellipse(x, y - 0.004, radius * 1.1, radius * 1.35))
    pen.fill((255, 255, 255), ellipse(x + radius * 0.35, y + radius * 0.5, radius * 0.4, radius * 0.4))


def cat(pen: Pen, colour: Rgb) -> None:
    """A cat that sits and looks at us, its tail curled up beside it."""
    tail = stroke(0.09, (0.16, 0.06), (0.32, 0.07), (0.4, 0.18), (0.38, 0.32), (0.44, 0.4))
    pen.draw(colour, tail)
    body = ellipse(0, 0.26, 0.25, 0.28)
    feet = (ellipse(-0.1, 0.05, 0.1, 0.06), ellipse(0.1, 0.05, 0.1, 0.06))
    pen.draw(colour, body, *feet)
    pen.fill(lighter(colour, 0.5), ellipse(0, 0.26, 0.13, 0.18))
    ears = (poly((-0.27, 0.72), (-0.25, 1.0), (-0.04, 0.86)), poly((0.27, 0.72), (0.25, 1.0), (0.04, 0.86)))
    pen.draw(colour, ellipse(0, 0.67, 0.29, 0.235), *ears)
    pen.fill(
        PINK,
        poly((-0.22, 0.8), (-0.215, 0.92), (-0.12, 0.86)),
        poly((0.22, 0.8), (0.215, 0.92), (0.12, 0.86)),
    )
    pen.fill(lighter(colour, 0.5), ellipse(-0.06, 0.58, 0.085, 0.065), ellipse(0.06, 0.58, 0.085, 0.065))
    eye(pen, -0.125, 0.7, 0.04)
    eye(pen, 0.125, 0.7, 0.04)
    pen.fill(PINK, poly((-0.035, 0.63), (0.035, 0.63), (0, 0.59)))


def dog(pen: Pen, colour: Rgb) -> None:
    """A dog that sits and looks at us, with hanging ears, a long muzzle and its tongue out."""
    pen.draw(colour, stroke(0.08, (0.2, 0.1), (0.36, 0.22), (0.4, 0.36)))
    pen.draw(
        colour,
        ellipse(0, 0.26, 0.26, 0.27),
        ellipse(-0.12, 0.05, 0.11, 0.06),
        ellipse(0.12, 0.05, 0.11, 0.06),
    )
    pen.fill(lighter(colour, 0.55), ellipse(0, 0.24, 0.13, 0.18))
    pen.draw(colour, ellipse(0, 0.72, 0.25, 0.25))
    ear = darker(colour, 0.38)
    pen.draw(ear, ellipse(-0.28, 0.68, 0.1, 0.24, -12), ellipse(0.28, 0.68, 0.1, 0.24, 12))
    pen.fill(PINK, ellipse(0, 0.5, 0.06, 0.09))
    pen.fill(lighter(colour, 0.6), ellipse(0, 0.61, 0.15, 0.11))
    pen.fill(INK, ellipse(0, 0.67, 0.075, 0.05))
    eye(pen, -0.11, 0.79, 0.038)
    eye(pen, 0.11, 0.79, 0.038)


def fox(pen: Pen, colour: Rgb) -> None:
    """A fox that stands with a great brush of a tail, white at its tip, on dark socks."""
    dark = (70, 44, 44)
    pen.draw(colour, ellipse(-0.52, 0.4, 0.3, 0.15, -38))
    pen.fill(WHITE, ellipse(-0.66, 0.53, 0.13, 0.1, -38))
    legs = [stroke(0.1, (x, 0.3), (x, 0.1)) for x in (-0.24, -0.1, 0.18, 0.3)]
    pen.draw(colour, *legs, ellipse(0.03, 0.38, 0.38, 0.19))
    for x in (-0.24, -0.1, 0.18, 0.3):
        pen.fill(dark, stroke(0.1, (x, 0.12), (x, 0.05)))
    pen.fill(WHITE, ellipse(0.26, 0.38, 0.12, 0.14))
    ears = (poly((0.12, 0.75), (0.1, 1.02), (0.33, 0.84)), poly((0.42, 0.84), (0.55, 1.02), (0.58, 0.72)))
    pen.draw(colour, *ears, poly((0.08, 0.72), (0.2, 0.86), (0.48, 0.87), (0.62, 0.7), (0.36, 0.42)))
    pen.fill(
        dark, poly((0.14, 0.84), (0.13, 0.95), (0.23, 0.87)), poly((0.49, 0.87), (0.53, 0.96), (0.55, 0.82))
    )
    pen.fill(
        WHITE, poly((0.1, 0.7), (0.25, 0.66), (0.36, 0.44)), poly((0.6, 0.69), (0.47, 0.66), (0.36, 0.44))
    )
    eye(pen, 0.255, 0.72, 0.034)
    eye(pen, 0.455, 0.72, 0.034)
    pen.fill(INK, ellipse(0.36, 0.46, 0.05, 0.04))


def rabbit(pen: Pen, colour: Rgb) -> None:
    """A rabbit that sits and looks at us, with long ears and two teeth."""
    ears = (ellipse(-0.11, 0.82, 0.075, 0.2, 8), ellipse(0.11, 0.82, 0.075, 0.2, -8))
    pen.draw(WHITE, ellipse(0.25, 0.14, 0.09, 0.09))
    pen.draw(
        colour,
        ellipse(0, 0.21, 0.24, 0.22),
        ellipse(-0.13, 0.04, 0.13, 0.05),
        ellipse(0.13, 0.04, 0.13, 0.05),
    )
    pen.fill(lighter(colour, 0.6), ellipse(0, 0.2, 0.13, 0.15))
    pen.draw(colour, *ears, ellipse(0, 0.52, 0.22, 0.19))
    pen.fill(PINK, ellipse(-0.11, 0.83, 0.035, 0.14, 8), ellipse(0.11, 0.83, 0.035, 0.14, -8))
    pen.fill(lighter(colour, 0.6), ellipse(-0.05, 0.45, 0.07, 0.055), ellipse(0.05, 0.45, 0.07, 0.055))
    pen.fill(WHITE, box(-0.03, 0.37, 0.03, 0.42))
    pen.fill(PINK, ellipse(0, 0.48, 0.035, 0.025))
    eye(pen, -0.1, 0.56, 0.035)
    eye(pen, 0.1, 0.56, 0.035)


def horse(pen: Pen, colour: Rgb) -> None:
    """A horse that stands, with a dark mane and tail."""
    mane = darker(colour, 0.55) if sum(colour) > 240 else (120, 112, 124)
    pen.draw(mane, stroke(0.1, (-0.36, 0.6), (-0.48, 0.5), (-0.5, 0.24)))
    legs = [stroke(0.09, (x, 0.4), (x, 0.06)) for x in (-0.3, -0.18, 0.16, 0.27)]
    neck = poly((0.08, 0.6), (0.24, 0.92), (0.44, 0.9), (0.36, 0.4))
    head = ellipse(0.48, 0.82, 0.18, 0.1, -32)
    ears = poly((0.26, 0.88), (0.31, 1.03), (0.38, 0.9))
    pen.draw(colour, *legs, ellipse(0, 0.5, 0.38, 0.185), neck, head, ears)
    pen.fill(darker(colour, 0.14), ellipse(-0.02, 0.4, 0.3, 0.07))
    pen.fill(lighter(colour, 0.4), ellipse(0.57, 0.755, 0.075, 0.07))
    for x in (-0.3, -0.18, 0.16, 0.27):
        pen.fill(INK, stroke(0.09, (x, 0.07), (x, 0.05)))
    pen.draw(mane, stroke(0.1, (0.29, 0.97), (0.2, 0.88), (0.13, 0.74), (0.06, 0.64)))
    eye(pen, 0.43, 0.87, 0.03)


def bird(pen: Pen, colour: Rgb) -> None:
    """A round little bird with a wing, an orange beak and thin legs."""
    pen.fill((190, 110, 50), stroke(0.04, (-0.06, 0.2), (-0.06, 0.02), (0.03, 0.02)))
    pen.fill((190, 110, 50), stroke(0.04, (0.1, 0.2), (0.1, 0.02), (0.19, 0.02)))
    pen.draw((250, 170, 50), poly((0.36, 0.74), (0.36, 0.58), (0.6, 0.64)))
    tail = poly((-0.25, 0.45), (-0.6, 0.68), (-0.62, 0.48), (-0.25, 0.25))
    pen.draw(colour, tail, ellipse(0, 0.43, 0.37, 0.3), ellipse(0.19, 0.7, 0.24, 0.24))
    pen.fill(lighter(colour, 0.5), ellipse(0.12, 0.33, 0.2, 0.16))
    pen.draw(darker(colour, 0.25), ellipse(-0.13, 0.45, 0.22, 0.13, -16))
    eye(pen, 0.26, 0.75, 0.045)


def fish(pen: Pen, colour: Rgb) -> None:
    """A fish with a great tail and two light stripes."""
    fin = darker(colour, 0.22)
    pen.draw(fin, poly((-0.32, 0.5), (-0.68, 0.86), (-0.6, 0.5), (-0.68, 0.14)))
    pen.draw(fin, poly((-0.2, 0.74), (0.02, 1.0), (0.24, 0.74)))
    pen.draw(colour, ellipse(0.06, 0.5, 0.48, 0.31))
    pen.fill(lighter(colour, 0.62), ellipse(-0.1, 0.5, 0.05, 0.26), ellipse(0.1, 0.5, 0.05, 0.27))
    pen.fill(fin, poly((0.0, 0.42), (-0.14, 0.2), (0.14, 0.3)))
    eye(pen, 0.34, 0.58, 0.055)
    pen.fill(darker(colour, 0.6), stroke(0.03, (0.5, 0.42), (0.42, 0.38)))


def snowman(pen: Pen, colour: Rgb) -> None:
    """A snowman with a hat, a carrot and a scarf; `colour` is his scarf's."""
    snow = (244, 248, 254)
    pen.fill((110, 72, 48), stroke(0.03, (-0.2, 0.5), (-0.44, 0.64)), stroke(0.03, (0.2, 0.5), (0.44, 0.64)))
    pen.draw(snow, ellipse(0, 0.22, 0.29, 0.23), ellipse(0, 0.5, 0.21, 0.18), ellipse(0, 0.73, 0.16, 0.15))
    pen.fill((210, 222, 240), ellipse(0.08, 0.14, 0.17, 0.1))
    pen.draw(
        colour,
        stroke(0.075, (-0.15, 0.62), (0, 0.595), (0.15, 0.62)),
        stroke(0.075, (0.1, 0.6), (0.13, 0.42)),
    )
    pen.draw((64, 58, 70), box(-0.2, 0.83, 0.2, 0.87), box(-0.12, 0.86, 0.12, 1.02))
    pen.fill(INK, ellipse(-0.06, 0.76, 0.025, 0.03), ellipse(0.06, 0.76, 0.025, 0.03))
    pen.fill(INK, ellipse(0, 0.47, 0.025, 0.025), ellipse(0, 0.36, 0.025, 0.025))
    pen.fill((244, 136, 40), poly((-0.01, 0.74), (-0.01, 0.68), (0.2, 0.69)))


def robot(pen: Pen, colour: Rgb) -> None:
    """A friendly robot with an antenna and shining eyes."""
    steel: Rgb = (128, 134, 146)
    pen.draw(steel, box(-0.2, 0.0, -0.06, 0.22), box(0.06, 0.0, 0.2, 0.22))
    pen.draw(steel, stroke(0.08, (-0.26, 0.5), (-0.38, 0.34)), stroke(0.08, (0.26, 0.5), (0.38, 0.34)))
    pen.draw(steel, ellipse(-0.39, 0.3, 0.07, 0.07), ellipse(0.39, 0.3, 0.07, 0.07))
    pen.draw(colour, box(-0.27, 0.18, 0.27, 0.58))
    pen.fill(darker(colour), box(0.17, 0.18, 0.27, 0.58))
    pen.fill(lighter(colour, 0.65), box(-0.15, 0.28, 0.12, 0.46))
    pen.fill(steel, stroke(0.03, (0, 0.86), (0, 0.96)))
    pen.draw((232, 74, 62), ellipse(0, 0.98, 0.045, 0.045))
    pen.draw(colour, box(-0.24, 0.6, 0.24, 0.89))
    pen.fill((40, 44, 58), box(-0.18, 0.66, 0.18, 0.83))
    pen.fill(
        (120, 240, 240), ellipse(-0.085, 0.75, 0.055, 0.055), ellipse(0.085, 0.75, 0.055, 0.055), glow=True
    )


def astronaut(pen: Pen, colour: Rgb) -> None:
    """An astronaut with a golden visor; `colour` is the suit's."""
    pen.draw(darker(colour, 0.3), box(-0.25, 0.28, 0.25, 0.64))
    pen.draw(colour, stroke(0.13, (-0.11, 0.3), (-0.13, 0.07)), stroke(0.13, (0.11, 0.3), (0.13, 0.07)))
    pen.draw(colour, stroke(0.12, (-0.19, 0.55), (-0.33, 0.36)), stroke(0.12, (0.19, 0.55), (0.34, 0.66)))
    pen.draw(colour, box(-0.2, 0.26, 0.2, 0.62))
    pen.fill((226, 74, 60), box(-0.1, 0.4, -0.02, 0.48))
    pen.fill((70, 130, 220), box(0.02, 0.4, 0.1, 0.48))
    visor(pen, colour, 0.0, 0.78)


def visor(pen: Pen, colour: Rgb, x: float, y: float) -> None:
    """The astronaut's helmet around (x, y)."""
    pen.draw(colour, ellipse(x, y, 0.24, 0.22))
    pen.draw((60, 72, 110), ellipse(x + 0.02, y, 0.165, 0.14))
    pen.fill(GLOW, ellipse(x + 0.08, y + 0.05, 0.05, 0.04))


def astronaut_on_horse(pen: Pen, colour: Rgb) -> None:
    """An astronaut riding a horse; `colour` is the horse's."""
    horse(pen.at(0, 0, 0.72), colour)
    rider = pen.at(-0.04, 0.34, 0.66)
    rider.draw(darker(WHITE, 0.3), box(-0.26, 0.36, 0.0, 0.66))
    rider.draw(WHITE, stroke(0.15, (0.0, 0.3), (0.1, 0.06)), box(-0.16, 0.26, 0.16, 0.62))
    rider.draw(WHITE, stroke(0.12, (0.08, 0.54), (0.3, 0.42)))
    rider.fill((226, 74, 60), box(-0.04, 0.44, 0.05, 0.52))
    visor(rider, WHITE, 0.02, 0.78)
