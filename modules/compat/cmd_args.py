"""`modules.cmd_args` of the older UI: the flags that it knows, by the names and defaults that extensions read."""

from __future__ import annotations

import argparse
from typing import Any

NOTHING: tuple[str, ...] = (
    "ckpt", "ckpt_dir", "vae_dir", "vae_path", "ngrok", "ngrok_region", "device_id", "sub_quad_kv_chunk_size",
    "sub_quad_chunk_threshold", "gradio_auth", "gradio_auth_path", "theme", "api_auth", "server_name", "port",
    "tls_keyfile", "tls_certfile", "cors_allow_origins", "cors_allow_origins_regex", "subpath", "loglevel",
    "freeze_settings_in_sections", "freeze_specific_settings", "gfpgan_dir", "gfpgan_model", "lyco_dir", "config",
    "gradio_img2img_tool", "gradio_inpaint_tool",
)  # fmt: skip
"""Flags with a value that is None where nobody gives one."""

OFF: tuple[str, ...] = (
    "f", "update_all_extensions", "skip_python_version_check", "skip_torch_cuda_test", "reinstall_xformers",
    "reinstall_torch", "update_check", "test_server", "log_startup", "skip_prepare_environment", "skip_install",
    "dump_sysinfo", "do_not_download_clip", "no_half", "no_half_vae", "no_progressbar_hiding", "allow_code",
    "medvram", "medvram_sdxl", "lowvram", "lowram", "always_batch_cond_uncond", "unload_gfpgan", "upcast_sampling",
    "share", "enable_insecure_extension_access", "xformers", "force_enable_xformers", "xformers_flash_attention",
    "deepdanbooru", "opt_split_attention", "opt_sub_quad_attention", "opt_split_attention_invokeai",
    "opt_split_attention_v1", "opt_sdp_attention", "opt_sdp_no_mem_attention", "disable_opt_split_attention",
    "disable_nan_check", "listen", "show_negative_prompt", "hide_ui_dir_config", "freeze_settings", "gradio_debug",
    "opt_channelslast", "use_textbox_seed", "disable_console_progressbars", "enable_console_prompts",
    "disable_safe_unpickle", "api", "api_log", "nowebui", "ui_debug_mode", "administrator", "disable_tls_verify",
    "no_gradio_queue", "gradio_queue", "skip_version_check", "no_hashing", "no_download_sd_model",
    "add_stop_route", "api_server_stop", "disable_all_extensions", "disable_extra_extensions",
    "skip_load_model_at_start", "unix_filenames_sanitization", "no_prompt_history", "use_ipex", "autolaunch",
    "vae_half", "disable_model_loading_ram_optimization",
)  # fmt: skip
"""Flags without a value."""

OTHERS: dict[str, Any] = {
    "precision": "autocast",
    "use_cpu": [],
    "sub_quad_q_chunk_size": 1024,
    "ngrok_options": {},
    "gradio_allowed_path": [],
    "timeout_keep_alive": 30,
    "filenames_max_length": 128,
    "styles_file": [],
}

FOLDERS: dict[str, tuple[str, ...]] = {
    "models_dir": ("models",),
    "lora_dir": ("models", "Lora"),
    "lyco_dir_backcompat": ("models", "LyCORIS"),
    "hypernetwork_dir": ("models", "hypernetworks"),
    "gfpgan_models_path": ("models", "GFPGAN"),
    "codeformer_models_path": ("models", "Codeformer"),
    "esrgan_models_path": ("models", "ESRGAN"),
    "bsrgan_models_path": ("models", "BSRGAN"),
    "realesrgan_models_path": ("models", "RealESRGAN"),
    "dat_models_path": ("models", "DAT"),
    "scunet_models_path": ("models", "ScuNET"),
    "swinir_models_path": ("models", "SwinIR"),
    "ldsr_models_path": ("models", "LDSR"),
    "clip_models_path": ("models", "CLIP"),
}
"""Folders of models, by their parts below the folder that `models` stands for."""

DATA: dict[str, tuple[str, ...]] = {
    "data_dir": (),
    "embeddings_dir": ("embeddings",),
    "textual_inversion_templates_dir": ("textual_inversion_templates",),
    "localizations_dir": ("localizations",),
    "ui_config_file": ("ui-config.json",),
    "ui_settings_file": ("extension-options.json",),
}
"""Folders and files below the data folder."""


def defaults() -> dict[str, Any]:
    """All flags that don't stand for a place, with the values that they have where nobody gives them."""
    return {**dict.fromkeys(NOTHING), **dict.fromkeys(OFF, False), **OTHERS}


def _parser() -> argparse.ArgumentParser:
    """A parser of these flags, for extensions that add theirs by hand; the program has read its own already."""
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name, value in defaults().items():
        made.add_argument(f"--{name.replace('_', '-')}", default=value, help=argparse.SUPPRESS)
    return made


parser = _parser()
