"""Putting a redrawn part back: what the mask didn't name stays as it was, byte for byte."""

from __future__ import annotations

import numpy as np
from PIL import Image

from modules.imaging.masks import Box, invert
from modules.imaging.resizing import CROP, resize


def unmasked_part(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """The picture with this alpha, as premultiplied RGBa (so that it can be blurred).

    Args:
        image: RGB.
        alpha: L of the same size; 255 where the picture is kept.
    """
    part = Image.new("RGBa", image.size)
    part.paste(image.convert("RGBA").convert("RGBa"), mask=alpha)
    return part


def whole_picture_mask(mask: Image.Image) -> Image.Image:
    """The overlay's mask when the whole picture was drawn: twice the blurred mask, so half-masked pixels are all new.

    ("Only masked" uses the blurred mask as it is.)
    """
    doubled = np.clip(np.asarray(mask.convert("L"), np.float32) * 2, 0, 255)
    return Image.fromarray(doubled.astype(np.uint8))


def overlay_of(image: Image.Image, overlay_mask: Image.Image) -> Image.Image:
    """What is laid over the result: the original as RGBA, with the inverted mask as alpha.

    Args:
        image: RGB, the original at the size of the finished picture.
        overlay_mask: L of the same size.
    """
    return unmasked_part(image, invert(overlay_mask)).convert("RGBA")


def overlay(result: Image.Image, original: Image.Image, box: Box | None = None) -> Image.Image:
    """The finished picture: the result, with the original's unmasked pixels over it.

    Args:
        result: RGB, as decoded.
        original: RGBA from `overlay_of`.
        box: for "only masked", the place of the result in the original, which it is resized back to.

    Returns: RGB of the original's size; pixels where the original's alpha is 255 are equal to it.

    Raises: ValueError: the sizes don't agree (without a box).
    """
    if box is None:
        if result.size != original.size:
            raise ValueError(f"a result of {result.size} doesn't match an original of {original.size}")
        picture = result.convert("RGBA")
    else:
        left, top, right, bottom = box
        picture = Image.new("RGBA", original.size)
        picture.paste(resize(result, CROP, right - left, bottom - top), (left, top))
    picture.alpha_composite(original)
    return picture.convert("RGB")
