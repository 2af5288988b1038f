"""`modules.shared` of the older UI: the names that its extensions use most, each asked for late."""

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from modules.compat import shared_items, util
from modules.compat.house import house, is_open
from modules.compat.option_info import OptionHTML, OptionInfo, OptionsCategory, categories, options_section
from modules.compat.option_values import FILE
from modules.compat.options import Options
from modules.compat.shared_cmd_options import cmd_opts, parser
from modules.compat.shared_options import options_templates, restricted_opts
from modules.compat.shared_state import State
from modules.compat.shared_total_tqdm import TotalTQDM
from modules.compat.styles import StyleDatabase
from modules.folders import PROGRAM

if TYPE_CHECKING:
    import torch

    from modules.compat.upscaler import UpscalerData

    device: torch.device
    weight_load_location: torch.device | None
    sd_upscalers: list[UpscalerData]
    face_restorers: list[Any]
    hypernetworks: dict[str, str]
    config_filename: str
    styles_filename: list[str]
    gradio_theme: Any
    hide_dirs: dict[str, bool]
    mem_mon: Any
    interrogator: Any
    sd_model: Any
    clip_model: Any

__all__ = [
    "OptionHTML",
    "OptionInfo",
    "Options",
    "OptionsCategory",
    "Shared",
    "State",
    "StyleDatabase",
    "TotalTQDM",
    "categories",
    "cmd_opts",
    "html",
    "list_checkpoint_tiles",
    "list_samplers",
    "listfiles",
    "natural_sort_key",
    "options_section",
    "options_templates",
    "opts",
    "parser",
    "prompt_styles",
    "refresh_checkpoints",
    "reload_hypernetworks",
    "restricted_opts",
    "state",
    "total_tqdm",
    "walk_files",
]

log = logging.getLogger(__name__)

opts = Options(options_templates, restricted_opts)
state = State()
prompt_styles = StyleDatabase()
total_tqdm = TotalTQDM()

demo: Any = None
"""The page (`gr.Blocks`), once it is built."""
settings_components: dict[str, Any] = {}
"""Components of the older UI's settings page; the settings are a dialog here, so there are none."""
tab_names: list[str] = []
loaded_hypernetworks: list[Any] = []
batch_cond_uncond = True
parallel_processing_allowed = True
xformers_available = False
sd_hypernetwork = None
progress_print_out = sys.stdout
compatibility_opts: dict[str, Any] = {}
gradio_hf_hub_themes: list[str] = ["gradio/base", "gradio/glass", "gradio/monochrome", "gradio/soft"]
latent_upscale_default_mode = "Latent"
latent_upscale_modes: dict[str, dict[str, Any]] = {
    "Latent": {"mode": "bilinear", "antialias": False},
    "Latent (antialiased)": {"mode": "bilinear", "antialias": True},
    "Latent (bicubic)": {"mode": "bicubic", "antialias": False},
    "Latent (bicubic antialiased)": {"mode": "bicubic", "antialias": True},
    "Latent (nearest)": {"mode": "nearest", "antialias": False},
    "Latent (nearest-exact)": {"mode": "nearest-exact", "antialias": False},
}

natural_sort_key = util.natural_sort_key
listfiles = util.listfiles
html = util.html
html_path = util.html_path
walk_files = util.walk_files
ldm_print = util.ldm_print
list_checkpoint_tiles = shared_items.list_checkpoint_tiles
refresh_checkpoints = shared_items.refresh_checkpoints
list_samplers = shared_items.list_samplers
reload_hypernetworks = shared_items.reload_hypernetworks


def reload_gradio_theme(theme_name: str | None = None) -> None:
    """Nothing to do: the page has its own look."""


def resolve_var(name: str, gradio_theme: Any = None, history: Any = None) -> str:
    """A variable of Gradio's theme: its style sheet knows it by the same name."""
    return f"var(--{name.replace('_', '-')})"


def _upscalers() -> list[Any]:
    from modules.compat import upscaler

    return upscaler.all_upscalers()


def _device() -> Any:
    from modules.compat import devices

    return devices.get_optimal_device()


def _face_restorers() -> list[Any]:
    from modules.compat import face_restoration

    return face_restoration.all_restorers()


def _theme() -> Any:
    import gradio as gr

    return gr.themes.Default()


def _memory_monitor() -> Any:
    from modules.compat import memmon

    return memmon.MemUsageMonitor("MemMon", _device(), opts)


def _interrogator() -> Any:
    from modules.compat import interrogate  # type: ignore[attr-defined,unused-ignore]

    return interrogate.InterrogateModels("interrogate")


def _config_filename() -> str:
    return str((house().folders.data if is_open() else PROGRAM) / FILE)


def _vram() -> bool:
    return bool(cmd_opts.lowvram or cmd_opts.medvram)


_LATE = {
    "sd_upscalers": _upscalers,
    "device": _device,
    "weight_load_location": lambda: None,
    "face_restorers": _face_restorers,
    "hypernetworks": shared_items.hypernetwork_names,
    "config_filename": _config_filename,
    "styles_filename": lambda: cmd_opts.styles_file,
    "gradio_theme": _theme,
    "hide_dirs": lambda: {"visible": not cmd_opts.hide_ui_dir_config},
    "mem_mon": _memory_monitor,
    "interrogator": _interrogator,
    "clip_model": lambda: getattr(_sd_model(), "cond_stage_model", None),
    "lowvram": _vram,
}
"""Names whose values are asked for each time."""


def _sd_model() -> Any:
    """The loaded model, as the older UI knows it; the checkpoint is loaded first if need be."""
    if not is_open():
        return None
    from modules.compat import sd_models  # type: ignore[attr-defined,unused-ignore]

    return sd_models.model_data.get_sd_model()


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return _LATE[name]()
    if name in ("sd_model_checkpoint_info", "sd_checkpoint_info"):
        return getattr(_sd_model(), "sd_checkpoint_info", None)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Shared(ModuleType):
    """This module's own class, so that the model can be asked for and set."""

    @property
    def sd_model(self) -> Any:
        """The loaded model."""
        return _sd_model()

    @sd_model.setter
    def sd_model(self, value: Any) -> None:
        if not is_open():
            return
        from modules.compat import sd_models  # type: ignore[attr-defined,unused-ignore]

        sd_models.model_data.set_sd_model(value)

    @property
    def sd_vae(self) -> Any:
        """The name of the VAE that is chosen."""
        return house().settings.current.model.vae if is_open() else "Automatic"


sys.modules[__name__].__class__ = Shared
