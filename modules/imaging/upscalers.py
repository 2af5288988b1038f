"""Upscalers: what makes a picture larger, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from modules.faults import UnknownName

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

Progress = Callable[[float], bool]
"""Called with the share that is done, 0 to 1; returns True to stop: the upscaler then raises `tiles.Stopped`."""


class Upscaler(Protocol):
    """Makes a picture larger by a factor of its own or by any."""

    name: str

    @property
    def kind(self) -> str:
        """What it is, such as "ESRGAN"; "" for a filter."""

    @property
    def scale(self) -> float:
        """How much larger it makes a picture by nature; a filter has none of its own and says 4."""

    @property
    def path(self) -> Path | None:
        """Its file, if it has one."""

    def upscale(self, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """The picture, about `scale` times as large; the caller resizes it to the exact size."""


class Filter:
    """One of Pillow's filters: "Lanczos" or "Nearest"."""

    kind = ""
    scale = 4.0
    path: Path | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def upscale(self, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """See `Upscaler`."""
        from PIL.Image import Resampling

        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        return image.resize(size, Resampling[self.name.upper()])


FILTERS: tuple[Upscaler, ...] = (Filter("Lanczos"), Filter("Nearest"))


class Upscalers:
    """All upscalers by name.

    Args: more: finds those of files and extensions, each time anew.
    """

    def __init__(self, more: Callable[[], list[Upscaler]] = list) -> None:
        self._more = more

    def all(self) -> list[Upscaler]:
        """All of them, the filters first."""
        return [*FILTERS, *self._more()]

    def find(self, name: str, field: str = "hr_upscaler") -> Upscaler:
        """The upscaler of this name; "None" is Lanczos.

        Raises: UnknownName.
        """
        wanted = "lanczos" if name == "None" else name.lower()
        for upscaler in self.all():
            if upscaler.name.lower() == wanted:
                return upscaler
        raise UnknownName(field, f"There is no upscaler named {name!r}. Put its file into models/ESRGAN.")

    def resize(
        self,
        image: Image,
        width: int,
        height: int,
        name: str,
        progress: Progress | None = None,
        *,
        always: bool = False,
    ) -> Image:
        """The picture at exactly this size: made larger by the upscaler where it has to be, the rest by Lanczos.

        Args: always: at its present size too (what a model makes of it is brought back to the size by Lanczos).
        """
        from PIL.Image import Resampling

        scale = max(width / image.width, height / image.height)
        if scale > 1 or (always and scale == 1):
            image = self.find(name).upscale(image, scale, progress)
        return image if image.size == (width, height) else image.resize((width, height), Resampling.LANCZOS)
