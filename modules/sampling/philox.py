"""Philox 4x32-10 with Box-Muller: the normal numbers that `torch.randn` draws on an NVIDIA GPU, on any machine.

Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint32)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)


class PhiloxGenerator:
    """Draws normal numbers from a seed; each call takes the next step of the counter."""

    def __init__(self, seed: int) -> None:
        self._key = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)
        self._calls = 0

    def randn(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Float32 normal numbers of this shape."""
        count = int(np.prod(shape))
        counter = np.zeros((4, count), np.uint32)
        counter[0] = self._calls
        counter[2] = np.arange(count, dtype=np.uint32)
        self._calls += 1
        return _box_muller(*_philox(counter, self._key)[:2]).reshape(shape)


def _philox(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    c0, c1, c2, c3 = counter
    k0, k1 = key
    with np.errstate(over="ignore"):
        for _ in range(_ROUNDS):
            p0 = c0.astype(np.uint64) * _MULTIPLIERS[0]
            p1 = c2.astype(np.uint64) * _MULTIPLIERS[1]
            high0, low0 = (p0 >> np.uint64(32)).astype(np.uint32), (p0 & _LOW).astype(np.uint32)
            high1, low1 = (p1 >> np.uint64(32)).astype(np.uint32), (p1 & _LOW).astype(np.uint32)
            c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
            k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    return np.stack([c0, c1, c2, c3])


def _box_muller(x: NDArray[np.uint32], y: NDArray[np.uint32]) -> NDArray[np.float32]:
    scale = np.float64(2.0**-32)
    u = x * scale + scale / 2
    v = y * (scale * 2 * np.pi) + scale * np.pi
    return (np.sqrt(-2.0 * np.log(u)) * np.sin(v)).astype(np.float32)
