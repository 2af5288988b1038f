"""The styles: filters on a finished picture, distinct and smooth, so that the VAE can carry them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

Filter = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""A style: a finished picture, uint8 `[H, W, 3]`, and a source of small variations -> the picture in this style."""
PAPER = np.array((250, 246, 236), np.float32)


def flat(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As it was drawn."""
    return image


@cache
def _vignettes(size: int) -> np.ndarray:
    """Eight soft, uneven masks of where the paint reaches: float32 `[8, size, size, 1]`, 0 (paper) to 1."""
    rng = np.random.default_rng(20)
    ramp = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32) / size
    edge = np.minimum(ramp[:, None], ramp[None, :])
    masks = []
    for _ in range(8):
        wobble = cv2.resize(
            rng.random((7, 7)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
        masks.append(np.clip((edge - 0.015 - 0.06 * wobble) / 0.05, 0, 1))
    return np.stack(masks)[..., None]


@cache
def _washes(size: int) -> np.ndarray:
    """Eight clouds of pigment: float32 `[8, size, size, 1]`, about -1 to 1."""
    rng = np.random.default_rng(21)
    clouds = [
        cv2.resize(rng.random((6, 6)).astype(np.float32) * 2 - 1, (size, size), interpolation=cv2.INTER_CUBIC)
        for _ in range(8)
    ]
    return np.stack(clouds)[..., None]


def watercolor(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paler, softer colours that bleed into each other, on white paper with an uneven edge."""
    size = image.shape[0]
    soft = cv2.GaussianBlur(image, (0, 0), size / 50).astype(np.float32)
    sharp = image.astype(np.float32)
    paint = soft * 0.4 + sharp * 0.6
    pick = rng.integers(8, size=2)
    strength = 0.82 + 0.13 * _washes(size)[pick[0]]
    amount = _vignettes(size)[pick[1]] * strength
    painted: np.ndarray = np.clip(PAPER + (paint - PAPER) * amount, 0, 255).astype(np.uint8)
    return painted


def pixel_art(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Square blocks of 1/32 of the picture's side, in a reduced palette."""
    size = image.shape[0]
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = (small - 128) * 1.1 + 128
    steps = np.clip(np.round(small / 28.3), 0, 9) * 28.3
    blocks: np.ndarray = cv2.resize(steps.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
    return blocks


def pencil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gray lines and light shading on off-white paper, with a trace of the colours."""
    size = image.shape[0]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    blurred = cv2.GaussianBlur(gray, (0, 0), size / 50)
    lines = np.clip((blurred - gray) * 2.2 - 3, 0, 130)
    tone = 0.42 + 0.58 * gray / 255.0
    shade = PAPER * tone[..., None]
    trace = image.astype(np.float32) - gray[..., None]
    drawn: np.ndarray = np.clip(shade + 0.33 * trace - lines[..., None], 0, 255).astype(np.uint8)
    return drawn


FILTERS: dict[str, Filter] = {
    "flat": flat,
    "watercolor": watercolor,
    "pixel art": pixel_art,
    "pencil sketch": pencil,
}
