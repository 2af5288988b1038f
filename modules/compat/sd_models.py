"""`modules.sd_models` of the older UI: the checkpoints that are there, and the one that is loaded."""

from __future__ import annotations

import logging
import os
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.compat.older_options import option
from modules.compat.sd_checkpoints import (
    CheckpointInfo,
    all_infos,
    checkpoint_aliases,
    checkpoints_list,
    get_closet_checkpoint_match,
    info_of,
    model_hash,
    read_metadata_from_safetensors,
)
from modules.faults import Fault, NotPossibleNow

if TYPE_CHECKING:
    from torch import Tensor

    from modules.compat.sd_model_object import SdModel
    from modules.models.latent_diffusion import LatentDiffusion

__all__ = [
    "CheckpointInfo",
    "SdModelData",
    "checkpoint_aliases",
    "checkpoint_tiles",
    "checkpoints_list",
    "get_closest_checkpoint_match",
    "get_closet_checkpoint_match",
    "info_of",
    "list_models",
    "load_model",
    "model_data",
    "model_hash",
    "read_metadata_from_safetensors",
    "read_state_dict",
    "reload_model_weights",
    "select_checkpoint",
    "unload_model_weights",
]

log = logging.getLogger(__name__)

model_dir = "Stable-diffusion"
checkpoint_alisases = checkpoint_aliases  # as it was spelt once
checkpoints_loaded: dict[Any, Any] = {}
get_closest_checkpoint_match = get_closet_checkpoint_match
_CLIP_PREFIXES = {
    "cond_stage_model.transformer.embeddings.": "cond_stage_model.transformer.text_model.embeddings.",
    "cond_stage_model.transformer.encoder.": "cond_stage_model.transformer.text_model.encoder.",
    "cond_stage_model.transformer.final_layer_norm.": "cond_stage_model.transformer.text_model.final_layer_norm.",
}


def __getattr__(name: str) -> Any:
    if name == "model_path":
        from modules.compat.paths import models_path

        folder = str(house().folders.models) if is_open() else models_path
        return os.path.join(folder, model_dir)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# -- the list -----------------------------------------------------------------------------------------------


def list_models() -> None:
    """Look for checkpoints anew."""
    house().checkpoints.refresh()


def setup_model() -> None:
    """Nothing has to be set up: the folders are there."""


def checkpoint_tiles(use_short: bool = False) -> list[str]:
    """The titles of all checkpoints. Args: use_short: without folder and suffix."""
    return [info.short_title if use_short else info.title for info in all_infos()]


def select_checkpoint() -> CheckpointInfo:
    """The checkpoint that the settings name, else the first.

    Raises: NotPossibleNow: there is none.
    """
    named = option("sd_model_checkpoint", None) or house().settings.current.model.checkpoint
    info = get_closet_checkpoint_match(named) if named else None
    if info is None:
        info = info_of(house().models.resolve(None))
    return info


# -- the loaded model ---------------------------------------------------------------------------------------


class SdModelData:
    """The model in memory. Its lock is held while one is loaded."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._proxies: list[SdModel] = []

    @property
    def loaded_sd_models(self) -> list[SdModel]:
        """Those that are in memory and were asked for, the one in use first."""
        model = self.sd_model
        return [] if model is None else [model]

    @property
    def was_loaded_at_least_once(self) -> bool:
        """Whether there has been a model."""
        return bool(self._proxies) or (is_open() and house().models.loaded is not None)

    @property
    def sd_model(self) -> SdModel | None:
        """The model in use; None: none is loaded."""
        loaded = house().models.loaded if is_open() else None
        return None if loaded is None else self.proxy_of(loaded)

    @sd_model.setter
    def sd_model(self, model: SdModel | None) -> None:
        self.set_sd_model(model)

    def get_sd_model(self) -> SdModel | None:
        """The model in use, loaded if need be; None where that is not possible (the log says why)."""
        if not is_open():
            return None
        model = self.sd_model
        if model is not None:
            return model
        try:
            return load_model()
        except Fault as error:
            log.warning("%s", error)
            return None

    def set_sd_model(self, model: SdModel | None, already_loaded: bool = False) -> None:
        """Use this model; None lets go of all."""
        if model is None:
            if is_open():
                house().models.unload()
        else:
            reload_model_weights(info=model.sd_checkpoint_info)

    def proxy_of(self, loaded: LatentDiffusion) -> SdModel:
        """The one object that stands for a loaded model. The first time, `on_model_loaded` is called."""
        with self.lock:
            for each in self._proxies:
                if each.loaded is loaded:
                    return each
            from modules.compat.sd_model_object import SdModel
            from modules.compat.textual_inversion.textual_inversion import embeddings_of

            proxy = SdModel(loaded, lambda: embeddings_of(loaded))
            self._proxies = [proxy, *self._proxies[:1]]
        try:
            import_module("modules.compat.script_callbacks").model_loaded_callback(proxy)
        except Exception:  # an extension's failure is its own
            log.exception("A callback for a loaded model failed.")
        return proxy


model_data = SdModelData()


def load_model(
    checkpoint_info: CheckpointInfo | None = None, already_loaded_state_dict: Any = None
) -> SdModel:
    """Load a checkpoint, or take it as it is in memory. Args: checkpoint_info: None: the one that is chosen.

    Raises: Fault: it can't be loaded; the model that was in use stays.
    """
    info = checkpoint_info or select_checkpoint()
    # the store comes first, the lock after it: loading asks for the store's lock
    loaded = house().models.get(info.filename, vae=house().settings.current.model.vae)
    return model_data.proxy_of(loaded)


def reload_model_weights(
    sd_model: SdModel | None = None, info: CheckpointInfo | None = None, forced_reload: bool = False
) -> SdModel:
    """Choose a checkpoint in the settings and load it. Args: info: None: the one that is chosen already.

    Raises: Fault: it can't be loaded; then the choice stays as well.
    """
    chosen = info or select_checkpoint()
    if forced_reload:
        house().models.reload(chosen.filename)
    model = load_model(chosen)
    if house().settings.current.model.checkpoint != chosen.name:
        house().settings.update({"model.checkpoint": chosen.name})
    return model


def reuse_model_from_already_loaded(
    sd_model: SdModel | None, checkpoint_info: CheckpointInfo, timer: Any = None
) -> SdModel:
    """The model of a checkpoint, from memory where it is there."""
    return load_model(checkpoint_info)


def unload_model_weights(
    sd_model: SdModel | None = None, info: CheckpointInfo | None = None
) -> SdModel | None:
    """Give the memory of the models back; the next job loads again."""
    house().models.unload()
    return sd_model


def get_empty_cond(sd_model: SdModel) -> Any:
    """The conditioning of no text."""
    cond = sd_model.get_learned_conditioning([""])
    return cond["crossattn"] if isinstance(cond, dict) else cond


def send_model_to_cpu(m: Any) -> None:
    """Nothing: the program places its models itself."""


def send_model_to_device(m: Any) -> None:
    """Nothing: the program places its models itself."""


def send_model_to_trash(m: Any) -> None:
    """Nothing: the program lets go of its models itself."""


def apply_alpha_schedule_override(sd_model: Any, p: Any = None) -> None:
    """Nothing: the request's noise schedule decides."""


def enable_midas_autodownload() -> None:
    """Nothing is ever downloaded."""


def model_target_device(m: Any = None) -> Any:
    """Where models compute."""
    from modules.compute import choose

    loaded = house().models.loaded if is_open() else None
    return (choose() if loaded is None else loaded.compute).device


# -- files --------------------------------------------------------------------------------------------------


def read_state_dict(
    checkpoint_file: str | Path, print_global_state: bool = False, map_location: Any = None
) -> dict[str, Tensor]:
    """The tensors of a file by name. Pickles are read without running anything that is in them.

    Raises: BadFile.
    """
    from modules.models.checkpoint_file import read_tensors

    tensors = read_tensors(Path(checkpoint_file))
    if map_location is None or str(map_location) == "cpu":
        return tensors
    return {name: tensor.to(map_location) for name, tensor in tensors.items()}


def transform_checkpoint_dict_key(k: str, replacements: dict[str, str] | None = None) -> str:
    """A tensor's name as it is usual: very old checkpoints leave `text_model.` out."""
    for old, new in (replacements or _CLIP_PREFIXES).items():
        if k.startswith(old):
            return new + k[len(old) :]
    return k


def get_state_dict_from_checkpoint(pl_sd: dict[str, Any]) -> dict[str, Any]:
    """The tensors out of what a checkpoint file holds, under their usual names."""
    inner = pl_sd.pop("state_dict", pl_sd)
    inner.pop("state_dict", None)
    renamed = {transform_checkpoint_dict_key(name): value for name, value in inner.items()}
    pl_sd.clear()
    pl_sd.update(renamed)
    return pl_sd


def get_checkpoint_state_dict(checkpoint_info: CheckpointInfo, timer: Any = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint. Raises: BadFile."""
    return read_state_dict(checkpoint_info.filename)


def load_model_weights(
    model: Any, checkpoint_info: CheckpointInfo, state_dict: Any = None, timer: Any = None
) -> SdModel:
    """Load a checkpoint; see `load_model`."""
    if state_dict is not None:
        raise NotPossibleNow("Weights that are in no file can't be loaded; save them as a checkpoint first.")
    return load_model(checkpoint_info)
