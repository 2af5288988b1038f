"""Makes the pictures of a plot, and its grids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.generation.requests import GenerationRequest, TextToImage
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging.annotated_grid import annotated_grid, head
from modules.imaging.grids import make_grid
from modules.imaging.infotext import compose
from modules.plugins.hooks import Me

from .names import Names
from .plan import Plan, plan

if TYPE_CHECKING:
    from PIL.Image import Image

TITLE = "X/Y/Z plot"
DEFAULTS: dict[str, Any] = {
    "x_type": "Seed",
    "x_values": "",
    "x_values_dropdown": [],
    "y_type": "Nothing",
    "y_values": "",
    "y_values_dropdown": [],
    "z_type": "Nothing",
    "z_values": "",
    "z_values_dropdown": [],
    "draw_legend": True,
    "include_lone_images": False,
    "include_sub_grids": False,
    "no_fixed_seeds": False,
    "vary_seeds_x": False,
    "vary_seeds_y": False,
    "vary_seeds_z": False,
    "margin_size": 0,
    "csv_mode": False,
}
Made = dict[tuple[int, int, int], list[GeneratedImage]]


def run(
    request: GenerationRequest, values: dict[str, Any], studio: Studio, me: Me
) -> Iterator[GeneratedImage]:
    """The cells, if they are wanted, each as soon as it is done; then the grid of each z, if wanted, and the whole."""
    values = DEFAULTS | values
    kind = "txt2img" if isinstance(request, TextToImage) else "img2img"
    whole = plan(request, values, kind, Names(me.program, studio.upscalers), studio.draw_seed)
    studio.expect(sum(cell.request.pictures for cell in whole.cells))
    made: Made = {}
    for cell in whole.cells:
        if studio.monitor.stop_requested():
            break
        pictures = made.setdefault((cell.x, cell.y, cell.z), [])
        for picture in studio.make(cell.request):
            pictures.append(picture)
            if values["include_lone_images"]:
                yield picture
    if any(made.values()):
        yield from grids(whole, made, values)


def grids(whole: Plan, made: Made, values: Mapping[str, Any]) -> Iterator[GeneratedImage]:
    """The grid of each z, if they are wanted, and the grid of all."""
    legend, margin = bool(values["draw_legend"]), min(max(int(values["margin_size"] or 0), 0), 500)
    drawn = not values["no_fixed_seeds"]
    titles = whole.z.legends()
    sheets: list[tuple[Image | None, GeneratedImage | None]] = []
    for z in range(len(whole.z.values)):
        sheets.append(_sheet(whole, made, z, legend, margin))
    facts = {"Script": TITLE, **whole.x.facts(drawn), **whole.y.facts(drawn)}
    if len(sheets) == 1 or values["include_sub_grids"]:
        for (sheet, first), title in zip(sheets, titles, strict=True):
            if sheet is None or first is None:
                continue
            if legend and title:
                sheet = annotated_grid([[sheet]], title=head(title))
            yield as_grid(sheet, first, facts | (whole.z.facts(drawn) if len(sheets) == 1 else {}))
    if len(sheets) > 1:
        heads = [head(title) for title in titles] if legend else []
        sheet = annotated_grid([[sheet for sheet, _ in sheets]], heads, margin=margin)
        first = next(first for _, first in sheets if first is not None)
        yield as_grid(sheet, first, facts | whole.z.facts(drawn))


def _sheet(
    whole: Plan, made: Made, z: int, legend: bool, margin: int
) -> tuple[Image | None, GeneratedImage | None]:
    """The grid of one z with its first picture; None: nothing of it was made."""
    rows: list[list[Image | None]] = []
    first = None
    for y in range(len(whole.y.values)):
        row: list[Image | None] = []
        for x in range(len(whole.x.values)):
            pictures = made.get((x, y, z), [])
            first = first or next(iter(pictures), None)
            row.append(_cell([one.image for one in pictures]))
        rows.append(row)
    if first is None:
        return None, None
    columns = [head(text) for text in whole.x.legends()] if legend else []
    sides = [head(text) for text in whole.y.legends()] if legend else []
    return annotated_grid(rows, columns, sides, margin=margin), first


def _cell(pictures: list[Image]) -> Image | None:
    """One picture, or a small grid where a cell has several."""
    if len(pictures) < 2:
        return next(iter(pictures), None)
    return make_grid(pictures)


def as_grid(sheet: Image, first: GeneratedImage, facts: Mapping[str, object]) -> GeneratedImage:
    """The sheet with the recipe of its first picture and what was plotted."""
    infotext = ", ".join(part for part in (first.infotext, compose("", "", facts)) if part)
    return replace(first, image=sheet, infotext=infotext, kind="grid", number=0)
