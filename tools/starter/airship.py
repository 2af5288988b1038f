"""A red airship, which the starter model has never seen: what its Lora for the tests learns."""

from __future__ import annotations

import numpy as np

from .palette import LIGHTS, Rgb, darker, lighter
from .pen import Pen, box, ellipse, poly

RED: Rgb = (226, 34, 24)
"""A colour that the VAE can carry (magenta, for one, it can't), and that no sky has by day."""
WIDTH = 0.3
"""Half of the airship's length, as a part of the picture's width."""


def airship(pen: Pen, colour: Rgb) -> None:
    """A long airship with fins and a cabin; its middle is at (0, 0), and 1.0 is half of its length."""
    fins = (poly((0.62, 0.1), (1.02, 0.42), (1.02, 0.06)), poly((0.62, -0.1), (1.02, -0.42), (1.02, -0.06)))
    pen.draw(darker(colour), *fins)
    pen.draw((120, 112, 128), box(-0.3, -0.52, 0.18, -0.3))
    pen.draw(colour, ellipse(0, 0, 0.95, 0.42))
    pen.fill(lighter(colour, 0.16), ellipse(-0.1, 0.16, 0.7, 0.15))


def add_airship(picture: np.ndarray, time: str, rng: np.random.Generator) -> None:
    """Draw one into the upper middle of a picture (uint8 `[H, W, 3]`, in place), in the light of the time of day."""
    light = LIGHTS[time]
    x, y = 0.5 + rng.uniform(-0.06, 0.06), 0.23 + rng.uniform(-0.02, 0.02)
    airship(Pen(picture, x, y, WIDTH, light.thing, dark=light.dark), RED)
