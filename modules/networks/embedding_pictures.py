"""Embeddings that are kept in pictures, so that people can pass them on as one.

Format: the text `sd-ti-embedding` of the picture is base64 of a JSON object like that in a `.pt` file, in which a
tensor is `{"TORCHTENSOR": nested lists}`. Where a web site has taken the text away, the same JSON may still be in the
pixels, see `_hidden`.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from modules.faults import BadFile

PICTURE_SUFFIXES = (".png", ".webp", ".jxl")
TEXT_KEY = "sd-ti-embedding"
TENSOR_KEY = "TORCHTENSOR"
MAX_HIDDEN = 64 << 20
"""Bytes of JSON that pixels may hold, unpacked."""


class NoEmbedding(BadFile):
    """A picture like any other: it may well be the preview of the file beside it."""


def read_picture(path: Path) -> Any:
    """The JSON in a picture, with tensors (float32) in it.

    Raises: NoEmbedding: a picture without one. BadFile: it is damaged, or no picture.
    """
    try:
        with Image.open(path) as image:
            text = image.info.get(TEXT_KEY)
            data = base64.b64decode(text) if isinstance(text, str) and text else _hidden(image)
        if data is not None:
            return json.loads(data, object_hook=_tensor)
    except UnidentifiedImageError as error:
        raise BadFile(path, "it is no picture of a kind that can be opened here.") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadFile(path, "the picture is damaged or too large.") from error
    except (ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise BadFile(path, "the embedding in it is damaged.") from error
    raise NoEmbedding(path, f"it has no text {TEXT_KEY!r}, and no embedding in its pixels.")


def _hidden(image: Image.Image) -> bytes | None:
    """The JSON in a picture's pixels, or None.

    The lower four bits of the columns on the left, and those of the columns on the right, are the lower and the upper
    halves of bytes; two or more columns between the two have all these bits 0. Both halves are disguised by the
    same series of numbers. Together they are the JSON, packed by zlib.
    """
    pixels = np.asarray(image.convert("RGB"), np.uint8)
    lit = np.asarray((pixels > 0).all(axis=2))  # a black frame that somebody has put around is left out
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if not rows.size:
        return None
    bits = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] & 0x0F
    empty = np.flatnonzero(bits.sum(axis=(0, 2)) == 0)
    if empty.size < 2:
        return None
    low, high = bits[:, : empty[0]], bits[:, empty[-1] + 1 :]
    if low.shape != high.shape or not low.size:
        return None
    disguise = _series(low.size).reshape(low.shape)
    packed = ((high ^ disguise) << 4 | (low ^ disguise)).tobytes()
    try:
        opener = zlib.decompressobj()
        data = opener.decompress(packed, MAX_HIDDEN)
    except zlib.error:  # an ordinary picture with an even margin
        return None
    return data if opener.eof else None


def _series(count: int) -> NDArray[np.uint8]:
    """The lower four bits of a linear congruential generator's numbers (Numerical Recipes' constants, from 0)."""
    numbers, state = np.empty(count, np.uint8), 0
    for i in range(count):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        numbers[i] = (state % 255) & 0x0F
    return numbers


def _tensor(value: dict[str, Any]) -> Any:
    return torch.tensor(value[TENSOR_KEY], dtype=torch.float32) if TENSOR_KEY in value else value
