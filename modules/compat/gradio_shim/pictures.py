"""Pictures in Gradio 3: an Image that can be drawn on, and pictures as base64."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradio.components import Image as NativeImage
from gradio.components import ImageEditor

from modules.compat.gradio_shim.classes import older

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

DRAWING_TOOLS = ("sketch", "color-sketch")


class SketchImage(older(ImageEditor)):  # type: ignore[misc]
    """`gr.Image(tool="sketch")`: its value is `{"image": ..., "mask": ...}`, with white where somebody painted."""

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        self.coloured = kwargs.pop("tool", "sketch") == "color-sketch"
        kwargs = {name: kwargs[name] for name in kwargs if name not in ("brush", "shape")}
        kwargs.setdefault("layers", False)
        super().__init__(value, **kwargs)

    def preprocess(self, payload: Any) -> Any:
        """The picture and what was painted, or the painted picture where colours count."""
        value = super().preprocess(payload)
        if value is None or value.get("background") is None:
            return None
        if self.coloured:
            return value["composite"]
        return {"image": value["background"], "mask": painted(value)}


class OlderImage(older(NativeImage)):  # type: ignore[misc]
    """`gr.Image`; with a drawing tool it is another component."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A `SketchImage` where it is to be drawn on."""
        if kwargs.get("tool") in DRAWING_TOOLS:
            return SketchImage(*args, **kwargs)
        return super().__new__(cls)


def painted(value: dict[str, Any]) -> Any:
    """The mask of an editor's value, of the same kind as its picture (PIL or numpy), RGBA, opaque, white on black."""
    import numpy as np
    from PIL import Image

    background = value["background"]
    as_picture = not isinstance(background, np.ndarray)
    size = background.size if as_picture else background.shape[1::-1]
    alpha = np.zeros((size[1], size[0]), dtype=np.uint8)
    for layer in value.get("layers") or []:
        pixels = np.asarray(layer.convert("RGBA") if as_picture else layer)
        if pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.shape[:2] == alpha.shape:
            alpha = np.maximum(alpha, pixels[..., 3])
    mask = np.dstack([alpha, alpha, alpha, np.full_like(alpha, 255)])
    return Image.fromarray(mask, "RGBA") if as_picture else mask


def encode_pil_to_base64(picture: Picture) -> str:
    """A PNG as a data address."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def encode_array_to_base64(array: Any) -> str:
    """An array `[H, W, 3]` of bytes as a PNG's data address."""
    from PIL import Image

    return encode_pil_to_base64(Image.fromarray(array))


def encode_file_to_base64(path: str | Path) -> str:
    """A file as a data address."""
    import mimetypes

    kind = mimetypes.guess_type(str(path))[0] or "application/octet-stream"
    return f"data:{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode()


def decode_base64_to_binary(text: str) -> tuple[bytes, str | None]:
    """The bytes of a data address (or of plain base64), and the suffix that its type suggests."""
    head, comma, data = text.partition(",")
    kind = re.match(r"data:\w+/([\w.+-]+)", head) if comma else None
    return base64.b64decode(data if comma else text), kind[1] if kind else None


def decode_base64_to_image(text: str) -> Picture:
    """The picture of a data address."""
    from PIL import Image

    return Image.open(io.BytesIO(decode_base64_to_binary(text)[0]))


def decode_base64_to_file(text: str, *args: Any, **kwargs: Any) -> Any:
    """A data address as a temporary file."""
    data, suffix = decode_base64_to_binary(text)
    with tempfile.NamedTemporaryFile(delete=False, suffix=f".{suffix or 'bin'}") as file:
        file.write(data)
    return file
