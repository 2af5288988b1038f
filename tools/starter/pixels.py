"""Drawn pictures as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_pixels(pictures: np.ndarray) -> Tensor:
    """uint8 `[B, H, W, 3]` -> float `[B, 3, H, W]` in -1..1.

    Contiguous: a CPU's GroupNorm takes thirty times as long backward where the channels come last.
    """
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
