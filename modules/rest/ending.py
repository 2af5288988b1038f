"""`POST /sdapi/v1/server-stop`, `server-kill` and `server-restart`: the end of the program, and its new beginning."""

from __future__ import annotations

from fastapi import APIRouter

from modules.faults import NotSupported
from modules.rest.errors import RestFault
from modules.rest.services import RestServices, ServerOptions


def routes(services: RestServices, options: ServerOptions) -> APIRouter:
    """The routes. They answer 403 where the command line doesn't allow them."""
    router = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    def allowed() -> None:
        if not options.allow_stop:
            raise RestFault(
                403, "Stopping and restarting the server has to be allowed with --api-server-stop."
            )

    def stop() -> str:
        """End the program; the job at work goes on at the next start."""
        allowed()
        services.shut_down()
        return "Stopping."

    for name in ("server-stop", "server-kill"):
        router.add_api_route(f"/{name}", stop, methods=["POST"])

    @router.post("/server-restart")
    def restart() -> str:
        """End the program and start it anew with the same command line; the job at work goes on then."""
        allowed()
        if services.restart is None:
            raise NotSupported("Easel can't start itself anew here. Stop it and start it again.")
        services.restart()
        return "Restarting."

    return router
