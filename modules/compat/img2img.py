"""`modules.img2img` of the older UI: what its Generate button called, and its batches of files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from modules.compat.infotext_utils import create_override_settings_dict
from modules.compat.processed import Processed
from modules.compat.processing_objects import StableDiffusionProcessingImg2Img
from modules.compat.processing_run import process_images
from modules.compat.scripts import runner_for
from modules.compat.txt2img import Shown, shown
from modules.faults import InvalidField

log = logging.getLogger(__name__)
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif")


def process_batch(
    p: StableDiffusionProcessingImg2Img,
    input: Any,
    output_dir: str,
    inpaint_mask_dir: str,
    args: Any,
    to_scale: bool = False,
    scale_by: float = 1.0,
    use_png_info: bool = False,
    png_info_props: Any = None,
    png_info_dir: str | None = None,
) -> Processed:
    """Make a picture of each file of a folder, or of a list of files.

    Args:
        input: a folder, or files; output_dir: where results are written, "" where samples go.
        inpaint_mask_dir: has a mask of the same name for each file, or one for all; "": none.
        args: values of all scripts.
        to_scale: make each `scale_by` times as large as its file.
        use_png_info, png_info_props, png_info_dir: not heeded.
    """
    from PIL import Image

    from modules.compat.images import save_image
    from modules.compat.older_options import state

    if use_png_info:
        log.warning("Recipes in the files of a batch are not heeded.")
    results: Processed | None = None
    masks = _files(inpaint_mask_dir) if inpaint_mask_dir else []
    for file in _files(input):
        if state("interrupted", False) or state("stopping_generation", False):
            break
        with Image.open(file) as opened:
            image = opened.convert("RGBA" if "A" in opened.getbands() else "RGB")
        if to_scale:
            p.width, p.height = int(image.width * scale_by), int(image.height * scale_by)
        p.init_images = [image] * int(p.batch_size)
        if masks:
            mask = next((one for one in masks if one.stem == file.stem), masks[0])
            with Image.open(mask) as opened:
                p.image_mask = opened.convert("L")
        p.do_not_save_samples = bool(output_dir) or p.do_not_save_samples
        made = (p.scripts.run(p, *args) if p.scripts is not None else None) or process_images(p)
        for number, picture in enumerate(made.images[made.index_of_first_image :] if output_dir else []):
            text = made.infotexts[made.index_of_first_image + number]
            name = file.stem + (f"-{number}" if number else "")
            save_image(picture, output_dir, info=text, forced_filename=name, save_to_dirs=False, p=p)
        if results is None:
            results = made
        else:
            results.images.extend(made.images)
            results.infotexts.extend(made.infotexts)
    return results or Processed(p, [])


def _files(source: Any) -> list[Path]:
    if isinstance(source, (str, Path)):
        folder = Path(source)
        if not folder.is_dir():
            raise InvalidField("img2img_batch_input_dir", f"There is no folder {folder}.")
        return sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    return [Path(getattr(file, "name", file)) for file in source or []]


def img2img(
    id_task: str,
    request: Any,
    mode: int,
    prompt: str,
    negative_prompt: str,
    prompt_styles: list[str],
    init_img: Any,
    sketch: Any,
    init_img_with_mask: Any,
    inpaint_color_sketch: Any,
    inpaint_color_sketch_orig: Any,
    init_img_inpaint: Any,
    init_mask_inpaint: Any,
    mask_blur: int,
    mask_alpha: float,
    inpainting_fill: int,
    n_iter: int,
    batch_size: int,
    cfg_scale: float,
    image_cfg_scale: float,
    denoising_strength: float,
    selected_scale_tab: int,
    height: int,
    width: int,
    scale_by: float,
    resize_mode: int,
    inpaint_full_res: bool,
    inpaint_full_res_padding: int,
    inpainting_mask_invert: int,
    img2img_batch_input_dir: str,
    img2img_batch_output_dir: str,
    img2img_batch_inpaint_mask_dir: str,
    override_settings_texts: list[str],
    img2img_batch_use_png_info: bool = False,
    img2img_batch_png_info_props: Any = None,
    img2img_batch_png_info_dir: str = "",
    img2img_batch_source_type: str = "from dir",
    img2img_batch_upload: Any = None,
    *args: Any,
) -> Shown:
    """Make pictures as the older page's button did.

    Args: mode: 0 img2img, 1 sketch, 2 inpaint, 3 inpaint sketch, 4 inpaint upload, 5 batch.

    Raises: Fault.
    """
    image, mask = _picture_and_mask(
        mode, init_img, sketch, init_img_with_mask, inpaint_color_sketch, init_img_inpaint, init_mask_inpaint
    )
    if selected_scale_tab == 1 and image is not None:
        width, height = int(image.width * scale_by), int(image.height * scale_by)
    p = StableDiffusionProcessingImg2Img(
        prompt=prompt,
        negative_prompt=negative_prompt,
        styles=prompt_styles,
        batch_size=batch_size,
        n_iter=n_iter,
        cfg_scale=cfg_scale,
        width=width,
        height=height,
        init_images=[image],
        mask=mask,
        mask_blur=mask_blur,
        inpainting_fill=inpainting_fill,
        resize_mode=resize_mode,
        denoising_strength=denoising_strength,
        image_cfg_scale=image_cfg_scale,
        inpaint_full_res=inpaint_full_res,
        inpaint_full_res_padding=inpaint_full_res_padding,
        inpainting_mask_invert=inpainting_mask_invert,
        override_settings=create_override_settings_dict(override_settings_texts),
    )
    p.scripts, p.script_args = runner_for("img2img"), list(args)
    p.user = getattr(request, "username", None)
    if mode != 5:
        return shown(p)
    uploaded = img2img_batch_source_type == "upload"
    processed = process_batch(
        p,
        img2img_batch_upload if uploaded else img2img_batch_input_dir,
        "" if uploaded else img2img_batch_output_dir,
        img2img_batch_inpaint_mask_dir,
        args,
        to_scale=selected_scale_tab == 1,
        scale_by=scale_by,
        use_png_info=img2img_batch_use_png_info,
    )
    p.close()
    return processed.images, processed.js(), "", ""


def _picture_and_mask(
    mode: int, plain: Any, sketch: Any, painted: Any, coloured: Any, uploaded: Any, uploaded_mask: Any
) -> tuple[Any, Any]:
    """What the pictures of the older page's tabs mean."""
    if mode in (2, 3):
        both = painted if mode == 2 else coloured
        if isinstance(both, dict):
            return both.get("image"), both.get("mask")
        return both, None
    if mode == 4:
        return uploaded, uploaded_mask
    return (sketch if mode == 1 else plain), None
