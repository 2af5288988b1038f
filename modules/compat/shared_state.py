"""`modules.shared_state` of the older UI: what is being done, and whether it is to end.

While the worker has a job, that is what the state tells: its steps come from the worker's progress, and an extension
that sets `interrupted` ends it. What an extension sets itself (`job_count`, `textinfo`, a picture) holds until the
job ends. Without a job of the worker, such as during an extension's own work on its own tab, all is as it was set.
"""

from __future__ import annotations

import datetime
import io
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open

if TYPE_CHECKING:
    from modules.jobs.progress import Progress

log = logging.getLogger(__name__)

_BEGINNING: dict[str, Any] = {
    "skipped": False,
    "interrupted": False,
    "stopping_generation": False,
    "job": "",
    "job_no": 0,
    "job_count": 0,
    "sampling_step": 0,
    "sampling_steps": 0,
    "current_latent": None,
    "current_image": None,
    "current_image_sampling_step": 0,
    "id_live_preview": 0,
    "textinfo": None,
    "time_start": None,
    "processing_has_refined_job_count": False,
    "oom": False,
}
_FLAGS = {"skipped": "skip", "interrupted": "interrupt", "stopping_generation": "finish_current"}
"""Wishes, and the worker's methods that they are handed to."""
_ASKED = {
    "skipped": "skip_requested",
    "interrupted": "stop_requested",
    "stopping_generation": "finish_requested",
}


class State:
    """`shared.state`. All names of `_BEGINNING` are attributes that can be read and set."""

    def __init__(self) -> None:
        own = self.__dict__
        own["server_start"] = time.time()
        own["job_timestamp"] = "0"
        own["_lock"] = threading.RLock()
        own["_values"] = dict(_BEGINNING)
        own["_of_job"] = None
        own["_command"] = None
        own["_command_given"] = threading.Event()

    def __getattr__(self, name: str) -> Any:
        if name not in _BEGINNING:
            raise AttributeError(f"The state has nothing named {name}.")
        progress = self._progress()
        with self._lock:
            if name in self._values:
                return self._values[name]
            if progress is not None:
                return _told(name, progress)
        return _BEGINNING[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _BEGINNING:
            object.__setattr__(self, name, value)
            return
        working = self._progress() is not None
        with self._lock:
            if name in _FLAGS and working:
                if value:
                    getattr(house().worker, _FLAGS[name])()
                    self._values[name] = True
                else:
                    self._values.pop(name, None)
            else:
                self._values[name] = value

    def _progress(self) -> Progress | None:
        """How far the worker's job is; with another job than before, all that was set is forgotten."""
        progress = house().worker.progress() if is_open() else None
        job = None if progress is None else progress.job
        with self._lock:
            if job != self._of_job:
                self.__dict__["_of_job"] = job
                self.__dict__["_values"] = {} if job is not None else dict(_BEGINNING)
                if progress is not None:
                    began = datetime.datetime.fromtimestamp(progress.started)
                    self.__dict__["job_timestamp"] = began.strftime("%Y%m%d%H%M%S")
        return progress

    # -- what the older UI's programs call --

    def begin(self, job: str = "(unknown)") -> None:
        """Some work begins that the state is to tell of."""
        self._progress()
        with self._lock:
            if self._of_job is not None:  # within a job of the worker, which goes on
                self._values |= {"job": job}
                return
            self.__dict__["_values"] = {**_BEGINNING, "job": job, "job_count": -1, "time_start": time.time()}
            self.__dict__["job_timestamp"] = datetime.datetime.now().strftime("%Y%m%d%H%M%S")

    def end(self) -> None:
        """The work has ended."""
        with self._lock:
            if self._of_job is not None:
                self._values.pop("job", None)
                return
            self._values.update(job="", job_count=0)

    def interrupt(self) -> None:
        """Ask for the end of the work."""
        self.interrupted = True

    def skip(self) -> None:
        """Ask for the next part of the work."""
        self.skipped = True

    def stop_generating(self) -> None:
        """Ask for the end after the pictures that are being made."""
        self.stopping_generation = True

    def nextjob(self) -> None:
        """A part of the work is done, and the next one begins."""
        self.do_set_current_image()
        self.job_no += 1
        self.sampling_step = 0
        self.current_image_sampling_step = 0

    def set_current_image(self) -> None:
        """Make a preview of `current_latent`, where that has been set and the last preview is some steps old."""
        if self.sampling_step > self.current_image_sampling_step:
            self.do_set_current_image()

    def do_set_current_image(self) -> None:
        """Make a preview of `current_latent`, where that has been set."""
        latent = self._values.get("current_latent")
        if latent is None:
            return
        try:
            from modules.compat import sd_samplers_common  # type: ignore[attr-defined,unused-ignore]

            self.assign_current_image(sd_samplers_common.sample_to_image(latent))
            self.current_image_sampling_step = self.sampling_step
        except Exception:  # a preview is a kindness
            log.debug("The preview could not be made", exc_info=True)

    def assign_current_image(self, image: Any) -> None:
        """Show a PIL picture as the preview."""
        self.current_image = image
        self.id_live_preview += 1

    def dict(self) -> dict[str, Any]:
        """The state as the API tells it."""
        names = ("skipped", "interrupted", "stopping_generation", "job", "job_count")
        more = ("job_no", "sampling_step", "sampling_steps")
        told = {name: getattr(self, name) for name in names}
        return {
            **told,
            "job_timestamp": self.job_timestamp,
            **{name: getattr(self, name) for name in more},
        }

    # -- the end of the program --

    @property
    def server_command(self) -> str | None:
        """What the program was asked to do: "stop" or "restart"."""
        return self.__dict__["_command"]

    @server_command.setter
    def server_command(self, value: str | None) -> None:
        self.__dict__["_command"] = value
        self._command_given.set()

    @property
    def need_restart(self) -> bool:
        """Whether a restart was asked for."""
        return self.server_command == "restart"

    @need_restart.setter
    def need_restart(self, value: bool) -> None:
        self.server_command = "restart" if value else None

    def wait_for_server_command(self, timeout: float | None = None) -> str | None:
        """Wait until somebody sets `server_command`, and take it."""
        given = self._command_given.wait(timeout)
        self._command_given.clear()
        if not given:
            return None
        command, self.__dict__["_command"] = self._command, None
        return command

    def request_restart(self) -> None:
        """Ask for a restart: the running job ends, and the user is asked to start Easel again."""
        self.interrupt()
        self.server_command = "restart"
        log.warning("An extension wants Easel to be started again: do so on the page, under Extensions.")


def _told(name: str, progress: Progress) -> Any:
    """A value of the state as the worker's progress has it."""
    if name in _ASKED:
        monitor = house().worker.monitor
        return monitor is not None and bool(getattr(monitor, _ASKED[name])())
    if name == "current_image":
        return _picture(progress.preview)
    size = max(1, progress.count)
    values = {
        "job": f"task({progress.job})",
        "job_no": progress.picture // size,
        "job_count": max(1, -(-progress.pictures // size)),
        "sampling_step": progress.step,
        "sampling_steps": progress.steps,
        "id_live_preview": progress.preview_number,
        "time_start": progress.started,
        "textinfo": progress.message if progress.phase == "loading" else None,
        "current_image_sampling_step": progress.step,
    }
    return values.get(name, _BEGINNING[name])


def _picture(data: bytes | None) -> Any:
    if data is None:
        return None
    from PIL import Image

    return Image.open(io.BytesIO(data))
