"""Checkpoints and VAEs: what there is, looking again, unloading and loading."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from modules.rest.bodies import CheckedRoute
from modules.rest.services import RestServices


def routes(services: RestServices) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/sdapi/v1", route_class=CheckedRoute, tags=["sdapi"])

    @router.get("/sd-models")
    def checkpoints() -> list[dict[str, Any]]:
        """All checkpoints."""
        return [
            {
                "title": item.title,
                "model_name": item.name,
                "hash": item.hash,
                "sha256": item.sha256,
                "filename": str(item.path),
                "config": item.config,
            }
            for item in services.checkpoints()
        ]

    @router.get("/sd-vae")
    def vaes() -> list[dict[str, Any]]:
        """All VAEs that stand in files of their own."""
        return [{"model_name": name, "filename": str(path)} for name, path in services.vaes()]

    @router.post("/refresh-checkpoints")
    @router.post("/refresh-vae")
    def refresh() -> None:
        """Look for checkpoints and VAEs again."""
        services.refresh_checkpoints()

    @router.post("/unload-checkpoint")
    def unload() -> None:
        """Free the memory of the checkpoint; the next job loads it again."""
        services.unload_checkpoint()

    @router.post("/reload-checkpoint")
    def reload() -> None:
        """Load the chosen checkpoint, anew if it is loaded already."""
        services.reload_checkpoint()

    return router
