"""Routes of the older UI that this version does not have yet: each says so, in one sentence."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from modules.faults import NotSupported
from modules.rest.errors import RestFault
from modules.rest.services import RestServices, ServerOptions

LATER = {
    "interrogate": "Describing a picture is",
    "create/embedding": "Training is",
    "create/hypernetwork": "Training is",
    "train/embedding": "Training is",
    "train/hypernetwork": "Training is",
    "server-restart": "Restarting is",
}


def _refuse(subject: str) -> Callable[[], None]:
    def answer() -> None:
        raise NotSupported(f"{subject} not there yet in this version.")

    return answer


def routes(services: RestServices, options: ServerOptions) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])
    for name, subject in LATER.items():
        router.add_api_route(f"/{name}", _refuse(subject), methods=["POST"], description="Not there yet.")

    def stop() -> str:
        """End the program, where the command line allows it."""
        if not options.allow_stop:
            raise RestFault(403, "Stopping the server has to be allowed with --api-server-stop.")
        services.shut_down()
        return "Stopping."

    for name in ("server-stop", "server-kill"):
        router.add_api_route(f"/{name}", stop, methods=["POST"])
    return router
