"""What a request gives, and how it is watched while it runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image


PictureKind = Literal["picture", "grid", "extra"]


class _Awaited:
    """A field that may be given as a future: whoever reads it waits for the value."""

    def __get__(self, instance: GeneratedImage, owner: type) -> Image:
        given: Image | Future[Image] = instance.__dict__["_image"]
        return given.result() if isinstance(given, Future) else given

    def __set__(self, instance: GeneratedImage, value: Image | Future[Image]) -> None:
        instance.__dict__["_image"] = value


@dataclass(frozen=True)
class GeneratedImage:
    """One finished picture.

    Args:
        image: RGB. It may be given as a future; then reading it waits for the picture, and raises what went wrong
            with it.
        number: its place in the job, from 0.
        infotext: the recipe that is written into the file.
        complete: False where the job was interrupted before its last step.
        kind: a picture that was asked for, a grid of several, or what a script or an extension shows besides.
    """

    image: Image
    number: int
    seed: int
    variation_seed: int
    infotext: str
    complete: bool = True
    kind: PictureKind = "picture"


# not in the class: there it would be the field's default
GeneratedImage.image = _Awaited()  # type: ignore[assignment]


class Monitor(Protocol):
    """Watches a run and may end it. All calls come from the thread that runs the request."""

    def loading(self, what: str) -> None:
        """Something is being loaded that takes a while, such as a checkpoint."""

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        """The pictures `first` to `first + count - 1` are begun; they take `steps` steps."""

    def step(self, done: int, preview: Callable[[], Image]) -> None:
        """`done` steps are done; `preview()` makes a small picture of the present state."""

    def stop_requested(self) -> bool:
        """True: end the job now, and keep the picture as it is."""

    def skip_requested(self) -> bool:
        """True: leave this batch and go on with the next. The request is taken back by `begin_batch`."""

    def finish_requested(self) -> bool:
        """True: begin no more pictures than those that are being made."""

    def expect(self, pictures: int) -> None:
        """So many pictures will be made in all: a script may make more, or fewer, than its request says."""


class Unwatched:
    """A monitor that does nothing: for tests and scripts."""

    def loading(self, what: str) -> None:
        """See `Monitor`."""

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        """See `Monitor`."""

    def step(self, done: int, preview: Callable[[], Image]) -> None:
        """See `Monitor`."""

    def stop_requested(self) -> bool:
        """See `Monitor`."""
        return False

    def skip_requested(self) -> bool:
        """See `Monitor`."""
        return False

    def finish_requested(self) -> bool:
        """See `Monitor`."""
        return False

    def expect(self, pictures: int) -> None:
        """See `Monitor`."""
