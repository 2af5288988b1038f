"""Serves the application: from the command line to a running web server, and to its end."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from modules.app import Application, build
from modules.cli import CommandLine, parse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from modules.rest.closing import Closing

log = logging.getLogger("easel")
LONGEST_GOODBYE = 5
"""Seconds that open connections are given at the end."""


def main(arguments: list[str], started: float) -> int:
    """Run Easel until it is told to stop; returns the exit code.

    Args: started: `time.perf_counter()` at the start of the program.
    """
    command_line = parse(arguments)
    logging.basicConfig(level=command_line.log_level, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    application = build(command_line.folders(), command_line.checkpoint_files, warm_up=not command_line.quick_start)
    try:
        return Server(application, command_line, started).serve()
    finally:
        application.close()


class Server(uvicorn.Server):
    """uvicorn, with our application on it. Open event streams don't hold up its end."""

    def __init__(self, application: Application, command_line: CommandLine, started: float) -> None:
        self._application = application
        self._command_line = command_line
        self._started = started
        app = self._build_app()
        self._closing: Closing = app.state.closing
        super().__init__(
            uvicorn.Config(
                app,
                host=command_line.host,
                port=command_line.port,
                log_level="warning",
                ssl_keyfile=command_line.tls_keyfile,
                ssl_certfile=command_line.tls_certfile,
                root_path=command_line.subpath,
                timeout_keep_alive=command_line.timeout_keep_alive,
                timeout_graceful_shutdown=LONGEST_GOODBYE,
            )
        )

    def serve(self) -> int:  # type: ignore[override]
        """Serve until the end; returns the exit code."""
        self.run()
        return 0 if self.started else 1

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl+C or a request to end: tell the streams, end the running job within a step."""
        self._closing.set()
        self._application.worker.interrupt()
        super().handle_exit(sig, frame)

    def _build_app(self) -> FastAPI:
        from modules.rest.build import build_app

        app = build_app(self._application.rest_services(self._shut_down), self._command_line.server_options())
        app.router.lifespan_context = self._lifespan
        if not self._command_line.nowebui:
            import gradio

            from modules.pages.build import build_page, page_options

            page = build_page(self._application.page_services())
            app = gradio.mount_gradio_app(app, page, path="/", **page_options())
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._application.start()
        threading.Thread(target=self._welcome, daemon=True).start()
        yield

    def _welcome(self) -> None:
        """Once the port answers: say so, and open the browser if that is wanted."""
        while not self.started:
            if self.should_exit:
                return
            time.sleep(0.01)
        scheme = "https" if self._command_line.tls_certfile else "http"
        host = "localhost" if self._command_line.host in ("127.0.0.1", "0.0.0.0", "::") else self._command_line.host
        address = f"{scheme}://{host}:{self._command_line.port}{self._command_line.subpath}"
        log.info("Easel is ready at %s (%.1f s). Stop it with Ctrl+C.", address, time.perf_counter() - self._started)
        if self._command_line.autolaunch and not self._command_line.nowebui:
            webbrowser.open(address)

    def _shut_down(self) -> None:
        self._closing.set()
        self.should_exit = True
