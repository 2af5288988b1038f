"""Refuses requests to the page's own routes that name a file which is not the page's business.

Mounted in another app, Gradio does not check that a file named in a request was uploaded by a user: a request
with
`{"path": "/etc/passwd"}` would be handed to our functions as a picture. So every `path` in every body, and
every `file=` address, has to lie in Gradio's folder for uploads or in one of ours.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.rest.errors import error_response
from modules.rest.guard import path_of
from modules.rest.services import ServerOptions

_FILE = re.compile(r"/+(?:.*?gradio_api/+)?file[=/](?P<name>.*)", re.DOTALL)
_PROXY = re.compile(r"/+(?:.*?gradio_api/+)?proxy=", re.DOTALL)
_BODY = {"POST", "PUT", "PATCH", "DELETE"}


def upload_folder() -> Path:
    """Where Gradio keeps what was uploaded."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio")


def paths_in(body: bytes) -> list[str]:
    """All values of `path` in a JSON body, at any depth, also of repeated keys. Nothing in other bodies.

    Raises: RecursionError: nested too deeply.
    """
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(value for name, value in pairs if name == "path" and isinstance(value, str))
        return dict(pairs)

    try:
        json.loads(body, object_pairs_hook=look)
    except ValueError:
        return []
    return found


class GradioFileGuard:
    """The middleware."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self.app = app
        self.folders = (upload_folder(), *options.gradio_folders)

    def allows(self, name: str) -> bool:
        """True: the file lies in one of the folders, wherever links lead to."""
        try:
            path = os.path.realpath(name)
            return any(Path(path).is_relative_to(os.path.realpath(folder)) for folder in self.folders)
        except (OSError, ValueError):
            return False

    def foreign(self, names: Iterable[str]) -> bool:
        """True: one of the names leads elsewhere. Web addresses do, too: nothing on the page needs them."""
        return any(name and not self.allows(name) for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        named = _FILE.match(path)
        if _PROXY.match(path) or (named and self.foreign([named["name"]])):
            await self._refuse(scope, receive, send)
            return
        if "/gradio_api/" not in path or scope["method"] not in _BODY or _is_upload(scope):
            await self.app(scope, receive, send)
            return
        messages = await _read(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            foreign = self.foreign(paths_in(body))
        except RecursionError:
            foreign = True
        if foreign:
            await self._refuse(scope, receive, send)
            return
        await self.app(scope, _replay(messages, receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = "The request names a file that the page may not use."
        await error_response(403, "ForeignFile", message)(scope, receive, send)


def _is_upload(scope: Scope) -> bool:
    """Uploads are multipart; their files get names of Gradio's choice."""
    kind = Headers(scope=scope).get("content-type", "").split(";")[0].strip().lower()
    return kind == "multipart/form-data" and scope["path"].rstrip("/").endswith("/upload")


async def _read(receive: Receive) -> list[Message]:
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = list(messages)

    async def again() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return again
