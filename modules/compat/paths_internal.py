"""`modules.paths_internal` of the older UI: where things lie, as text, asked anew each time (`--data-dir` counts)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.folders import PROGRAM, Folders

if TYPE_CHECKING:
    data_path: str
    models_path: str
    extensions_dir: str
    config_states_dir: str
    default_output_dir: str

cwd = os.getcwd()
modules_path = str(PROGRAM / "modules")
script_path = str(PROGRAM)
roots_path = script_path
extensions_builtin_dir = str(PROGRAM / "extensions")
sd_configs_path = str(PROGRAM / "configs")
sd_default_config = str(PROGRAM / "configs" / "v1-inference.yaml")
sd_model_file = str(PROGRAM / "model.ckpt")
default_sd_model_file = sd_model_file
commandline_args = os.environ.get("COMMANDLINE_ARGS", "")


def normalized_filepath(filepath: str | Path) -> str:
    """A path as a text that can be compared with others."""
    return str(Path(filepath).absolute())


def __getattr__(name: str) -> Any:
    folders = house().folders if is_open() else Folders()
    places: dict[str, Path] = {
        "data_path": folders.data,
        "models_path": folders.models,
        "extensions_dir": folders.extensions,
        "config_states_dir": folders.data / "config_states",
        "default_output_dir": folders.outputs,
    }
    if name in places:
        return str(places[name])
    if name == "cmd_opts_pre":
        from modules.compat.shared_cmd_options import cmd_opts

        return cmd_opts
    if name == "argv":
        return shlex.split(commandline_args)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
