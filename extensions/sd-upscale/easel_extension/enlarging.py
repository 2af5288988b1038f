"""What both scripts share: the picture made larger, and the tiles of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField, NotSupported
from modules.generation.requests import GenerationRequest, ImageToImage
from modules.generation.studio import Studio
from modules.imaging.reading import flatten
from modules.imaging.upscalers import Upscaler, Upscalers
from modules.plugins.hooks import Me

if TYPE_CHECKING:
    from PIL.Image import Image

CELL = 8
"""Pixels a side of a latent cell."""
MAX_PIXELS = 200_000_000


def checked(request: GenerationRequest, title: str) -> ImageToImage:
    """Raises: NotSupported: the request has no picture, or only a part of it is to be made anew."""
    if not isinstance(request, ImageToImage) or request.mask is not None or request.frame is not None:
        raise NotSupported(f"{title} is for img2img: it makes a whole picture larger.")
    return request


def number(values: dict[str, Any], name: str, label: str, low: float, high: float) -> float:
    """A control's number. Raises: InvalidField."""
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InvalidField(name, f"{label} must be a number from {low:g} to {high:g}, not {value!r}.")
    return float(value)


def upscaler_named(upscalers: Upscalers, wanted: Any) -> Upscaler | None:
    """The upscaler of a name, or of a place in the menu (0: None). None: the picture stays as large as it is.

    Raises: InvalidField, UnknownName.
    """
    if isinstance(wanted, float) and wanted.is_integer():
        wanted = int(wanted)
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        menu: list[Upscaler | None] = [None, *upscalers.all()]
        if not 0 <= wanted < len(menu):
            raise InvalidField("upscaler_index", f"There is no upscaler number {wanted}; use its name.")
        return menu[wanted]
    if wanted in (None, "", "None"):
        return None
    return upscalers.find(str(wanted), "upscaler_index")


def enlarged(
    request: ImageToImage, name: str, studio: Studio, upscaler: Upscaler | None, scale: float
) -> Image:
    """A picture of the request, made larger.

    Raises: InvalidField: the result would be too large.
    """
    picture = flatten(studio.pictures.open(name, "init_images"), request.picture.background)
    if upscaler is None:
        return picture
    width, height = round(picture.width * scale), round(picture.height * scale)
    if width * height > MAX_PIXELS:
        raise InvalidField(
            "scale_factor",
            f"{width}x{height} is more than {MAX_PIXELS / 1e6:.0f} megapixels. Use a smaller factor.",
        )
    return studio.upscalers.resize(picture, width, height, upscaler.name)


def whole_cells(side: int) -> int:
    """The side in whole latent cells, at least one, rounded up."""
    return max(1, -(-side // CELL)) * CELL


def build_common(me: Me, overlap: int, scale: float) -> dict[str, Any]:
    """Overlap, upscaler and factor; called inside a `gr.Blocks` context."""
    import gradio as gr

    with gr.Row():
        factor = gr.Slider(1, 8, value=scale, step=0.05, label="Scale factor")
        over = gr.Slider(0, 512, value=overlap, step=8, label="Tile overlap (px)")
    which = gr.Dropdown(["None", *me.program.upscalers()], value="Lanczos", label="Upscaler")
    return {"overlap": over, "upscaler_index": which, "scale_factor": factor}
