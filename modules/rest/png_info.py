"""`POST /sdapi/v1/png-info`: the recipe inside a picture."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel

from modules.faults import InvalidField, NotSupported
from modules.generation.recipe_reading import read_recipe
from modules.imaging.file_texts import infotext_in
from modules.imaging.storage import INFOTEXT_KEY
from modules.rest.bodies import CheckedRoute

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 8192 * 8192


class PictureBody(BaseModel):
    """The fields of the request: a picture as base64, with or without `data:image/png;base64,` before it."""

    image: str


def picture_bytes(text: str, field: str) -> bytes:
    """The picture file in a field of a request.

    Raises: InvalidField: it isn't base64; NotSupported: it is an address.
    """
    if text.startswith(("http://", "https://")):
        raise NotSupported(f"{field} can't be an address yet; send the picture itself, as base64.", field)
    try:
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(field, f"{field} is not base64.") from None


def open_picture(data: bytes, field: str) -> Image:
    """The picture in a file's bytes, not decoded yet.

    Raises: InvalidField: it is no picture, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(data))
    except ValueError:
        raise InvalidField(field, f"{field} is no picture in a known format.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise InvalidField(field, f"{field} is no picture in a known format.") from None
    if image.width * image.height > MAX_PIXELS:
        raise InvalidField(field, f"{field} is too large: {image.width}x{image.height}.")
    return image


def routes() -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.post("/png-info")
    def png_info(body: PictureBody) -> dict[str, Any]:
        """The infotext of a picture, the other texts in the file, and what the infotext says."""
        data = picture_bytes(body.image, "image")
        with open_picture(data, "image") as image:
            texts = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
        info = texts.pop(INFOTEXT_KEY, "") or infotext_in(data)
        if not info:
            return {"info": "", "items": texts, "parameters": {}}
        return {"info": info, "items": {**texts, INFOTEXT_KEY: info}, "parameters": read_recipe(info)}

    return router
