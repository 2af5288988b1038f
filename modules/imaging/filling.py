"""Masked content "fill": the colours around a hole pushed into it."""

from __future__ import annotations

from PIL import Image, ImageFilter

from modules.imaging.masks import invert
from modules.imaging.overlay import unmasked_part

# Radius of a blur in pixels, and how often it is laid on: wide ones first, to reach the middle of the hole; then
# narrower ones, which put nearer colours at the rim. Repeating makes up for the blur's thin alpha.
_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))


def fill(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with the masked part replaced by blurs of the unmasked part.

    Where the mask is 0 the picture is unchanged; with nothing unmasked it is black.

    Args:
        image: RGB.
        mask: L of the same size, 255 where it is filled.

    Returns: RGB.
    """
    source = unmasked_part(image, invert(mask))
    filled = Image.new("RGBA", image.size)
    for radius, times in _BLURS:
        layer = source.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            filled.alpha_composite(layer)
    return filled.convert("RGB")
