"""`/easel/static/...`: `style.css` and the scripts in `javascript/`."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response

from modules.folders import PROGRAM
from modules.rest.errors import NotFound
from modules.rest.gallery import file_response

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
STYLE = "style.css"
SCRIPTS = "javascript"


def find(root: Path, name: str) -> Path | None:
    """The file of that name: `style.css`, or one in `javascript/` (with or without that folder's name)."""
    scripts = (root / SCRIPTS).resolve()
    wanted = root / STYLE if name == STYLE else scripts / name.removeprefix(f"{SCRIPTS}/")
    try:
        path = wanted.resolve()
        allowed = name == STYLE or path.is_relative_to(scripts)
        return path if allowed and path.suffix in MEDIA_TYPES and path.is_file() else None
    except (OSError, ValueError):
        return None


def routes(root: Path | None) -> APIRouter:
    """The route; `root` is the folder with `style.css` and `javascript/`."""
    router = APIRouter(prefix="/easel/static", tags=["easel"])
    folder = root or PROGRAM

    @router.get("/{name:path}")
    def static(name: str, request: Request) -> Response:
        """A script or the style sheet."""
        path = find(folder, name)
        if path is None:
            raise NotFound("There is no such file.")
        return file_response(path, request, MEDIA_TYPES[path.suffix])

    return router
