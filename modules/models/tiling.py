"""Pictures that tile: convolutions that see the left edge beyond the right one, and the top beyond the bottom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def circular_convolutions(*networks: nn.Module) -> Iterator[None]:
    """While this is open, all padded convolutions of the networks wrap around; afterwards they are as before."""
    layers = [m for network in networks for m in network.modules() if isinstance(m, nn.Conv2d)]
    before = [layer.padding_mode for layer in layers]
    try:
        for layer in layers:
            layer.padding_mode = "circular"
        yield
    finally:
        for layer, mode in zip(layers, before, strict=True):
            layer.padding_mode = mode
