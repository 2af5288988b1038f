"""A route: `GET /easel/extensions/example-api/api/hello?name=Fox`. Shows `api_routes`."""

from __future__ import annotations

from fastapi import APIRouter

from modules.plugins.hooks import Me, hookimpl


@hookimpl
def api_routes(router: APIRouter, me: Me) -> None:
    @router.get("/hello")
    def hello(name: str = "you") -> dict[str, str]:
        return {"hello": name[:100], "from": me.name}
