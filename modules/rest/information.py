"""What there is: samplers, schedules, checkpoints, options, and the lists that are empty in this version."""

from __future__ import annotations

import os
from typing import Any

from fastapi import APIRouter

from modules.rest.bodies import CheckedRoute
from modules.rest.older_options import apart, change_options
from modules.rest.options import read_options, to_changes
from modules.rest.services import RestServices, ServerOptions

EMPTY: dict[str, Any] = {
    "latent-upscale-modes": [],
}
"""`GET` routes of which this version has nothing to tell."""


def routes(services: RestServices, options: ServerOptions) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        """All samplers."""
        return [
            {"name": item.name, "aliases": list(item.aliases), "options": item.options}
            for item in services.samplers()
        ]

    @router.get("/schedulers")
    def schedulers() -> list[dict[str, Any]]:
        """All sigma schedules."""
        return [
            {
                "name": item.name,
                "label": item.label,
                "aliases": list(item.aliases) or None,
                "default_rho": item.default_rho,
                "need_inner_model": item.need_inner_model,
            }
            for item in services.schedulers()
        ]

    @router.get("/options")
    def get_options() -> dict[str, Any]:
        """All options under the older UI's names."""
        ours = read_options(services.settings.current, services.checkpoints())
        return {**services.older.option_values(), **ours}

    @router.post("/options")
    def set_options(values: dict[str, Any]) -> None:
        """Change options: all of them or none."""
        theirs, ours = apart(values, services.older)
        changes = to_changes(ours, services.settings.current, services.checkpoints, services.vaes)
        change_options(theirs, services.older, through_api=True)
        if changes:
            services.settings.update(changes)

    @router.get("/cmd-flags")
    def flags() -> dict[str, Any]:
        """The command line, without passwords."""
        return dict(options.flags)

    @router.get("/memory")
    def memory() -> dict[str, Any]:
        """Memory in bytes."""
        return {"ram": memory_in_use(), "cuda": {"error": "not told by this version"}}

    for name, value in EMPTY.items():
        _add_empty(router, name, value)
    return router


def _add_empty(router: APIRouter, name: str, value: Any) -> None:
    def nothing() -> Any:
        return value

    router.add_api_route(f"/{name}", nothing, methods=["GET"], description="Nothing in this version.")


def memory_in_use() -> dict[str, Any]:
    """Bytes of main memory: `free`, `used` by this process, `total`; an `error` where that isn't told."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[1]) * page
    except (AttributeError, OSError, ValueError):
        return {"error": "not told by this system"}
    return {"free": free, "used": used, "total": total}
