"""`GET /easel/events`: what happens, as server-sent events; and the buttons that the page presses."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from modules.jobs.events import Event
from modules.jobs.pictures import describe as describe_picture
from modules.jobs.progress import describe as describe_progress
from modules.jobs.queue import describe as describe_job
from modules.rest.closing import Closing, first_of
from modules.rest.errors import NotFound, SafeJSONResponse
from modules.rest.services import RestServices
from modules.rest.tasks import Tasks

HEARTBEAT_SECONDS = 15.0
MAILBOX_SIZE = 256
SNAPSHOT_PICTURES = 60


class Mailbox:
    """The events that one listener hasn't been sent yet. Only touched in the event loop.

    Of several progress events only the last is kept, with the last preview. A listener that is still too slow
    loses all of them and is told the whole state anew.
    """

    def __init__(self, size: int = MAILBOX_SIZE) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._filled = asyncio.Event()
        self._overflowed = False

    def put(self, event: Event) -> None:
        """Add an event."""
        if event.kind == "progress":
            event = self._with_last_preview(event)
        if len(self._events) >= self._size:
            self._events.clear()
            self._overflowed = True
        else:
            self._events.append(event)
        self._filled.set()

    async def wait(self) -> None:
        """Return when there is something to send."""
        await self._filled.wait()

    def take(self) -> tuple[list[Event], bool]:
        """All events, and whether some were lost since the last time."""
        events, lost = list(self._events), self._overflowed
        self._events.clear()
        self._filled.clear()
        self._overflowed = False
        return events, lost

    def _with_last_preview(self, event: Event) -> Event:
        for place, older in enumerate(self._events):
            if older.kind == "progress":
                del self._events[place]
                same_job = older.data.get("job") == event.data.get("job")
                if same_job and not event.data.get("preview") and older.data.get("preview"):
                    return Event("progress", {**event.data, "preview": older.data["preview"]})
                return event
        return event


def snapshot(services: RestServices) -> dict[str, Any]:
    """The whole state, as a listener is told it first."""
    progress = services.worker.progress()
    return {
        "waiting": [describe_job(job) for job in services.queue.waiting()],
        "recent": [describe_job(job) for job in services.queue.recent()],
        "pictures": [describe_picture(picture) for picture in services.pictures.recent(SNAPSHOT_PICTURES)],
        "progress": describe_progress(progress) if progress else None,
    }


def as_sse(kind: str, data: object) -> bytes:
    """One server-sent event."""
    body = bytes(SafeJSONResponse(data).body).decode("utf-8")
    return f"event: {kind}\ndata: {body}\n\n".encode()


async def stream(
    services: RestServices, closing: Closing, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """The events from now on: a snapshot, then each as it comes, and a comment after every silence."""
    loop, mailbox = asyncio.get_running_loop(), Mailbox()

    def listener(event: Event) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(mailbox.put, event)

    unsubscribe = services.events.subscribe(listener)
    try:
        yield as_sse("snapshot", await asyncio.to_thread(snapshot, services))
        while not closing.is_set:
            if await first_of(mailbox.wait(), closing.wait(), timeout=heartbeat) is None:
                yield b": still here\n\n"
            events, lost = mailbox.take()
            if lost:
                yield as_sse("snapshot", await asyncio.to_thread(snapshot, services))
            for event in events:
                yield as_sse(event.kind, event.data)
    finally:
        unsubscribe()


def routes(
    services: RestServices, closing: Closing, tasks: Tasks, heartbeat: float = HEARTBEAT_SECONDS
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/easel", tags=["easel"])

    @router.get("/events")
    async def events() -> StreamingResponse:
        """What happens, as server-sent events."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            stream(services, closing, heartbeat), media_type="text/event-stream", headers=headers
        )

    @router.post("/interrupt")
    def interrupt() -> dict[str, bool]:
        """End the running job; its picture is kept as far as it is."""
        return {"running": tasks.interrupt(services)}

    @router.post("/finish")
    def finish() -> dict[str, bool]:
        """End the running job after the pictures that are being made."""
        return {"running": tasks.finish(services)}

    @router.post("/skip")
    def skip() -> dict[str, bool]:
        """Leave the running batch and go on with the next one."""
        return {"running": tasks.skip(services)}

    @router.post("/jobs/{job_id}/cancel")
    def cancel(job_id: int) -> dict[str, bool]:
        """Take a waiting job out of the queue; `cancelled` is false where it doesn't wait any more."""
        _job(job_id)
        return {"cancelled": services.queue.cancel(job_id)}

    @router.get("/jobs/{job_id}")
    def job(job_id: int) -> dict[str, Any]:
        """A job and its saved pictures."""
        found = _job(job_id)
        return {
            "job": found,
            "pictures": [describe_picture(picture) for picture in services.pictures.of_job(job_id)],
        }

    def _job(job_id: int) -> dict[str, object]:
        found = services.queue.get(job_id) if 0 < job_id < 2**63 else None
        if found is None:
            raise NotFound(f"There is no job {job_id}.")
        return describe_job(found)

    return router
