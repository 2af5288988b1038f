"""The sky and what is in it: sun, moon, stars, clouds, rainbow, rain and snow."""

from __future__ import annotations

import cv2
import numpy as np

from .palette import GRAY_SKY, HORIZON, Light, Rgb, mix
from .pen import Pen, box, ellipse, poly, stroke


def sky(
    image: np.ndarray,
    light: Light,
    features: tuple[str, ...],
    rng: np.random.Generator,
    side: str | None = None,
    open_land: bool = True,
) -> None:
    """Fill `image` with the sky and draw sun, moon, stars, rainbow and clouds upon it.

    Args:
        image: uint8 `[H, W, 3]`, drawn upon in place.
        light: The light of the time of day.
        features: What is in the sky.
        rng: For the small variations.
        side: Where sun or moon stand, "left" or "right"; either when None.
        open_land: Nothing high stands at the horizon, so a rising or setting sun may stand low.
    """
    stops = light.sky
    if "rain" in features or "snow" in features:
        stops = _overcast(light)
    size = image.shape[0]
    rows = np.linspace(0, 1, size)
    for channel in range(3):
        column = np.interp(rows, (0, HORIZON * 0.6, HORIZON), [stop[channel] for stop in stops])
        image[:, :, channel] = column[:, None]
    pen = Pen(image, 0.0, 1.0, 1.0)
    left = rng.random() < 0.5 if side is None else side == "left"
    if "stars" in features:
        _stars(pen, rng)
    if "sun" in features:
        _sun(pen, light, left, open_land, rng)
    if "moon" in features:
        _moon(pen, stops[0], left, rng)
    if "rainbow" in features:
        _rainbow(pen, light, rng)
    if "clouds" in features:
        _clouds(pen, light, "rain" in features, left, rng)


def _overcast(light: Light) -> tuple[Rgb, Rgb, Rgb]:
    """The sky of this time of day behind a cover of gray."""
    dim = 0.35 if light.ground[0] < 0.3 else 1.0
    red, green, blue = ((0.25 + 0.75 * tint) * dim for tint in light.thing)
    gray = (GRAY_SKY[0] * red, GRAY_SKY[1] * green, GRAY_SKY[2] * blue)
    top, middle, low = light.sky
    return mix(top, gray, 0.55), mix(middle, gray, 0.55), mix(low, gray, 0.55)


def _stars(pen: Pen, rng: np.random.Generator) -> None:
    for i in range(14):
        x, y = (i % 5 + rng.uniform(0.2, 0.8)) / 5, 1 - (i // 5 + rng.uniform(0.15, 0.85)) * 0.17
        size = rng.uniform(0.011, 0.02)
        pen.fill((255, 250, 214), poly((x - size, y), (x, y + size), (x + size, y), (x, y - size)))


def _sun(pen: Pen, light: Light, left: bool, open_land: bool, rng: np.random.Generator) -> None:
    warm = light.ground[1] < 0.95
    low = warm and open_land
    x = (0.2 if left else 0.8) + rng.uniform(-0.04, 0.04)
    y = 1 - HORIZON + 0.06 if low else rng.uniform(0.84, 0.87)
    radius = 0.12 if low else 0.095
    core: Rgb = (255, 236, 130) if warm else (255, 222, 70)
    around = pen.image[int((1 - y) * pen.side), int(x * pen.side)]
    halo = mix((float(around[0]), float(around[1]), float(around[2])), core, 0.35)
    pen.fill(halo, ellipse(x, y, radius * 1.45, radius * 1.45))
    pen.fill(core, ellipse(x, y, radius, radius))


def _moon(pen: Pen, behind: Rgb, left: bool, rng: np.random.Generator) -> None:
    x = (0.2 if left else 0.8) + rng.uniform(-0.04, 0.04)
    y = rng.uniform(0.845, 0.87)
    pen.fill(mix(behind, (255, 246, 206), 0.16), ellipse(x, y, 0.14, 0.14))
    pen.fill((255, 246, 206), ellipse(x, y, 0.09, 0.09))
    pen.fill(
        (232, 220, 176), ellipse(x + 0.03, y + 0.02, 0.022, 0.022), ellipse(x - 0.03, y - 0.03, 0.016, 0.016)
    )


def _rainbow(pen: Pen, light: Light, rng: np.random.Generator) -> None:
    side = pen.side
    centre = (int(side * rng.uniform(0.42, 0.58)), int(side * 0.66))
    bands: tuple[Rgb, ...] = (
        (232, 70, 70),
        (246, 150, 60),
        (252, 222, 90),
        (104, 196, 104),
        (80, 140, 230),
        (150, 98, 204),
    )
    dim = 0.4 + 0.6 * light.thing[0]
    width = side * 0.028
    for i, band in enumerate(bands):
        colour = tuple(int(c * dim) for c in mix(band, (235, 240, 250), 0.18))
        radius = int(side * 0.52 - i * width)
        cv2.ellipse(pen.image, centre, (radius, radius), 0, 180, 360, colour, round(width) + 2, cv2.LINE_AA)


def _clouds(pen: Pen, light: Light, rain: bool, left: bool, rng: np.random.Generator) -> None:
    base: Rgb = (120, 128, 142) if rain else (255, 253, 250)
    tint = light.sky[2]
    white = mix(mix(base, tint, 0.15), light.sky[0], 0.0 if light.ground[0] > 0.8 else 0.68)
    shade = mix(white, light.sky[0], 0.28)
    for x, y in ((0.5, 0.88), (0.83, 0.78)):  # beside the sun or moon, not before it
        x, y, size = x + rng.uniform(-0.04, 0.04), y + rng.uniform(-0.02, 0.02), rng.uniform(0.85, 1.05)
        x = x if left else 1 - x
        blobs = ((-0.1, -0.015, 0.065, 0.045), (0.1, -0.02, 0.06, 0.04), (0.0, 0.015, 0.085, 0.07))
        for drop, colour in ((-0.016, shade), (0.0, white)):
            pen.fill(
                colour,
                *[
                    ellipse(x + dx * size, y + (dy + drop) * size, rx * size, ry * size)
                    for dx, dy, rx, ry in blobs
                ],
                box(x - 0.1 * size, y + (drop - 0.055) * size, x + 0.1 * size, y + drop * size),
            )


def falling(image: np.ndarray, light: Light, features: tuple[str, ...], rng: np.random.Generator) -> None:
    """Draw rain or falling snow in front of everything."""
    pen = Pen(image, 0.0, 1.0, 1.0)
    if "rain" in features:
        drop = mix((214, 230, 250), light.sky[0], 0.0 if light.ground[0] > 0.8 else 0.35)
        for i in range(30):
            x, y = (i % 6 + rng.uniform(0, 1)) / 6, (i // 6 + rng.uniform(0, 1)) / 5
            pen.fill(drop, stroke(0.011, (x, y), (x - 0.022, y - 0.075)))
    if "snow" in features:
        flake = mix((255, 255, 255), light.sky[0], 0.0 if light.ground[0] > 0.8 else 0.25)
        for i in range(36):
            x, y = (i % 6 + rng.uniform(0.1, 0.9)) / 6, (i // 6 + rng.uniform(0.1, 0.9)) / 6
            pen.fill(flake, ellipse(x, y, 0.015, 0.015))
