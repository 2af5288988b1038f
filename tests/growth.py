"""How the time for a piece of work grows with its size: the same answer on a slow machine as on a fast one."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable

import pytest

FACTOR = 8
_MOST = 3 * FACTOR  # linear is 8, with a logarithm about 11, quadratic 64
_TICK = 0.002  # seconds: below it the clock and the allocator are measured


def assert_linear(work: Callable[[int], object], size: int = 4_000) -> None:
    """`work(n)` must not take much more than 8 times as long for 8 times as much.

    It is the processor's time, and a second and a third look are taken where the first one says otherwise: what else
    the machine does must not matter.
    """
    work(size)
    short = long = math.inf
    for _ in range(3):
        short, long = (min(was, _seconds(work, n)) for was, n in ((short, size), (long, size * FACTOR)))
        if long < _MOST * max(short, _TICK):
            return
    pytest.fail(f"{short:.4f} s for {size}, {long:.4f} s for {size * FACTOR}")


def _seconds(work: Callable[[int], object], size: int) -> float:
    gc.disable()  # how long it looks depends on all that earlier tests have left, as `timeit` knows
    try:
        start = time.process_time()
        work(size)
        return time.process_time() - start
    finally:
        gc.enable()
