"""`POST /sdapi/v1/png-info`: the recipe inside a picture."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel

from modules.faults import InvalidField
from modules.generation.from_settings import fetch_rules
from modules.generation.recipe_reading import read_recipe
from modules.imaging.fetching import picture_bytes
from modules.imaging.file_texts import infotext_in
from modules.imaging.reading import MAX_PIXELS, formats
from modules.imaging.storage import INFOTEXT_KEY
from modules.rest.bodies import CheckedRoute
from modules.rest.services import RestServices

if TYPE_CHECKING:
    from PIL.Image import Image


class PictureBody(BaseModel):
    """The fields of the request: a picture, see `picture_bytes`."""

    image: str


def open_picture(data: bytes, field: str) -> Image:
    """The picture in a file's bytes, not decoded yet.

    Raises: InvalidField: it is no picture, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(data), formats=formats())
    except (ValueError, UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise InvalidField(field, f"{field} is no picture in a known format.") from None
    if image.width * image.height > MAX_PIXELS:
        raise InvalidField(field, f"{field} is too large: {image.width}x{image.height}.")
    return image


def routes(services: RestServices) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.post("/png-info")
    def png_info(body: PictureBody) -> dict[str, Any]:
        """The infotext of a picture, the other texts in the file, and what the infotext says."""
        data = picture_bytes(body.image, "image", fetch_rules(services.settings.current))
        with open_picture(data, "image") as image:
            texts = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
        info = texts.pop(INFOTEXT_KEY, "") or infotext_in(data)
        if not info:
            return {"info": "", "items": texts, "parameters": {}}
        return {"info": info, "items": {**texts, INFOTEXT_KEY: info}, "parameters": read_recipe(info)}

    return router
