"""The command line as extensions of the older UI read it: `shared.cmd_opts.NAME`, with that UI's names and kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.cli.command_line import CommandLine, Users
from modules.cli.older import LATER, NO_EFFECT

SWITCHED_ON = {
    "api": True,
    "autolaunch": False,
    "gradio_queue": True,
    "opt_sdp_attention": True,
    "skip_install": False,
    "no_hashing": False,
    "hide_ui_dir_config": False,
}
WITH_VALUES: dict[str, Any] = {
    "filenames_max_length": 128,
    "gradio_img2img_tool": None,
    "gradio_inpaint_tool": None,
    "sub_quad_q_chunk_size": 1024,
    "sub_quad_kv_chunk_size": None,
    "sub_quad_chunk_threshold": None,
    "opt_channelslast": False,
    "config": None,
}
"""Flags that are no switches, or mean nothing here, with what they are where nobody says anything."""


def older_flags(line: CommandLine) -> dict[str, Any]:
    """All flags by their older names; folders and files as text, None where nothing is said."""
    folders = line.folders()
    data, models = folders.data, folders.models
    told = [flag.removeprefix("--").replace("-", "_") for flag in (*LATER, *NO_EFFECT)]
    return {
        **dict.fromkeys(told, False),
        **SWITCHED_ON,
        **WITH_VALUES,
        "data_dir": str(data),
        "freeze_settings": line.frozen.everything,
        "freeze_settings_in_sections": ",".join(line.frozen_sections) or None,
        "freeze_specific_settings": ",".join(line.frozen_settings) or None,
        "models_dir": str(models),
        "ckpt": _first(line.checkpoint_files),
        "ckpt_dir": _first(line.checkpoint_dirs),
        "vae_dir": _first(line.vae_dirs),
        "vae_path": _first(line.vae_files),
        "embeddings_dir": str(folders.embedding_folders()[0]),
        "hypernetwork_dir": str(folders.hypernetwork_folders()[0]),
        "lora_dir": str(folders.lora_folders()[0]),
        "lyco_dir": str(models / "LyCORIS"),
        "lyco_dir_backcompat": str(models / "LyCORIS"),
        "esrgan_models_path": _first(line.upscaler_dirs) or str(models / "ESRGAN"),
        "realesrgan_models_path": str(models / "RealESRGAN"),
        "bsrgan_models_path": str(models / "ESRGAN"),
        "dat_models_path": str(models / "DAT"),
        "scunet_models_path": str(models / "ScuNET"),
        "swinir_models_path": str(models / "SwinIR"),
        "gfpgan_dir": str(models / "GFPGAN"),
        "gfpgan_model": None,
        "gfpgan_models_path": _first(line.face_restorer_dirs) or str(models / "GFPGAN"),
        "codeformer_models_path": str(models / "Codeformer"),
        "clip_models_path": None,
        "textual_inversion_templates_dir": str(data / "textual_inversion_templates"),
        "localizations_dir": str(line.localizations_dir or data / "localizations"),
        "styles_file": [str(path) for path in line.all_styles_files()] or [str(data / "styles.csv")],
        "ui_settings_file": str(data / "config.json"),
        "ui_config_file": str(data / "ui-config.json"),
        "listen": line.listen,
        "server_name": line.host if line.listen else None,
        "port": line.port,
        "nowebui": line.nowebui,
        "gradio_auth": _users(line.gradio_auth),
        "gradio_auth_path": None,
        "api_auth": _users(line.api_auth),
        "share": line.share,
        "api_log": line.api_log,
        "api_server_stop": line.api_server_stop,
        "cors_allow_origins": ",".join(line.cors_origins) or None,
        "cors_allow_origins_regex": line.cors_origins_regex,
        "tls_keyfile": _text(line.tls_keyfile),
        "tls_certfile": _text(line.tls_certfile),
        "disable_tls_verify": None,
        "subpath": line.subpath.strip("/"),
        "gradio_allowed_path": [str(path) for path in line.gradio_allowed_paths],
        "timeout_keep_alive": line.timeout_keep_alive,
        "autolaunch": line.autolaunch,
        "theme": line.theme,
        "loglevel": line.log_level,
        "skip_load_model_at_start": line.quick_start,
        "no_half": line.no_half,
        "no_half_vae": line.no_half_vae,
        "precision": line.precision or "autocast",
        "medvram": line.memory == "medium",
        "medvram_sdxl": line.medium_for_xl,
        "lowvram": line.memory == "low",
        "use_cpu": list(line.use_cpu),
        "device_id": line.device_id,
        "disable_nan_check": not line.nan_check,
        "disable_safe_unpickle": False,
        "disable_all_extensions": line.extensions == "all disabled",
        "disable_extra_extensions": line.extensions == "extra disabled",
        "enable_insecure_extension_access": line.extension_access,
        "skip_install": not line.install,
        "allow_code": "--allow-code" in line.unknown,  # the extension custom-code declares it
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _first(paths: tuple[Path, ...]) -> str | None:
    return str(paths[0]) if paths else None


def _users(users: Users) -> str | None:
    return ",".join(f"{name}:{password}" for name, password in users) or None
