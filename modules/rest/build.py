"""The web application: all routes, and the guards before them. The page is mounted on it afterwards."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from modules.rest import (
    ending,
    events,
    extensions,
    extras,
    gallery,
    image_to_image,
    information,
    inputs,
    internal,
    later,
    localization,
    merging,
    models,
    networks,
    png_info,
    progress,
    prompts,
    scripts,
    settings,
    static,
    styles,
    text_to_image,
)
from modules.rest.closing import Closing
from modules.rest.errors import NotFound, SafeJSONResponse, UnexpectedErrors, install_handlers
from modules.rest.generation import Generation
from modules.rest.gradio_files import GradioFileGuard
from modules.rest.guard import BodyGuard, HostGuard, OriginGuard, PasswordGuard, SecurityHeaders
from modules.rest.localization import Languages
from modules.rest.picture_folders import PictureFolders
from modules.rest.request_log import RequestLog
from modules.rest.services import RestServices, ServerOptions
from modules.rest.tasks import Tasks

__all__ = ["RestServices", "ServerOptions", "build_app"]


def build_app(
    services: RestServices,
    options: ServerOptions,
    heartbeat: float = events.HEARTBEAT_SECONDS,
    more_routes: Callable[[FastAPI], None] | None = None,
) -> FastAPI:
    """The application. `app.state.closing` is a `Closing`: set it when the server is to end.

    Args:
        heartbeat: seconds of silence after which an open stream of events is sent a comment.
        more_routes: adds those of extensions.
    """
    app = FastAPI(
        title="Easel",
        version=services.version,
        default_response_class=SafeJSONResponse,
        strict_content_type=False,
        redoc_url=None,
    )
    closing, tasks = Closing(), Tasks()
    outputs = services.pictures.outputs
    # others can reach a server that listens: they get at its own folders only
    languages = Languages(services, options.localizations)
    folders = PictureFolders((outputs, outputs.parent) if options.listen else ())
    app.state.closing = closing
    generation = Generation(services, closing, tasks)
    for router in (
        text_to_image.routes(generation, services.inputs, services.scripts),
        image_to_image.routes(generation, services.inputs, services.scripts),
        inputs.routes(services.inputs, folders),
        information.routes(services, options),
        scripts.routes(services),
        models.routes(services),
        progress.routes(services, tasks),
        later.routes(),
        ending.routes(services, options),
        png_info.routes(services),
        internal.routes(services, tasks),
        merging.routes(services.merger),
        extras.routes(services, folders, closing),
        networks.lists(services),
        networks.cards(services),
        events.routes(services, closing, tasks, heartbeat),
        gallery.routes(services),
        prompts.routes(services),
        settings.routes(services, languages),
        localization.routes(services, languages),
        styles.routes(services),
        static.routes(options.static_root),
        extensions.routes(services.extensions, services.restart),
    ):
        app.include_router(router)
    if more_routes is not None:
        more_routes(app)
    app.include_router(_nothing_else())
    install_handlers(app)
    _add_guards(app, options)
    return app


def _nothing_else() -> APIRouter:
    """Addresses below ours that don't exist are ours to refuse, not the page's."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/sdapi/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    @router.api_route("/easel/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    @router.api_route("/internal/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def nothing(rest: str) -> None:
        raise NotFound("There is nothing at this address (or not with this method).")

    return router


def _add_guards(app: FastAPI, options: ServerOptions) -> None:
    """The last one added is the first that a request meets."""
    app.add_middleware(GradioFileGuard, options=options)
    app.add_middleware(BodyGuard, options=options)
    app.add_middleware(OriginGuard, options=options)
    app.add_middleware(PasswordGuard, options=options)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(options.cors_origins),
        allow_origin_regex=options.cors_origins_regex,
        allow_methods=["*"],
        allow_headers=["*"],
        allow_credentials="*" not in options.cors_origins,
    )
    app.add_middleware(HostGuard, options=options)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(SecurityHeaders, options=options)
    if options.log_requests:
        app.add_middleware(RequestLog)
