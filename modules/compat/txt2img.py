"""`modules.txt2img` of the older UI: what its Generate button called, for extensions that call it too."""

from __future__ import annotations

from typing import Any

from modules.compat.infotext_utils import create_override_settings_dict
from modules.compat.processing_objects import StableDiffusionProcessingTxt2Img
from modules.compat.processing_run import process_images
from modules.compat.scripts import runner_for

Shown = tuple[list[Any], str, str, str]
"""Pictures, `Processed.js()`, the recipe as HTML, and the comments as HTML: what the older page shows."""


def txt2img_create_processing(
    id_task: str,
    request: Any,
    prompt: str,
    negative_prompt: str,
    prompt_styles: list[str],
    n_iter: int,
    batch_size: int,
    cfg_scale: float,
    height: int,
    width: int,
    enable_hr: bool,
    denoising_strength: float,
    hr_scale: float,
    hr_upscaler: str,
    hr_second_pass_steps: int,
    hr_resize_x: int,
    hr_resize_y: int,
    hr_checkpoint_name: str | None,
    hr_sampler_name: str | None,
    hr_scheduler: str | None,
    hr_prompt: str,
    hr_negative_prompt: str,
    override_settings_texts: list[str],
    *args: Any,
    force_enable_hr: bool = False,
) -> StableDiffusionProcessingTxt2Img:
    """The `p` of the values of the older page's txt2img tab. Args: args: those of all scripts."""
    p = StableDiffusionProcessingTxt2Img(
        prompt=prompt,
        negative_prompt=negative_prompt,
        styles=prompt_styles,
        batch_size=batch_size,
        n_iter=n_iter,
        cfg_scale=cfg_scale,
        width=width,
        height=height,
        enable_hr=enable_hr or force_enable_hr,
        denoising_strength=denoising_strength,
        hr_scale=hr_scale,
        hr_upscaler=hr_upscaler,
        hr_second_pass_steps=hr_second_pass_steps,
        hr_resize_x=hr_resize_x,
        hr_resize_y=hr_resize_y,
        hr_checkpoint_name=hr_checkpoint_name,
        hr_sampler_name=hr_sampler_name,
        hr_scheduler=hr_scheduler,
        hr_prompt=hr_prompt,
        hr_negative_prompt=hr_negative_prompt,
        override_settings=create_override_settings_dict(override_settings_texts),
    )
    p.scripts, p.script_args = runner_for("txt2img"), list(args)
    p.user = getattr(request, "username", None)
    return p


def txt2img(id_task: str, request: Any, *args: Any) -> Shown:
    """Make pictures as the older page's button did. Raises: Fault."""
    return shown(txt2img_create_processing(id_task, request, *args))


txt2img_function = txt2img


def shown(p: Any) -> Shown:
    """Carry `p` out, with the script that its values choose, and give what the older page shows."""
    from modules.compat.ui_common import plaintext_to_html

    processed = p.scripts.run(p, *p.script_args) or process_images(p)
    p.close()
    texts = plaintext_to_html(processed.info), plaintext_to_html(processed.comments)
    return processed.images + processed.extra_images, processed.js(), *texts
