"""Building blocks of the U-Net, named as in the original latent-diffusion checkpoints.

Sources: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022);
Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis" (2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeysValues(NamedTuple):
    """Keys and values that a cross-attention computed from a text: each `[B, heads, tokens, head width]`.

    A text stays the same over all steps of a job, so they are computed once (see `UNet.project_context`).
    """

    keys: Tensor
    values: Tensor


def is_replaced(module: nn.Module) -> bool:
    """Whether an extension has put a function of its own in the place of a module's `forward`.

    Such a function knows nothing of `KeysValues`: it gets the text itself.
    """
    return "forward" in module.__dict__


def carried(text: Tensor) -> KeysValues:
    """A text `[B, tokens, width]` that goes the way of its keys and values; `text_of` takes it out again."""
    return KeysValues(text[:, None], text[:, None])


def text_of(carrier: KeysValues) -> Tensor:
    """The text that `carried` has put there."""
    return carrier.keys[:, 0]


def timestep_embedding(timesteps: Tensor, width: int, max_period: float = 10_000.0) -> Tensor:
    """Sinusoidal embedding of (fractional) timesteps: `[B]` -> `[B, width]`, cosines first."""
    half = width // 2
    frequencies = torch.exp(
        -math.log(max_period) * torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    )
    angles = timesteps[:, None].float() * frequencies[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


class ResBlock(nn.Module):
    """Two convolutions with the timestep's embedding added between them: `[B, in, h, w]` -> `[B, out, h, w]`."""

    def __init__(self, in_channels: int, out_channels: int, embedding_width: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, in_channels), nn.SiLU(), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding_width, out_channels))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out_channels),
            nn.SiLU(),
            nn.Dropout(0.0),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.skip_connection: nn.Module = (
            nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.in_layers(x)
        h = h + self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


NARROW_HEAD = 16
"""Heads narrower than a vector register of AVX-512 take torch's slow path on a CPU."""
_MANY_KEYS = 512


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Scaled dot-product attention, each `[B, heads, tokens, head width]`.

    Narrow heads are filled up with zeros where that is faster, which leaves the result as it is.
    """
    width = queries.shape[-1]
    narrow = width < NARROW_HEAD and keys.shape[-2] >= _MANY_KEYS and queries.device.type == "cpu"
    if not (narrow and torch.backends.cpu.get_cpu_capability() == "AVX512"):
        return F.scaled_dot_product_attention(queries, keys, values)
    q, k, v = (F.pad(each, (0, NARROW_HEAD - width)) for each in (queries, keys, values))
    return F.scaled_dot_product_attention(q, k, v, scale=width**-0.5)[..., :width]


ContextAdapter = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From a context `[B, M, context width]`, what keys and what values are made of, of the same shape."""


class CrossAttention(nn.Module):
    """Multi-head attention, `[B, N, width]` over a context `[B, M, context width]` (or over itself)."""

    def __init__(self, width: int, context_width: int | None, heads: int) -> None:
        super().__init__()
        self.heads = heads
        context_width = width if context_width is None else context_width
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.0))
        self.context_adapter: ContextAdapter | None = None
        """Changes the context before keys and values are made of it (hypernetworks); not one of the weights."""

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, context: Tensor) -> KeysValues:
        """Keys and values of a context `[B, M, context width]`."""
        for_keys = for_values = context
        if self.context_adapter is not None:
            for_keys, for_values = self.context_adapter(context)
        return KeysValues(self._split_heads(self.to_k(for_keys)), self._split_heads(self.to_v(for_values)))

    def forward(self, x: Tensor, context: Tensor | KeysValues | None = None) -> Tensor:
        keys, values = (
            context if isinstance(context, KeysValues) else self.project(x if context is None else context)
        )
        attended = attend(self._split_heads(self.to_q(x)), keys, values)
        return self.to_out(attended.transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    """Gated linear unit with GELU (Shazeer 2020): `[..., width]` -> `[..., inner]`."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, inner * 2)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.proj(x).chunk(2, dim=-1)
        return x * F.gelu(gate)


class FeedForward(nn.Module):
    """Two linear layers, four times as wide between them: `[..., width]` -> `[..., width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GEGLU(width, width * 4), nn.Dropout(0.0), nn.Linear(width * 4, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


BlockContext = tuple[KeysValues, ...]
"""The keys and values of a text for one transformer block: of `attn2`, then of `attn1` where that reads it too."""


class BasicTransformerBlock(nn.Module):
    """Self-attention, cross-attention on the text, feed-forward; each with layer norm and a residual.

    Args: reads_text_twice: the first attention is one on the text too (the x4 upscaler).
    """

    def __init__(self, width: int, context_width: int, heads: int, reads_text_twice: bool = False) -> None:
        super().__init__()
        self.reads_text_twice = reads_text_twice
        self.attn1 = CrossAttention(width, context_width if reads_text_twice else None, heads)
        self.ff = FeedForward(width)
        self.attn2 = CrossAttention(width, context_width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def project(self, context: Tensor) -> BlockContext:
        """What the block needs of a text `[B, tokens, context width]`: the same for all steps."""
        attentions = (self.attn2, self.attn1) if self.reads_text_twice else (self.attn2,)
        return tuple(carried(context) if is_replaced(each) else each.project(context) for each in attentions)

    def forward(self, x: Tensor, context: BlockContext) -> Tensor:
        x = x + self.attn1(self.norm1(x), _given(self.attn1, context[1]) if self.reads_text_twice else None)
        x = x + self.attn2(self.norm2(x), _given(self.attn2, context[0]))
        return x + self.ff(self.norm3(x))


def _given(attention: CrossAttention, context: KeysValues) -> KeysValues | Tensor:
    return text_of(context) if is_replaced(attention) else context


class SpatialTransformer(nn.Module):
    """Transformer blocks over the pixels of a feature map, `[B, C, h, w]` -> `[B, C, h, w]`.

    Args:
        linear: project in and out with linear layers (SD2, SDXL) and not with 1x1 convolutions (SD1).
        reads_text_twice: see `BasicTransformerBlock`.
    """

    def __init__(
        self,
        channels: int,
        context_width: int,
        heads: int,
        depth: int,
        linear: bool,
        reads_text_twice: bool = False,
    ) -> None:
        super().__init__()
        self.linear = linear
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in: nn.Module = (
            nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        )
        self.transformer_blocks = nn.ModuleList(
            BasicTransformerBlock(channels, context_width, heads, reads_text_twice) for _ in range(depth)
        )
        self.proj_out: nn.Module = (
            nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        )

    def blocks(self) -> list[BasicTransformerBlock]:
        """The transformer blocks, in order."""
        return [block for block in self.transformer_blocks if isinstance(block, BasicTransformerBlock)]

    def forward(self, x: Tensor, contexts: list[BlockContext] | Tensor) -> Tensor:
        """Args: contexts: one for each transformer block; or the text itself, `[B, tokens, context width]`."""
        if isinstance(contexts, Tensor):
            contexts = [block.project(contexts) for block in self.blocks()]
        _, _, height, width = x.shape
        h = self.norm(x)
        if not self.linear:
            h = self.proj_in(h)
        h = h.flatten(2).transpose(1, 2)
        if self.linear:
            h = self.proj_in(h)
        for block, context in zip(self.transformer_blocks, contexts, strict=True):
            h = block(h, context)
        if self.linear:
            h = self.proj_out(h)
        h = h.transpose(1, 2).unflatten(2, (height, width))
        if not self.linear:
            h = self.proj_out(h)
        return x + h


class Downsample(nn.Module):
    """Halves height and width by a convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    """Doubles height and width by nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
