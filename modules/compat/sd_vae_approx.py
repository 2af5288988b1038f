"""`modules.sd_vae_approx` of the older UI: quick pictures of latents. The program's own linear map stands for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def cheap_approximation(sample: Tensor) -> Tensor:
    """One latent `[4, h, w]` as a small picture `[3, h, w]` in -1..1."""
    from modules.compat.sd_samplers_common import samples_to_images_tensor

    return samples_to_images_tensor(sample[None], approximation=2)[0]


def model() -> None:
    """No network: there is none to load."""
