"""Colour correction: the result gets the colours of the picture it was made from, and keeps its own light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Weights of red, green and blue in the luminosity of the non-separable blend modes.
_LUMINOSITY = np.array([0.3, 0.59, 0.11], np.float32)


def correct_colours(image: Image.Image, target: Image.Image) -> Image.Image:
    """The picture with the target's distribution of colours (in CIELAB) and its own luminosity.

    Args:
        image: RGB, the result.
        target: RGB of any size, the picture whose colours are wanted.

    Returns: RGB.
    """
    import cv2

    lab = np.asarray(cv2.cvtColor(np.array(image.convert("RGB")), cv2.COLOR_RGB2LAB), np.uint8)
    target_lab = np.asarray(cv2.cvtColor(np.array(target.convert("RGB")), cv2.COLOR_RGB2LAB), np.uint8)
    matched = np.stack([match_histogram(lab[..., i], target_lab[..., i]) for i in range(3)], axis=-1)
    corrected = np.asarray(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB), np.uint8)
    return luminosity_blend(Image.fromarray(corrected), image)


def match_histogram(source: NDArray[np.uint8], template: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The source with its values replaced so that they are distributed as the template's.

    Every value goes to that at the same place of the template's cumulative distribution, between two of its values
    by linear interpolation, truncated. (Gonzalez and Woods, Digital Image Processing, "histogram specification".)

    Args:
        source: values of any shape.
        template: values of any shape, at least one.
    """
    shares = np.cumsum(np.bincount(source.ravel(), minlength=256)) / max(source.size, 1)
    values, counts = np.unique(template, return_counts=True)
    table = np.interp(shares, np.cumsum(counts) / template.size, values)
    return table.astype(np.uint8)[source]


def luminosity_blend(backdrop: Image.Image, source: Image.Image) -> Image.Image:
    """Hue and saturation of the backdrop with the luminosity of the source (both RGB, of the same size).

    Source: W3C, Compositing and Blending Level 1, non-separable blend modes, `SetLum` and `ClipColor`.
    """
    colour = np.asarray(backdrop.convert("RGB"), np.float32) / 255
    wanted = np.asarray(source.convert("RGB"), np.float32) / 255 @ _LUMINOSITY
    colour += (wanted - colour @ _LUMINOSITY)[..., None]
    light = (colour @ _LUMINOSITY)[..., None]
    # What leaves 0..1 is drawn towards grey of the same luminosity until it is back.
    lowest, highest = colour.min(-1, keepdims=True), colour.max(-1, keepdims=True)
    tiny = np.float32(1e-6)
    colour = np.where(lowest < 0, light + (colour - light) * light / np.maximum(light - lowest, tiny), colour)
    colour = np.where(
        highest > 1, light + (colour - light) * (1 - light) / np.maximum(highest - light, tiny), colour
    )
    return Image.fromarray(np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8))
