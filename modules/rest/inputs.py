"""Pictures and masks that the page sends ahead of a request, which then names them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from modules.faults import InvalidField, NotPossibleNow
from modules.generation.requests import MAX_INIT_IMAGES
from modules.imaging.file_texts import infotext_in
from modules.imaging.infotext import parse
from modules.imaging.inputs import InputStore
from modules.rest.gallery import media_type
from modules.rest.picture_folders import PictureFolders, masks_for


class FolderBody(BaseModel):
    """The fields of `POST /easel/inputs/folder`.

    Args: folder: of the server's machine; masks: the folder with their masks, or "".
    """

    folder: str
    masks: str = ""


def routes(inputs: InputStore, folders: PictureFolders) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel/inputs", tags=["easel"])

    @router.post("")
    async def keep(request: Request) -> dict[str, Any]:
        """Keep the picture that is the body; tell its name, its size, and the prompts in it.

        The same picture has the same name.
        """
        data = await request.body()
        return await asyncio.to_thread(_keep, inputs, data)

    @router.post("/folder")
    def keep_folder(body: FolderBody) -> list[dict[str, Any]]:
        """Keep all pictures of a folder, with the masks of another one: the same facts for each, and its `mask`."""
        files = folders.pictures_in(body.folder, "folder", MAX_INIT_IMAGES)
        kept = [{**_keep_file(inputs, file), "file": file.name} for file in files]
        if not body.masks.strip():
            return kept
        masks = masks_for(files, folders.pictures_in(body.masks, "masks", MAX_INIT_IMAGES))
        names = {mask: _keep_file(inputs, mask)["name"] for mask in dict.fromkeys(masks)}
        return [{**one, "mask": names[mask]} for one, mask in zip(kept, masks, strict=True)]

    @router.get("/{name}")
    def picture(name: str) -> Response:
        """The file as it was sent."""
        data = inputs.get(name, "name")
        kind = media_type(Path(name))
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(data, media_type=kind, headers=headers)

    return router


def _keep(inputs: InputStore, data: bytes) -> dict[str, Any]:
    name = inputs.put(data, "picture")
    image = inputs.open(name, "picture")
    return {"name": name, "width": image.width, "height": image.height, **_prompts(infotext_in(data))}


def _keep_file(inputs: InputStore, file: Path) -> dict[str, Any]:
    try:
        return _keep(inputs, file.read_bytes())
    except OSError as error:
        raise NotPossibleNow(f"{file.name} can't be read ({error.strerror or error}).") from error
    except InvalidField as error:
        raise InvalidField("folder", f"{file.name}: {error.message}") from error


def _prompts(infotext: str) -> dict[str, Any]:
    """What a picture says of how it was made; nothing where it says nothing."""
    if not infotext:
        return {}
    prompt, negative_prompt, parameters = parse(infotext)
    seed = parameters.get("Seed", "")
    return {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        **({"seed": int(seed)} if seed.isdecimal() else {}),
    }
