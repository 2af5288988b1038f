"""A model called on overlapping windows of large latents, and what it gives averaged where they overlap.

Source: Bar-Tal et al., "MultiDiffusion: Fusing Diffusion Paths for Controlled Image Generation" (2023): in every step
each window is denoised by itself, and what several windows say of a place is averaged. Here the averages are weighted:
a window counts less towards its edges, where it knows least of what is around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_LEAST_SHARE = 0.02
"""What a window counts at its outermost cells, so that each place has an average."""


@dataclass(frozen=True)
class Windows:
    """How latents are cut.

    Args:
        height, width: of a window, in latent cells.
        overlap: least number of cells that neighbours share.
    """

    height: int
    width: int
    overlap: int

    def places(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """Rows and columns of each window on latents of this size; they cover all of it, the last end with it."""
        rows, columns = _starts(height, self.height, self.overlap), _starts(width, self.width, self.overlap)
        high, wide = min(self.height, height), min(self.width, width)
        return [(slice(y, y + high), slice(x, x + wide)) for y in rows for x in columns]

    def count(self, height: int, width: int) -> int:
        """How often the model is called for latents of this size."""
        return len(self.places(height, width))


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """Where the windows of one side begin: evenly spread, the last one ending with it."""
    if size >= length:
        return [0]
    step = max(1, size - min(overlap, size - 1))
    count = -(-(length - size) // step) + 1
    return [i * (length - size) // (count - 1) for i in range(count)]


def windowed(model: Callable[[Tensor], Tensor], x: Tensor, windows: Windows) -> Tensor:
    """The model's answer for large latents, put together from those for windows.

    The averages hold for whatever is linear in the model's answer: the noise, the velocity and the clean latents of
    the same noisy latents.

    Args:
        model: gives `[B, C', h, w]` for a window `[B, C, h, w]`.
        x: `[B, C, H, W]`.

    Returns: `[B, C', H, W]`.
    """
    places = windows.places(x.shape[-2], x.shape[-1])
    if len(places) == 1:
        return model(x)
    total: Tensor | None = None
    rows, columns = places[0]
    share = weights(rows.stop - rows.start, columns.stop - columns.start).to(x.device)
    shares = torch.zeros(x.shape[-2:], device=x.device)
    for rows, columns in places:
        answer = model(x[..., rows, columns].contiguous())
        if total is None:
            total = torch.zeros(*answer.shape[:2], *x.shape[-2:], device=x.device)
        total[..., rows, columns] += answer.float() * share
        shares[rows, columns] += share
    assert total is not None
    return (total / shares).to(answer.dtype)


def weights(height: int, width: int) -> Tensor:
    """What a window counts in each of its cells, `[height, width]`: most in the middle, least at the edges.

    Half a period of a sine over each side, so that neighbours fade into each other without a visible seam.
    """
    return _side(height)[:, None] * _side(width)[None, :]


def _side(length: int) -> Tensor:
    place = (torch.arange(length, dtype=torch.float32) + 0.5) / length
    return torch.sin(place * torch.pi).clamp_min(_LEAST_SHARE)
