"""Serves the application: from the command line to a running web server, and to its end."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from modules.app import Application, build
from modules.cli import CommandLine, parse, warn_of_unknown
from modules.cli.older_flags import older_flags
from modules.faults import NotPossibleNow
from modules.older_settings import take_over_settings
from modules.pages.gradio_import import without_stubs
from modules.plugins.start import ExtensionOptions
from modules.sharing import public_link

if TYPE_CHECKING:
    import gradio
    from fastapi import FastAPI

    from modules.rest.server import Server

log = logging.getLogger("easel")


def main(arguments: list[str], started: float) -> int:
    """Run Easel until it is told to stop; returns the exit code.

    Args: started: `time.perf_counter()` at the start of the program.
    """
    without_stubs()
    command_line = parse(arguments, warn=False)
    logging.basicConfig(level=command_line.log_level, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    application = build(
        command_line.folders(),
        command_line.checkpoint_files,
        styles_files=command_line.all_styles_files(),
        vae_files=command_line.vae_files,
        compute_options=command_line.compute_options(),
        warm_up=not command_line.quick_start,
        extensions=ExtensionOptions(command_line.extensions, command_line.unknown, command_line.install),
        flags=older_flags(command_line),
        frozen=command_line.frozen,
    )
    warn_of_unknown(application.plugins.unknown_words)
    if command_line.older_home is not None:
        take_over_settings(application, command_line.older_home / "config.json")
    try:
        code, again = _serve(application, command_line, started)
    finally:
        application.close()
        gc.freeze()  # or Python's end looks through all that torch ever made, for seconds
    return start_again() if again else code


def start_again() -> int:
    """Become a new process with the same command line; on Windows, run one and return its exit code."""
    command = [sys.executable, *(word for word in sys.argv if word != "--autolaunch"), "--no-autolaunch"]
    sys.stdout.flush()
    if sys.platform == "win32":
        return subprocess.call(command)
    os.execv(command[0], command)


def _serve(application: Application, command_line: CommandLine, started: float) -> tuple[int, bool]:
    """Listen until the end; returns the exit code, and whether to start again."""
    from modules.rest.server import Server

    server: Server
    again = threading.Event()

    def restart() -> None:
        again.set()
        server.stop()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        application.start()
        welcome = threading.Thread(target=_welcome, args=(server, command_line, started), daemon=True)
        welcome.start()
        yield

    app = _build_app(application, command_line, lifespan, lambda: server.stop(), restart)
    server = Server(
        app,
        command_line.host,
        command_line.port,
        ssl_keyfile=command_line.tls_keyfile,
        ssl_certfile=command_line.tls_certfile,
        root_path=command_line.subpath,
        timeout_keep_alive=command_line.timeout_keep_alive,
    )
    server.run()
    return (0 if server.started else 1), again.is_set()


def _build_app(
    application: Application,
    command_line: CommandLine,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    shut_down: Callable[[], None],
    restart: Callable[[], None],
) -> FastAPI:
    """All routes, and the page on top of them unless it isn't wanted."""
    from modules.rest.build import build_app

    services = application.rest_services(
        shut_down, may_change_extensions=command_line.extensions_may_be_changed
    )
    parts = application.plugins.page
    app = build_app(
        replace(services, restart=restart), command_line.server_options(), more_routes=parts.add_routes
    )
    app.router.lifespan_context = lifespan  # before the page is mounted: Gradio wraps it in its own
    page = None
    if not command_line.nowebui:
        import gradio

        from modules.pages.build import page_options

        page = _build_page(application)
        app = gradio.mount_gradio_app(app, page, path="/", **page_options(command_line.theme, parts.head()))
    parts.started(app, page)
    return app


def _build_page(application: Application) -> gradio.Blocks:
    """The page. What the older UI's extensions do to it may fail; then it is built without that."""
    from modules.pages.build import build_page

    services = application.page_services()
    try:
        with application.plugins.page.building():
            return build_page(services)
    except Exception:
        if not application.plugins.has_older:
            raise
        log.exception("Extensions of the older UI kept the page from being built; it is built without them")
    return build_page(services)


def _welcome(server: Server, command_line: CommandLine, started: float) -> None:
    """Once the port answers: say so, and open the browser if that is wanted."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.01)
    scheme = "https" if command_line.tls_certfile else "http"
    host = "localhost" if command_line.host in ("127.0.0.1", "0.0.0.0", "::") else command_line.host
    address = f"{scheme}://{host}:{command_line.port}{command_line.subpath}"
    log.info("Easel is ready at %s (%.1f s). Stop it with Ctrl+C.", address, time.perf_counter() - started)
    if command_line.share:
        _share(command_line.port)
    if command_line.autolaunch and not command_line.nowebui:
        webbrowser.open(address)


def _share(port: int) -> None:
    try:
        log.info("Others can open %s with your password, while Easel runs.", public_link(port))
    except NotPossibleNow as fault:
        log.warning("%s", fault)
