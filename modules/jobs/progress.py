"""How far the running job is: a snapshot for the page and the API, and the monitor that keeps it."""

from __future__ import annotations

import logging
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from modules.jobs.events import EventHub

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

Phase = Literal["loading", "sampling", "decoding"]
PREVIEW_SECONDS = 0.25
"""Least time between two previews, where nothing else is said."""
PUBLISH_SECONDS = 0.05
"""Least time between two progress events."""


@dataclass(frozen=True)
class Progress:
    """The state of the running job.

    Args:
        message: what is being done, for people.
        picture, count: the batch at work: its first picture (from 0) and how many it has.
        pictures: pictures in the whole job.
        step, steps: of this batch.
        fraction: of the whole job, 0 to 1.
        eta: seconds that are left, or None while it can't be told.
        preview: a small JPEG of the batch, or None; preview_number: counts the previews.
        started: seconds since 1970.
    """

    job: int
    phase: Phase
    message: str
    pictures: int
    picture: int = 0
    count: int = 0
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    eta: float | None = None
    preview: bytes | None = None
    preview_number: int = 0
    started: float = 0.0


def describe(progress: Progress, with_preview: bool = True) -> dict[str, object]:
    """The progress as the page and other listeners see it; the preview as a data URL, or null."""
    preview = None
    if with_preview and progress.preview is not None:
        preview = "data:image/jpeg;base64," + b64encode(progress.preview).decode("ascii")
    return {
        "job": progress.job,
        "phase": progress.phase,
        "message": progress.message,
        "picture": progress.picture,
        "count": progress.count,
        "pictures": progress.pictures,
        "step": progress.step,
        "steps": progress.steps,
        "fraction": progress.fraction,
        "eta": progress.eta,
        "preview": preview,
    }


class JobMonitor:
    """Watches one job (see `generation.results.Monitor`), publishes its progress, and carries the requests to end it.

    Args:
        done: pictures that are finished already (a job that goes on after a crash).
        preview_every: make a preview every so many steps; 0: none.
        preview_seconds: least time between two previews.
        on_step: called with the progress after every step (the bar in the terminal).
        on_expect: called with the number of pictures where that turns out to be another.
    """

    def __init__(
        self,
        job: int,
        pictures: int,
        events: EventHub,
        *,
        done: int = 0,
        preview_every: int = 1,
        preview_seconds: float = PREVIEW_SECONDS,
        on_step: Callable[[Progress], None] | None = None,
        on_expect: Callable[[int], None] | None = None,
    ) -> None:
        self._events = events
        self._done_before = done
        self._preview_every = preview_every
        self._preview_seconds = preview_seconds
        self._on_step = on_step
        self._on_expect = on_expect
        self._over = False
        self._stop = threading.Event()
        self._skip = threading.Event()
        self._finish = threading.Event()
        self._lock = threading.Lock()
        # previews are made beside the sampling, one at a time: while one is being made, others are left out
        self._previewer = ThreadPoolExecutor(1, thread_name_prefix="preview")
        self._preview: Future[None] | None = None
        self._sampling_since: float | None = None
        self._last_preview = self._last_published = 0.0
        self.progress = Progress(job, "loading", "Starting", pictures, picture=done, started=time.time())
        self._publish(with_preview=False)

    def stop(self) -> None:
        """Ask the job to end within a step."""
        self._stop.set()

    def skip(self) -> None:
        """Ask for the next picture."""
        self._skip.set()

    def finish(self) -> None:
        """Ask the job to end after the pictures that are being made."""
        self._finish.set()

    def finish_requested(self) -> bool:
        """True: no more pictures are to be begun."""
        return self._finish.is_set()

    def ends_with(self, number: int) -> bool:
        """Whether the job is to end with picture `number`, the last of its batch."""
        return self._finish.is_set() and number >= self.progress.picture + self.progress.count - 1

    def end(self) -> None:
        """The pictures after which the job was to end are done: nothing more is made."""
        self._over = True

    def expect(self, pictures: int) -> None:
        """See `Monitor`."""
        if pictures == self.progress.pictures:
            return
        self._change(pictures=pictures)
        if self._on_expect is not None:
            self._on_expect(pictures)
        self._publish(with_preview=False)

    def close(self) -> None:
        """No more previews."""
        self._previewer.shutdown(wait=True, cancel_futures=True)

    def stop_requested(self) -> bool:
        """See `Monitor`."""
        return self._stop.is_set() or self._over

    def skip_requested(self) -> bool:
        """See `Monitor`."""
        return self._skip.is_set()

    def loading(self, what: str) -> None:
        """See `Monitor`."""
        self._change(phase="loading", message=f"Loading {what}")
        self._publish(with_preview=False)

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        """See `Monitor`."""
        self._skip.clear()
        if self._sampling_since is None:
            self._sampling_since = time.monotonic()
        self._change(
            phase="sampling",
            message="Sampling",
            picture=first,
            count=count,
            step=0,
            steps=steps,
        )
        self._publish(with_preview=False)

    def step(self, done: int, preview: Callable[[], Image]) -> None:
        """See `Monitor`."""
        before = self.progress
        fraction = (before.picture + before.count * done / before.steps) / before.pictures
        phase: Phase = "decoding" if done >= before.steps else "sampling"
        self._change(
            step=done,
            phase=phase,
            message=phase.capitalize(),
            fraction=min(fraction, 1.0),
            eta=self._time_left(fraction),
        )
        now = time.monotonic()
        due = self._preview_every > 0 and done % self._preview_every == 0 and done < before.steps
        if due and now - self._last_preview >= self._preview_seconds and self._is_free():
            self._last_preview = now
            self._preview = self._previewer.submit(self._show, preview)
        if now - self._last_published >= PUBLISH_SECONDS or done >= before.steps:
            self._publish(with_preview=False)
        if self._on_step is not None:
            self._on_step(self.progress)

    def _is_free(self) -> bool:
        return self._preview is None or self._preview.done()

    def _show(self, preview: Callable[[], Image]) -> None:
        """Make a preview and publish it. In the previewer's thread."""
        try:
            picture = _jpeg(preview())
        except Exception:  # a preview is a kindness; the picture doesn't depend on it
            log.exception("The preview could not be made")
            return
        self._change(preview=picture, preview_number=self.progress.preview_number + 1)
        self._publish(with_preview=True)

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self.progress = replace(self.progress, **changes)

    def _time_left(self, fraction: float) -> float | None:
        begun = self._done_before / self.progress.pictures
        if self._sampling_since is None or fraction <= begun:
            return None
        elapsed = time.monotonic() - self._sampling_since
        return elapsed * (1 - fraction) / (fraction - begun)

    def _publish(self, with_preview: bool) -> None:
        self._last_published = time.monotonic()
        self._events.publish("progress", describe(self.progress, with_preview))


def _jpeg(image: Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
