"""The X/Y/Z plot of the older UI as its extensions know it: they find this module and add axes to its table.

    xyz_grid = next(d.module for d in scripts.scripts_data if d.script_class.__module__ == "xyz_grid.py")
    xyz_grid.axis_options.append(xyz_grid.AxisOption("[Mine] Strength", float, apply))

Our own plot (`extensions/xyz-plot`) offers these axes beside its own. A cell's request says which values it has
(`MARK`), and they are applied to its `p` before the scripts see it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from io import StringIO
from itertools import permutations
from typing import Any, Literal

from modules.compat import owners
from modules.compat.script_class import Script as _Script
from modules.compat.script_data import ScriptClassData, scripts_data
from modules.generation.requests import GenerationRequest, PictureRequest
from modules.plugins.hooks import PlotAxis

MARK = "xyz_grid.py"
"""Under this name a request holds, in `extensions`, the values of older extensions' axes: `{"label": value}`."""
_PATH = "scripts/xyz_grid.py"


# ── What extensions use ─────────────────────────────────────────────────────────────────────────────────────


def apply_field(field: str) -> Callable[[Any, Any, Any], None]:
    """Sets an attribute of `p`."""

    def apply(p: Any, x: Any, xs: Any) -> None:
        setattr(p, field, x)

    return apply


def apply_override(field: str, boolean: bool = False) -> Callable[[Any, Any, Any], None]:
    """Sets an option for this picture alone."""

    def apply(p: Any, x: Any, xs: Any) -> None:
        p.override_settings[field] = str(x).lower() == "true" if boolean else x

    return apply


def do_nothing(p: Any, x: Any, xs: Any) -> None:
    """Changes nothing."""


def boolean_choice(reverse: bool = False) -> Callable[[], list[str]]:
    """The choices of a switch."""
    return lambda: ["False", "True"] if reverse else ["True", "False"]


def format_value_add_label(p: Any, opt: AxisOption, x: Any) -> str:
    """A legend with the axis' name."""
    return f"{opt.label}: {round(x, 8) if isinstance(x, float) else x}"


def format_value(p: Any, opt: AxisOption, x: Any) -> Any:
    """A legend that is the value."""
    return round(x, 8) if isinstance(x, float) else x


def format_value_join_list(p: Any, opt: AxisOption, x: Any) -> str:
    """A legend of several values."""
    return ", ".join(map(str, x))


def format_nothing(p: Any, opt: AxisOption, x: Any) -> str:
    """No legend."""
    return ""


def format_remove_path(p: Any, opt: AxisOption, x: Any) -> str:
    """A file's name."""
    return str(x).replace("\\", "/").rpartition("/")[2]


def str_permutations(x: Any) -> Any:
    """A kind of values: the orders of those that were typed."""
    return x


def csv_string_to_list_strip(data_str: str) -> list[str]:
    """Words that stand apart by commas, as a list."""
    return [word.strip() for row in csv.reader(StringIO(data_str), skipinitialspace=True) for word in row]


def list_to_csv_string(data_list: Iterable[Any]) -> str:
    """A list as words with commas between them."""
    text = StringIO()
    csv.writer(text).writerow(data_list)
    return text.getvalue().strip()


class AxisOption:
    """An axis; see the older UI's documentation of extensions."""

    is_img2img: bool | None = None

    def __init__(
        self,
        label: str,
        type: Callable[[Any], Any],
        apply: Callable[[Any, Any, Any], Any],
        format_value: Callable[[Any, Any, Any], Any] = format_value_add_label,
        confirm: Callable[[Any, Any], Any] | None = None,
        cost: float = 0.0,
        choices: Callable[[], Iterable[Any]] | None = None,
        prepare: Callable[[Any], Any] | None = None,
    ) -> None:
        self.label, self.type, self.apply, self.format_value = label, type, apply, format_value
        self.confirm, self.cost, self.choices, self.prepare = confirm, cost, choices, prepare
        self.extension = owners.of_caller()[0]


class AxisOptionImg2Img(AxisOption):
    """One that is there only in img2img."""

    is_img2img = True


class AxisOptionTxt2Img(AxisOption):
    """One that is there only in txt2img."""

    is_img2img = False


axis_options: list[AxisOption] = []


class Script(_Script):
    """By this class extensions find the module; our own plot is in the menu."""

    __module__ = MARK

    def title(self) -> str:
        """See `Script`."""
        return "X/Y/Z plot"

    def show(self, is_img2img: bool) -> bool:
        """Never."""
        return False


# ── What the program does with them ─────────────────────────────────────────────────────────────────────────


def offer() -> None:
    """Have extensions find it."""
    if all(data.script_class is not Script for data in scripts_data):
        scripts_data.insert(0, ScriptClassData(Script, _PATH, "", sys.modules[__name__]))


def withdraw(extension: str) -> None:
    """Forget an extension's axes; with the last extension all."""
    axis_options[:] = [option for option in axis_options if getattr(option, "extension", "") != extension]
    if all(data.script_class is Script for data in scripts_data):
        scripts_data.clear()
        axis_options.clear()


def plot_axes() -> list[tuple[str, PlotAxis]]:
    """The axes that were added, as our plot takes them."""
    return [(option.extension, _axis(option)) for option in axis_options if option.label != "Nothing"]


def apply_axes(request: PictureRequest, p: Any) -> None:
    """Do to `p` what a cell's axes say. Raises: whatever the extension raises."""
    values = request.extensions.get(MARK, {})
    for option in axis_options:
        if option.label in values:
            value = values[option.label]
            option.apply(p, value, [value])


def _axis(option: AxisOption) -> PlotAxis:
    tabs: dict[bool | None, Literal["both", "txt2img", "img2img"]] = {True: "img2img", False: "txt2img"}
    kinds: dict[Any, type] = {int: int, float: float, bool: bool}
    kind = kinds.get(option.type, str)

    def apply(request: GenerationRequest, value: Any) -> GenerationRequest:
        if kind is str and option.type is not str_permutations:
            value = option.type(value)
        values = {**request.extensions.get(MARK, {}), option.label: value}
        return replace(request, extensions={**request.extensions, MARK: values})

    def legend(value: Any) -> str:
        try:
            return str(option.format_value(None, option, value))
        except Exception:  # it wants to see `p`, which there isn't yet
            return format_value_add_label(None, option, value)

    choices = option.choices
    return PlotAxis(
        label=option.label,
        apply=apply,
        kind=kind,
        choices=None if choices is None else lambda: [str(one) for one in choices()],
        cost=float(option.cost or 0),
        tab=tabs.get(option.is_img2img, "both"),
        legend=legend,
        combine=_orders if option.type is str_permutations else None,
    )


def _orders(values: list[Any]) -> list[Any]:
    return [list(order) for order in permutations(values)]
