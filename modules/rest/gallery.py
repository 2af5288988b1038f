"""`/easel/pictures`: the finished pictures, their files, and small versions of them."""

from __future__ import annotations

import hashlib
import threading
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from modules.folders import inside
from modules.jobs.picture_search import MAX_CHARACTERS, PictureSearch
from modules.jobs.pictures import Picture, describe
from modules.rest.errors import NotFound
from modules.rest.services import RestServices

THUMBNAIL_SIDE = 256
PAGE_SIZE = 60
FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
MEDIA_TYPES = {
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".avif": "image/avif",
    ".gif": "image/gif",
}

_making = threading.Lock()


def file_response(
    path: Path, request: Request, media_type: str | None = None, *, name: str | None = None
) -> Response:
    """A file with cache headers: a browser that has it already gets 304.

    With `?v=...` in the address the file is never asked for again; without, it asks whether it changed.
    """
    status = path.stat()
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    headers = {"ETag": tag, "Cache-Control": FOREVER if "v" in request.query_params else ASK_AGAIN}
    if tag in [
        part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=304, headers=headers)
    return FileResponse(
        path, media_type=media_type, headers=headers, filename=name, content_disposition_type="inline"
    )


def make_thumbnail(source: Path) -> bytes | None:
    """The picture as WebP with its longer side at 256 pixels; None if it isn't larger than that.

    Raises: OSError: it can't be read as a picture.
    """
    from PIL import Image

    with Image.open(source) as image:
        if max(image.size) <= THUMBNAIL_SIDE:
            return None
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def thumbnail_file(source: Path, cache: Path) -> Path:
    """The small version in the cache, made if it isn't there; the picture itself where that is small.

    Raises: OSError: the picture can't be read, or the cache can't be written.
    """
    from modules.folders import write_atomically

    status = source.stat()
    key = hashlib.sha256(f"{source}\n{status.st_mtime_ns}\n{status.st_size}".encode()).hexdigest()[:32]
    target = cache / "thumbnails" / key[:2] / f"{key}.webp"
    with _making:
        if target.exists():
            return target
        data = make_thumbnail(source)
        if data is None:
            return source
        write_atomically(target, data)
        return target


def routes(services: RestServices) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel/pictures", tags=["easel"])

    @router.get("")
    def pictures(
        before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = PAGE_SIZE,
        search: Annotated[str, Query(max_length=MAX_CHARACTERS)] = "",
    ) -> dict[str, list[dict[str, Any]]]:
        """The newest pictures, newest first; `before` (an id) pages on. For `search` see `jobs.picture_search`."""
        wanted = PictureSearch(search)
        index = services.pictures
        found = index.search(wanted, limit, before) if wanted else index.recent(limit, before)
        return {"pictures": [describe(picture) for picture in found]}

    @router.get("/{picture_id}")
    def picture_file(picture_id: int, request: Request) -> Response:
        """The picture as it was saved."""
        _, path = _find(picture_id)
        return file_response(path, request, media_type(path), name=path.name)

    @router.delete("/{picture_id}")
    def delete(picture_id: int) -> dict[str, Any]:
        """Delete the picture; for 30 days it can be brought back."""
        picture = services.pictures.remove(picture_id)
        if picture is None:
            raise NotFound(f"There is no picture {picture_id}.")
        services.events.publish("removed", {"id": picture.id})
        return {"id": picture.id}

    @router.post("/{picture_id}/restore")
    def restore(picture_id: int) -> dict[str, Any]:
        """Bring a deleted picture back."""
        picture = services.pictures.restore(picture_id)
        if picture is None:
            raise NotFound(f"The picture {picture_id} is not there any more.")
        told = describe(picture)
        services.events.publish("picture", told)
        return told

    @router.get("/{picture_id}/thumb")
    def thumbnail(picture_id: int, request: Request) -> Response:
        """The picture with its longer side at 256 pixels."""
        _, path = _find(picture_id)
        try:
            if services.cache is not None:
                small = thumbnail_file(path, services.cache)
                return file_response(small, request, media_type(small))
            data = make_thumbnail(path)
        except (OSError, SyntaxError, ValueError):
            return file_response(path, request, media_type(path))
        if data is None:
            return file_response(path, request, media_type(path))
        return Response(data, media_type="image/webp", headers={"Cache-Control": ASK_AGAIN})

    def _find(picture_id: int) -> tuple[Picture, Path]:
        picture = services.pictures.get(picture_id)
        if picture is None:
            raise NotFound(f"There is no picture {picture_id}.")
        path = inside(services.pictures.outputs, picture.path, "picture")
        if not path.is_file():
            raise NotFound(f"The file {picture.path} is not there any more.")
        return picture, path

    return router


def media_type(path: Path) -> str:
    """The media type of a picture's file, by its suffix."""
    return MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
