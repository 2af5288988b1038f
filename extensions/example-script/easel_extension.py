"""An entry of the Script menu: the same picture with several CFG scales, and a grid of them. Shows `scripts`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from modules.faults import InvalidField
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging.grids import make_grid
from modules.plugins.hooks import Me, Script, hookimpl


def build() -> dict[str, Any]:
    return {"scales": gr.Textbox("3, 7, 12", label="CFG scales", info="Numbers with commas between them")}


def scales_of(values: dict[str, Any]) -> list[float]:
    try:
        return [float(word) for word in str(values["scales"]).split(",") if word.strip()]
    except ValueError as error:
        raise InvalidField("script_args", f"CFG scales: {error}.") from error


def run(request: GenerationRequest, values: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
    scales = scales_of(values)
    request = request.with_seeds(studio.draw_seed)  # one seed for all of them, where nobody chose one
    studio.expect(len(scales) * request.pictures)
    made = []
    for scale in scales:
        for picture in studio.make(replace(request, cfg_scale=scale)):
            yield picture  # at once: it is saved and shown while the next one is made
            if picture.kind == "picture":
                made.append(picture)
    if made:
        yield replace(made[0], image=make_grid([picture.image for picture in made]), kind="grid")


@hookimpl
def scripts(me: Me) -> list[Script]:
    return [Script("CFG scales", run, build, defaults={"scales": "3, 7, 12"})]
