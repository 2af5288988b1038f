"""`modules.masking` of the older UI: the part of a picture that a mask is about."""

from __future__ import annotations

from typing import Any

from PIL import Image

from modules.imaging.filling import fill
from modules.imaging.masks import Box, bounding_box, grow_to_ratio

__all__ = ["expand_crop_region", "fill", "get_crop_region", "get_crop_region_v2"]


def get_crop_region_v2(mask: Any, pad: int = 0) -> Box | None:
    """The smallest box with all that is masked, with `pad` pixels around it; None: nothing is masked."""
    return bounding_box(_picture(mask), pad)


def get_crop_region(mask: Any, pad: int = 0) -> Box:
    """The same; for a blank mask a box whose ends lie before its beginning."""
    image = _picture(mask)
    box = bounding_box(image, pad)
    if box is not None:
        return box
    width, height = image.size
    return max(width - pad, 0), max(height - pad, 0), min(pad, width), min(pad, height)


def expand_crop_region(
    crop_region: Box, processing_width: int, processing_height: int, image_width: int, image_height: int
) -> Box:
    """The box grown to the ratio of the size that it will be drawn at, inside of the picture."""
    return grow_to_ratio(crop_region, processing_width, processing_height, image_width, image_height)


def _picture(mask: Any) -> Image.Image:
    if isinstance(mask, Image.Image):
        return mask
    import numpy as np

    return Image.fromarray(np.asarray(mask).astype(np.uint8))
