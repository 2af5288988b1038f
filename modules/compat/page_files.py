"""`file=...` addresses: extensions of the older UI ask for files of theirs, and show pictures, by paths.

The older UI gave everything below its own folder. Here it is what lies in the folder of an extension that is on, in the
folders of finished pictures, or where an extension says that its previews are; but no code and nothing hidden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from modules.folders import PROGRAM

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

_ADDRESS = re.compile(r"/+file=(?P<name>.+)", re.DOTALL)
_CODE = frozenset((".py", ".pyc", ".pyd", ".so", ".dll"))
_GUARD = "GradioFileGuard"
"""The part of the server that refuses such addresses."""


def find(name: str) -> Path | None:
    """The file that an address names, relative to the folder of the data or the program; None: nobody's business."""
    from modules.compat.house import house

    try:
        for base in (house().folders.data, PROGRAM):
            path = Path(os.path.realpath(base / name))
            if path.is_file() and _open(path):
                return path
    except (OSError, ValueError):
        return None
    return None


def _open(path: Path) -> bool:
    for folder in _folders():
        root = Path(os.path.realpath(folder))
        if not path.is_relative_to(root):
            continue
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if not hidden and path.suffix.lower() not in _CODE:
            return True
    return False


def _folders() -> Iterable[Path]:
    from modules.compat.house import house
    from modules.compat.ui_extra_networks import allowed_dirs

    for extension in house().plugins.loaded():
        if extension.about.entry is None:
            yield extension.about.folder
    yield house().folders.outputs
    yield from map(Path, sorted(allowed_dirs))


class OlderFiles:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file, or let the request pass."""
        found = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
            named = _ADDRESS.fullmatch(path)
            found = find(named["name"]) if named else None
        if found is None:
            await self.app(scope, receive, send)
            return
        from starlette.responses import FileResponse

        await FileResponse(found, headers={"Cache-Control": "no-cache"})(scope, receive, send)


def serve_files(app: FastAPI) -> None:
    """Have the server answer such addresses: behind its passwords, before it refuses them."""
    from starlette.middleware import Middleware

    known = app.user_middleware
    names = [getattr(one.cls, "__name__", "") for one in known]
    place = names.index(_GUARD) if _GUARD in names else len(known)
    known.insert(place, Middleware(OlderFiles))
