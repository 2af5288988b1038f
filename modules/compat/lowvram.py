"""`modules.lowvram` of the older UI: whether the parts of a model take turns on the device."""

from __future__ import annotations

from typing import Any

from modules.compat.house import house, is_open


def is_enabled(sd_model: Any) -> bool:
    """Whether they take turns."""
    return bool(getattr(sd_model, "lowvram", False))


def is_needed(sd_model: Any) -> bool:
    """The same: the program has decided."""
    return is_enabled(sd_model)


def setup_for_low_vram(sd_model: Any, use_medvram: bool) -> None:
    """Nothing: see --medvram and --lowvram."""


def apply(sd_model: Any) -> None:
    """Nothing."""


def send_everything_to_cpu() -> None:
    """Move the loaded model into the memory of the CPU; it comes back when it is used."""
    model = house().models.loaded if is_open() else None
    if model is not None and model.compute.device.type != "cpu":
        from modules.models.placement import rest

        rest(model)


module_in_gpu: Any = None
