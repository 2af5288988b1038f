"""A request that a script carries out: several generations and what is made of them, as one job."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from modules.faults import NotSupported, UnknownName
from modules.generation.hooks import GenerationHooks
from modules.generation.requests import SEEDS, GenerationRequest
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.studio import InputPictures, Studio

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.imaging.upscalers import Upscalers

log = logging.getLogger(__name__)

PATIENCE = 1000
"""So many requests without pictures, and so many pictures, a script may have after the job's end was asked for."""


class ScriptEnded(Exception):
    """The script goes on although the job is to end."""


class NoPictures:
    """Where pictures can't be kept: `studio.InputPictures`."""

    def open(self, name: str, field: str) -> Image:
        """Raises: UnknownName."""
        raise UnknownName(field, f"{field}: there is no picture named {name!r}.")

    def keep(self, image: Image) -> str:
        """Raises: NotSupported."""
        raise NotSupported("Pictures can't be kept here.")


NO_PICTURES = NoPictures()


class ScriptRun:
    """One run of a script.

    Args: carry_out: makes the pictures of a request that has no script.
    """

    def __init__(
        self,
        carry_out: Callable[[GenerationRequest, Monitor], Iterator[GeneratedImage]],
        monitor: Monitor,
    ) -> None:
        self._carry_out = carry_out
        self._monitor = monitor
        self._begun = 0  # pictures that were begun, or left out
        self._total = 1  # what is expected in all
        self._in_vain = 0
        self._random = random.Random()

    def run(
        self,
        request: GenerationRequest,
        hooks: GenerationHooks,
        first: int,
        pictures: InputPictures,
        upscalers: Upscalers,
    ) -> Iterator[GeneratedImage]:
        """What the script yields, numbered from 0 on. After a crash it does all again, and yields from `first` on.

        Raises: UnknownName: there is no such script; Fault: what it fails with.
        """
        assert request.script is not None
        self._total = request.pictures
        self._random.seed(request.script.seed)
        studio = Studio(self._make, self._expect, _Outside(self), pictures, upscalers, self._draw_seed)
        answer = hooks.run(request, studio)
        if answer is None:
            raise UnknownName("script_name", f"There is no script named {request.script.name!r}.")
        number = late = 0
        try:
            for picture in answer:
                if self._stopped() and picture.kind != "picture":
                    picture = replace(picture, complete=False)  # a grid of what there is so far
                if number >= first:
                    yield replace(picture, number=number)
                number += 1
                late += self._stopped()
                if late > PATIENCE:
                    raise ScriptEnded
        except Exception as error:
            if not self.ending():
                raise
            log.info("The script %s ended early (%r).", request.script.name, error)

    def ending(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._stopped() or self._monitor.finish_requested()

    def _stopped(self) -> bool:
        return self._monitor.stop_requested()

    def _expect(self, pictures: int) -> None:
        self._total = max(pictures, self._begun, 1)
        self._monitor.expect(self._total)

    def _make(self, request: GenerationRequest) -> Iterator[GeneratedImage]:
        if self.ending():
            self._in_vain += 1
            if self._in_vain > PATIENCE:
                raise ScriptEnded
            return
        request = request.with_seeds(self._draw_seed)
        inside = _Inside(self._monitor, self._begun, self._grow)
        self._grow(self._begun + request.pictures)
        for picture in self._carry_out(replace(request, script=None), inside):
            yield picture
            inside.over = self._monitor.finish_requested() and picture.number >= inside.last

    def _draw_seed(self) -> int:
        return self._random.randrange(SEEDS)

    def _grow(self, begun: int) -> None:
        self._begun = begun = max(begun, self._begun)
        if begun > self._total:
            self._expect(begun)


class _Inside:
    """Watches one of the script's generations: its pictures are some of the job's. See `Monitor`.

    Args: before: pictures that were begun earlier; grow: told how many are begun then.
    """

    def __init__(self, monitor: Monitor, before: int, grow: Callable[[int], None]) -> None:
        self._monitor = monitor
        self._before = before
        self._grow = grow
        self.last = 0
        """The number of the batch's last picture."""
        self.over = False
        """The job is to end after the pictures that were being made, and they are done."""
        self.loading = monitor.loading
        self.step = monitor.step
        self.skip_requested = monitor.skip_requested
        self.finish_requested = monitor.finish_requested

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        """See `Monitor`."""
        self.last = first + count - 1
        self._grow(self._before + first + count)
        self._monitor.begin_batch(self._before + first, count, steps)

    def stop_requested(self) -> bool:
        """See `Monitor`."""
        return self.over or self._monitor.stop_requested()

    def expect(self, pictures: int) -> None:
        """Only the script knows that."""


class _Outside(_Inside):
    """What the script itself sees: to finish and to stop are the same for it."""

    def __init__(self, run: ScriptRun) -> None:
        super().__init__(run._monitor, 0, run._grow)
        self.stop_requested = run.ending  # type: ignore[method-assign]
        self.expect = run._expect  # type: ignore[method-assign]
