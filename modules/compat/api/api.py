"""`modules.api.api` of the older UI: pictures as base64, and the object that extensions add routes to."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from fastapi import HTTPException

from modules.compat.api import models
from modules.compat.house import house, settings
from modules.compat.older_options import option
from modules.faults import InvalidField, NotSupported, UnknownName
from modules.generation.from_settings import fetch_rules
from modules.imaging.fetching import is_address, is_public, picture_bytes
from modules.sampling.catalogue import resolve

if TYPE_CHECKING:
    from fastapi import FastAPI
    from PIL.Image import Image

__all__ = [
    "Api",
    "decode_base64_to_image",
    "encode_pil_to_base64",
    "models",
    "script_name_to_index",
    "setUpscalers",
    "upscaler_to_index",
    "validate_sampler_name",
    "verify_url",
]


def decode_base64_to_image(encoding: str) -> Image:
    """A picture out of base64, with or without `data:...;base64,`; or from an address, where the options allow it.

    Raises: HTTPException: it is no picture, or the address may not be read.
    """
    from modules.compat.images import read

    rules = fetch_rules(settings())
    try:
        return read(BytesIO(picture_bytes(encoding, "image", rules)))
    except NotSupported as fault:
        raise HTTPException(status_code=500, detail=fault.message) from fault
    except (InvalidField, OSError, ValueError) as error:
        said = "Invalid image url" if is_address(encoding) else "Invalid encoded image"
        raise HTTPException(status_code=500, detail=said) from error


def verify_url(url: str) -> bool:
    """Whether an address leads into the open net: not to this machine or the network around it."""
    try:
        found = socket.getaddrinfo(urlparse(url).hostname or "", None)
    except (OSError, ValueError):
        return False
    return bool(found) and all(is_public(str(each[4][0])) for each in found)


def encode_pil_to_base64(image: Image | str) -> bytes:
    """A picture as base64, in the format of the options, with its recipe in it."""
    from modules.compat.images_saving import picture_bytes

    if isinstance(image, str):
        return image.encode()
    kind = str(option("samples_format", "png")).lower()
    kind = kind if kind in ("png", "jpg", "jpeg", "webp") else "png"
    texts = {
        key: value for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)
    }
    return base64.b64encode(picture_bytes(image, kind, texts.get("parameters"), texts))


def script_name_to_index(name: str, scripts: Sequence[Any]) -> int:
    """The place of a script of this title. Raises: HTTPException: there is none."""
    titles = [script.title().lower() for script in scripts]
    if name.lower() not in titles:
        raise HTTPException(status_code=422, detail=f"Script '{name}' not found")
    return titles.index(name.lower())


def validate_sampler_name(name: str) -> str:
    """The name, where there is such a sampler. Raises: HTTPException."""
    try:
        resolve(name, "Automatic")
    except UnknownName as error:
        raise HTTPException(status_code=400, detail="Sampler not found") from error
    return name


def upscaler_to_index(name: str) -> int:
    """The place of an upscaler in `shared.sd_upscalers`. Raises: HTTPException: there is none of this name."""
    from modules.compat.upscaler import all_upscalers

    names = [upscaler.name for upscaler in all_upscalers()]
    for place, known in enumerate(names):
        if known.lower() == name.lower():
            return place
    raise HTTPException(
        status_code=400, detail=f"Invalid upscaler, needs to be one of these: {', '.join(names)}"
    )


def setUpscalers(req: Any) -> dict[str, Any]:
    """The fields of a request with its upscalers under the names of `postprocessing.run_extras`."""
    fields: dict[str, Any] = dict(vars(req))
    fields["extras_upscaler_1"] = fields.pop("upscaler_1", None)
    fields["extras_upscaler_2"] = fields.pop("upscaler_2", None)
    return fields


def decode_to_image(encoding: str) -> Image:
    """The same as `decode_base64_to_image`."""
    return decode_base64_to_image(encoding)


class Api:
    """Extensions add routes to it. Args: app: the server's application; queue_lock: held while a job runs."""

    def __init__(self, app: FastAPI, queue_lock: Any = None) -> None:
        self.app = app
        self.router = app.router
        self.queue_lock = queue_lock
        self.credentials: dict[str, str] = {}
        self.default_script_arg_txt2img: list[Any] = []
        self.default_script_arg_img2img: list[Any] = []

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """Add a route; who may call it, the program's own guard decides for all of them."""
        self.app.add_api_route(path, endpoint, **kwargs)

    def text2imgapi(self, txt2imgreq: Any) -> models.TextToImageResponse:
        """Carry out a body of txt2img. Raises: HTTPException, Fault."""
        from modules.compat.api.generating import answer

        return models.TextToImageResponse(**answer(txt2imgreq, is_img2img=False))

    def img2imgapi(self, img2imgreq: Any) -> models.ImageToImageResponse:
        """Carry out a body of img2img. Raises: HTTPException, Fault."""
        from modules.compat.api.generating import answer

        return models.ImageToImageResponse(**answer(img2imgreq, is_img2img=True))

    def get_sd_models(self) -> list[dict[str, Any]]:
        """The checkpoints, as the API lists them."""
        from modules.compat.sd_checkpoints import all_infos

        return [
            {
                "title": info.title,
                "model_name": info.model_name,
                "hash": info.shorthash,
                "sha256": info.sha256,
                "filename": info.filename,
                "config": None,
            }
            for info in all_infos()
        ]

    def get_samplers(self) -> list[dict[str, Any]]:
        """The samplers, as the API lists them."""
        from modules.compat.sd_samplers import visible_samplers

        return [
            {"name": each.name, "aliases": each.aliases, "options": each.options}
            for each in visible_samplers()
        ]

    def interruptapi(self) -> dict[str, Any]:
        """End the running job."""
        from modules.compat.shared import state

        state.interrupt()
        return {}

    def refresh_checkpoints(self) -> None:
        """Look for checkpoints anew."""
        house().checkpoints.refresh()
