"""The field `infotext` of a generation request: it fills what the request leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from modules.generation.recipe_reading import DEFAULTS, read_recipe
from modules.imaging.face_restoration import NAMES
from modules.imaging.infotext import parse
from modules.rest.generation_bodies import GenerationBody

Body = TypeVar("Body", bound=GenerationBody)


def _restorer(name: str) -> str:
    return NAMES[NAMES.index(name)]


_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "prompt": ("Prompt", str),
    "negative_prompt": ("Negative prompt", str),
    "steps": ("Steps", int),
    "sampler_name": ("Sampler", str),
    "scheduler": ("Schedule type", str),
    "cfg_scale": ("CFG scale", float),
    "image_cfg_scale": ("Image CFG scale", float),
    "seed": ("Seed", int),
    "subseed": ("Variation seed", int),
    "subseed_strength": ("Variation seed strength", float),
    "seed_resize_from_w": ("Seed resize from-1", int),
    "seed_resize_from_h": ("Seed resize from-2", int),
    "restore_faces": ("Face restoration", lambda name: bool(_restorer(name))),
    "width": ("Size-1", int),
    "height": ("Size-2", int),
    "tiling": ("Tiling", lambda value: value == "True"),
    "eta": ("Eta", float),
    "s_churn": ("Sigma churn", float),
    "s_tmin": ("Sigma tmin", float),
    "s_tmax": ("Sigma tmax", float),
    "s_noise": ("Sigma noise", float),
    "s_min_uncond": ("NGMS", float),
    "denoising_strength": ("Denoising strength", float),
    "enable_hr": ("Hires upscaler", bool),
    "hr_scale": ("Hires upscale", float),
    "hr_resize_x": ("Hires resize-1", int),
    "hr_resize_y": ("Hires resize-2", int),
    "hr_upscaler": ("Hires upscaler", str),
    "hr_second_pass_steps": ("Hires steps", int),
    "hr_sampler_name": ("Hires sampler", str),
    "hr_scheduler": ("Hires schedule type", str),
    "hr_checkpoint_name": ("Hires checkpoint", str),
    "hr_prompt": ("Hires prompt", str),
    "hr_negative_prompt": ("Hires negative prompt", str),
    "mask_blur": ("Mask blur", int),
    "inpainting_fill": (
        "Masked content",
        lambda value: ("fill", "original", "latent noise", "latent nothing").index(value),
    ),
    "inpaint_full_res": ("Inpaint area", lambda value: value == "Only masked"),
    "inpaint_full_res_padding": ("Masked area padding", int),
    "inpainting_mask_invert": ("Mask mode", lambda value: int(value == "Inpaint not masked")),
    "refiner_checkpoint": ("Refiner", str),
    "refiner_switch_at": ("Refiner switch at", float),
}
"""Field -> the parameter's name and how its text is read."""

_SETTINGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "CLIP_stop_at_last_layers": ("Clip skip", int),
    "randn_source": ("RNG", str),
    "eta_noise_seed_delta": ("ENSD", int),
    "emphasis": ("Emphasis", str),
    "sd_model_checkpoint": ("Model hash", str),
    "face_restoration_model": ("Face restoration", _restorer),
}


def _nothing(parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {}


def filled_from_infotext(
    body: Body,
    is_checkpoint: Callable[[str], bool],
    of_extensions: Callable[[Mapping[str, str]], dict[str, dict[str, Any]]] = _nothing,
) -> Body:
    """The body with what its `infotext` says, where the body itself says nothing.

    Args: of_extensions: the values of extensions' controls that a recipe speaks of.

    What can't be read is left out, and so is a checkpoint that isn't here.
    """
    if not body.infotext:
        return body
    recipe = read_recipe(body.infotext)
    said = parse(body.infotext)[2]
    fields = type(body).model_fields
    found = {
        field: value
        for field, (name, read) in _FIELDS.items()
        if field in fields
        and field not in body.model_fields_set
        and (name not in DEFAULTS or name in said)
        and (value := _read(recipe.get(name), read)) is not None
    }
    overrides = {
        option: value
        for option, (name, read) in _SETTINGS.items()
        if option not in body.override_settings
        and name in said
        and (value := _read(said.get(name), read)) is not None
    }
    if not is_checkpoint(str(overrides.get("sd_model_checkpoint"))):
        overrides.pop("sd_model_checkpoint", None)
    settings = {"override_settings": {**overrides, **body.override_settings}}
    prompts = {
        "Prompt": str(recipe.get("Prompt", "")),
        "Negative prompt": str(recipe.get("Negative prompt", "")),
    }
    extensions = of_extensions({**said, **prompts})
    for name, values in body.extensions.items():
        extensions[name] = {**extensions.get(name, {}), **values}
    filled = {**body.model_dump(exclude_unset=True), **found, **settings, "extensions": extensions}
    return type(body).model_validate(filled)


def _read(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return None if value is None else read(value)
    except (TypeError, ValueError):
        return None
