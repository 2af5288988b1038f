"""Tells open streams and waiting requests that the server is going away, so that it isn't held up by them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable


class Closing:
    """A flag that is set once, from any thread, and that coroutines can wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._waiting: dict[object, Callable[[], None]] = {}

    @property
    def is_set(self) -> bool:
        """True: the server is going away."""
        return self._set

    def set(self) -> None:
        """Let all that waits end. Safe in signal handlers and threads; does nothing the second time."""
        with self._lock:
            self._set = True
            waiting, self._waiting = self._waiting, {}
        for wake in waiting.values():
            wake()

    async def wait(self) -> None:
        """Return when the flag is set."""
        loop, flag, key = asyncio.get_running_loop(), asyncio.Event(), object()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(flag.set)

        with self._lock:
            if self._set:
                return
            self._waiting[key] = wake
        try:
            await flag.wait()
        finally:
            with self._lock:
                self._waiting.pop(key, None)


async def first_of(*awaitables: Awaitable[object], timeout: float | None = None) -> int | None:
    """Which of them ended first, by its place; the others are cancelled. None after `timeout` seconds."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for place, task in enumerate(tasks):
            if task in done:
                task.result()
                return place
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
