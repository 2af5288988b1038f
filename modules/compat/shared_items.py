"""`modules.shared_items` of the older UI: what its menus offer."""

from __future__ import annotations

from typing import Any

from modules.compat.house import house, is_open

ui_reorder_categories_builtin_items = [
    "prompt", "image", "inpaint", "sampler", "accordions", "checkboxes", "dimensions", "cfg", "denoising",
    "seed", "batch", "override_settings",
]  # fmt: skip


def list_checkpoint_tiles(use_short: bool = False) -> list[str]:
    """The titles of all checkpoints; use_short: without their hashes."""
    if not is_open():
        return []
    return [one.name if use_short else one.title for one in house().checkpoints.all()]


def refresh_checkpoints() -> None:
    """Look for checkpoints anew."""
    if is_open():
        house().checkpoints.refresh()


def list_samplers() -> list[Any]:
    """The samplers, as `modules.sd_samplers` has them."""
    from modules.compat import sd_samplers  # type: ignore[attr-defined,unused-ignore]

    return list(sd_samplers.all_samplers)


def sd_vae_items() -> list[str]:
    """What can be chosen as the VAE."""
    names = [vae.name for vae in house().vaes.all()] if is_open() else []
    return ["Automatic", "None", *names]


def refresh_vae_list() -> None:
    """Look for VAEs anew."""
    if is_open():
        house().vaes.refresh()


def sd_unet_items() -> list[str]:
    """What can be chosen as the U-Net: always the checkpoint's own."""
    return ["Automatic", "None"]


def refresh_unet_list() -> None:
    """Nothing to look for: there are no U-Nets apart from checkpoints."""


def cross_attention_optimizations() -> list[str]:
    """How attention is computed: always by PyTorch's own function."""
    return ["Automatic", "sdp - scaled dot product"]


def realesrgan_models_names() -> list[str]:
    """The names of the files in `models/RealESRGAN`."""
    return _upscalers("RealESRGAN")


def dat_models_names() -> list[str]:
    """The names of the files in `models/DAT`."""
    return _upscalers("DAT")


def _upscalers(kind: str) -> list[str]:
    return [one.name for one in house().extras.upscalers.all() if one.kind == kind] if is_open() else []


def hypernetwork_names() -> dict[str, str]:
    """The files of hypernetworks by their names."""
    if not is_open():
        return {}
    from modules.networks.names import FileNames

    found: dict[str, str] = {}
    for folder in house().folders.hypernetwork_folders():
        files = FileNames(folder, (".pt",)).files()
        found = {**{name: str(path) for name, path in files.items()}, **found}
    return found


def reload_hypernetworks() -> None:
    """Nothing to do: they are listed anew each time."""


def postprocessing_scripts() -> list[Any]:
    """The tools of Extras, as far as extensions add some."""
    try:
        from modules.compat import scripts  # type: ignore[attr-defined,unused-ignore]

        return list(scripts.scripts_postproc.scripts)
    except (ImportError, AttributeError, TypeError):
        return []


def get_infotext_names() -> list[str]:
    """The names that infotexts give to options."""
    from modules.compat import shared

    return [info.infotext for info in shared.opts.data_labels.values() if info.infotext]


def ui_reorder_categories() -> list[str]:
    """The parts of the form, by the names of the older UI."""
    return [*ui_reorder_categories_builtin_items, "scripts"]


def callbacks_order_settings() -> dict[str, Any]:
    """The older UI's settings for the order of callbacks: none here, `metadata.ini` says it."""
    return {}
