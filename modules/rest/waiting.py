"""Waits for a job without holding a thread."""

from __future__ import annotations

import asyncio

from modules.jobs.events import Event
from modules.rest.closing import Closing, first_of
from modules.rest.services import RestServices

LOOK_AGAIN_SECONDS = 5.0


async def wait_until_over(services: RestServices, closing: Closing, job_id: int) -> None:
    """Return when the job is over, when there is none, or when the server is going away."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def listener(event: Event) -> None:
        if event.kind == "job" and event.data.get("id") == job_id and not loop.is_closed():
            loop.call_soon_threadsafe(over.set)

    unsubscribe = services.events.subscribe(listener)
    try:
        while not closing.is_set:
            over.clear()
            job = await asyncio.to_thread(services.queue.get, job_id)
            if job is None or job.status.over:
                return
            await first_of(over.wait(), closing.wait(), timeout=LOOK_AGAIN_SECONDS)
    finally:
        unsubscribe()
