"""Pictures as files with their recipe inside: a text chunk of a PNG, the EXIF user comment of the other formats."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modules.folders import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

INFOTEXT_KEY = "parameters"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286

FormatName = Literal["png", "jpg", "webp", "avif"]
FORMATS: tuple[FormatName, ...] = ("png", "jpg", "webp", "avif")
"""Their names are the suffixes of files as well."""
_LONGEST_SIDE = {"jpg": 65_500, "webp": 16_383, "avif": 16_384}


@dataclass(frozen=True)
class FileFormat:
    """How pictures become files.

    Args:
        quality: 1 to 100, of JPEG, WebP and AVIF.
        lossless: WebP and AVIF keep every pixel as it is (AVIF as nearly as its colours allow).
        recipe: write the recipe into the file.
    """

    name: FormatName = "png"
    quality: int = 80
    lossless: bool = False
    recipe: bool = True

    def suiting(self, width: int, height: int) -> FileFormat:
        """This format, or PNG where it holds no picture of that size or this machine can't write it."""
        from PIL import features

        large = max(width, height) > _LONGEST_SIDE.get(self.name, max(width, height))
        unknown = self.name in ("webp", "avif") and not features.check(self.name)
        return FileFormat(recipe=self.recipe) if large or unknown else self


PNG = FileFormat()


def png_bytes(image: Image, infotext: str | None) -> bytes:
    """The picture as PNG with the recipe in the chunk `parameters` (tEXt; iTXt where it isn't Latin-1).

    Level 1 with run-length matching: five times faster than Pillow's default for files about a tenth larger.
    """
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    if infotext:
        chunks.add_text(INFOTEXT_KEY, infotext)
    buffer = BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks, compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def picture_bytes(image: Image, infotext: str | None, how: FileFormat = PNG) -> bytes:
    """The picture's file.

    Raises: OSError, ValueError: the format can't hold it (see `FileFormat.suiting`).
    """
    from modules.imaging.reading import flatten

    if not how.recipe:
        infotext = None
    if how.name == "png":
        return png_bytes(image, infotext)
    more: dict[str, Any] = {"exif": exif_of(infotext)} if infotext else {}
    buffer = BytesIO()
    if how.name == "jpg":
        flatten(image).save(buffer, "JPEG", quality=how.quality, **more)
    elif how.name == "webp":
        image.save(buffer, "WEBP", quality=how.quality, lossless=how.lossless, **more)
    else:
        finest = {"quality": 100, "subsampling": "4:4:4"} if how.lossless else {"quality": how.quality}
        image.save(buffer, "AVIF", speed=8, **finest, **more)
    return buffer.getvalue()


def save_png(image: Image, path: Path, infotext: str | None) -> None:
    """Write the picture with its recipe, atomically.

    Raises: OSError.
    """
    write_atomically(path, png_bytes(image, infotext))


def exif_of(infotext: str) -> bytes:
    """EXIF data with the recipe as user comment, in UTF-16."""
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + infotext.encode("utf-16-be", "surrogatepass")
    return exif.tobytes()
