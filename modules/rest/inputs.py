"""Pictures and masks that the page sends ahead of a request, which then names them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from modules.imaging.inputs import InputStore

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}


def routes(inputs: InputStore) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel/inputs", tags=["easel"])

    @router.post("")
    async def keep(request: Request) -> dict[str, Any]:
        """Keep the picture that is the body, and tell its name and size. The same picture has the same name."""
        data = await request.body()
        return await asyncio.to_thread(_keep, inputs, data)

    @router.get("/{name}")
    def picture(name: str) -> Response:
        """The file as it was sent."""
        data = inputs.get(name, "name")
        kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(data, media_type=kind, headers=headers)

    return router


def _keep(inputs: InputStore, data: bytes) -> dict[str, Any]:
    name = inputs.put(data, "picture")
    image = inputs.open(name, "picture")
    return {"name": name, "width": image.width, "height": image.height}
