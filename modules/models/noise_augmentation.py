"""unCLIP's noise on an image embedding: how closely a picture is to follow the one that was shown.

The U-Net of these checkpoints reads a vector: the noisy embedding, and the level of its noise. Generation uses level 0,
at which nearly nothing is added.

Sources: Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents" (2022); the schedule is that
of Nichol & Dhariwal, "Improved Denoising Diffusion Probabilistic Models" (2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from modules.faults import InvalidField
from modules.models.unet_layers import timestep_embedding

LEVELS = 1000
MAX_BETA = 0.999


def cosine_alphas_cumprod(steps: int = LEVELS) -> Tensor:
    """The share of signal (of its variance) left at each level, float64 `[steps]`: falls like a squared cosine."""
    edges = torch.arange(steps + 1, dtype=torch.float64) / steps
    left = torch.cos((edges + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - left[1:] / left[:-1]).clamp(max=MAX_BETA)
    return torch.cumprod(1 - betas, dim=0)


class NoiseAugmentation:
    """Adds noise to image embeddings, and says how much.

    Args:
        mean, std: of the embeddings that the model was trained with, `[1, width]`: noise is added at unit deviation.
        signal, noise: what the embedding and the noise are multiplied by at each level, `[levels]`.
    """

    def __init__(self, mean: Tensor, std: Tensor, signal: Tensor, noise: Tensor) -> None:
        self.mean = mean
        self.std = std
        self.signal = signal
        self.noise = noise

    @property
    def width(self) -> int:
        """Width of the embeddings."""
        return self.mean.shape[-1]

    def augment(self, embedding: Tensor, level: int, noise: Tensor) -> Tensor:
        """The vector that the U-Net reads.

        Args:
            embedding: `[B, width]`, as the image encoder gives it.
            level: 0 to 999.
            noise: normal noise, `[B, width]`. Level 0 too adds a little of it (0.6 % of a deviation).

        Returns:
            float32 `[B, 2*width]`: the noisy embedding and the level, sinusoidally embedded.

        Raises: InvalidField: the level doesn't exist.
        """
        if not 0 <= level < len(self.signal):
            raise InvalidField("noise_level", f"The noise level must be from 0 to {len(self.signal) - 1}.")
        mean, std, x, noise = (
            t.to(embedding.device).float() for t in (self.mean, self.std, embedding, noise)
        )
        noisy = float(self.signal[level]) * (x - mean) / std + float(self.noise[level]) * noise
        levels = torch.full((len(x),), level, device=x.device)
        return torch.cat([noisy * std + mean, timestep_embedding(levels, self.width)], dim=1)

    def unconditional(self, batch: int) -> Tensor:
        """The vector that stands for no picture, zeros on the CPU: `[batch, 2*width]`."""
        return torch.zeros(batch, 2 * self.width)


def load_noise_augmentation(tensors: Mapping[str, Tensor], width: int) -> NoiseAugmentation:
    """The noise augmentation of a checkpoint.

    Args:
        tensors: the checkpoint's tensors under `noise_augmentor.`, without that prefix, or a `diffusers` folder's
            `image_normalizer`; may be empty. Without mean and deviation they are 0 and 1, as the H model was trained;
            the L model's lay in a file of their own, and not every checkpoint has taken them in. At level 0 this
            changes only the size of the little noise. Without a schedule it is the squared cosine.
        width: of the image embeddings.

    Raises: ValueError: mean and deviation are of another width.
    """

    def found(*names: str) -> Tensor | None:
        return next((tensors[name].float() for name in names if name in tensors), None)

    mean, std = found("data_mean", "mean"), found("data_std", "std")
    mean = torch.zeros(1, width) if mean is None else mean.reshape(1, -1)
    std = torch.ones(1, width) if std is None else std.reshape(1, -1)
    if mean.shape[1] != width or std.shape[1] != width:
        raise ValueError(f"the statistics of the image embeddings are {mean.shape[1]} wide, not {width}")
    signal, noise = found("sqrt_alphas_cumprod"), found("sqrt_one_minus_alphas_cumprod")
    if signal is None or noise is None:
        alphas = cosine_alphas_cumprod()
        signal, noise = alphas.sqrt().float(), (1 - alphas).sqrt().float()
    return NoiseAugmentation(mean, std, signal, noise)
