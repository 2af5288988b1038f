"""The weather that only the wider world has: fog, and a storm with lightning."""

from __future__ import annotations

import cv2
import numpy as np

from .palette import GRAY_SKY, HORIZON, Light, Rgb, mix
from .pen import Pen, ellipse, poly


def _gray(light: Light) -> Rgb:
    """The light of this time of day, as fog and dark clouds throw it back."""
    dim = 0.3 + 0.7 * light.ground[0]
    red, green, blue = ((0.3 + 0.7 * tint) * dim for tint in light.thing)
    return GRAY_SKY[0] * red, GRAY_SKY[1] * green, GRAY_SKY[2] * blue


def storm(image: np.ndarray, light: Light, rng: np.random.Generator, side: str | None = None) -> None:
    """Cover the sky (of uint8 `[H, W, 3]`, in place) with a heavy cloud, from which a lightning strikes.

    Args: side: where it strikes, "left" or "right"; either when None.
    """
    size = image.shape[0]
    cloud = mix(_gray(light), (34, 36, 58), 0.55)
    high = int(HORIZON * size)
    fade = np.linspace(0.95, 0.55, high, dtype=np.float32)[:, None, None]
    sky = image[:high].astype(np.float32)
    image[:high] = sky + (np.array(cloud, np.float32) - sky) * fade
    pen = Pen(image, 0.0, 1.0, 1.0)
    dark = mix(cloud, (24, 24, 44), 0.3)
    for x, y, rx, ry in (
        (0.05, 0.95, 0.24, 0.13),
        (0.36, 0.97, 0.24, 0.14),
        (0.68, 0.96, 0.25, 0.13),
        (1.0, 0.95, 0.2, 0.14),
    ):
        x += rng.uniform(-0.03, 0.03)
        pen.fill(mix(cloud, (220, 226, 240), 0.16), ellipse(x, y - 0.012, rx, ry))
        pen.fill(dark, ellipse(x, y, rx, ry))
    left = rng.random() < 0.5 if side is None else side == "left"
    x = (0.2 if left else 0.8) + rng.uniform(-0.05, 0.05)
    turn = 1 if rng.random() < 0.5 else -1
    points = (
        (0.02, 0.87),
        (-0.055, 0.655),
        (0.0, 0.665),
        (-0.035, 0.47),
        (0.075, 0.72),
        (0.015, 0.71),
        (0.075, 0.87),
    )
    bolt = poly(*[(x + turn * dx, y) for dx, y in points])
    halo = image.copy()
    Pen(halo, 0.0, 1.0, 1.0).fill((250, 238, 170), bolt)
    glow = cv2.GaussianBlur(halo, (0, 0), size / 30)
    np.copyto(image, np.maximum(image, glow))
    pen.draw((255, 240, 130), bolt)


def fog(image: np.ndarray, light: Light, rng: np.random.Generator, strength: float) -> None:
    """Lay fog over the picture (uint8 `[H, W, 3]`, in place): a veil that is thickest at the horizon, in soft banks.

    Args: strength: 0 (none) to 1 (nothing shows through at the horizon).
    """
    size = image.shape[0]
    colour = np.array(mix(_gray(light), (255, 255, 255), 0.45 * light.ground[0]), np.float32)
    rows = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    veil = np.exp(-(((rows - HORIZON) / 0.34) ** 2)) * 0.75 + 0.25
    banks = cv2.resize(rng.random((7, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    amount = np.clip(strength * veil * (0.72 + 0.45 * banks), 0, 0.94)[..., None]
    scene = image.astype(np.float32)
    np.copyto(image, (scene + (colour - scene) * amount).astype(np.uint8))
