"""`modules.images` of the older UI: pictures saved, read, resized and put together."""

from __future__ import annotations

import json
import re
import string
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFont

from modules.compat.house import house, is_open
from modules.compat.images_filenames import (
    NOTHING_AND_SKIP_PREVIOUS_TEXT,
    FilenameGenerator,
    get_next_sequence_number,
    sanitize_filename_part,
)
from modules.compat.images_grids import (
    Grid,
    GridAnnotation,
    combine_grid,
    draw_grid_annotations,
    draw_prompt_matrix,
    image_grid,
    split_grid,
)
from modules.compat.images_saving import save_image, save_image_with_geninfo
from modules.compat.older_options import option
from modules.imaging import reading, resizing

if TYPE_CHECKING:
    from os import PathLike

__all__ = [
    "LANCZOS",
    "NEAREST",
    "NOTHING_AND_SKIP_PREVIOUS_TEXT",
    "FilenameGenerator",
    "Grid",
    "GridAnnotation",
    "apply_filename_pattern",
    "combine_grid",
    "draw_grid_annotations",
    "draw_prompt_matrix",
    "fix_image",
    "flatten",
    "get_font",
    "get_next_sequence_number",
    "image_data",
    "image_grid",
    "read",
    "read_info_from_image",
    "resize_image",
    "sanitize_filename_part",
    "save_image",
    "save_image_with_geninfo",
    "split_grid",
]

LANCZOS = Image.Resampling.LANCZOS
NEAREST = Image.Resampling.NEAREST
IGNORED_INFO_KEYS = {
    "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "exif", "loop", "background", "timestamp",
    "duration", "progressive", "progression", "icc_profile", "chromaticity", "photoshop",
}  # fmt: skip
_LONGEST_TEXT = 10_000
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286


def get_font(fontsize: int) -> Any:
    """A font for labels."""
    return ImageFont.load_default(fontsize)


def apply_filename_pattern(x: str, p: Any, seed: Any, prompt: str | None) -> str:
    """A pattern of a file name filled in; see `FilenameGenerator`."""
    return FilenameGenerator(p, seed, prompt, None).apply(x)


# -- reading ------------------------------------------------------------------------------------------------


def read(fp: str | PathLike[str] | BytesIO | Any, **kwargs: Any) -> Image.Image:
    """A picture from a file, turned as its EXIF says."""
    return fix_image(Image.open(fp, **kwargs))


def fix_image(image: Any) -> Any:
    """A picture upright, with 16-bit grey in 8 bits and the transparency of a palette as a channel; None stays."""
    if image is None:
        return None
    from PIL import ImageOps

    try:
        fixed = ImageOps.exif_transpose(image)
        return fix_png_transparency(fixed)
    except Exception:  # what can't be put right stays as it is: the older UI's word for this function
        return image


def fix_png_transparency(image: Image.Image) -> Image.Image:
    """A picture with a transparent colour as RGBA."""
    if image.mode not in ("RGB", "P") or not isinstance(image.info.get("transparency"), bytes):
        return image
    return image.convert("RGBA")


def read_info_from_image(image: Image.Image) -> tuple[str | None, dict[str, Any]]:
    """The recipe in a picture, or None, and the other texts in its file."""
    items: dict[str, Any] = {str(key): value for key, value in (image.info or {}).items()}
    geninfo = items.pop("parameters", None)
    comment = comment_in(image)
    if comment:
        items["exif comment"] = comment
        geninfo = comment
    elif isinstance(items.get("comment"), bytes | str):  # a GIF
        text = items["comment"]
        geninfo = text.decode("utf8", "ignore") if isinstance(text, bytes) else text
    for field in IGNORED_INFO_KEYS:
        items.pop(field, None)
    if items.get("Software") == "NovelAI":
        geninfo = _of_novelai(items, image) or geninfo
    return geninfo, items


def comment_in(image: Image.Image) -> str:
    """The user comment of a JPEG, WebP or AVIF; "" if there is none."""
    from modules.imaging import file_texts

    try:
        comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    except Exception:  # damaged metadata say nothing
        return ""
    return file_texts.comment_text(comment).replace("\0", "").strip()


def _of_novelai(items: dict[str, Any], image: Image.Image) -> str | None:
    """The recipe as NovelAI writes it, in this program's form."""
    samplers = {
        "k_euler_ancestral": "Euler a", "k_euler": "Euler", "k_lms": "LMS", "k_dpmpp_2m": "DPM++ 2M",
        "k_dpmpp_2s_ancestral": "DPM++ 2S a", "k_dpmpp_sde": "DPM++ SDE", "plms": "PLMS", "ddim": "DDIM",
    }  # fmt: skip
    try:
        told = json.loads(items["Comment"])
        sampler = samplers.get(told["sampler"], "Euler a")
        return (
            f"{items['Description']}\nNegative prompt: {told['uc']}\nSteps: {told['steps']}, Sampler: {sampler}, "
            f"CFG scale: {told['scale']}, Seed: {told['seed']}, Size: {image.width}x{image.height}, "
            "Clip skip: 2, ENSD: 31337"
        )
    except (KeyError, TypeError, ValueError):
        return None


def image_data(data: bytes) -> tuple[str | None, None]:
    """The recipe in the bytes of a picture, or of a text file."""
    try:
        with Image.open(BytesIO(data)) as image:
            return read_info_from_image(image)[0], None
    except Exception:  # no picture: perhaps a text
        pass
    try:
        text = data.decode("utf8")
    except UnicodeDecodeError:
        return "", None
    return (text if len(text) < _LONGEST_TEXT else ""), None


# -- pixels -------------------------------------------------------------------------------------------------


def flatten(img: Image.Image, bgcolor: str) -> Image.Image:
    """The picture as RGB, laid on a colour where it is transparent."""
    if img.mode not in ("RGB", "RGBA") and img.has_transparency_data:
        img = img.convert("RGBA")
    return reading.flatten(img, bgcolor)


def resize_image(
    resize_mode: int,
    im: Image.Image,
    width: int,
    height: int,
    upscaler_name: str | None = None,
    force_RGBA: bool = False,
) -> Image.Image:
    """The picture in another size.

    Args:
        resize_mode: 0: stretched; 1: cropped to the ratio; 2: filled up to it.
        upscaler_name: what makes it larger where it has to be; None: as the options say.
        force_RGBA: the result has an alpha channel.
    """
    width, height = int(width), int(height)
    name = upscaler_name or option("upscaler_for_img2img", None) or "None"
    larger = resizing.scaled_size(im.width, im.height, _scale(resize_mode, im, width, height))
    if name != "None" and im.mode != "L" and max(larger) > max(im.size) and is_open():
        im = house().extras.upscalers.resize(im.convert("RGB"), *larger, name)
    result = resizing.resize(im, min(max(resize_mode, 0), 2), width, height)
    return result.convert("RGBA") if force_RGBA else result


def _scale(mode: int, image: Image.Image, width: int, height: int) -> float:
    """How much larger the picture is to be made before it is cut or filled up."""
    across, down = width / image.width, height / image.height
    return min(across, down) if mode == 2 else max(across, down)


invalid_filename_chars = '#<>:"/\\|?*\n\r\t'
invalid_filename_prefix = " "
invalid_filename_postfix = " ."
max_filename_part_length = 128
re_nonletters = re.compile(rf"[\s{re.escape(string.punctuation)}]+")
