"""The queue of jobs, in SQLite from the first day: it survives a crash, a closed tab and a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from modules.faults import Fault
from modules.generation.requests import Request, new_seed
from modules.generation.serialization import from_json, to_json
from modules.generation.upscaling import UpscalePicture
from modules.jobs.database import Database
from modules.jobs.events import EventHub


class Status(str, Enum):
    """The life of a job: queued, running, then one of the others."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """True: nothing more will happen to the job."""
        return self not in (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True)
class Job:
    """One row of the queue.

    Args:
        origin: who asked: "page" or "api".
        total: pictures asked for; where a script makes more or fewer, so many.
        error: why it failed, for people.
        fault: the kind of error, a class name of `faults`, or None where it was none of those.
        field: the field of the request that is to blame, if one is.
        created, finished: seconds since 1970.
    """

    id: int
    request: Request
    origin: str
    status: Status
    total: int
    error: str | None
    fault: str | None
    field: str | None
    created: float
    finished: float | None


class JobQueue:
    """Takes requests, hands them to the worker in order, and remembers how each one ended.

    Args: check: looks a request over before it is queued (names resolved, seeds drawn); raises a `Fault`.
    """

    def __init__(self, database: Database, events: EventHub, check: Callable[[Request], Request]) -> None:
        self._db = database
        self._events = events
        self._check = check
        self._changed = threading.Condition()

    def submit(self, request: Request, origin: str = "page") -> Job:
        """Put a request at the end of the queue.

        Raises: Fault: if the request can't be carried out; nothing is queued then.
        """
        request = self._check(_with_seeds(request))
        job = self._change(
            "INSERT INTO jobs (request, origin, status, total, created) VALUES (?, ?, ?, ?, ?) RETURNING *",
            *(json.dumps(to_json(request)), origin, Status.QUEUED.value, request.pictures, time.time()),
        )
        assert job is not None
        return job

    def get(self, job_id: int) -> Job | None:
        """The job, or None."""
        rows = self._db.rows("SELECT * FROM jobs WHERE id = ?", job_id)
        return _job(rows[0]) if rows else None

    def waiting(self) -> list[Job]:
        """The running job and the queued ones, in the order in which they will be done."""
        rows = self._db.rows("SELECT * FROM jobs WHERE status IN ('queued', 'running') ORDER BY id")
        return sorted(map(_job, rows), key=lambda job: job.status is not Status.RUNNING)

    def recent(self, limit: int = 20) -> list[Job]:
        """The jobs that ended last, newest first."""
        query = "SELECT * FROM jobs WHERE status NOT IN ('queued', 'running') ORDER BY finished DESC LIMIT ?"
        return [_job(row) for row in self._db.rows(query, limit)]

    def take(self, timeout: float) -> Job | None:
        """The next job, now running; None if there is none within `timeout` seconds. For the worker."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                job = self._change(
                    "UPDATE jobs SET status = 'running' WHERE id = "
                    "(SELECT id FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1) RETURNING *"
                )
                left = deadline - time.monotonic()
                if job is not None or left <= 0:
                    return job
                self._changed.wait(left)

    def finish(self, job_id: int, status: Status, error: str | Fault | None = None) -> None:
        """Note how a job ended."""
        fault = error if isinstance(error, Fault) else None
        message = fault.message if fault else error
        kind, field = (type(fault).__name__, fault.field) if fault else (None, None)
        self._change(
            "UPDATE jobs SET status = ?, error = ?, fault = ?, field = ?, finished = ? WHERE id = ? RETURNING *",
            *(status.value, message, kind, field, time.time(), job_id),
        )

    def expect(self, job_id: int, total: int) -> None:
        """Note that a job makes so many pictures."""
        self._change("UPDATE jobs SET total = ? WHERE id = ? RETURNING *", total, job_id)

    def cancel(self, job_id: int) -> bool:
        """Take a job out of the queue; False if it isn't waiting any more."""
        cancelled = self._change(
            "UPDATE jobs SET status = 'cancelled', finished = ? WHERE id = ? AND status = 'queued' RETURNING *",
            *(time.time(), job_id),
        )
        return cancelled is not None

    def wait(self, job_id: int, timeout: float | None = None) -> Job:
        """Wait until the job is over (or the time is), and return it.

        Raises: KeyError: there is no such job.
        """

        def ended() -> Job | None:
            job = self.get(job_id)
            if job is None:
                raise KeyError(job_id)
            return job if job.status.over else None

        with self._changed:
            self._changed.wait_for(lambda: ended() is not None, timeout)
        job = self.get(job_id)
        assert job is not None
        return job

    def recover(self) -> None:
        """After a crash: what was running is queued again; it goes on where its saved pictures end.

        A job whose pictures are only for the program that asked is of no use when that connection is gone.
        """
        for job in self.waiting():
            if not job.request.save:
                self.finish(job.id, Status.CANCELLED, "Easel was stopped before this job was done.")
            elif job.status is Status.RUNNING:
                with self._db.transaction() as db:
                    db.execute("UPDATE jobs SET status = 'queued' WHERE id = ?", (job.id,))

    def _change(self, statement: str, *values: object) -> Job | None:
        """Change a job and tell of it. None: there is no such job.

        One at a time, so that nobody hears that a job is running before they hear that it is queued.
        """
        with self._changed:
            with self._db.transaction() as db:
                row = db.execute(statement, values).fetchone()
            if row is None:
                return None
            job = _job(row)
            self._changed.notify_all()
            self._events.publish("job", describe(job))
        return job


def describe(job: Job) -> dict[str, object]:
    """A job as the page and other listeners see it."""
    return {
        "id": job.id,
        "status": job.status.value,
        "origin": job.origin,
        "total": job.total,
        "error": job.error,
        "field": job.field,
        "created": job.created,
        "finished": job.finished,
        "request": to_json(job.request),
    }


def _with_seeds(request: Request) -> Request:
    """With random seeds drawn. A script draws them itself: what they come from is drawn."""
    if isinstance(request, UpscalePicture) or request.script is None:
        return request.with_seeds()
    return replace(request, script=replace(request.script, seed=new_seed()))


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        request=from_json(json.loads(row["request"])),
        origin=row["origin"],
        status=Status(row["status"]),
        total=row["total"],
        error=row["error"],
        fault=row["fault"],
        field=row["field"],
        created=row["created"],
        finished=row["finished"],
    )
