"""`modules.sd_models_config` of the older UI: the configuration beside a checkpoint."""

from __future__ import annotations

from typing import Any

from modules.compat.paths import script_path as sd_configs_path

__all__ = ["find_checkpoint_config", "find_checkpoint_config_near_filename", "sd_configs_path"]


def find_checkpoint_config_near_filename(info: Any) -> str | None:
    """The `.yaml` beside a checkpoint."""
    import os

    path = f"{os.path.splitext(info.filename)[0]}.yaml"
    return path if os.path.isfile(path) else None


def find_checkpoint_config(state_dict: Any, info: Any) -> str | None:
    """The same: what a checkpoint is, its tensors say; no configuration files are kept for that."""
    return None if info is None else find_checkpoint_config_near_filename(info)
