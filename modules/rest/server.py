"""Uvicorn, with an end that open streams don't hold up."""

from __future__ import annotations

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """A server that tells the application (`app.state.closing`) when to end: on Ctrl+C, or by `stop()`."""

    def __init__(self, app: FastAPI, host: str, port: int, **settings: Any) -> None:
        """Args: settings: further ones of `uvicorn.Config` (`ssl_keyfile`, `timeout_keep_alive`, ...)."""
        settings.setdefault("log_level", "warning")
        settings.setdefault("timeout_graceful_shutdown", GRACE_SECONDS)
        super().__init__(uvicorn.Config(app, host=host, port=port, **settings))
        self._closing = app.state.closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl+C, or the system's request to end. A second Ctrl+C doesn't wait.

        Unlike uvicorn's own, the signal is not raised again after the end: whoever called `run` tidies up.
        """
        self._closing.set()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    def stop(self) -> None:
        """End the server; safe in any thread."""
        self._closing.set()
        self.should_exit = True
