"""A pen that draws smooth shapes in an object's own coordinates, in the light of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from .palette import INK, Rgb, mix

Point = tuple[float, float]
Shape = tuple[Any, ...]  # ("e", x, y, rx, ry, angle) | ("p", points) | ("l", points, width)

SHIFT = 4
_ONE = 1 << SHIFT


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Shape:
    """An ellipse around (x, y); `angle` turns it counter-clockwise, in degrees."""
    return ("e", x, y, rx, ry, angle)


def poly(*points: Point) -> Shape:
    """A filled polygon."""
    return ("p", points)


def box(left: float, bottom: float, right: float, top: float) -> Shape:
    """A rectangle with its sides along the axes."""
    return ("p", ((left, bottom), (right, bottom), (right, top), (left, top)))


def stroke(width: float, *points: Point) -> Shape:
    """A line with round ends through the points."""
    return ("l", points, width)


class Pen:
    """Draws on `image` with (0, 0) at the object's foot, y upwards, 1.0 being the object's height.

    Args:
        image: uint8 `[H, W, 3]`, RGB, drawn upon in place.
        x: The foot's place, as a part of the picture's width.
        y: The foot's place, as a part of the picture's height, from the top.
        height: The object's height as a part of the picture's height.
        tint: Factors on every colour (the light of the scene).
        flip: Mirror the object left to right.
        dark: Whether windows and lamps are lit (read by the objects).
    """

    def __init__(
        self,
        image: np.ndarray,
        x: float,
        y: float,
        height: float,
        tint: Rgb = (1.0, 1.0, 1.0),
        flip: bool = False,
        dark: bool = False,
    ) -> None:
        side = image.shape[0]
        self.image = image
        self.side = side
        self.x, self.y = x * side, y * side
        self.unit = height * side
        self.tint = tint
        self.sign = -1.0 if flip else 1.0
        self.dark = dark
        self.outline = 0.0085 * side

    def at(self, x: float, y: float, height: float) -> Pen:
        """A pen for a part of this object: its foot at (x, y), `height` in this object's units."""
        side = self.side
        return Pen(
            self.image,
            (self.x + self.sign * x * self.unit) / side,
            (self.y - y * self.unit) / side,
            height * self.unit / side,
            self.tint,
            self.sign < 0,
            self.dark,
        )

    def lit(self, colour: Rgb) -> tuple[int, int, int]:
        """The colour in the scene's light, ready for OpenCV."""
        r, g, b = self.tint
        return (int(colour[0] * r), int(colour[1] * g), int(colour[2] * b))

    def fill(self, colour: Rgb, *shapes: Shape, glow: bool = False) -> None:
        """Draw shapes without an outline; `glow` ignores the scene's light."""
        ready = (int(colour[0]), int(colour[1]), int(colour[2])) if glow else self.lit(colour)
        for shape in shapes:
            self._draw(shape, ready, 0.0)

    def draw(self, colour: Rgb, *shapes: Shape) -> None:
        """Draw shapes as one silhouette with one dark outline around them all."""
        line = self.lit(mix(colour, INK, 0.72))
        if self.dark and sum(colour) < 210:  # a moonlit edge, or black things are lost in the night
            line = self.lit(mix(colour, (206, 210, 236), 0.5))
        ready = self.lit(colour)
        for shape in shapes:
            self._draw(shape, line, self.outline)
        for shape in shapes:
            self._draw(shape, ready, 0.0)

    def _points(self, points: Sequence[Point]) -> np.ndarray:
        flat = [
            ((self.x + self.sign * x * self.unit) * _ONE, (self.y - y * self.unit) * _ONE) for x, y in points
        ]
        return np.array(flat, dtype=np.float64).round().astype(np.int32)

    def _draw(self, shape: Shape, colour: tuple[int, int, int], grow: float) -> None:
        kind = shape[0]
        if kind == "e":
            _, x, y, rx, ry, angle = shape
            centre = (
                int((self.x + self.sign * x * self.unit) * _ONE),
                int((self.y - y * self.unit) * _ONE),
            )
            axes = (int((rx * self.unit + grow) * _ONE), int((ry * self.unit + grow) * _ONE))
            cv2.ellipse(self.image, centre, axes, -self.sign * angle, 0, 360, colour, -1, cv2.LINE_AA, SHIFT)
        elif kind == "p":
            points = self._points(shape[1])
            if grow:
                width = max(1, round(2 * grow))
                cv2.polylines(self.image, [points], True, colour, width, cv2.LINE_AA, SHIFT)
            else:
                cv2.fillPoly(self.image, [points], colour, cv2.LINE_AA, SHIFT)
        else:
            width = max(1, round(shape[2] * self.unit + 2 * grow))
            cv2.polylines(self.image, [self._points(shape[1])], False, colour, width, cv2.LINE_AA, SHIFT)
