"""Loopback: the result goes in again, several times, with a denoising strength that changes on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField, NotSupported
from modules.generation.requests import GenerationRequest, ImageToImage
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging.annotated_grid import annotated_grid, head
from modules.imaging.infotext import compose
from modules.plugins.hooks import Script, hookimpl

if TYPE_CHECKING:
    from PIL.Image import Image

TITLE = "Loopback"
MOST = 1000
CURVES: dict[str, Callable[[float], float]] = {
    "Aggressive": lambda share: math.sin(share * math.pi / 2),
    "Linear": lambda share: share,
    "Lazy": lambda share: 1 - math.cos(share * math.pi / 2),
}
"""How much of the change is made after a share of the loops."""
DEFAULTS: dict[str, Any] = {
    "loops": 4,
    "final_denoising_strength": 0.5,
    "denoising_curve": "Linear",
    "append_interrogation": "None",
}


def strengths(first: float, last: float, loops: int, curve: str) -> list[float]:
    """The denoising strength of each loop, from the first to the last."""
    if loops == 1:
        return [first]
    return [first + (last - first) * CURVES[curve](loop / (loops - 1)) for loop in range(loops)]


def run(request: GenerationRequest, values: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
    """The picture of each loop, of each batch from the beginning; then the history as a grid."""
    values = DEFAULTS | values
    if not isinstance(request, ImageToImage) or request.frame is not None:
        raise NotSupported("Loopback is for img2img and inpaint: it needs a picture to begin with.")
    request = request.with_seeds(studio.draw_seed)
    each = _strengths(request, values)
    batches = request.batch_count
    studio.expect(batches * len(each))
    history: list[list[Image | None]] = []
    first: GeneratedImage | None = None
    seed = request.seed_of(0)
    for batch in range(batches):
        image = request.init_images[batch % len(request.init_images)]
        row: list[Image | None] = [None] * len(each)
        history.append(row)
        for loop, strength in enumerate(each):
            if studio.monitor.stop_requested():
                break
            one = _of_loop(request, image, min(max(strength, 0.0), 1.0), seed, loop)
            picture = None
            for picture in studio.make(one):
                first = first or picture
                yield picture
            seed += 1
            if picture is None:
                break  # left out on request: the next batch begins anew
            row[loop] = picture.image
            image = studio.pictures.keep(picture.image)
    if first is not None and batches * len(each) > 1:
        columns = [head(f"Denoising: {strength:.3g}") for strength in each]
        facts = {"Script": TITLE, "Loops": len(each), "Final denoising strength": round(each[-1], 4)}
        infotext = ", ".join(part for part in (first.infotext, compose("", "", facts)) if part)
        sheet = annotated_grid([row for row in history if any(row)], columns)
        yield replace(first, image=sheet, infotext=infotext, kind="grid")


def _strengths(request: ImageToImage, values: dict[str, Any]) -> list[float]:
    loops, last, curve = (values[name] for name in ("loops", "final_denoising_strength", "denoising_curve"))
    if (
        isinstance(loops, bool)
        or not isinstance(loops, (int, float))
        or loops != int(loops)
        or not 1 <= loops <= MOST
    ):
        raise InvalidField("loops", f"Loops must be a whole number from 1 to {MOST:,}, not {loops!r}.")
    if isinstance(last, bool) or not isinstance(last, (int, float)) or not 0 <= last <= 1:
        raise InvalidField(
            "final_denoising_strength",
            f"Final denoising strength must be a number from 0 to 1, not {last!r}.",
        )
    if curve not in CURVES:
        raise InvalidField("denoising_curve", f"The curve must be one of {', '.join(CURVES)}, not {curve!r}.")
    if values["append_interrogation"] not in ("None", None, ""):
        raise NotSupported("Loopback can't describe pictures; append_interrogation must be None.")
    return strengths(request.denoising_strength, float(last), int(loops), curve)


def _of_loop(request: ImageToImage, image: str, strength: float, seed: int, loop: int) -> ImageToImage:
    """The request of a loop. After the first, what is under a mask is the last result."""
    mask = request.mask
    if mask is not None and loop > 0:
        mask = replace(mask, content="original")
    return replace(
        request,
        init_images=(image,),
        denoising_strength=strength,
        seed=seed,
        seeds=(),
        batch_size=1,
        batch_count=1,
        mask=mask,
    )


def build() -> dict[str, Any]:
    import gradio as gr

    with gr.Row():
        loops = gr.Slider(1, 32, value=4, step=1, label="Loops")
        last = gr.Slider(0, 1, value=0.5, step=0.01, label="Final denoising strength")
    curve = gr.Dropdown(list(CURVES), value="Linear", label="Denoising strength curve")
    return {"loops": loops, "final_denoising_strength": last, "denoising_curve": curve}


@hookimpl
def scripts() -> list[Script]:
    return [Script(TITLE, run, build, DEFAULTS, ("img2img", "inpaint"))]
