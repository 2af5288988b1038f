"""`modules.postprocessing` of the older UI: finished pictures made larger and their faces restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.compat.house import house
from modules.generation.results import Unwatched
from modules.generation.upscaling import UpscalePicture, check, upscale

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tiff", ".avif")


def run_extras(
    extras_mode: int,
    resize_mode: int,
    image: Any,
    image_folder: Any,
    input_dir: str,
    output_dir: str,
    show_extras_results: bool,
    gfpgan_visibility: float,
    codeformer_visibility: float,
    codeformer_weight: float,
    upscaling_resize: float,
    upscaling_resize_w: int,
    upscaling_resize_h: int,
    upscaling_crop: bool,
    extras_upscaler_1: str | None,
    extras_upscaler_2: str | None,
    extras_upscaler_2_visibility: float,
    upscale_first: bool,
    save_output: bool = True,
    max_side_length: int = 0,
) -> tuple[list[Any], str, str]:
    """Make pictures larger.

    Args:
        extras_mode: 0: `image`; 1: the pictures `image_folder`; 2: those in the folder `input_dir`.
        resize_mode: 0: by the factor; 1: to the size.

    Returns: the pictures, a remark as HTML, and a second one that is empty.

    Raises: Fault.
    """
    from modules.compat.images import save_image

    tools = house().extras
    pictures = _pictures(extras_mode, image, image_folder, input_dir)
    to_size = resize_mode == 1
    request = UpscalePicture(
        images=tuple(house().inputs.keep(each) for each in pictures),
        scale=float(upscaling_resize),
        width=int(upscaling_resize_w) if to_size else 0,
        height=int(upscaling_resize_h) if to_size else 0,
        crop=bool(upscaling_crop),
        upscaler_1=extras_upscaler_1 or "None",
        upscaler_2=extras_upscaler_2 or "None",
        upscaler_2_visibility=float(extras_upscaler_2_visibility),
        gfpgan_visibility=float(gfpgan_visibility),
        codeformer_visibility=float(codeformer_visibility),
        codeformer_weight=float(codeformer_weight),
        upscale_first=bool(upscale_first),
        save=False,
    )
    made = list(upscale(check(request, tools), tools, Unwatched()))
    if save_output:
        folder = output_dir or str(house().folders.outputs / "extras")
        for each in made:
            save_image(
                each.image,
                folder,
                info=each.infotext or None,
                short_filename=True,
                no_prompt=True,
                save_to_dirs=False,
            )
    return [each.image for each in made], "", ""


def run_postprocessing(
    extras_mode: int,
    image: Any,
    image_folder: Any,
    input_dir: str,
    output_dir: str,
    show_extras_results: bool,
    *args: Any,
    save_output: bool = True,
) -> tuple[list[Any], str, str]:
    """Send pictures through the steps that extensions have added; see `run_extras` for the arguments."""
    from modules.compat.images import save_image
    from modules.compat.scripts_postprocessing import PostprocessedImage, ScriptPostprocessingRunner

    try:
        from modules.compat import scripts

        runner = scripts.scripts_postproc
    except (ImportError, AttributeError):
        runner = ScriptPostprocessingRunner()
    outputs = []
    folder = output_dir or str(house().folders.outputs / "extras")
    for picture in _pictures(extras_mode, image, image_folder, input_dir):
        pp = PostprocessedImage(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
        runner.run(pp, args)
        for each in (pp, *pp.extra_images):
            info = ", ".join(f"{key}: {value}" for key, value in each.info.items() if value is not None)
            if save_output:
                save_image(
                    each.image, folder, info=f"Postprocess {info}" if info else None, short_filename=True,
                    no_prompt=True, suffix=each.get_suffix(), save_to_dirs=False,
                )  # fmt: skip
            outputs.append(each.image)
    return outputs, "", ""


def _pictures(mode: int, image: Any, image_folder: Any, input_dir: str) -> list[Any]:
    from modules.compat.images import read

    if mode == 0:
        return [image] if image is not None else []
    if mode == 1:
        return [
            each if hasattr(each, "convert") else read(getattr(each, "name", each))
            for each in image_folder or ()
        ]
    paths = sorted(path for path in Path(input_dir).iterdir() if path.suffix.lower() in _PICTURES)
    return [read(path) for path in paths]
