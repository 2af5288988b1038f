"""`modules.progress` of the older UI: names for pieces of work, so that a page can ask for them again."""

from __future__ import annotations

import random
import string
import time
from collections import OrderedDict
from typing import Any

current_task: str | None = None
pending_tasks: OrderedDict[str, float] = OrderedDict()
finished_tasks: list[str] = []
recorded_results: list[tuple[str, Any]] = []
recorded_results_limit = 2
finished_tasks_limit = 16


def create_task_id(task_type: str) -> str:
    """A new name: `task(<type>-<15 letters and digits>)`."""
    letters = random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=15)
    return f"task({task_type}-{''.join(letters)})"


def add_task_to_queue(id_job: str) -> None:
    """The work waits."""
    pending_tasks[id_job] = time.time()


def start_task(id_task: str | None) -> None:
    """The work begins."""
    global current_task
    current_task = id_task
    if id_task is not None:
        pending_tasks.pop(id_task, None)


def finish_task(id_task: str | None) -> None:
    """The work is done."""
    global current_task
    if current_task == id_task:
        current_task = None
    if id_task is not None:
        finished_tasks.append(id_task)
        del finished_tasks[:-finished_tasks_limit]


def record_results(id_task: str | None, res: Any) -> None:
    """Keep what the work gave, for a while."""
    if id_task is not None:
        recorded_results.append((id_task, res))
        del recorded_results[:-recorded_results_limit]


def restore_progress(id_task: str) -> Any:
    """What the work gave, once it is done; None: nobody knows."""
    while id_task == current_task or id_task in pending_tasks:
        time.sleep(0.1)
    return next((result for name, result in recorded_results if name == id_task), None)


def get_pending_tasks() -> dict[str, Any]:
    """The names of the work that waits, as a route tells them."""
    return {"size": len(pending_tasks), "tasks": list(pending_tasks)}


def setup_progress_api(app: Any) -> None:
    """Nothing to do: `/internal/progress` is there."""
