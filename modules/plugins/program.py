"""What extensions may ask of the running program: which names there are, what they mean, what the queue would say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from modules.faults import UnknownName
from modules.generation.requests import GenerationRequest
from modules.imaging.upscalers import Upscalers
from modules.prompts.styles import Style

if TYPE_CHECKING:
    from modules.plugins.hooks import PlotAxis

_T = TypeVar("_T")


def _same(value: _T) -> _T:
    return value


def _no_styles(names: Iterable[str]) -> list[Style]:
    for name in names:
        if name not in ("", "None"):
            raise UnknownName("styles", f"There is no style named {name[:60]!r}.")
    return []


def _filters() -> list[str]:
    return [one.name for one in Upscalers().all()]


@dataclass(frozen=True)
class Program:
    """The program as extensions see it, by `me.program`. What is said here holds until all its services are there.

    Args:
        checkpoints: their titles; vaes: their file names; styles: all of them; upscalers: their names.
        find_checkpoint: the file name that a request can have, of a title, name or hash; raises UnknownName.
        find_vae: the same of a VAE's name; "Automatic" and "None" are no names of files.
        find_styles: the styles of these names, in this order ("None" is none); raises UnknownName.
        plot_axes: what extensions add to the X/Y/Z plot.
        check: the request with its names resolved, as the queue does it; raises a `modules.faults.Fault` where it
            could not be carried out.
    """

    checkpoints: Callable[[], list[str]] = list
    vaes: Callable[[], list[str]] = list
    styles: Callable[[], list[Style]] = list
    upscalers: Callable[[], list[str]] = _filters
    find_checkpoint: Callable[[str], str] = _same
    find_vae: Callable[[str], str] = _same
    find_styles: Callable[[Iterable[str]], list[Style]] = _no_styles
    plot_axes: Callable[[], list[PlotAxis]] = list
    check: Callable[[GenerationRequest], GenerationRequest] = _same
