"""`modules.sd_models_types` of the older UI: the class of the loaded model, for type hints."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "WebuiSdModel":
        from modules.compat.sd_model_object import SdModel

        return SdModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
