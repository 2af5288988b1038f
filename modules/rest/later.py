"""Routes of the older UI that this version does not have yet: each says so, in one sentence."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from modules.faults import NotSupported

LATER = {
    "interrogate": "Describing a picture is",
    "create/embedding": "Training is",
    "create/hypernetwork": "Training is",
    "train/embedding": "Training is",
    "train/hypernetwork": "Training is",
}


def _refuse(subject: str) -> Callable[[], None]:
    def answer() -> None:
        raise NotSupported(f"{subject} not there yet in this version.")

    return answer


def routes() -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])
    for name, subject in LATER.items():
        router.add_api_route(f"/{name}", _refuse(subject), methods=["POST"], description="Not there yet.")
    return router
