"""An upscaler: a sharper filter. Shows `upscalers`."""

from __future__ import annotations

from PIL import Image, ImageFilter

from modules.imaging.upscalers import Progress, Upscaler
from modules.plugins.hooks import Me, hookimpl


class SharpBicubic:
    name = "Sharp bicubic"
    kind = "Filter"
    scale = 4.0
    path = None

    def upscale(self, image: Image.Image, scale: float, progress: Progress | None = None) -> Image.Image:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        return image.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.UnsharpMask(2, 80, 2))


@hookimpl
def upscalers(me: Me) -> list[Upscaler]:
    return [SharpBicubic()]
