"""Waiting for what happens elsewhere: in another thread, another process."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 90.0  # seconds; what comes at once on a quiet machine may take long on one that is busy


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something holds; fail where it doesn't come to that."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
