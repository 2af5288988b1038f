"""Tiled diffusion upscale: the enlarged picture is drawn anew as a whole, the U-Net seeing a window at a time.

In every step the windows' answers are averaged (see `modules.sampling.windows`), so that there is one picture and no
seam, at the memory of one window. All that needs is in the request: `sampling.window_width` and its sisters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from modules.faults import InvalidField
from modules.generation.options import MAX_SIDE
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging.infotext import compose
from modules.plugins.hooks import Me

from .enlarging import build_common, checked, enlarged, number, upscaler_named, whole_cells

TITLE = "Tiled diffusion upscale"
DEFAULTS: dict[str, Any] = {"overlap": 64, "upscaler_index": "Lanczos", "scale_factor": 2.0}


def run(request: GenerationRequest, values: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
    """Large pictures, each made as a whole."""
    values = DEFAULTS | values
    request = checked(request, TITLE).with_seeds(studio.draw_seed)
    scale = number(values, "scale_factor", "Scale factor", 1, 16)
    overlap = int(number(values, "overlap", "Tile overlap", 0, 4096))
    if overlap >= min(request.width, request.height):
        raise InvalidField("overlap", f"Tile overlap must be less than a tile's side, not {overlap}.")
    upscaler = upscaler_named(studio.upscalers, values["upscaler_index"])
    windows = replace(
        request.sampling,
        window_width=request.width,
        window_height=request.height,
        window_overlap=overlap,
    )
    studio.expect(request.pictures)
    for count in range(request.batch_count):
        if studio.monitor.stop_requested():
            return
        picture = enlarged(
            request, request.init_images[count % len(request.init_images)], studio, upscaler, scale
        )
        width, height = whole_cells(picture.width), whole_cells(picture.height)
        if max(width, height) > MAX_SIDE:
            raise InvalidField("scale_factor", f"{width}x{height} is more than {MAX_SIDE} pixels a side.")
        one = replace(
            request,
            init_images=(studio.pictures.keep(picture),),
            width=width,
            height=height,
            resize_mode=0,
            seed=request.seed + count * request.batch_size,
            seeds=request.seeds[count * request.batch_size :],
            batch_count=1,
            sampling=windows,
        )
        for result in studio.make(one):
            parts = result.infotext, compose("", "", {"Script": TITLE})
            yield replace(
                result, image=result.image.resize(picture.size), infotext=", ".join(filter(None, parts))
            )


def build(me: Me) -> dict[str, Any]:
    import gradio as gr

    gr.Markdown("A window is as large as Width and Height say; a denoising strength of 0.2 to 0.5 suits.")
    return build_common(me, 64, 2.0)
