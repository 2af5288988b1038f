"""`modules.processing` of the older UI: `p`, `Processed`, `process_images`, and what belongs to them."""

from __future__ import annotations

from modules.compat.processed import Processed
from modules.compat.processing_helpers import (
    apply_color_correction,
    apply_overlay,
    create_binary_mask,
    create_random_tensors,
    decode_first_stage,
    decode_latent_batch,
    fix_seed,
    get_fixed_seed,
    old_hires_fix_first_pass_dimensions,
    setup_color_correction,
    slerp,
    txt2img_image_conditioning,
    uncrop,
)
from modules.compat.processing_infotext import create_infotext, program_version
from modules.compat.processing_objects import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.compat.processing_requests import from_request, to_request
from modules.compat.processing_run import process_images, process_images_inner, run_selectable

__all__ = [
    "Processed",
    "StableDiffusionProcessing",
    "StableDiffusionProcessingImg2Img",
    "StableDiffusionProcessingTxt2Img",
    "apply_color_correction",
    "apply_overlay",
    "create_binary_mask",
    "create_infotext",
    "create_random_tensors",
    "decode_first_stage",
    "decode_latent_batch",
    "fix_seed",
    "from_request",
    "get_fixed_seed",
    "old_hires_fix_first_pass_dimensions",
    "opt_C",
    "opt_f",
    "process_images",
    "process_images_inner",
    "program_version",
    "run_selectable",
    "setup_color_correction",
    "slerp",
    "to_request",
    "txt2img_image_conditioning",
    "uncrop",
]

opt_C = 4
"""Channels of latents."""
opt_f = 8
"""Pixels a side of a latent cell."""

_ELSEWHERE = {
    "opts": "shared",
    "cmd_opts": "shared",
    "state": "shared",
    "shared": "",
    "devices": "",
    "images": "",
    "masking": "",
    "rng": "",
    "scripts": "",
    "sd_models": "",
    "sd_samplers": "",
    "sd_samplers_common": "",
    "sd_vae": "",
    "extra_networks": "",
    "prompt_parser": "",
    "infotext_utils": "",
    "errors": "",
    "face_restoration": "",
    "model_hijack": "sd_hijack",
}


def __getattr__(name: str) -> object:
    """Names that the older module imports and that some look for here."""
    from importlib import import_module

    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _ELSEWHERE[name]
    found = import_module(f"modules.compat.{module or name}")
    return getattr(found, name) if module else found
