"""What a script works with: it makes pictures as often as it wants, all within its one job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modules.generation.requests import GenerationRequest, new_seed
from modules.generation.results import GeneratedImage, Monitor

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.imaging.upscalers import Upscalers


class InputPictures(Protocol):
    """Keeps pictures that requests begin with; see `imaging.inputs.InputStore`."""

    def open(self, name: str, field: str) -> Image:
        """The picture of this name. Raises: UnknownName, InvalidField, with the field of the request."""

    def keep(self, image: Image) -> str:
        """Keep a picture, and give the name by which requests can begin with it."""


@dataclass(frozen=True)
class Studio:
    """What a script may use.

    Args:
        make: makes the pictures of a request (its `script` is not heeded) and yields each as soon as it is done; they
            count as pictures of the job once the script yields them too. What extensions show besides comes last, as
            pictures of the kind "extra". Once the job is to end, nothing more is made: what was begun is cut short,
            and every further request gives no pictures, so that the script can still show what it has. One that goes
            on asking is ended. Whatever a script raises by then counts as its end, and not as a failure.
        expect: says how many pictures the script will have made in the end, grids not counted, for the progress.
        monitor: whether the job is to end (`stop_requested`), at once or after the pictures that are being made.
        pictures: where requests' pictures are kept.
        upscalers: what makes pictures larger.
        draw_seed: a random seed, for `request.with_seeds(studio.draw_seed)`: a request comes with -1 where nobody chose
            one. It is the same again where the job is done again after a crash.
    """

    make: Callable[[GenerationRequest], Iterator[GeneratedImage]]
    expect: Callable[[int], None]
    monitor: Monitor
    pictures: InputPictures
    upscalers: Upscalers
    draw_seed: Callable[[], int] = new_seed
