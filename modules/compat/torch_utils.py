"""`modules.torch_utils` of the older UI."""

from __future__ import annotations

from typing import Any


def get_param(model: Any) -> Any:
    """One of a network's weights, of which device and type can be read."""
    found = getattr(model, "model", None)
    if found is not None and hasattr(found, "parameters"):
        model = found
    return next(iter(model.parameters()))


def float64(t: Any) -> Any:
    """The finest type of numbers that a tensor's device has."""
    import torch

    return torch.float32 if t.device.type in ("mps", "xpu") else torch.float64
