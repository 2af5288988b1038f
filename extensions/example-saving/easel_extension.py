"""Files are saved in grey, with the recipe in a text file beside each. Shows `before_save` and `after_save`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from modules.plugins.hooks import Me, PictureInfo, hookimpl


@hookimpl
def before_save(image: Image.Image, about: PictureInfo, me: Me) -> Image.Image:
    return image.convert("L").convert("RGB")


@hookimpl
def after_save(path: Path, image: Image.Image, about: PictureInfo, me: Me) -> None:
    path.with_suffix(".txt").write_text(about.infotext, encoding="utf-8")
