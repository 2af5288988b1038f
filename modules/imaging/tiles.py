"""Runs a model over a picture in overlapping tiles, and blends what they give into one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    """A picture `[H, W, C]`."""
    Values = NDArray[np.float32]
    """A picture `[H, W, C]` in 0..1."""


class Stopped(Exception):
    """The work was ended on request, between two tiles."""


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut.

    Args:
        size: pixels a side of a tile, before it is made larger; 0: the picture is one tile.
        overlap: least number of pixels that neighbours share.
    """

    size: int = 192
    overlap: int = 8


def starts(length: int, size: int, overlap: int) -> list[int]:
    """Where the tiles of one side begin: all of one size, evenly spread, the last one ending with the picture."""
    if size <= 0 or size >= length:
        return [0]
    step = max(1, size - min(overlap, size - 1))
    count = -(-(length - size) // step) + 1
    return [i * (length - size) // (count - 1) for i in range(count)]


def count(width: int, height: int, tiling: Tiling) -> int:
    """How many tiles a picture has."""
    return len(starts(width, tiling.size, tiling.overlap)) * len(starts(height, tiling.size, tiling.overlap))


def weights(places: list[int], size: int, length: int) -> list[Values]:
    """The share that each tile of one side has in each of its pixels `[size]`; at every place they add up to 1.

    Near its edges a tile knows least of what is around it, so the outer quarter of an overlap is not taken from it at
    all, and the share rises over the half in between.
    """
    import numpy as np

    shares = []
    for i, start in enumerate(places):
        share = np.ones(size, np.float32)
        if i > 0:
            share = np.minimum(share, _ramp(size, places[i - 1] + size - start))
        if i + 1 < len(places):
            share = np.minimum(share, _ramp(size, start + size - places[i + 1])[::-1])
        shares.append(share)
    total = np.zeros(length, np.float32)
    for start, share in zip(places, shares, strict=True):
        total[start : start + size] += share
    return [
        share / total[start : start + size] if len(places) > 1 else share
        for start, share in zip(places, shares, strict=True)
    ]


def _ramp(size: int, overlap: int) -> Values:
    """0 in the first quarter of the overlap, 1 from its last quarter on (but never nothing at all)."""
    import numpy as np

    quarter = overlap / 4
    place = np.arange(size, dtype=np.float32) + 0.5
    rising = (place - quarter) / max(overlap - 2 * quarter, 1e-6)
    return np.clip(rising, 1e-6, 1).astype(np.float32)


def process(
    picture: Pixels,
    scale: int,
    tiling: Tiling,
    model: Callable[[Pixels], Values],
    done: Callable[[], None] = lambda: None,
) -> Pixels:
    """The picture `[H, W, C]` through a model that makes it `scale` times as large.

    Only one row of tiles is held as floats at a time, so a large result costs three bytes a pixel.

    Args:
        model: a tile `[h, w, C]` to values `[h * scale, w * scale, C']` in 0..1.
        done: called after every tile; may raise `Stopped`.

    Returns: `[H * scale, W * scale, C']`.
    """
    import numpy as np

    height, width = picture.shape[:2]
    rows, columns = starts(height, tiling.size, tiling.overlap), starts(width, tiling.size, tiling.overlap)
    tall = height if len(rows) == 1 else tiling.size
    wide = width if len(columns) == 1 else tiling.size
    row_shares = weights([y * scale for y in rows], tall * scale, height * scale)
    column_shares = weights([x * scale for x in columns], wide * scale, width * scale)
    result: Pixels | None = None
    strip: Values | None = None
    for i, y in enumerate(rows):
        for x, share in zip(columns, column_shares, strict=True):
            values = model(picture[y : y + tall, x : x + wide])
            if result is None or strip is None:
                result = np.empty((height * scale, width * scale, values.shape[2]), np.uint8)
                strip = np.zeros((tall * scale, width * scale, values.shape[2]), np.float32)
            part = strip[:, x * scale : x * scale + wide * scale]
            part += values * (row_shares[i][:, None, None] * share[None, :, None])
            done()
        assert result is not None and strip is not None
        # What no further row reaches is finished; the rest is the beginning of the next strip.
        finished = (rows[i + 1] - y if i + 1 < len(rows) else tall) * scale
        lines = np.rint(strip[:finished] * 255)
        result[y * scale : y * scale + finished] = np.clip(lines, 0, 255).astype(np.uint8)
        rest = strip[finished:]
        strip = np.concatenate([rest, np.zeros((finished, *strip.shape[1:]), np.float32)])
    assert result is not None
    return result
