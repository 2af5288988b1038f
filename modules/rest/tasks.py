"""Names that clients gave their jobs (`force_task_id`), and what was pressed while a job ran."""

from __future__ import annotations

import threading
from collections import OrderedDict

from modules.rest.services import RestServices

REMEMBERED = 256


class Tasks:
    """The last names of tasks with their jobs, and which job was interrupted or skipped last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, int] = OrderedDict()
        self._interrupted = 0
        self._finishing = 0
        self._skipped = (0, 0)

    def remember(self, name: str | None, job_id: int) -> None:
        """Note the client's name of a job, if it has one."""
        if not name:
            return
        with self._lock:
            self._jobs[name] = job_id
            while len(self._jobs) > REMEMBERED:
                self._jobs.popitem(last=False)

    def job_of(self, name: str) -> int | None:
        """The job of that name, or None."""
        with self._lock:
            return self._jobs.get(name)

    def name_of(self, job_id: int) -> str:
        """The client's name of the job, or its number."""
        with self._lock:
            return next((name for name, known in self._jobs.items() if known == job_id), str(job_id))

    def interrupt(self, services: RestServices) -> bool:
        """End the running job; False if there is none."""
        progress = services.worker.progress()
        if progress is not None:
            self._interrupted = progress.job
        services.worker.interrupt()
        return progress is not None

    def finish(self, services: RestServices) -> bool:
        """End the running job after the pictures that are being made; False if there is none."""
        progress = services.worker.progress()
        if progress is not None:
            self._finishing = progress.job
        services.worker.finish_current()
        return progress is not None

    def is_finishing(self, job_id: int) -> bool:
        """True: this job is to end soon, one way or the other."""
        return job_id in (self._finishing, self._interrupted)

    def skip(self, services: RestServices) -> bool:
        """Leave the running batch; False if no job is running."""
        progress = services.worker.progress()
        if progress is not None:
            self._skipped = (progress.job, progress.picture)
        services.worker.skip()
        return progress is not None

    def was_interrupted(self, job_id: int) -> bool:
        """True: somebody asked for the end of this job."""
        return self._interrupted == job_id

    def was_skipped(self, job_id: int, picture: int) -> bool:
        """True: somebody asked to leave the batch that begins with this picture."""
        return self._skipped == (job_id, picture)
