"""A grid of pictures with a legend: heads above the columns and left of the rows, and a title above all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.imaging.legends import Legend, Rules, laid_out

if TYPE_CHECKING:
    from PIL.Image import Image

BACKGROUND = "#ffffff"
EMPTY = "#eef0f2"
"""What stands in the place of a picture that was not made."""
_LEAST_FONT, _LARGEST_FONT = 12, 64


@dataclass(frozen=True)
class Text:
    """A line of a head; it is broken where it is too long.

    Args: active: False: it does not hold for these pictures, and is struck through.
    """

    text: str
    active: bool = True


Head = Sequence[Text]
"""The lines of one head; none, or empty ones: there is no head."""


def head(text: str) -> tuple[Text, ...]:
    """A head of one line; none where the text is empty."""
    return (Text(text),) if text else ()


def annotated_grid(
    cells: Sequence[Sequence[Image | None]],
    columns: Sequence[Head] = (),
    rows: Sequence[Head] = (),
    title: Head = (),
    margin: int = 0,
) -> Image:
    """Pictures in rows and columns with what they stand for.

    Pictures may differ in size: a column is as wide as its widest, a row as high as its highest, and each picture is
    in the middle of its cell. All heads of a side have one size of letters, so large that all of them fit.

    Args:
        cells: rows of pictures, all of one length; None: was not made.
        columns, rows: a head for each, or none at all.
        margin: pixels between the pictures.

    Returns: RGB.

    Raises: ValueError: without any picture, or where the heads are not as many as the columns or rows.
    """
    from PIL import Image as PIL
    from PIL import ImageDraw

    widths, heights = _sizes(cells)
    if (columns and len(columns) != len(widths)) or (rows and len(rows) != len(heights)):
        raise ValueError("a grid needs a head for each of its columns and rows")
    em = _letters(widths, heights)
    above = Legend([], em, 0, 0)
    if any(line.text for one in columns for line in one):
        bounds = [(width - em, max(max(heights), em * 8)) for width in widths]
        above = laid_out(columns, bounds, Rules(em, "centre"))
    left = Legend([], em, 0, 0)
    if any(line.text for one in rows for line in one):
        wide = max(min(max(widths), em * 18), em * 9)
        left = laid_out(rows, [(wide, height - em / 2) for height in heights], Rules(em, "right"))
    x0 = left.width + em if left.width else 0
    y1 = above.height + em if above.height else 0
    inner = sum(widths) + margin * (len(widths) - 1)
    over = Legend([], em, 0, 0)
    if any(line.text for line in title):
        over = laid_out([title], [(x0 + inner - em, em * 12)], Rules(round(em * 1.25), "centre"))
    y0 = y1 + (over.height + em if over.height else 0)
    if over.height and above.height:
        y0 -= em // 2  # title and heads belong together
    sheet = PIL.new(
        "RGB", (math.ceil(x0 + inner), y0 + sum(heights) + margin * (len(heights) - 1)), BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    x_of, y_of = _places(x0, widths, margin), _places(y0, heights, margin)
    if over.height:
        over.draw(draw, 0, x0, em // 2, inner, over.height)
    for i, (x, width) in enumerate(zip(x_of, widths, strict=True)):
        if above.height:  # they stand on the pictures, as a table's heads do
            above.draw(draw, i, x, y0 - em // 2 - above.height, width, above.height, stands=True)
    for i, (y, height) in enumerate(zip(y_of, heights, strict=True)):
        if left.width:
            left.draw(draw, i, em // 2, y, left.width, height)
    for y, height, line in zip(y_of, heights, cells, strict=True):
        for x, width, picture in zip(x_of, widths, line, strict=True):
            if picture is None:
                draw.rectangle((x, y, x + width - 1, y + height - 1), fill=EMPTY)
            else:
                place = (x + (width - picture.width) // 2, y + (height - picture.height) // 2)
                sheet.paste(picture.convert("RGB"), place)
    return sheet


def _sizes(cells: Sequence[Sequence[Image | None]]) -> tuple[list[int], list[int]]:
    """The widths of the columns and the heights of the rows; where nothing was made, as the others are."""
    made = [picture for line in cells for picture in line if picture is not None]
    if not made or len({len(line) for line in cells}) != 1:
        raise ValueError("a grid needs pictures, and rows of one length")
    common = max(p.width for p in made), max(p.height for p in made)
    widths = [max((p.width for p in column if p), default=common[0]) for column in zip(*cells, strict=True)]
    heights = [max((p.height for p in line if p), default=common[1]) for line in cells]
    return widths, heights


def _letters(widths: Sequence[int], heights: Sequence[int]) -> int:
    """The size of letters that suits cells of such sizes, in pixels."""
    typical = math.sqrt(sum(widths) / len(widths) * sum(heights) / len(heights))
    return int(min(max(round(typical / 19), _LEAST_FONT), _LARGEST_FONT))


def _places(start: int, sizes: Sequence[int], margin: int) -> list[int]:
    places = []
    for size in sizes:
        places.append(start)
        start += size + margin
    return places
