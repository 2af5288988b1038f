"""What an axis is: how its values are read, and what a value does to a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from modules.generation.requests import GenerationRequest, ImageToImage, TextToImage
from modules.plugins.program import Program

from . import spans
from .names import Names

Apply = Callable[[GenerationRequest, Any], GenerationRequest]
Tab = Literal["both", "txt2img", "img2img"]


@dataclass(frozen=True)
class Axis:
    """A line of the table.

    Args:
        label: as menus, the API and infotexts know it.
        read: the values of a word that was typed; raises ValueError (the end of a sentence) or a Fault.
        apply: the request with a value; raises the same.
        cost: how dear a change of it is: the dearest axis is changed least often.
        choices: what can be chosen, where that is a list.
        tab: where it is offered.
        show: the legend of a value; None: "label: value".
        all_values: makes the values from all words at once (the order of words).
        first: it is applied before the others, because others change what it brings.
    """

    label: str
    read: Callable[[str, Names], Sequence[Any]]
    apply: Apply
    cost: float = 0.0
    choices: Callable[[Program], list[str]] | None = None
    tab: Tab = "both"
    show: Callable[[Any], str] | None = None
    all_values: Callable[[list[Any]], list[Any]] | None = None
    first: bool = False

    def legend(self, value: Any) -> str:
        """What stands beside the pictures of a value."""
        return self.show(value) if self.show is not None else f"{self.label}: {shown(value)}"


def shown(value: Any) -> str:
    """A value as people write it: 0.3, and not 0.30000000000000004."""
    return f"{round(value, 8):g}" if isinstance(value, float) else str(value)


def plainly(value: Any) -> str:
    """A legend that is the value alone."""
    return shown(value)


# ── How words are read ──────────────────────────────────────────────────────────────────────────────────────


def whole(word: str, names: Names) -> Sequence[int]:
    return spans.whole_numbers(word)


def number(word: str, names: Names) -> Sequence[float]:
    return spans.numbers(word)


def text(word: str, names: Names) -> Sequence[str]:
    return [word]


def one_of(*choices: str) -> Callable[[str, Names], Sequence[str]]:
    """Reads a word of a list, whatever its case."""

    def read(word: str, names: Names) -> Sequence[str]:
        for choice in choices:
            if choice.lower() == word.lower():
                return [choice]
        raise ValueError(f"{word!r} is none of {', '.join(choices)}")

    return read


def yes_or_no(word: str, names: Names) -> Sequence[bool]:
    if word.lower() in ("true", "yes", "on", "1"):
        return [True]
    if word.lower() in ("false", "no", "off", "0"):
        return [False]
    raise ValueError(f"{word!r} is neither True nor False")


# ── What values do ──────────────────────────────────────────────────────────────────────────────────────────


def field(name: str) -> Apply:
    """Sets a field of the request, or of one of its groups: "noise.source"."""
    group, _, last = name.rpartition(".")

    def apply(request: GenerationRequest, value: Any) -> GenerationRequest:
        if not group:
            return replace(request, **{last: value})
        return replace(request, **{group: replace(getattr(request, group), **{last: value})})

    return apply


def hires(name: str) -> Apply:
    """Sets a field of the second pass."""

    def apply(request: GenerationRequest, value: Any) -> GenerationRequest:
        if not isinstance(request, TextToImage) or request.hires is None:
            raise ValueError("it needs hires fix, which is off")
        return replace(request, hires=replace(request.hires, **{name: value}))

    return apply


def picture(name: str) -> Apply:
    """Sets a field that only requests with a picture have."""
    setter = field(name)

    def apply(request: GenerationRequest, value: Any) -> GenerationRequest:
        if not isinstance(request, ImageToImage):
            raise ValueError("it needs a picture to begin with, so it is for img2img only")
        return setter(request, value)

    return apply


def denoising(request: GenerationRequest, value: float) -> GenerationRequest:
    if isinstance(request, ImageToImage):
        return replace(request, denoising_strength=value)
    return hires("denoising_strength")(request, value)
