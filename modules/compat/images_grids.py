"""Sheets of several pictures, with or without labels, and pictures cut into tiles and put together again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.compat.older_options import call_back, option

if TYPE_CHECKING:
    from PIL.Image import Image

_FONT_SHARE = 25  # of the sum of a picture's sides


def image_grid(imgs: Sequence[Image], batch_size: int = 1, rows: int | None = None) -> Image:
    """The pictures on one sheet, from left to right.

    Args: rows: how many; None: as the options say, else as nearly a square as can be.
    """
    from PIL import Image as PIL

    count = len(imgs)
    if rows is None:
        chosen = int(option("n_rows", -1))
        if chosen > 0:
            rows = chosen
        elif chosen == 0:
            rows = batch_size
        elif option("grid_prevent_empty_spots", False):
            rows = math.floor(math.sqrt(count))
            while rows > 1 and count % rows:
                rows -= 1
        else:
            rows = round(math.sqrt(count))
    rows = max(1, min(rows, count))
    columns = math.ceil(count / rows)
    params = call_back("image_grid_callback", "ImageGridLoopParams", list(imgs), columns, rows)
    width, height = max(image.width for image in imgs), max(image.height for image in imgs)
    background = option("grid_background_color", "#000000")
    sheet = PIL.new("RGB", (params.cols * width, params.rows * height), background)
    for place, image in enumerate(params.imgs):
        sheet.paste(image, (place % params.cols * width, place // params.cols * height))
    return sheet


# -- tiles --------------------------------------------------------------------------------------------------


class Grid(NamedTuple):
    """A picture in overlapping tiles.

    Args: tiles: rows `[y, height, [[x, width, tile], ...]]`; overlap: in pixels.
    """

    tiles: list[list[Any]]
    tile_w: int
    tile_h: int
    image_w: int
    image_h: int
    overlap: int

    @property
    def tile_count(self) -> int:
        """How many tiles there are."""
        return sum(len(row[2]) for row in self.tiles)


def split_grid(image: Image, tile_w: int = 512, tile_h: int = 512, overlap: int = 64) -> Grid:
    """Cut a picture into tiles of one size that overlap at least so far."""
    width, height = image.size
    tops, lefts = _starts(height, tile_h, overlap), _starts(width, tile_w, overlap)
    rows: list[list[Any]] = []
    for top in tops:
        row = [[left, tile_w, image.crop((left, top, left + tile_w, top + tile_h))] for left in lefts]
        rows.append([top, tile_h, row])
    return Grid(rows, tile_w, tile_h, width, height, overlap)


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin: evenly spread, the last one ends with the picture."""
    step = tile - overlap
    count = max(1, math.ceil((length - overlap) / step)) if step > 0 else 1
    stride = (length - tile) / (count - 1) if count > 1 else 0
    return [int(min(number * stride, max(length - tile, 0))) for number in range(count)]


def combine_grid(grid: Grid) -> Image:
    """The picture of its tiles; where they overlap they pass into each other."""
    from PIL import Image as PIL

    sheet = PIL.new("RGB", (grid.image_w, grid.image_h))
    for top, height, row in grid.tiles:
        line = PIL.new("RGB", (grid.image_w, height))
        for left, width, tile in row:
            fade = _fade(width, height, grid.overlap, across=True) if left else None
            line.paste(tile.convert("RGB"), (left, 0), fade)
        fade = _fade(grid.image_w, height, grid.overlap, across=False) if top else None
        sheet.paste(line, (0, top), fade)
    return sheet


def _fade(width: int, height: int, overlap: int, across: bool) -> Image:
    """A mask that rises over the overlap, from the left or from the top."""
    import numpy as np
    from PIL import Image as PIL

    length = width if across else height
    ramp = np.clip(np.arange(length) / max(overlap, 1), 0, 1) * 255
    values = np.broadcast_to(ramp if across else ramp[:, None], (height, width))
    return PIL.fromarray(values.astype(np.uint8))


# -- labels -------------------------------------------------------------------------------------------------


class GridAnnotation:
    """A label. Args: is_active: it is not crossed out."""

    def __init__(self, text: str = "", is_active: bool = True) -> None:
        self.text = text
        self.is_active = is_active
        self.lines: list[str] = []
        self.size: tuple[int, int] = (0, 0)


def draw_grid_annotations(
    im: Image,
    width: int,
    height: int,
    hor_texts: Sequence[Sequence[GridAnnotation]],
    ver_texts: Sequence[Sequence[GridAnnotation]],
    margin: int = 0,
) -> Image:
    """A sheet with labels above its columns and at the left of its rows.

    Args:
        width, height: of one picture.
        hor_texts: labels of each column; ver_texts: those of each row.
        margin: pixels between the pictures.
    """
    from PIL import Image as PIL
    from PIL import ImageDraw, ImageFont

    size_of_font = max(8, (width + height) // _FONT_SHARE)
    font = ImageFont.load_default(size_of_font)
    pen = ImageDraw.Draw(PIL.new("RGB", (1, 1)))
    has_left = any(label.text for labels in ver_texts for label in labels)
    left = width * 3 // 4 if has_left else 0
    gap = size_of_font // 2
    for labels in hor_texts:
        _measure(pen, font, labels, width)
    for labels in ver_texts:
        _measure(pen, font, labels, left)
    top = max((_height(labels, gap) for labels in hor_texts), default=0)
    top = top + gap * 2 if any(label.text for labels in hor_texts for label in labels) else 0
    columns, rows = len(hor_texts), len(ver_texts)
    size = (
        im.width + left + margin * max(columns - 1, 0),
        im.height + top + margin * max(rows - 1, 0),
    )
    sheet = PIL.new("RGB", size, option("grid_background_color", "#ffffff"))
    pen = ImageDraw.Draw(sheet)
    for row in range(rows):
        for column in range(columns):
            x, y = column * width, row * height
            cell = im.crop((x, y, x + width, y + height))
            sheet.paste(cell, (left + x + margin * column, top + y + margin * row))
    for column, labels in enumerate(hor_texts):
        middle = left + (width + margin) * column + width // 2
        _write(pen, font, labels, middle, top // 2 - _height(labels, gap) // 2, gap)
    for row, labels in enumerate(ver_texts):
        middle = top + (height + margin) * row + height // 2
        _write(pen, font, labels, left // 2, middle - _height(labels, gap) // 2, gap)
    return sheet


def _measure(pen: Any, font: Any, labels: Sequence[GridAnnotation], room: int) -> None:
    """Break labels into lines that fit, and note how large they are."""
    for label in labels:
        label.lines = [""]
        for word in label.text.split():
            longer = f"{label.lines[-1]} {word}".strip()
            if pen.textlength(longer, font=font) <= max(room, 1) or not label.lines[-1]:
                label.lines[-1] = longer
            else:
                label.lines.append(word)
        box = pen.multiline_textbbox((0, 0), "\n".join(label.lines), font=font)
        label.size = (int(box[2] - box[0]), int(box[3] - box[1]) + int(font.size) // 4)


def _height(labels: Sequence[GridAnnotation], gap: int) -> int:
    return sum(label.size[1] + gap for label in labels) - gap if labels else 0


def _write(pen: Any, font: Any, labels: Sequence[GridAnnotation], x: int, y: int, gap: int) -> None:
    active = option("grid_text_active_color", "#000000")
    inactive = option("grid_text_inactive_color", "#999999")
    for label in labels:
        colour = active if label.is_active else inactive
        pen.multiline_text(
            (x, y), "\n".join(label.lines), font=font, fill=colour, anchor="ma", align="center"
        )
        if not label.is_active:
            half, middle = label.size[0] // 2, y + label.size[1] // 2
            pen.line((x - half, middle, x + half, middle), fill=colour, width=4)
        y += label.size[1] + gap


def draw_prompt_matrix(
    im: Image, width: int, height: int, all_prompts: Sequence[str], margin: int = 0
) -> Image:
    """A sheet of a prompt matrix with its labels.

    Args: all_prompts: the part that is always there, then those that are there in every other picture, fourth, ...
    """
    parts = list(all_prompts[1:])
    split = math.ceil(len(parts) / 2)

    def labels(names: Sequence[str]) -> list[list[GridAnnotation]]:
        return [
            [GridAnnotation(name, is_active=bool(place & 1 << bit)) for bit, name in enumerate(names)]
            for place in range(1 << len(names))
        ]

    return draw_grid_annotations(im, width, height, labels(parts[:split]), labels(parts[split:]), margin)
