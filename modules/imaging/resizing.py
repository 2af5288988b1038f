"""Resizing a picture to a given size, and the arithmetic of sizes; the integers decide pixels."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

LANCZOS = Image.Resampling.LANCZOS

STRETCH = 0
CROP = 1
FILL = 2

CELL = 8  # pixels a side of one latent cell

# A very long and thin picture would be made enormous before it is cropped; above this only the part that is kept is
# made, which is the same but for the rounding of a pixel here and there.
_MAX_INNER_PIXELS = 2**26


def resize(
    image: Image.Image, mode: int, width: int, height: int, resample: Image.Resampling = LANCZOS
) -> Image.Image:
    """The picture in `width` x `height` pixels, in the mode it came in (RGB, RGBA or L).

    Args:
        image: RGB, RGBA or L.
        mode: `STRETCH` (0) without regard to the ratio; `CROP` (1) covers the size and cuts off what is over on two
            sides; `FILL` (2) fits inside and stretches the edge row or column outwards.
        width: pixels, at least 1.
        height: pixels, at least 1.
        resample: the filter.

    Raises: ValueError: another mode or a size below 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"a picture can't be {width}x{height} pixels")
    if mode == STRETCH:
        return image.resize((width, height), resample)
    if mode == CROP:
        return _cropped(image, width, height, resample)
    if mode == FILL:
        return _filled(image, width, height, resample)
    raise ValueError(f"resize mode {mode} is not 0, 1 or 2")


def _cropped(image: Image.Image, width: int, height: int, resample: Image.Resampling) -> Image.Image:
    ratio, source_ratio = width / height, image.width / image.height
    inner_width = width if ratio > source_ratio else image.width * height // image.height
    inner_height = height if ratio <= source_ratio else image.height * width // image.width
    left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
    if inner_width * inner_height > _MAX_INNER_PIXELS:
        across, down = image.width / inner_width, image.height / inner_height
        part = (-left * across, -top * down, (width - left) * across, (height - top) * down)
        return image.resize((width, height), resample, box=part)
    sheet = Image.new(image.mode, (width, height))
    sheet.paste(image.resize((inner_width, inner_height), resample), (left, top))
    return sheet


def _filled(image: Image.Image, width: int, height: int, resample: Image.Resampling) -> Image.Image:
    ratio, source_ratio = width / height, image.width / image.height
    # max: a picture that is very long and thin would vanish.
    inner_width = width if ratio < source_ratio else max(1, image.width * height // image.height)
    inner_height = height if ratio >= source_ratio else max(1, image.height * width // image.width)
    resized = image.resize((inner_width, inner_height), resample)
    left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
    sheet = Image.new(image.mode, (width, height))
    sheet.paste(resized, (left, top))
    if ratio < source_ratio:
        below = top + inner_height
        _paste_strip(sheet, resized, (0, 0, width, 0), (0, 0, width, top))
        _paste_strip(sheet, resized, (0, inner_height, width, inner_height), (0, below, width, height))
    elif ratio > source_ratio:
        right = left + inner_width
        _paste_strip(sheet, resized, (0, 0, 0, height), (0, 0, left, height))
        _paste_strip(sheet, resized, (inner_width, 0, inner_width, height), (right, 0, width, height))
    return sheet


def _paste_strip(
    sheet: Image.Image, source: Image.Image, line: tuple[int, int, int, int], place: tuple[int, int, int, int]
) -> None:
    """Stretch an edge of `source` over `place`.

    The edge is a box of no width (or height) on the picture's border, sampled with Pillow's default filter as the
    older UI does: bicubic, so the outermost two rows count 9/8 and -1/8.
    """
    size = (place[2] - place[0], place[3] - place[1])
    if min(size) > 0:
        sheet.paste(source.resize(size, box=line), place)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """The size times a factor, truncated; at least one pixel."""
    return max(1, int(width * scale)), max(1, int(height * scale))


@dataclass(frozen=True)
class CoveringSize:
    """A size to scale to, and what is then cut off.

    Args:
        width: pixels to scale to.
        height: pixels to scale to.
        crop_left, crop_top, crop_right, crop_bottom: latent cells (8 pixels) to cut off after that.
    """

    width: int
    height: int
    crop_left: int = 0
    crop_top: int = 0
    crop_right: int = 0
    crop_bottom: int = 0


def covering_size(width: int, height: int, to_width: int, to_height: int) -> CoveringSize:
    """The size of the second pass that "resize to" asks for.

    With both sides given, the picture is scaled to cover them, and what is over is cut off in whole latent cells,
    half on each side (the odd cell on the right and at the bottom). A side of 0 follows from the other by the ratio.

    Raises: ValueError: both sides are 0, or a size is negative.
    """
    if min(width, height) < 1 or min(to_width, to_height) < 0 or max(to_width, to_height) < 1:
        raise ValueError(f"can't resize {width}x{height} to {to_width}x{to_height}")
    if to_height == 0:
        return CoveringSize(to_width, max(1, to_width * height // width))
    if to_width == 0:
        return CoveringSize(max(1, to_height * width // height), to_height)
    if width / height < to_width / to_height:
        cover_width, cover_height = to_width, to_width * height // width
    else:
        cover_width, cover_height = to_height * width // height, to_height
    across, down = (cover_width - to_width) // CELL, (cover_height - to_height) // CELL
    return CoveringSize(
        cover_width,
        cover_height,
        crop_left=across // 2,
        crop_top=down // 2,
        crop_right=(across + 1) // 2,
        crop_bottom=(down + 1) // 2,
    )
