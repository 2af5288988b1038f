"""What a U-Net is told besides the noisy latent: the text, and for some families a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modules.models.unet_layers import timestep_embedding

SIZE_WIDTH = 256
"""Every number that SDXL is told (a side, an offset, a score) becomes so many sines and cosines."""


@dataclass(frozen=True)
class Conditioning:
    """The conditioning for one text.

    Args:
        tokens: the text's vectors, `[1 or B, tokens, width]`.
        vector: `[1 or B, vector width]` for a family that has it; before `with_numbers` only the pooled text.
        channels: a picture for a family that reads one, `[1 or B, C, H/8, W/8]`: they stand behind the latent's.
    """

    tokens: Tensor
    vector: Tensor | None = None
    channels: Tensor | None = None

    def with_tokens(self, tokens: Tensor) -> Conditioning:
        """The same with other vectors."""
        return replace(self, tokens=tokens)

    def with_numbers(self, numbers: Sequence[float]) -> Conditioning:
        """The same with numbers joined to the pooled text (Podell et al., "SDXL", 2023, section 2.2).

        Args: numbers: SDXL: height, width, crop top, crop left, target height, target width;
            its refiner: height, width, crop top, crop left, aesthetic score.
        """
        assert self.vector is not None
        values = torch.tensor(list(numbers), dtype=torch.float32, device=self.vector.device)
        embedded = timestep_embedding(values, SIZE_WIDTH).flatten()[None]
        return replace(self, vector=torch.cat([self.vector, embedded.expand(len(self.vector), -1)], dim=1))

    def without_picture(self) -> Conditioning:
        """The same with zeros for the picture."""
        return replace(self, channels=None if self.channels is None else torch.zeros_like(self.channels))

    def emptied(self) -> Conditioning:
        """All zeros: what SDXL is told for an empty negative prompt."""
        vector = None if self.vector is None else torch.zeros_like(self.vector)
        return Conditioning(torch.zeros_like(self.tokens), vector)
