"""X/Y/Z plot: one picture for every combination of up to three settings' values, in a grid with a legend."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from modules.plugins.hooks import Kind, Me, Script, hookimpl

from .plot import DEFAULTS, TITLE, run


def build(kind: Literal["txt2img", "img2img"], me: Me) -> dict[str, Any]:
    from .controls import build

    return build(kind, me)


@hookimpl
def scripts(me: Me) -> list[Script]:
    aliases = ("x/y/z plot", "xyz plot", "xyz_grid", "xyz-plot")
    plot = partial(run, me=me)
    pictures: tuple[Kind, ...] = ("img2img", "inpaint", "outpaint")
    return [
        Script(TITLE, plot, partial(build, "txt2img", me), DEFAULTS, ("txt2img",), aliases),
        Script(TITLE, plot, partial(build, "img2img", me), DEFAULTS, pictures, aliases),
    ]
