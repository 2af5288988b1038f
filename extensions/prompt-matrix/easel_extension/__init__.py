"""Prompt matrix: `a|b|c` makes a picture for every combination of b and c with a, in a grid that says which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging.annotated_grid import annotated_grid
from modules.imaging.infotext import compose, parse
from modules.plugins.hooks import Script, hookimpl

from .combinations import combined, heads, parts_of

if TYPE_CHECKING:
    from PIL.Image import Image

TITLE = "Prompt matrix"
MAX_PIXELS = 200_000_000
DELIMITERS = {"comma": ", ", "space": " "}
DEFAULTS: dict[str, Any] = {
    "put_at_start": False,
    "different_seeds": False,
    "prompt_type": "positive",
    "variations_delimiter": "comma",
    "margin_size": 0,
}


def run(request: GenerationRequest, values: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
    """A picture for each combination, then the grid."""
    values = DEFAULTS | values
    request = replace(request.with_seeds(studio.draw_seed), batch_size=1, batch_count=1)
    positive = _one_of(values, "prompt_type", ("positive", "negative")) == "positive"
    delimiter = DELIMITERS[_one_of(values, "variations_delimiter", tuple(DELIMITERS))]
    field = "prompt" if positive else "negative_prompt"
    written: str = getattr(request, field)
    parts = parts_of(written)
    count = 1 << (len(parts) - 1)
    if count * request.width * request.height > MAX_PIXELS:
        raise InvalidField(
            field,
            f"Prompt matrix: {len(parts) - 1} variable parts make {count:,} pictures, which is more than a grid of "
            f"{MAX_PIXELS / 1e6:.0f} megapixels. Use fewer parts or smaller pictures.",
        )
    studio.expect(count)
    made: list[GeneratedImage | None] = []
    for number in range(count):
        if studio.monitor.stop_requested():
            break
        prompt = combined(parts, number, delimiter, bool(values["put_at_start"]))
        seed = request.seed + number if values["different_seeds"] else request.seed
        changed: dict[str, Any] = {field: prompt}
        one = replace(request, seed=seed, seeds=request.seeds[:1], **changed)
        picture = None
        for picture in studio.make(one):
            yield picture
        made.append(picture)
    first = next((one for one in made if one is not None), None)
    if first is not None and count > 1:
        pictures = [None if one is None else one.image for one in made] + [None] * (count - len(made))
        sheet = _sheet(parts, pictures, min(max(int(values["margin_size"] or 0), 0), 500))
        yield replace(first, image=sheet, kind="grid", infotext=_infotext(first.infotext, field, written))


def _one_of(values: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    if values[name] not in choices:
        raise InvalidField(
            name, f"Prompt matrix: {name} must be {' or '.join(choices)}, not {values[name]!r}."
        )
    return str(values[name])


def _sheet(parts: list[str], pictures: list[Image | None], margin: int) -> Image:
    columns, rows = heads(parts[1:])
    wide = len(columns)
    cells = [pictures[row * wide : (row + 1) * wide] for row in range(len(rows))]
    return annotated_grid(cells, columns, rows, margin=margin)


def _infotext(infotext: str, field: str, written: str) -> str:
    """The first picture's recipe with the prompt as it was written, so that it can be used again."""
    prompt, negative, parameters = parse(infotext)
    if field == "prompt":
        prompt = written
    else:
        negative = written
    return compose(prompt, negative, {**parameters, "Script": TITLE})


def build() -> dict[str, Any]:
    import gradio as gr

    with gr.Row():
        kind = gr.Radio(["positive", "negative"], value="positive", label="Prompt with the parts")
        delimiter = gr.Radio(["comma", "space"], value="comma", label="Between the parts")
    with gr.Row():
        at_start = gr.Checkbox(False, label="Put variable parts first")
        seeds = gr.Checkbox(False, label="A seed of its own for each picture")
    margin = gr.Slider(0, 500, value=0, step=2, label="Grid margins (px)")
    made = (at_start, seeds, kind, delimiter, margin)
    return dict(zip(DEFAULTS, made, strict=True))


@hookimpl
def scripts() -> list[Script]:
    return [Script(TITLE, run, build, DEFAULTS, aliases=("prompt_matrix", "prompt-matrix"))]
