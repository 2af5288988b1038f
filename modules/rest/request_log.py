"""A line in the log for each request to `/sdapi` (`--api-log`)."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.rest.guard import path_of

log = logging.getLogger("easel.api")


class RequestLog:
    """Writes method, address, answer, who asked and how long it took; never a body or a password."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch a request go by."""
        if scope["type"] != "http" or not path_of(scope).startswith("/sdapi/"):
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            client = scope.get("client") or ("unknown",)
            took = time.perf_counter() - started
            # as it came, quoted: a line break in an address must not begin a new line here
            address = ascii(path_of(scope))[1:-1]
            log.info("%s %s %s %s %.3f s", scope["method"], address, status or "cut off", client[0], took)
