"""The older UI's option names, and what they are here: one table.

`GET` and `POST /sdapi/v1/options` and `override_settings` use it. A name is either one of our settings under
another name (`SETTINGS`), or something that this version always does in one way (`FIXED`): that is told by
`GET`, and sending it back unchanged is no error, as many programs read all options, change one, and send all
of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.faults import Fault, InvalidField, NotSupported, UnknownName
from modules.generation.from_settings import noise_options, sampling_options, text_options
from modules.rest.errors import brief
from modules.rest.services import CheckpointInfo
from modules.settings.model import Settings
from modules.settings.store import with_changes

SETTINGS: dict[str, str] = {
    "sd_model_checkpoint": "model.checkpoint",
    "sd_checkpoints_limit": "model.kept",
    "sd_vae": "model.vae",
    "sdxl_clip_l_skip": "model.sdxl_clip_skip",
    "sdxl_crop_top": "model.sdxl_crop_top",
    "sdxl_crop_left": "model.sdxl_crop_left",
    "sdxl_refiner_high_aesthetic_score": "model.refiner_high_score",
    "sdxl_refiner_low_aesthetic_score": "model.refiner_low_score",
    "inpainting_mask_weight": "picture.mask_weight",
    "initial_noise_multiplier": "picture.noise_multiplier",
    "img2img_extra_noise": "picture.extra_noise",
    "img2img_color_correction": "picture.colour_correction",
    "img2img_fix_steps": "picture.exact_steps",
    "img2img_background_color": "picture.background",
    "overlay_inpaint": "picture.overlay",
    "CLIP_stop_at_last_layers": "model.clip_skip",
    "emphasis": "model.emphasis",
    "comma_padding_backtrack": "model.comma_backtrack",
    "pad_cond_uncond": "model.pad_negative",
    "randn_source": "sampling.noise_source",
    "eta_noise_seed_delta": "sampling.seed_delta",
    "eta_ancestral": "sampling.eta_ancestral",
    "s_churn": "sampling.s_churn",
    "s_tmin": "sampling.s_tmin",
    "s_tmax": "sampling.s_tmax",
    "s_noise": "sampling.s_noise",
    "s_min_uncond": "sampling.skip_negative_below",
    "s_min_uncond_all": "sampling.skip_negative_always",
    "skip_early_cond": "sampling.skip_negative_early",
    "sigma_min": "sampling.sigma_min",
    "sigma_max": "sampling.sigma_max",
    "rho": "sampling.rho",
    "tiling": "sampling.tiling",
    "always_discard_next_to_last_sigma": "sampling.always_discard_next_to_last_sigma",
    "sgm_noise_multiplier": "sampling.sgm_noise_multiplier",
    "custom_sigmas": "sampling.custom_sigmas",
    "sd_noise_schedule": "sampling.noise_schedule",
    "cfg_rescale": "sampling.cfg_rescale",
    "dynamic_threshold_percentile": "sampling.threshold_percentile",
    "dynamic_threshold_mimic_scale": "sampling.threshold_mimic_scale",
    "ESRGAN_tile": "upscaling.tile",
    "ESRGAN_tile_overlap": "upscaling.tile_overlap",
    "DAT_tile": "upscaling.tile",
    "DAT_tile_overlap": "upscaling.tile_overlap",
    "samples_save": "saving.save",
    "return_grid": "saving.grids_in_answers",
    "live_previews_enable": "previews.enabled",
    "show_progress_every_n_steps": "previews.every_steps",
    "show_progress_every_seconds": "previews.every_seconds",
    "show_progress_type": "previews.method",
}

FIXED: dict[str, Any] = {
    "samples_format": "png",
    "grid_format": "png",
    "grid_save": False,
    "grid_background_color": "#ffffff",
    "n_rows": -1,
    "enable_pnginfo": True,
    "save_txt": False,
    "save_to_dirs": True,
    "save_images_add_number": True,
    "directories_filename_pattern": "[date]",
    "add_model_name_to_info": True,
    "add_model_hash_to_info": True,
    "add_user_name_to_info": False,
    "add_version_to_infotext": True,
    "face_restoration": False,
    "sd_unet": "Automatic",
    "sd_hypernetwork": "None",
    "enable_quantization": False,
    "enable_batch_seeds": True,
    "upcast_attn": False,
    "token_merging_ratio": 0.0,
    "token_merging_ratio_img2img": 0.0,
    "token_merging_ratio_hr": 0.0,
    "pad_cond_uncond_v0": False,
    "batch_cond_uncond": True,
    "fp8_storage": "Disable",
    "eta_ddim": 0.0,
    "ddim_discretize": "uniform",
    "use_old_emphasis_implementation": False,
    "use_old_karras_scheduler_sigmas": False,
    "no_dpmpp_sde_batch_determinism": False,
    "use_old_scheduling": False,
    "use_downcasted_alpha_bar": False,
    "live_previews_image_format": "png",
    "show_progressbar": True,
    "localization": "None",
}

CHECKPOINT = "sd_model_checkpoint"
VAE = "sd_vae"
CHECKPOINT_HASH = "sd_checkpoint_hash"
IGNORED = {CHECKPOINT_HASH}
"""Names that only tell something; a value that is sent back has no effect."""


def read_options(settings: Settings, checkpoints: Sequence[CheckpointInfo]) -> dict[str, Any]:
    """All options under the older UI's names."""
    values = settings.model_dump()
    options: dict[str, Any] = {}
    for name, path in SETTINGS.items():
        group, key = path.split(".")
        options[name] = values[group][key]
    chosen = find_checkpoint(options[CHECKPOINT], checkpoints) if options[CHECKPOINT] else None
    if chosen is None and not options[CHECKPOINT] and checkpoints:
        chosen = checkpoints[0]
    if chosen is not None:
        options[CHECKPOINT] = chosen.title
    options[CHECKPOINT_HASH] = (chosen.sha256 if chosen else None) or ""
    return {**options, **FIXED}


def find_checkpoint(name: str, checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo | None:
    """The checkpoint of that title (with or without its hash), name, file name, hash or SHA-256."""
    wanted = name.strip()
    bare = re.sub(r"\s*\[[0-9a-f]+\]$", "", wanted).lower()
    for found in checkpoints:
        if wanted in (found.title, found.name, filename_of(found), found.hash, found.sha256):
            return found
    for found in checkpoints:
        if bare in (
            found.name.lower(),
            filename_of(found).lower(),
            found.path.stem.lower(),
            found.path.name.lower(),
        ):
            return found
    return None


def filename_of(checkpoint: CheckpointInfo) -> str:
    """The name with its suffix; unlike the title it stays the same when the hash becomes known."""
    return checkpoint.name + checkpoint.path.suffix


def to_changes(
    options: Mapping[str, Any],
    settings: Settings,
    checkpoints: Callable[[], Sequence[CheckpointInfo]],
    vaes: Callable[[], Sequence[tuple[str, Path]]] = tuple,
) -> dict[str, Any]:
    """What the options change in our settings, by dotted names; checked, so that it surely fits.

    Raises: UnknownName: no such option or checkpoint; NotSupported: an option with a value that this version
        doesn't have; InvalidField: a value that doesn't fit.
    """
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name in SETTINGS:
            ours = value
            if name == CHECKPOINT:
                ours = _checkpoint(value, checkpoints())
            elif name == VAE:
                ours = _vae(value, [known for known, _ in vaes()])
            change = {SETTINGS[name]: ours}
            _try(name, value, settings, change)
            changes.update(change)
        elif name in FIXED:
            if value != FIXED[name]:
                raise NotSupported(f"{name} can only be {brief(FIXED[name])} in this version.", name)
        elif name not in IGNORED:
            raise UnknownName(name, f"There is no option named {brief(name)} in this version.")
    return changes


def _checkpoint(value: Any, checkpoints: Sequence[CheckpointInfo]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidField(CHECKPOINT, f"{CHECKPOINT} must be text, not {brief(value)}.")
    found = find_checkpoint(value, checkpoints)
    if found is None:
        raise UnknownName(CHECKPOINT, f"There is no checkpoint named {brief(value)}.")
    return filename_of(found)


def _vae(value: Any, names: Sequence[str]) -> Any:
    """The VAE's name as it is listed. Raises: UnknownName."""
    if not isinstance(value, str):  # said by the check that follows
        return value
    for known in ("Automatic", "None", *names):
        if value.lower() in (known.lower(), known.lower().rpartition(".")[0]):
            return known
    raise UnknownName(VAE, f"There is no VAE named {brief(value)}. Use Automatic, None or a file's name.")


def _try(name: str, value: Any, settings: Settings, change: Mapping[str, Any]) -> None:
    try:
        after = with_changes(settings, change)
        text_options(after), noise_options(after), sampling_options(after, "Euler a")
    except Fault as fault:
        reason = fault.message.split(": ", 1)[-1].removeprefix("Input ").rstrip(".")
        reason = f"it {reason}" if reason.startswith("should") else reason
        raise InvalidField(name, f"{name} can't be {brief(value)}: {reason}.") from None
