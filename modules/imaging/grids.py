"""Several pictures on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

BACKGROUND = "#ffffff"


def grid_shape(count: int, rows: int | None = None) -> tuple[int, int]:
    """Rows and columns for `count` pictures: as nearly a square as can be, rather wide than high.

    Args: rows: so many, as far as there are pictures.

    Raises: ValueError: for fewer than one picture.
    """
    if count < 1:
        raise ValueError("a grid needs at least one picture")
    rows = round(math.sqrt(count)) if rows is None else min(rows, count)
    return rows, math.ceil(count / rows)


def make_grid(images: Sequence[Image], background: str = BACKGROUND, rows: int | None = None) -> Image:
    """The pictures from left to right and from top to bottom, in cells of the largest one's size.

    Raises: ValueError: without any picture.
    """
    from PIL import Image as PIL

    rows, columns = grid_shape(len(images), rows)
    width = max(image.width for image in images)
    height = max(image.height for image in images)
    sheet = PIL.new("RGB", (columns * width, rows * height), background)
    for place, image in enumerate(images):
        sheet.paste(image, (place % columns * width, place // columns * height))
    return sheet
