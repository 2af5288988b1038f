"""Stands in front of everything, the page included: who may ask, from where, and how much.

Plain ASGI, so that streams are not buffered. `modules/rest/build.py` says in which order.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.rest.errors import error_response
from modules.rest.services import MEBIBYTE, ServerOptions, Users

READING = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Guard(ABC):
    """The base: a middleware that lets a request pass or answers it with a refusal."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self.app = app
        self.options = options

    @abstractmethod
    def refusal(self, scope: Scope) -> ASGIApp | None:
        """The answer to a request that may not pass, or None."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass or refuse."""
        answer = self.refusal(scope) if scope["type"] in ("http", "websocket") else None
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            await answer(scope, receive, send)


def host_and_port(address: str) -> tuple[str, int | None] | None:
    """The name (lower case, no brackets, no dot at the end) and port of a Host header; None if it is none."""
    try:
        parts = urlsplit(f"//{address}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname.lower().removesuffix("."), port


def path_of(scope: Scope) -> str:
    """The request's path without the prefix that a reverse proxy adds (`--subpath`)."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def is_loopback(name: str) -> bool:
    """True for `localhost` and the addresses of this machine's loopback."""
    if name in ("localhost", ""):
        return name == "localhost"
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class HostGuard(Guard):
    """A server on localhost only answers to that name: with another one, a web site may have had its own
    name point here to read what is ours ("DNS rebinding").
    """

    def refusal(self, scope: Scope) -> ASGIApp | None:
        """See `Guard`."""
        if self.options.listen:
            return None
        address = Headers(scope=scope).get("host", "")
        known = {name.lower() for name in self.options.host_names}
        host = host_and_port(address)
        if host is not None and (is_loopback(host[0]) or host[0] in known):
            return None
        message = (
            f"This server is not known as {address[:100]!r}. Start Easel with --host-names to add a name."
        )
        return error_response(400, "UnknownHost", message)


class OriginGuard(Guard):
    """Other web sites may not change anything here: a browser says in `Origin` which site asks."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        super().__init__(app, options)
        self._pattern = re.compile(options.cors_origins_regex) if options.cors_origins_regex else None

    def refusal(self, scope: Scope) -> ASGIApp | None:
        """See `Guard`."""
        if scope["type"] == "http" and scope["method"] in READING:
            return None
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        if all(self._allowed(origin, headers.get("host", "")) for origin in origins):
            return None
        message = "Another web site may not do this. Start Easel with --cors-allow-origins to allow one."
        return error_response(403, "ForeignOrigin", message)

    def _allowed(self, origin: str, host: str) -> bool:
        if "*" in self.options.cors_origins or origin in self.options.cors_origins:
            return True
        if self._pattern is not None and self._pattern.fullmatch(origin):
            return True
        scheme, _, address = origin.partition("://")
        theirs, ours = host_and_port(address), host_and_port(host)
        if theirs is None or ours is None or scheme not in _DEFAULT_PORTS:
            return False
        default = _DEFAULT_PORTS[scheme]
        return (theirs[0], theirs[1] or default) == (ours[0], ours[1] or default)


class PasswordGuard(Guard):
    """HTTP Basic: `/sdapi` has its own users, `/internal` takes both, the rest is the page's."""

    def refusal(self, scope: Scope) -> ASGIApp | None:
        """See `Guard`."""
        users = self._users_of(path_of(scope))
        if not users or (scope["type"] == "http" and scope["method"] == "OPTIONS"):
            return None
        if _known(Headers(scope=scope).get("authorization", ""), users):
            return None
        headers = {"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'}
        return error_response(401, "Unauthorized", "A name and a password are needed.", headers=headers)

    def _users_of(self, path: str) -> Users:
        # A mounted app may see `//sdapi` as `/sdapi`, so both are taken as the API's.
        first = next((part for part in path.split("/") if part), "")
        if first == "sdapi":
            return self.options.api_users
        if first == "internal" and self.options.page_users:
            return self.options.page_users + self.options.api_users
        return self.options.page_users


def _known(authorization: str, users: Iterable[tuple[str, str]]) -> bool:
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        given = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    found = [hmac.compare_digest(given, f"{name}:{password}".encode()) for name, password in users]
    return any(found)


class BodyGuard:
    """Refuses request bodies over the limit, also those whose length nobody told."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self.app = app
        self.limit = options.max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            await error_response(400, "BadRequest", "Content-Length must be a number.")(scope, receive, send)
            return
        if int(length[:20]) > self.limit:
            await self._refuse(scope, receive, send)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, started, too_large = 0, False, False

        async def counting() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                too_large = True
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if too_large and not started:
                return  # what the app says about the broken stream; the refusal comes below
            started = True
            await send(message)

        try:
            await self.app(scope, counting, watched)
        except Exception:
            if not too_large or started:
                raise
        if too_large and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"The request is larger than {self.limit / MEBIBYTE:g} MiB."
        headers = {"Connection": "close"}
        await error_response(413, "TooLarge", message, headers=headers)(scope, receive, send)


class _TooLarge(Exception):
    """The body went over the limit."""


class SecurityHeaders:
    """Says to browsers: take our word for a file's type, and show the page in no other site's frame."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self.app = app
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": "frame-ancestors 'self'",
        }
        if not options.cors_origins and not options.cors_origins_regex:
            self._headers["Cross-Origin-Resource-Policy"] = "same-origin"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer, where the app didn't."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)
