"""Who is at work, and for how long: a hook can't be stopped from outside, but it can be named."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""So long the start waits for one hook of an extension."""
WARN_SECONDS = 5.0
SLOW_SECONDS = 10.0


class Blocked(Exception):
    """A hook that did not come back in time."""


@dataclass(frozen=True)
class Busy:
    """A hook at work. Args: seconds: since it was called."""

    name: str
    hook: str
    seconds: float


class Watch:
    """Knows which hooks are at work. Safe in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: dict[object, tuple[str, str, float]] = {}

    @contextlib.contextmanager
    def at(self, name: str, hook: str) -> Iterator[None]:
        """Within this block a hook is at work."""
        key = object()
        with self._lock:
            self._working[key] = (name, hook, time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._working[key]

    def busy(self, seconds: float = SLOW_SECONDS) -> list[Busy]:
        """The hooks that have been at work for longer than that."""
        now = time.monotonic()
        with self._lock:
            working = list(self._working.values())
        return [Busy(name, hook, now - since) for name, hook, since in working if now - since > seconds]


def within(seconds: float | None, what: str, function: Callable[[], T]) -> T:
    """Call a function, and wait no longer than that; then it goes on alone.

    Args: seconds: None calls it in this thread and waits for ever.

    Raises: Blocked; whatever the function raises (`SystemExit` too: an extension may not end the program).
    """
    if seconds is None:
        return function()
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, name=f"extension: {what}", daemon=True)
    thread.start()
    thread.join(min(WARN_SECONDS, seconds))
    if thread.is_alive() and seconds > WARN_SECONDS:
        log.warning("Easel waits for %s ...", what)
        thread.join(seconds - WARN_SECONDS)
    if not outcome:
        raise Blocked(f"{what} had not come back after {seconds:g} s. Easel went on without it.")
    done, result = outcome[0]
    if not done:
        raise result
    answer: T = result
    return answer
