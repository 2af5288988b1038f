"""SD upscale: the enlarged picture is drawn anew in overlapping tiles, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField
from modules.generation.requests import GenerationRequest, ImageToImage
from modules.generation.results import GeneratedImage
from modules.generation.studio import Studio
from modules.imaging import tiles
from modules.imaging.infotext import compose
from modules.plugins.hooks import Me

from .enlarging import build_common, checked, enlarged, number, upscaler_named, whole_cells

if TYPE_CHECKING:
    from PIL.Image import Image

TITLE = "SD upscale"
DEFAULTS: dict[str, Any] = {"_": "", "overlap": 64, "upscaler_index": "None", "scale_factor": 2.0}


@dataclass(frozen=True)
class Cut:
    """How a picture is cut: all tiles are `width` x `height`, at the places `columns` x `rows`."""

    columns: list[int]
    rows: list[int]
    width: int
    height: int

    @classmethod
    def of(cls, size: tuple[int, int], tile: tuple[int, int], overlap: int) -> Cut:
        """Tiles of this size, or of the picture's where that is smaller."""
        columns, rows = (tiles.starts(side, part, overlap) for side, part in zip(size, tile, strict=True))
        return cls(columns, rows, min(size[0], tile[0]), min(size[1], tile[1]))

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Row by row: left, top, right, bottom."""
        return [(x, y, x + self.width, y + self.height) for y in self.rows for x in self.columns]


def run(request: GenerationRequest, values: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
    """A large picture for each of the batch count."""
    values = DEFAULTS | values
    request = checked(request, TITLE).with_seeds(studio.draw_seed)
    scale = number(values, "scale_factor", "Scale factor", 1, 16)
    overlap = int(number(values, "overlap", "Tile overlap", 0, 4096))
    if overlap >= min(request.width, request.height):
        raise InvalidField("overlap", f"Tile overlap must be less than a tile's side, not {overlap}.")
    upscaler = upscaler_named(studio.upscalers, values["upscaler_index"])
    facts = {
        "Script": TITLE,
        "SD upscale overlap": overlap,
        "SD upscale upscaler": "None" if upscaler is None else upscaler.name,
        "SD upscale factor": scale,
    }
    pictures: dict[str, Image] = {}
    for count in range(request.batch_count):
        if studio.monitor.stop_requested():
            return
        name = request.init_images[count % len(request.init_images)]
        if name not in pictures:
            pictures = {name: enlarged(request, name, studio, upscaler, scale)}
        picture = pictures[name]
        cut = Cut.of(picture.size, (request.width, request.height), overlap)
        if count == 0:
            studio.expect(len(cut.boxes()) * request.batch_count)
        seed = request.seed + count
        made = _redrawn(replace(request, seed=seed, seeds=()), picture, cut, studio)
        if made:
            infotext = ", ".join(part for part in (made[0].infotext, compose("", "", facts)) if part)
            complete = len(made) == len(cut.boxes()) and all(one.complete for one in made)
            sheet = joined(picture, cut, [one.image for one in made])
            yield replace(made[0], image=sheet, infotext=infotext, complete=complete)


def _redrawn(request: ImageToImage, picture: Image, cut: Cut, studio: Studio) -> list[GeneratedImage]:
    """The tiles drawn anew, `batch_size` at a time; fewer where the job is to end."""
    boxes = cut.boxes()
    made: list[GeneratedImage] = []
    for begin in range(0, len(boxes), request.batch_size):
        group = boxes[begin : begin + request.batch_size]
        one = replace(
            request,
            init_images=tuple(studio.pictures.keep(picture.crop(box)) for box in group),
            seed=request.seed + begin,
            width=whole_cells(cut.width),
            height=whole_cells(cut.height),
            resize_mode=0,
            batch_size=len(group),
            batch_count=1,
            save=False,
        )
        results = list(studio.make(one))
        made += results
        if len(results) < len(group) or studio.monitor.stop_requested():
            break
    return made


def joined(picture: Image, cut: Cut, made: list[Image]) -> Image:
    """The tiles in one picture; they fade into each other where they overlap. What is not made stays as it was.

    Args: picture: RGB; made: the tiles of `cut.boxes()`, or the first of them.
    """
    import numpy as np
    from PIL import Image as PIL

    across = tiles.weights(cut.columns, cut.width, picture.width)
    down = tiles.weights(cut.rows, cut.height, picture.height)
    shares = [row[:, None] * column[None, :] for row in down for column in across]
    result = np.zeros((picture.height, picture.width, 3), np.float32)
    for place, (box, share) in enumerate(zip(cut.boxes(), shares, strict=True)):
        tile = made[place] if place < len(made) else picture.crop(box)
        if tile.size != (cut.width, cut.height):
            tile = tile.resize((cut.width, cut.height), PIL.Resampling.LANCZOS)
        left, top, right, bottom = box
        result[top:bottom, left:right] += np.asarray(tile.convert("RGB"), np.float32) * share[..., None]
    return PIL.fromarray(np.clip(np.rint(result), 0, 255).astype(np.uint8))


def build(me: Me) -> dict[str, Any]:
    import gradio as gr

    gr.Markdown("Each tile is as large as Width and Height say; a denoising strength of 0.2 to 0.4 suits.")
    return build_common(me, 64, 2.0)
