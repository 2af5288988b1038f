"""The preview picture beside a network: made smaller, and kept with its recipe."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from modules.faults import InvalidField, NotPossibleNow
from modules.folders import write_atomically

LARGEST_SIDE = 512
MOST_PIXELS = 100_000_000
RECIPE = "parameters"
"""The text chunk of a PNG that holds the recipe."""
_FORMATS = ("PNG", "JPEG", "WEBP")


def save_preview(path: Path, data: bytes, recipe: str | None = None) -> None:
    """Write a preview as PNG, with the longer side at 512 pixels at most.

    Args: data: a PNG, JPEG or WebP file; recipe: written into it; None keeps the one of a PNG.

    Raises: InvalidField: no such picture. NotPossibleNow: it can't be written.
    """
    picture = _png(data, recipe)
    try:
        write_atomically(path, picture)
    except OSError as error:
        raise NotPossibleNow(
            f"{path.name} can't be written ({error.strerror or error}). "
            "Make room on the disk or see to the folder's permissions."
        ) from error


def _png(data: bytes, recipe: str | None) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InvalidField("image", f"The picture has more than {MOST_PIXELS:,} pixels.")
            kept = image.info.get(RECIPE)
            small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    except InvalidField:
        raise
    except Exception as error:  # decoders raise nearly everything for damaged files
        raise InvalidField("image", "This is no PNG, JPEG or WebP picture that can be read.") from error
    small.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    texts = PngInfo()
    if text := recipe if recipe is not None else kept if isinstance(kept, str) else None:
        texts.add_text(RECIPE, text)
    buffer = BytesIO()
    small.save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()
