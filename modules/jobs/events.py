"""Tells any number of listeners what happens: the tab that asked, another tab, the API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Args: kind: "job", "progress" or "picture"; data: plain values, ready for JSON.
    """

    kind: str
    data: dict[str, Any]


Listener = Callable[[Event], None]


class EventHub:
    """Passes events on. A listener is called in the publisher's thread, so it must be quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on; the answer ends that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return unsubscribe

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Tell all listeners."""
        event = Event(kind, data)
        for listener in self._listeners:
            listener(event)
