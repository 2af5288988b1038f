"""`modules.sd_vae_taesd` of the older UI: the tiny autoencoder, as far as its files are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def decoder_model() -> Callable[[Tensor], Tensor]:
    """From latents `[B, 4, h, w]` to pictures `[B, 3, h', w']` in 0..1; without its file by a linear map."""

    def decode(latents: Tensor) -> Tensor:
        from modules.compat.sd_samplers_common import samples_to_images_tensor

        return (samples_to_images_tensor(latents, approximation=3) + 1) / 2

    return decode
