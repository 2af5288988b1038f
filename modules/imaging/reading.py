"""Uploaded bytes to pictures: whatever the file is, the answer is an RGB or RGBA picture or one plain sentence."""

from __future__ import annotations

import base64
import binascii
import re
from io import BytesIO
from typing import TYPE_CHECKING

from modules.faults import InvalidField

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 8192
MAX_PIXELS = 64_000_000

# Pillow's name of each format that is read, and the suffix of a file of it. Not all that Pillow knows is here: it
# would start another program for EPS, and formats without a signature would make a picture of any bytes.
SUFFIXES = {
    "PNG": "png",
    "JPEG": "jpg",
    "MPO": "jpg",  # a JPEG with further pictures after the first, as cameras write it
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tiff",
    "AVIF": "avif",
    "PPM": "ppm",
}
_FORMATS_IN_WORDS = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"

_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
_DATA_URL = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)


def read_picture(data: bytes, field: str) -> Image:
    """A picture file as RGB, or as RGBA where it has any transparency.

    Of an animation the first frame; turned as its EXIF says; 16-bit grey scaled to 8 bits. Metadata are dropped.

    Args:
        data: the whole file.
        field: the field of the request that the file came in, for the message.

    Raises: InvalidField: not a picture, damaged, or larger than `MAX_SIDE` a side or `MAX_PIXELS` in all.
    """
    return read_picture_and_suffix(data, field)[0]


def read_picture_and_suffix(data: bytes, field: str) -> tuple[Image, str]:
    """As `read_picture`, and the suffix (without a dot) that a file of this format has.

    Raises: InvalidField.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data), formats=formats()) as file:
            _refuse_large(file.width, file.height, field)
            suffix = SUFFIXES.get(file.format or "", "png")
            file.load()
            _refuse_large(
                file.width, file.height, field
            )  # the frames of some formats are larger than announced
            picture = _in_eight_bits(_upright(file))
    except InvalidField:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\d+", str(error))
        size = f"{int(pixels.group()):,} pixels" if pixels else "far too many pixels"
        raise InvalidField(
            field, f"{field}: the picture has {size}; at most {MAX_PIXELS:,} are read."
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidField(
            field, f"{field} holds no picture that can be read: it must be a {_FORMATS_IN_WORDS} file."
        ) from error
    except Exception as error:
        # Decoders raise nearly everything for damaged files: OSError, SyntaxError, struct.error, zlib.error, ...
        raise InvalidField(
            field, f"{field}: the picture is damaged or cut off, and can't be read. Send the whole file."
        ) from error
    picture.info = {}
    return picture, suffix


def formats() -> list[str]:
    """Pillow's names of the formats that are read, as far as this Pillow knows them."""
    from PIL import Image

    Image.init()
    return [name for name in SUFFIXES if name in Image.OPEN]


def decode_base64(text: str, field: str) -> bytes:
    """The bytes of a base64 text, with or without `data:image/png;base64,` in front; white space is ignored.

    Raises: InvalidField: not base64, or empty.
    """
    text = text.strip()
    prefix = _DATA_URL.match(text)
    body = "".join(text[prefix.end() if prefix else 0 :].split()).rstrip("=")
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField(
            field, f"{field} must be a picture file as base64, with or without data:."
        ) from error
    if not data:
        raise InvalidField(field, f"{field} is empty: it must be a picture file as base64.")
    return data


def read_colour(text: str, field: str, what: str, like: str = "#ffffff or white") -> tuple[int, ...]:
    """A colour as red, green, blue, and alpha where it says one.

    Args: what, like: for the message: what it is the colour of, and colours that would do.

    Raises: InvalidField: it is no colour.
    """
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(text)
    except ValueError as error:
        raise InvalidField(field, f"{what} {text!r} is no colour; write it like {like}.") from error


def flatten(image: Image, background: str = "#ffffff") -> Image:
    """The picture as RGB, laid on a background colour where it is transparent.

    Raises: InvalidField: the background is no colour.
    """
    from PIL import Image as PIL

    if image.mode != "RGBA":
        return image.convert("RGB")
    colour = read_colour(background, "img2img_background_color", "The background colour")
    sheet = PIL.new("RGBA", image.size, colour)
    sheet.paste(image, mask=image)
    return sheet.convert("RGB")


def _refuse_large(width: int, height: int, field: str) -> None:
    if width < 1 or height < 1:
        raise InvalidField(field, f"{field}: the picture has no pixels ({width}x{height}).")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InvalidField(
            field,
            f"{field}: the picture is {width}x{height} pixels; "
            f"at most {MAX_SIDE} a side and {MAX_PIXELS:,} in all are read.",
        )


def _upright(image: Image) -> Image:
    """The picture turned and mirrored as its EXIF says; as it is where the EXIF can't be read."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        turn = None
    return image.transpose(turn) if turn is not None else image


def _in_eight_bits(image: Image) -> Image:
    """Any mode of Pillow as RGB, or as RGBA if a pixel is transparent; always a picture of its own."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _grey_in_eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    if picture.getchannel("A").getextrema() == (255, 255):
        return picture.convert("RGB")
    return picture


def _grey_in_eight_bits(image: Image) -> Image:
    """Grey of 16 or 32 bits, or of floats, as L: integers count to 65535, floats to 1 (or to 255 if any is above)."""
    import numpy as np
    from PIL import Image as PIL

    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=255.0, neginf=0.0)
        grey = np.clip(values * (255 if values.max() <= 1 else 1), 0, 255)
        return PIL.fromarray(np.rint(grey).astype(np.uint8))
    wide = np.clip(values, 0, 65535).astype(np.uint32)
    return PIL.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
