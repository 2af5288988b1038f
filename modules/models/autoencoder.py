"""The VAE: pictures to latents and back, eight times smaller on each side.

Module names are those of the original checkpoints (`first_stage_model.*`).
Source: Rombach et al. 2022 (the KL-regularised autoencoder); Esser et al., "Taming Transformers" (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class AutoencoderConfig:
    """The shape of a VAE.

    Args:
        channels: width of the first level; the others are `channels * multipliers[level]`.
        residual_blocks: blocks a level in the encoder; the decoder has one more.
        scale: latents given to the U-Net are the encoder's times this (0.18215; SDXL 0.13025).
    """

    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    residual_blocks: int = 2
    latent_channels: int = 4
    scale: float = 0.18215

    @property
    def downscale(self) -> int:
        """Pixels on a side of one latent cell."""
        return 2 ** (len(self.multipliers) - 1)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """Two convolutions with a residual: `[B, in, h, w]` -> `[B, out, h, w]`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if in_channels != out_channels:
            self.nin_shortcut = nn.Conv2d(in_channels, out_channels, 1)
        self._shortcut = in_channels != out_channels

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if self._shortcut else x) + h


class AttnBlock(nn.Module):
    """Self-attention of one head over the pixels of a feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.in_channels = channels
        self.norm = _norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        # [B, C, h, w] -> [B, 1 head, h*w, C]
        q, k, v = (layer(h).flatten(2).transpose(1, 2).unsqueeze(1) for layer in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.squeeze(1).transpose(1, 2).unflatten(2, x.shape[-2:]))


class _Middle(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels)
        self.attn_1 = AttnBlock(channels)
        self.block_2 = ResnetBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class _Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # right and bottom only, as the original does


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class _Level(nn.Module):
    """One resolution of the encoder or decoder: residual blocks, then perhaps a change of size."""

    downsample: _Downsample
    upsample: _Upsample

    def __init__(self, in_channels: int, out_channels: int, blocks: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResnetBlock(in_channels if i == 0 else out_channels, out_channels) for i in range(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        if hasattr(self, "upsample"):
            x = self.upsample(x)
        return x


class Encoder(nn.Module):
    """`[B, 3, H, W]` in -1..1 -> `[B, 2*latent_channels, H/8, W/8]`: mean and log-variance."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        self.conv_in = nn.Conv2d(3, config.channels, 3, padding=1)
        self.down = nn.ModuleList()
        before = config.channels
        for i, width in enumerate(widths):
            level = _Level(before, width, config.residual_blocks)
            if i < len(widths) - 1:
                level.downsample = _Downsample(width)
            self.down.append(level)
            before = width
        self.mid = _Middle(before)
        self.norm_out = _norm(before)
        self.conv_out = nn.Conv2d(before, 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """`[B, latent_channels, h, w]` -> `[B, 3, 8h, 8w]` in about -1..1."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        before = widths[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, before, 3, padding=1)
        self.mid = _Middle(before)
        levels: list[_Level] = []
        for i in reversed(range(len(widths))):
            level = _Level(before, widths[i], config.residual_blocks + 1)
            if i > 0:
                level.upsample = _Upsample(widths[i])
            levels.insert(0, level)  # stored from the finest level to the coarsest
            before = widths[i]
        self.up = nn.ModuleList(levels)
        self.norm_out = _norm(before)
        self.conv_out = nn.Conv2d(before, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Autoencoder(nn.Module):
    """The VAE. `encode` and `decode` speak in the U-Net's scaled latents."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)

    def moments(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Unscaled mean and log-variance of the latents' distribution, each `[B, 4, H/8, W/8]`."""
        mean, log_variance = self.quant_conv(self.encoder(pixels)).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in -1..1 -> scaled latents `[B, 4, H/8, W/8]` (the distribution's mean)."""
        return self.moments(pixels)[0] * self.config.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents `[B, 4, h, w]` -> pictures `[B, 3, 8h, 8w]`, about -1..1 (not clipped)."""
        return self.decoder(self.post_quant_conv(latents / self.config.scale))
