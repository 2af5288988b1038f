"""Embeddings that are kept in pictures, so that people can pass them on as one.

Format: the text `sd-ti-embedding` of the picture is base64 of a JSON object like that in a `.pt` file, in which a
tensor is `{"TORCHTENSOR": nested lists}`. The same data may be hidden in the pixels too; those aren't read.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image, UnidentifiedImageError

from modules.faults import BadFile

PICTURE_SUFFIXES = (".png", ".webp", ".jxl")
TEXT_KEY = "sd-ti-embedding"
TENSOR_KEY = "TORCHTENSOR"


class NoEmbedding(BadFile):
    """A picture like any other: it may well be the preview of the file beside it."""


def read_picture(path: Path) -> Any:
    """The JSON in a picture, with tensors (float32) in it.

    Raises: NoEmbedding: a picture without one. BadFile: it is damaged, or no picture.
    """
    text = _text(path)
    try:
        return json.loads(base64.b64decode(text), object_hook=_tensor)
    except (ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise BadFile(path, "the embedding in it is damaged.") from error


def _text(path: Path) -> str:
    """The text with the embedding. The pixels aren't decoded for it."""
    try:
        with Image.open(path) as image:
            text = image.info.get(TEXT_KEY)
    except UnidentifiedImageError as error:
        raise BadFile(path, "it is no picture of a kind that can be opened here.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadFile(path, "the picture is damaged or too large.") from error
    if not isinstance(text, str) or not text:
        raise NoEmbedding(
            path,
            f"it has no text {TEXT_KEY!r}. An embedding that is only in a picture's pixels can't be read: "
            "use the .pt or .safetensors file.",
        )
    return text


def _tensor(value: dict[str, Any]) -> Any:
    return torch.tensor(value[TENSOR_KEY], dtype=torch.float32) if TENSOR_KEY in value else value
