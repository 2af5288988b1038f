"""`modules.mac_specific` of the older UI."""

from __future__ import annotations


def check_for_mps() -> bool:
    """Whether this is a Mac whose GPU PyTorch can use."""
    import torch

    return bool(torch.backends.mps.is_available())


def __getattr__(name: str) -> bool:
    if name == "has_mps":
        return check_for_mps()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
