"""Writing pictures as the older UI does: names from patterns, the recipe in the file, callbacks before and after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.images_filenames import FilenameGenerator, numbers
from modules.compat.older_options import call_back, option
from modules.folders import write_atomically
from modules.imaging import storage
from modules.imaging.file_names import inside_folder
from modules.imaging.storage import FileFormat, FormatName

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS: dict[str, FormatName] = {"jpg": "jpg", "jpeg": "jpg", "webp": "webp", "avif": "avif"}
_TRIES = 500
_LONGEST_NAME = 240  # bytes; file systems hold 255, and a file is written under a longer name first


def save_image(
    image: Image,
    path: str,
    basename: str = "",
    seed: Any = None,
    prompt: str | None = None,
    extension: str = "png",
    info: str | None = None,
    short_filename: bool = False,
    no_prompt: bool = False,
    grid: bool = False,
    pnginfo_section_name: str = "parameters",
    p: Any = None,
    existing_info: dict[str, Any] | None = None,
    forced_filename: str | None = None,
    suffix: str = "",
    save_to_dirs: bool | None = None,
) -> tuple[str, str | None]:
    """Write a picture under a free name, with its recipe in it.

    Args:
        path: the folder; it is made if need be.
        basename: at the beginning of the name, before the number.
        seed, prompt: for the patterns of names.
        info: the recipe, written under `pnginfo_section_name`.
        short_filename: a number alone.
        grid: it is a sheet of several pictures, which has options of its own.
        existing_info: further texts for the file.
        forced_filename: the whole name, without suffix; a file of that name is replaced.
        suffix: at the end of the name.
        save_to_dirs: put it into a folder named by a pattern; None: as the options say.

    Returns: the picture's path, and that of the text file beside it where the options ask for one.

    Raises: OSError.
    """
    names = FilenameGenerator(p, seed, prompt, image, basename=basename)
    extension = extension.lstrip(".")
    path = str(path)
    if save_to_dirs is None:
        wanted = option("grid_save_to_dirs", True) if grid else option("save_to_dirs", True) and not no_prompt
        save_to_dirs = bool(wanted)
    if save_to_dirs:
        folder = names.apply(option("directories_filename_pattern", "[date]") or "[prompt_words]")
        path = os.path.join(path, *inside_folder(folder))
    os.makedirs(path, exist_ok=True)
    number = None
    if forced_filename is not None:
        name = os.path.join(path, f"{forced_filename}.{extension}")
    else:
        decoration = "" if short_filename or seed is None else _decoration(names, save_to_dirs)
        name, number = _free_name(path, basename, decoration + suffix, extension)
    pnginfo = existing_info or {}
    if info is not None:
        pnginfo[pnginfo_section_name] = info
    params = call_back("before_image_saved_callback", "ImageSaveParams", image, p, name, pnginfo)
    image, name, pnginfo = params.image, params.filename, params.pnginfo
    info = pnginfo.get(pnginfo_section_name)
    save_image_with_geninfo(image, info, name, None, pnginfo, pnginfo_section_name)
    image.already_saved_as = name  # type: ignore[attr-defined]  # pages ask for it, so as not to save twice
    text_name = None
    if option("save_txt", False) and info is not None:
        text_name = f"{os.path.splitext(name)[0]}.txt"
        write_atomically(Path(text_name), f"{info}\n".encode())
    call_back("image_saved_callback", "ImageSaveParams", image, p, name, pnginfo)
    if number is not None:
        numbers.used(path, basename, number)
    return name, text_name


def save_image_with_geninfo(
    image: Image,
    geninfo: str | None,
    filename: str,
    extension: str | None = None,
    existing_pnginfo: Mapping[str, Any] | None = None,
    pnginfo_section_name: str = "parameters",
) -> None:
    """Write a picture with its recipe, atomically: whole, or not at all.

    Args: extension: with a dot; None: that of the file's name.

    Raises: OSError.
    """
    kind = (extension or os.path.splitext(filename)[1] or ".png").lower().lstrip(".")
    texts = dict(existing_pnginfo or {})
    if geninfo is not None:
        texts[pnginfo_section_name] = geninfo
    if not option("enable_pnginfo", True):
        texts, geninfo = {}, None
    write_atomically(Path(filename), picture_bytes(image, kind, geninfo, texts))


def picture_bytes(image: Image, kind: str, geninfo: str | None, texts: Mapping[str, Any]) -> bytes:
    """The file of a picture.

    Args:
        kind: "png", "jpg", "jpeg", "webp", "avif", "gif", or another suffix that Pillow knows.
        geninfo: the recipe, where the format has one place for text; texts: all of them, for PNG.
    """
    from PIL import Image as PIL

    buffer = BytesIO()
    quality = int(option("jpeg_quality", 80))
    if kind == "png":
        from PIL.PngImagePlugin import PngInfo

        chunks = PngInfo()
        for key, value in texts.items():
            chunks.add_text(str(key), str(value))
        image.save(buffer, "PNG", pnginfo=chunks)
    elif name := _FORMATS.get(kind):
        if name == "jpg":
            image = _eight_bits(image).convert("RGB")
        elif name == "webp":
            image = _eight_bits(image)
        lossless = name == "webp" and bool(option("webp_lossless", False))
        return storage.picture_bytes(image, geninfo, FileFormat(name, quality, lossless))
    else:
        named = PIL.registered_extensions().get(f".{kind}", "PNG")
        image.save(buffer, named, **({"comment": geninfo} if geninfo and named == "GIF" else {}))
    return buffer.getvalue()


def _eight_bits(image: Image) -> Image:
    """16-bit grey as 8-bit grey; Pillow would cut it off at 255."""
    return image.point(lambda value: value / 256).convert("L") if image.mode.startswith("I") else image


def _decoration(names: FilenameGenerator, in_folders: bool) -> str:
    """What follows the number, as the pattern says."""
    pattern = option("samples_filename_pattern", "")
    filled = names.apply(pattern or ("[seed]" if in_folders else "[seed]-[prompt_spaces]"))
    return filled.replace("\\", "/").replace("\0", "")


def _free_name(path: str, basename: str, decoration: str, extension: str) -> tuple[str, int | None]:
    """A path at which nothing is yet, and the number in its name, if there is one."""
    decoration = decoration.encode()[:_LONGEST_NAME].decode(errors="ignore")
    if decoration and not option("save_images_add_number", True):
        *folders, stem = inside_folder(decoration) or ("_",)
        os.makedirs(os.path.join(path, *folders), exist_ok=True)
        return os.path.join(path, *folders, f"{stem}.{extension}"), None
    decoration = f"-{decoration}" if decoration else ""
    first = numbers.next(path, basename)
    for number in range(first, first + _TRIES):
        head = f"{number:05}" if basename == "" else f"{basename}-{number:04}"
        name = os.path.join(path, f"{head}{decoration.replace('/', '_')}.{extension}")
        if not os.path.exists(name):
            return name, number
    raise FileExistsError(f"There is no free name in {path}.")
