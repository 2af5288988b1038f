"""The worker: takes jobs from the queue, one after the other, and never dies of one."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from modules.faults import Fault
from modules.generation.hooks import NO_HOOKS, GenerationHooks
from modules.generation.requests import PictureRequest, Request
from modules.generation.results import GeneratedImage, Monitor
from modules.jobs.events import EventHub
from modules.jobs.pictures import Picture, PictureIndex
from modules.jobs.pictures import describe as describe_picture
from modules.jobs.progress import JobMonitor, Progress
from modules.jobs.queue import Job, JobQueue, Status
from modules.jobs.terminal import TerminalBar
from modules.settings.store import SettingsStore

log = logging.getLogger(__name__)

KEPT_RESULTS = 16
"""Jobs whose pictures are kept in memory for the program that asked."""


class Engine(Protocol):
    """What carries a request out; see `generation.engine`."""

    def run(self, request: Request, monitor: Monitor, first: int = 0) -> Iterator[GeneratedImage]:
        """Make the pictures from number `first` on."""


class Worker:
    """A thread that runs the queue's jobs on the engine, saves their pictures, and tells the listeners.

    Args:
        warm_up: done first, while nobody waits, such as loading the model.
        hooks: what extensions do with pictures that are saved.
    """

    def __init__(
        self,
        queue: JobQueue,
        pictures: PictureIndex,
        engine: Engine,
        events: EventHub,
        settings: SettingsStore,
        bar: TerminalBar | None = None,
        warm_up: Callable[[], None] | None = None,
        hooks: GenerationHooks = NO_HOOKS,
    ) -> None:
        self._queue = queue
        self._pictures = pictures
        self._engine = engine
        self._events = events
        self._settings = settings
        self._bar = bar
        self._warm_up = warm_up
        self._hooks = hooks
        self._monitor: JobMonitor | None = None
        self._ending = threading.Event()
        self._results: OrderedDict[int, list[GeneratedImage]] = OrderedDict()
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self, timeout: float = 10.0) -> None:
        """End within a step. The job at work stays in the queue and goes on at the next start."""
        self._ending.set()
        self.interrupt()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def interrupt(self) -> None:
        """End the running job; its picture is kept as far as it is."""
        if monitor := self._monitor:
            monitor.stop()

    def skip(self) -> None:
        """Leave the running batch and go on with the job's next one."""
        if monitor := self._monitor:
            monitor.skip()

    def finish_current(self) -> None:
        """End the running job after the pictures that are being made."""
        if monitor := self._monitor:
            monitor.finish()

    @property
    def is_here(self) -> bool:
        """Whether this is the worker's own thread."""
        return threading.current_thread() is self._thread

    @property
    def monitor(self) -> JobMonitor | None:
        """What watches the running job; None while there is none."""
        return self._monitor

    def progress(self) -> Progress | None:
        """How far the running job is; None while there is none."""
        monitor = self._monitor
        return monitor.progress if monitor else None

    def take_results(self, job_id: int) -> list[GeneratedImage]:
        """The pictures of a job that a program asked for; they are forgotten then."""
        return self._results.pop(job_id, [])

    def _loop(self) -> None:
        if self._warm_up is not None:
            try:
                self._warm_up()
            except Fault as fault:
                log.warning("%s", fault)
            except Exception:
                log.exception("Loading the model ahead of the first job failed")
        while not self._ending.is_set():
            job = self._queue.take(timeout=0.5)
            if job is not None:
                self._work_on(job)

    def _work_on(self, job: Job) -> None:
        """Carry one job out; whatever goes wrong ends that job only."""
        try:
            status = self._run(job)
            if self._ending.is_set() and status is Status.INTERRUPTED:
                return  # still "running" in the file, so it is queued again at the next start
            self._queue.finish(job.id, status)
        except Fault as fault:
            self._queue.finish(job.id, Status.FAILED, fault)
        except Exception as error:
            log.exception("Job %d failed", job.id)
            message = f"Something went wrong inside Easel ({type(error).__name__}: {error}). The log has the details."
            self._queue.finish(job.id, Status.FAILED, message)
        finally:
            self._monitor = None

    def _run(self, job: Job) -> Status:
        first = self._pictures.next_number(job.id)
        script = getattr(job.request, "script", None)
        previews = self._settings.current.previews
        monitor = JobMonitor(
            job.id,
            job.total,
            self._events,
            done=first if script is None else 0,  # a script does all again
            preview_every=previews.every_steps if previews.enabled else 0,
            preview_seconds=previews.every_seconds,
            on_step=self._bar.show if self._bar else None,
            on_expect=lambda pictures: self._queue.expect(job.id, pictures),
        )
        self._monitor = monitor
        saving: list[Future[Picture]] = []
        try:
            for picture in self._engine.run(job.request, monitor, first):
                if self._ending.is_set() and not picture.complete:
                    break  # it will be made again, with all that comes after it
                if job.origin == "api":
                    self._keep(job.id, picture)
                if job.request.save:
                    saving.append(self._saver.submit(self._save, job, picture))
                if script is None and monitor.ends_with(picture.number):
                    monitor.end()
        finally:
            monitor.close()
            if self._bar:
                self._bar.close()
            for future in saving:
                future.result()
        if script is None and not self._ending.is_set():
            self._save_sheet(job)
        ended_early = monitor.stop_requested() or monitor.finish_requested()
        return Status.INTERRUPTED if ended_early else Status.DONE

    def _save(self, job: Job, picture: GeneratedImage) -> Picture:
        fault: Fault | None = None
        try:
            picture = self._hooks.before_save(picture, job.request)
        except Fault as error:
            fault = (
                error  # a picture that was made is never lost: it is saved as it is, and then the job fails
            )
        saved = self._pictures.save(job, picture)
        self._events.publish("picture", describe_picture(saved))
        self._hooks.after_save(self._pictures.outputs / saved.path, picture, job.request)
        if fault is not None:
            raise fault
        return saved

    def _save_sheet(self, job: Job) -> None:
        """All pictures of the job on one sheet, where the request asks for it."""
        request = job.request
        if not (isinstance(request, PictureRequest) and request.save and request.saving.grid):
            return
        saved = self._pictures.of_job(job.id)
        if len(saved) < 2 or any(picture.is_grid for picture in saved):
            return
        from PIL import Image

        try:
            with contextlib.ExitStack() as files:
                images = [files.enter_context(Image.open(self._pictures.outputs / one.path)) for one in saved]
                sheet = request.saving.sheet(images, request.batch_size)
        except OSError as error:  # somebody has taken one away
            log.warning("Job %d: there is no sheet of its pictures: %s", job.id, error)
            return
        first = saved[0]
        grid = GeneratedImage(sheet, job.total, first.seed, first.seed, first.infotext, kind="grid")
        self._saver.submit(self._save, job, grid).result()

    def _keep(self, job_id: int, picture: GeneratedImage) -> None:
        self._results.setdefault(job_id, []).append(picture)
        while len(self._results) > KEPT_RESULTS:
            self._results.popitem(last=False)
