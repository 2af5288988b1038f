"""The styles that only the wider world has: oil painting and blueprint; and the table of its styles."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from .styles import FILTERS, Filter

BLUE = np.array((30, 76, 156), np.float32)
CHALK = np.array((232, 242, 252), np.float32)


@cache
def _strokes(size: int) -> np.ndarray:
    """Eight patterns of brush strokes: float32 `[8, size, size]`, mean 0, about -1 to 1."""
    rng = np.random.default_rng(22)
    patterns = []
    for _ in range(8):
        noise = rng.standard_normal((size, size)).astype(np.float32)
        slanted = _slant(size, float(rng.uniform(20, 70)) * (1 if rng.random() < 0.5 else -1))
        drawn = cv2.GaussianBlur(cv2.filter2D(noise, -1, slanted), (0, 0), size / 80)
        patterns.append(drawn / (2.2 * drawn.std()))
    return np.stack(patterns)


def _slant(size: int, angle: float) -> np.ndarray:
    """A line as a filter's kernel: what smears noise into strokes."""
    side = size // 12 * 2 + 1
    kernel = np.zeros((side, side), np.float32)
    centre, turn = side // 2, np.deg2rad(angle)
    reach = np.array((np.cos(turn), np.sin(turn))) * centre
    start, end = (centre - reach).round().astype(int), (centre + reach).round().astype(int)
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0, 1)
    return kernel / kernel.sum()


def oil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strong colours in thick strokes: the picture is shifted along the strokes, which also stand out in relief."""
    size = image.shape[0]
    pick = rng.integers(8, size=2)
    along, across = _strokes(size)[pick[0]], _strokes(size)[pick[1]]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    push = size / 70
    moved = cv2.remap(
        image, x + push * along, y + push * across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    dabs = cv2.medianBlur(moved, 2 * max(1, size // 64) + 1).astype(np.float32)
    gray = dabs.mean(2, keepdims=True)
    rich = gray + (dabs - gray) * 1.22
    relief = (along - np.roll(along, (1, 1), (0, 1))) * 26 + along * 9
    lit = 0.25 + 0.75 * gray / 255  # in the dark, strokes as strong as by day would look like rain
    painted: np.ndarray = np.clip(rich * 0.97 + relief[..., None] * lit, 0, 255).astype(np.uint8)
    return painted


def blueprint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White lines on blue paper with a grid of squares: neither colours nor the time of day are left."""
    size = image.shape[0]
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), size / 210).astype(np.float32)
    around = cv2.GaussianBlur(gray, (0, 0), size / 45)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    lines = np.clip((np.hypot(across, down) - 16) / 110, 0, 1)
    shade = (gray - around) / 255 * 0.35 + (gray / 255 - 0.5) * 0.16
    step = size // 8
    offset = int(rng.integers(step))
    grid = np.zeros((size, size), np.float32)
    grid[offset::step] = grid[:, offset::step] = 0.17
    amount = np.clip(np.maximum(lines, grid) + shade, -0.3, 1)[..., None]
    drawn: np.ndarray = np.clip(BLUE + (CHALK - BLUE) * amount, 0, 255).astype(np.uint8)
    return drawn


WIDE_FILTERS: dict[str, Filter] = {**FILTERS, "oil painting": oil, "blueprint": blueprint}
