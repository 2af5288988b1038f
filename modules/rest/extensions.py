"""`/easel/extensions`: which extensions there are, their state, switching them, and the files that they give the page.

`GET /sdapi/v1/extensions` is the older UI's list. What puts code on the machine or runs it has to be allowed: see
`ExtensionServices.allowed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from modules.rest.bodies import CheckedRoute
from modules.rest.errors import NotFound, RestFault
from modules.rest.gallery import file_response


class ExtensionServices(Protocol):
    """What the routes need; `plugins.services.ExtensionControl` is one."""

    allowed: bool
    """Whether extensions may be put in, switched and reloaded from the page."""

    def described(self) -> dict[str, Any]:
        """All that the page shows: `extensions`, `disable`, `busy`, `allowed`, `restart`."""

    def items(self) -> list[Mapping[str, Any]]:
        """The list in the older UI's terms, `commit_date` in seconds since 1970."""

    def switch(self, name: str, on: bool) -> None:
        """Switch one on or off. Raises: UnknownName."""

    def disable(self, which: Literal["none", "extra", "all"]) -> None:
        """Switch all off, or all but those that came along, or let each have its own switch."""

    def reload(self, name: str) -> None:
        """Load one anew. Raises: UnknownName."""

    def change_settings(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change an extension's own settings. Raises: Fault."""

    def install(self, source: str, branch: str | None = None) -> str:
        """Put one in. Raises: Fault."""

    def update(self, name: str) -> None:
        """Bring one up to date. Raises: Fault."""

    def check_updates(self) -> dict[str, int | str]:
        """How far each is behind, or why that isn't known."""

    def file(self, name: str, path: str) -> Path | None:
        """A file that the page may have."""

    def localizations(self) -> dict[str, list[Path]]:
        """Files with translations by language."""


MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
}


class Switch(BaseModel):
    """One extension, on or off."""

    name: str
    on: bool


class Disable(BaseModel):
    """All at once."""

    which: Literal["none", "extra", "all"]


class Name(BaseModel):
    """One extension."""

    name: str


class Install(BaseModel):
    """Where an extension comes from."""

    model_config = ConfigDict(extra="ignore")

    source: str
    branch: str | None = None


class OwnSettings(BaseModel):
    """Values of an extension's own settings."""

    name: str
    values: dict[str, Any]


def routes(services: ExtensionServices | None, restart: Callable[[], None] | None = None) -> APIRouter:
    """The routes; without services there are no extensions.

    Args: restart: ends the program and starts it anew; None: that can't be done.
    """
    router = APIRouter(route_class=CheckedRoute)

    @router.get("/sdapi/v1/extensions", tags=["sdapi"])
    def items() -> list[dict[str, Any]]:
        """All extensions."""
        return [] if services is None else [_item(item) for item in services.items()]

    if services is None:
        return router
    _add_reading(router, services, restart)
    _add_changing(router, services)

    @router.post("/easel/extensions/restart", tags=["easel"])
    def start_again() -> dict[str, bool]:
        """Start the program anew; the job at work goes on after it."""
        _allowed(services)
        if restart is None:
            raise RestFault(403, "Easel can't start itself anew here. Stop it and start it again.")
        restart()
        return {"restarting": True}

    return router


def _add_reading(router: APIRouter, services: ExtensionServices, restart: Callable[[], None] | None) -> None:
    @router.get("/easel/extensions", tags=["easel"])
    def described() -> dict[str, Any]:
        """What the Extensions tab shows."""
        return {**services.described(), "can_restart": restart is not None}

    @router.get("/easel/extensions/localizations", tags=["easel"])
    def localizations() -> dict[str, Sequence[str]]:
        """Languages that extensions bring translations for, and the files' names."""
        return {name: [path.name for path in paths] for name, paths in services.localizations().items()}

    @router.get("/easel/extensions/{name}/files/{path:path}", tags=["easel"])
    def file(name: str, path: str, request: Request) -> Response:
        """A script or style sheet of an extension."""
        found = services.file(name, path)
        if found is None or found.suffix not in MEDIA_TYPES:
            raise NotFound("There is no such file.")
        return file_response(found, request, MEDIA_TYPES[found.suffix])


def _add_changing(router: APIRouter, services: ExtensionServices) -> None:
    @router.post("/easel/extensions/switch", tags=["easel"])
    def switch(body: Switch) -> dict[str, Any]:
        """Switch an extension on or off, from the next start on."""
        _allowed(services)
        services.switch(body.name, body.on)
        return services.described()

    @router.post("/easel/extensions/disable", tags=["easel"])
    def disable(body: Disable) -> dict[str, Any]:
        """Switch all off, or not, from the next start on."""
        _allowed(services)
        services.disable(body.which)
        return services.described()

    @router.post("/easel/extensions/reload", tags=["easel"])
    def reload(body: Name) -> dict[str, Any]:
        """Load an extension anew, now; its parts of the page change with the next start."""
        _allowed(services)
        services.reload(body.name)
        return services.described()

    @router.post("/easel/extensions/settings", tags=["easel"])
    def settings(body: OwnSettings) -> dict[str, Any]:
        """Change an extension's own settings."""
        services.change_settings(body.name, body.values)
        return services.described()

    @router.post("/easel/extensions/install", tags=["easel"])
    def install(body: Install) -> dict[str, Any]:
        """Put an extension in, from an address of git or a folder."""
        _allowed(services)
        name = services.install(body.source, body.branch)
        return {**services.described(), "installed": name}

    @router.post("/easel/extensions/update", tags=["easel"])
    def update(body: Name) -> dict[str, Any]:
        """Bring an extension up to date."""
        _allowed(services)
        services.update(body.name)
        return services.described()

    @router.post("/easel/extensions/check", tags=["easel"])
    def check() -> dict[str, int | str]:
        """Look for updates of all extensions."""
        _allowed(services)
        return services.check_updates()


def _allowed(services: ExtensionServices) -> None:
    if not services.allowed:
        raise RestFault(403, str(services.described()["refusal"]))


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    seconds = item["commit_date"]
    date = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""
    return {**item, "commit_date": date}
