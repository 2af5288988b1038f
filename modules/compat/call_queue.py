"""`modules.call_queue` of the older UI: one extension at a time, and errors as text on the page.

The worker has a queue of its own, and never waits for this lock; so an extension may wait for a job while it has it.
"""

from __future__ import annotations

import html
import logging
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from modules.compat import progress
from modules.faults import Fault

log = logging.getLogger(__name__)

Function = Callable[..., Any]


class FIFOLock:
    """A lock for `with`; the thread that has it may take it again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True) -> bool:
        """Take it; not blocking: if it is free."""
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


queue_lock = FIFOLock()


def wrap_queued_call(func: Function) -> Function:
    """The function, of which one call is made at a time."""

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        with queue_lock:
            return func(*args, **kwargs)

    return call


def wrap_gradio_gpu_call(func: Function, extra_outputs: Any = None) -> Function:
    """The function as a piece of work that `shared.state` tells of; see `wrap_gradio_call`.

    Where its first argument is a task's name (`task(...)`), the task is begun and finished with it.
    """

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        from modules.compat.shared import state

        task = args[0] if args and isinstance(args[0], str) and args[0].startswith("task(") else None
        if task is not None:
            progress.add_task_to_queue(task)
        with queue_lock:
            state.begin(job=task or "extension")
            progress.start_task(task)
            try:
                result = func(*args, **kwargs)
                progress.record_results(task, result)
            finally:
                progress.finish_task(task)
                state.end()
        return result

    return wrap_gradio_call(call, extra_outputs=extra_outputs, add_stats=True)


def wrap_gradio_call(func: Function, extra_outputs: Any = None, add_stats: bool = False) -> Function:
    """The function, whose errors become its last result, a text for the page; see `wrap_gradio_call_no_job`."""

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        from modules.compat.shared import state

        try:
            return wrap_gradio_call_no_job(func, extra_outputs, add_stats)(*args, **kwargs)
        finally:
            if state.job in ("", "extension"):
                state.job_count = 0

    return call


def wrap_gradio_call_no_job(func: Function, extra_outputs: Any = None, add_stats: bool = False) -> Function:
    """The function, whose errors become its last result.

    Args:
        extra_outputs: the results before that text, where it fails; None: `[None, ""]`.
        add_stats: put the time that it took behind the last result, a text.
    """

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            given = func(*args, **kwargs)
            result = list(given) if isinstance(given, (list, tuple)) else given
        except Exception as error:
            message = error.message if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
            log.error("%s failed: %s", getattr(func, "__name__", "An extension"), message, exc_info=True)
            before = extra_outputs() if callable(extra_outputs) else extra_outputs
            shown = f"<div class='error'>{html.escape(message)}</div>"
            result = [*([None, ""] if before is None else before), shown]
        if add_stats and isinstance(result, list) and result and isinstance(result[-1], str):
            seconds = time.perf_counter() - started
            result[-1] += f"<div class='performance'><p class='time'>Time taken: {seconds:.1f} s</p></div>"
        return tuple(result) if isinstance(result, list) else result

    return call
