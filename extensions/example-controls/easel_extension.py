"""Controls in the form, and what they do to a picture: a plain border. Shows `controls`, `picture` and `infotext`."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image, ImageOps

from modules.generation.requests import PictureRequest
from modules.plugins.hooks import Controls, Me, PictureInfo, hookimpl


def build() -> dict[str, Any]:
    return {
        "width": gr.Slider(0, 64, value=0, step=1, label="Width in pixels (0: none)"),
        "colour": gr.Dropdown(["white", "black", "tan"], value="white", label="Colour"),
    }


def border(request: PictureRequest, me: Me) -> tuple[int, str]:
    values = me.values(request)
    return min(max(int(values.get("width") or 0), 0), 64), str(values.get("colour") or "white")


@hookimpl
def controls(me: Me) -> list[Controls]:
    return [Controls("Border", build)]


@hookimpl
def picture(image: Image.Image, about: PictureInfo, me: Me) -> Image.Image | None:
    width, colour = border(about.request, me)
    return ImageOps.expand(image, width, fill=colour) if width else None


@hookimpl
def infotext(
    parameters: dict[str, Any], request: PictureRequest, number: int, me: Me
) -> dict[str, Any] | None:
    width, colour = border(request, me)
    return parameters | {"Border": f"{width} {colour}"} if width else None
