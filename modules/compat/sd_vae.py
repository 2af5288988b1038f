"""`modules.sd_vae` of the older UI: the VAE files, and which of them is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat.house import house, is_open
from modules.compat.sd_checkpoints import LiveDict
from modules.faults import UnknownName
from modules.models.vae_catalogue import AUTOMATIC, NONE

unspecified = object()
"""What `reload_vae_weights` takes for "as the settings say"."""
vae_ignore_keys = {"model_ema.decay", "model_ema.num_updates"}
vae_dict = LiveDict(lambda: {vae.name: str(vae.path) for vae in house().vaes.all()} if is_open() else {})
base_vae: Any = None
checkpoint_info: Any = None


def __getattr__(name: str) -> Any:
    loaded = house().models.loaded if is_open() else None
    if name == "loaded_vae_file":
        return None if loaded is None or loaded.vae_file is None else str(loaded.vae_file.path)
    if name == "vae_path":
        folder = house().folders.models if is_open() else Path("models")
        return str(folder / "VAE")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass
class VaeResolution:
    """Which VAE is to be used, and who says so."""

    vae: str | None = None
    source: str | None = None
    resolved: bool = True

    def tuple(self) -> tuple[str | None, str | None]:
        """Path and source."""
        return self.vae, self.source


def get_filename(filepath: str | Path) -> str:
    """The file's name."""
    return os.path.basename(filepath)


def get_loaded_vae_name() -> str | None:
    """The file's name of the VAE in use; None: the checkpoint's own."""
    path = __getattr__("loaded_vae_file")
    return None if path is None else os.path.basename(path)


def get_loaded_vae_hash() -> str | None:
    """The first ten digits of its hash."""
    loaded = house().models.loaded if is_open() else None
    return None if loaded is None or loaded.vae_file is None else loaded.vae_file.short_hash


def get_base_vae(model: Any) -> None:
    """None: the checkpoint's own VAE is read again when it is wanted."""


def refresh_vae_list() -> None:
    """Look for VAEs anew."""
    house().vaes.refresh()


def find_vae_near_checkpoint(checkpoint_file: str | Path) -> str | None:
    """The path of the VAE that lies beside a checkpoint, or belongs to it by name."""
    found = next((c for c in house().checkpoints.all() if str(c.path) == str(checkpoint_file)), None)
    vae = None if found is None else house().vaes.for_checkpoint(found, AUTOMATIC)
    return None if vae is None else str(vae.path)


def resolve_vae(checkpoint_file: str | Path) -> VaeResolution:
    """The VAE for a checkpoint, as the settings say."""
    chosen = house().settings.current.model.vae
    if chosen == AUTOMATIC:
        path = find_vae_near_checkpoint(checkpoint_file)
        return VaeResolution(path, "found near the checkpoint" if path else None)
    if chosen == NONE:
        return VaeResolution()
    try:
        return VaeResolution(str(house().vaes.find(chosen).path), "specified in settings")
    except UnknownName:
        return VaeResolution(resolved=False)


def load_vae_dict(filename: str | Path, map_location: Any = None) -> dict[str, Any]:
    """The tensors of a VAE file. Raises: BadFile."""
    from modules.compat.sd_models import read_state_dict

    tensors = read_state_dict(filename, map_location=map_location)
    return {
        name: value for name, value in tensors.items() if name not in vae_ignore_keys and name[:4] != "loss"
    }


def load_vae(model: Any, vae_file: str | Path | None = None, vae_source: str = "from unknown source") -> None:
    """Use this VAE. Raises: Fault."""
    reload_vae_weights(model, vae_file)


def reload_vae_weights(sd_model: Any = None, vae_file: Any = unspecified) -> Any:
    """Choose a VAE in the settings and load it. Args: vae_file: its path; None: the checkpoint's own.

    Raises: UnknownName: it is in no VAE folder; BadFile.
    """
    from modules.compat.sd_models import load_model

    if vae_file is not unspecified:
        name = NONE if vae_file is None else house().vaes.find(str(vae_file)).name
        if name != house().settings.current.model.vae:
            house().settings.update({"model.vae": name})
    return load_model()
