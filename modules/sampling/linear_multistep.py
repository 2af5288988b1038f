"""What the multistep samplers share: the weights for equal steps, and weighted sums of tensors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""By order, from 1 to 4: the weights of the latest slope, the one before it, and so on."""


def weighted_sum(weights: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """`weights[0] * values[0] + weights[1] * values[1] + ...`; as many weights as values, at least one."""
    result = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        result = result + weight * value
    return result
