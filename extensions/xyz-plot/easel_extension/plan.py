"""Which pictures a plot is made of: a request for each cell, checked before anything is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from modules.faults import Fault, InvalidField
from modules.generation.requests import GenerationRequest, TextToImage, new_seed

from . import spans
from .axes import NOTHING, SEEDS, find
from .axis import Axis
from .names import Names

MAX_PIXELS = 200_000_000
MAX_CELLS = 5000
RANDOM = -1


@dataclass(frozen=True)
class Chosen:
    """An axis with its values.

    Args: letter: "x", "y" or "z"; typed: the values as they were written.
    """

    letter: str
    axis: Axis
    values: Sequence[Any]
    typed: str

    @property
    def used(self) -> bool:
        """Whether anything changes along it."""
        return self.axis.label != NOTHING

    def legends(self) -> list[str]:
        """What stands beside the pictures of each value."""
        return [self.axis.legend(value) for value in self.values]

    def facts(self, drawn: bool) -> dict[str, str]:
        """What an infotext says of it. Args: drawn: random seeds were replaced by some that stay."""
        name = self.letter.upper()
        if not self.used:
            return {}
        facts = {f"{name} Type": self.axis.label, f"{name} Values": self.typed}
        if drawn and self.axis.label in SEEDS:
            facts[f"Fixed {name} Values"] = ", ".join(map(str, self.values))
        return facts


@dataclass(frozen=True)
class Cell:
    """A place in the plot, and the request for its picture."""

    x: int
    y: int
    z: int
    request: GenerationRequest


@dataclass(frozen=True)
class Plan:
    """A plot: its axes, and its cells in the order in which they are made."""

    x: Chosen
    y: Chosen
    z: Chosen
    cells: list[Cell]


def plan(
    request: GenerationRequest,
    values: Mapping[str, Any],
    kind: str,
    names: Names,
    draw: Callable[[], int] = new_seed,
) -> Plan:
    """The plot that the controls describe.

    Args: draw: gives random seeds.

    Raises: InvalidField, UnknownName, NotSupported: with the axis and the value that can't be.
    """
    keeps = not _on(values, "no_fixed_seeds")
    x, y, z = (_chosen(letter, values, kind, names, draw if keeps else None) for letter in "xyz")
    if (count := len(x.values) * len(y.values) * len(z.values)) > MAX_CELLS:
        raise InvalidField(
            "x_values",
            f"X/Y/Z plot: these are {count:,} cells, and {MAX_CELLS:,} are possible. Use fewer values.",
        )
    varied = tuple(_on(values, f"vary_seeds_{letter}") for letter in "xyz")
    if keeps:
        request = request.with_seeds(draw)
    cells = []
    for place in _in_order(x, y, z):
        chosen = [(axis, axis.values[i]) for axis, i in zip((x, y, z), place, strict=True)]
        cell = _cell(request, chosen, names)
        if not keeps:
            cell = cell.with_seeds(draw)
        cells.append(Cell(*place, _varied(cell, place, varied, (len(x.values), len(y.values)))))
    _check_size(cells)
    return Plan(x, y, z, cells)


def _on(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    return value.strip().lower() in ("true", "1", "yes", "on") if isinstance(value, str) else bool(value)


def _chosen(
    letter: str, values: Mapping[str, Any], kind: str, names: Names, draw: Callable[[], int] | None
) -> Chosen:
    """An axis as it was chosen. Args: draw: gives seeds in place of random ones; None: they stay random."""
    name = f"{letter}_type"
    axis = find(values.get(name), kind, name, names.program.plot_axes())
    if axis.label == NOTHING:
        return Chosen(letter, axis, [None], "")
    typed = str(values.get(f"{letter}_values") or "")
    picked = values.get(f"{letter}_values_dropdown") or []
    picked = [picked] if isinstance(picked, str) else [str(one) for one in picked]
    if axis.choices is not None and picked and not _on(values, "csv_mode"):
        words, typed = picked, spans.joined(picked)
    else:
        words = spans.words(typed)
    if not words:
        raise InvalidField(
            f"{letter}_values",
            f"X/Y/Z plot: the {letter.upper()} axis ({axis.label}) has no values. Enter some.",
        )
    found: list[Any] = []
    for word in words:
        with _Named(letter, axis, word):
            found += axis.read(word, names)
    with _Named(letter, axis, typed):
        found = axis.all_values(found) if axis.all_values is not None else found
    if axis.label in SEEDS and draw is not None:
        found = [draw() if seed == RANDOM else seed for seed in found]
    return Chosen(letter, axis, found, typed)


def _in_order(x: Chosen, y: Chosen, z: Chosen) -> list[tuple[int, int, int]]:
    """All places, so that what is dearest to change changes least often."""
    outer_first = sorted(((2, z), (1, y), (0, x)), key=lambda one: -one[1].axis.cost)
    places = []
    for indices in product(*(range(len(chosen.values)) for _, chosen in outer_first)):
        at = dict(zip((which for which, _ in outer_first), indices, strict=True))
        places.append((at[0], at[1], at[2]))
    return places


def _cell(request: GenerationRequest, chosen: list[tuple[Chosen, Any]], names: Names) -> GenerationRequest:
    """The request with a value of each axis; the one that brings a refiner goes first."""
    for axis, value in sorted(chosen, key=lambda one: not one[0].axis.first):
        if axis.used:
            with _Named(axis.letter, axis.axis, value):
                request = axis.axis.apply(request, value)
    used = [(axis, value) for axis, value in chosen if axis.used]
    if not used:
        return names.program.check(request)
    with _Named(used[-1][0].letter, used[-1][0].axis, used[-1][1]):
        return names.program.check(request)


def _varied(
    request: GenerationRequest, place: tuple[int, int, int], varied: Sequence[bool], sizes: tuple[int, int]
) -> GenerationRequest:
    """The request with a seed of its own along the axes that vary it: one more for each cell."""
    wide = sizes[0] if varied[0] else 1
    high = sizes[1] if varied[1] else 1
    more = sum(i * step for i, step, on in zip(place, (1, wide, wide * high), varied, strict=True) if on)
    if not more:
        return request
    return replace(request, seed=request.seed + more, seeds=tuple(seed + more for seed in request.seeds))


def _check_size(cells: Sequence[Cell]) -> None:
    pixels = sum(math.prod(size_of(cell.request)) * cell.request.pictures for cell in cells)
    if pixels > MAX_PIXELS:
        raise InvalidField(
            "x_values",
            f"X/Y/Z plot: the grid would have {pixels / 1e6:,.0f} megapixels, and {MAX_PIXELS / 1e6:.0f} are "
            "possible. Use fewer values or smaller pictures.",
        )


def size_of(request: GenerationRequest) -> tuple[int, int]:
    """How large a picture of the request will be, about."""
    width, height = request.width, request.height
    if isinstance(request, TextToImage) and request.hires is not None:
        later = request.hires
        if later.width or later.height:
            return (
                later.width or later.height * width // height,
                later.height or later.width * height // width,
            )
        return int(width * later.scale), int(height * later.scale)
    return width, height


class _Named:
    """Says of what goes wrong inside which axis and which value it was."""

    def __init__(self, letter: str, axis: Axis, value: Any) -> None:
        self._letter, self._axis, self._value = letter, axis, value

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (Fault, ValueError)):
            return
        where = f"X/Y/Z plot, {self._letter.upper()} axis ({self._axis.label})"
        said = error.message if isinstance(error, Fault) else f"{error}."
        value = self._value if isinstance(self._value, str) else self._axis.legend(self._value)
        if value and value not in said and repr(value) not in said:
            where += f", value {value.removeprefix(self._axis.label + ': ')}"
        raise InvalidField(f"{self._letter}_values", f"{where}: {said}") from error
