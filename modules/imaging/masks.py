"""Masks of inpainting: where a picture may change. White (255) is redrawn, black (0) is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are one past the end."""

_OPAQUE_ABOVE = 128


def read_mask(image: Image.Image, soft: bool = False) -> Image.Image:
    """The mask in a picture, as L.

    An RGBA picture with any transparency gives its alpha, made 0 or 255 unless `soft`; any other its luminance.
    """
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha if soft else alpha.point([255 if a > _OPAQUE_ABOVE else 0 for a in range(256)])
    return image.convert("L")


def invert(mask: Image.Image) -> Image.Image:
    """The mask with what is kept and what is redrawn exchanged."""
    return ImageOps.invert(mask.convert("L"))


def blur(mask: Image.Image, x: float, y: float) -> Image.Image:
    """The mask blurred by a Gaussian, along x and then along y.

    Args:
        mask: L.
        x: standard deviation in pixels; 0 or less leaves this direction alone.
        y: the same, downwards.
    """
    if x <= 0 and y <= 0:
        return mask
    import cv2

    values: NDArray[np.uint8] = np.array(mask.convert("L"))
    if x > 0:
        values = np.asarray(cv2.GaussianBlur(values, (_kernel_size(x), 1), x), np.uint8)
    if y > 0:
        values = np.asarray(cv2.GaussianBlur(values, (1, _kernel_size(y)), y), np.uint8)
    return Image.fromarray(values)


def _kernel_size(sigma: float) -> int:
    return 2 * int(2.5 * sigma + 0.5) + 1


def bounding_box(mask: Image.Image, padding: int = 0) -> Box | None:
    """The smallest box with all pixels of the mask that aren't 0, with `padding` pixels around it, cut at the edges.

    None if the mask is blank.
    """
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return (
        max(left - padding, 0),
        max(top - padding, 0),
        min(right + padding, mask.width),
        min(bottom + padding, mask.height),
    )


def grow_to_ratio(
    box: Box, processing_width: int, processing_height: int, image_width: int, image_height: int
) -> Box:
    """The box grown to the ratio of the size that it will be drawn at.

    It grows in one direction about its centre, is shifted into the picture and cut at the picture's edges (where it
    is cut, it doesn't have the ratio).
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    ratio = processing_width / processing_height
    if width / height > ratio:
        top, bottom = _grown(top, bottom, int(width / ratio - height), image_height)
    else:
        left, right = _grown(left, right, int(height * ratio - width), image_width)
    return left, top, right, bottom


def _grown(start: int, end: int, by: int, limit: int) -> tuple[int, int]:
    """The span `start` to `end` made longer by `by`, shifted into 0 to `limit` and cut there."""
    start -= by // 2
    end += by - by // 2
    over = max(end - limit, 0)
    start, end = start - over, end - over
    under = max(-start, 0)
    return start + under, min(end + under, limit)


def latent_mask(
    mask: Image.Image, width_cells: int, height_cells: int, soft: bool = False
) -> NDArray[np.float32]:
    """The mask in latent cells, `[height_cells, width_cells]` in 0..1; rounded to 0 or 1 unless `soft`."""
    # As RGB, and with Pillow's default filter for it (bicubic): this decides which cells at the rim are redrawn.
    small = mask.convert("L").convert("RGB").resize((width_cells, height_cells))
    values = np.asarray(small, np.float32)[..., 0] / np.float32(255)
    return values if soft else np.around(values)
