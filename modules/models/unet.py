"""The U-Net: predicts the noise (or velocity) in a latent, from the latent, the timestep and the text.

Its module names are those of the original latent-diffusion checkpoints (`model.diffusion_model.*`), so that a
community checkpoint loads with no key conversion and the keys of LoRA files map onto it by rule.

Sources: Rombach et al. 2022 (SD1, SD2); Podell et al., "SDXL" (2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.unet_layers import (
    BlockContext,
    Downsample,
    ResBlock,
    SpatialTransformer,
    Upsample,
    carried,
    is_replaced,
    text_of,
    timestep_embedding,
)

Depths = tuple[tuple[int, ...], ...]
ProjectedContext = Mapping[str, list[BlockContext]]
"""A text's keys and values for every transformer block, by its transformer's name; see `UNet.project_context`."""
_TEXT = "text"
"""Where the text itself goes along."""


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a U-Net.

    Args:
        in_channels: 4; 9 for inpainting (latent, mask, masked latent), 8 for InstructPix2Pix, 5 for depth.
        channels: width of the first level; the others are `channels * multipliers[level]`.
        input_depths: per level, per residual block: the number of transformer blocks after it (0: none).
        middle_depth: the number of transformer blocks in the middle (0: none).
        middle_residual_blocks: 2; fewer where the middle was cut down (1 in SSD-1B, which has nothing else there).
        output_depths: as `input_depths`, from the first level to the last, with one block more for each level.
        heads: number of attention heads, or None where `head_channels` gives the width of one.
        linear_projections: linear layers around the transformers (SD2, SDXL), not 1x1 convolutions (SD1).
        vector_width: width of the extra conditioning vector (SDXL: pooled text and sizes), or None.
        classes: number of noise levels that can be told by their number (the x4 upscaler), or None.
        text_twice: per level: the transformers have an attention on the text in the place of the self-attention.
    """

    in_channels: int = 4
    out_channels: int = 4
    channels: int = 320
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    input_depths: Depths = ((1, 1), (1, 1), (1, 1), (0, 0))
    middle_depth: int = 1
    output_depths: Depths = ((1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 0, 0))
    context_width: int = 768
    heads: int | None = 8
    head_channels: int | None = None
    linear_projections: bool = False
    vector_width: int | None = None
    classes: int | None = None
    text_twice: tuple[bool, ...] = ()
    middle_residual_blocks: int = 2

    def heads_for(self, width: int) -> int:
        """The number of attention heads at a level of this width."""
        if self.heads is not None:
            return self.heads
        assert self.head_channels is not None
        return width // self.head_channels


class TimestepEmbedSequential(nn.ModuleList):
    """The layers of one block, each of which gets what it needs."""

    def forward(
        self, h: Tensor, embedding: Tensor, context: list[BlockContext] | Tensor | None = None
    ) -> Tensor:
        """Args: h: `[B, C, h, w]`; embedding: of the timestep; context: see `SpatialTransformer`."""
        for layer in self:
            if isinstance(layer, ResBlock):
                h = layer(h, embedding)
            elif isinstance(layer, SpatialTransformer):
                h = layer(h, context)
            else:
                h = layer(h)
        return h


class UNet(nn.Module):
    """The denoising network; see `UNetConfig` for its shape."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        embedding = config.channels * 4
        self.time_embed = nn.Sequential(
            nn.Linear(config.channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.label_emb: nn.Module | None = None
        if config.vector_width is not None:
            self.label_emb = nn.Sequential(
                nn.Sequential(
                    nn.Linear(config.vector_width, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
                )
            )
        elif config.classes is not None:
            self.label_emb = nn.Embedding(config.classes, embedding)
        twice = config.text_twice or (False,) * len(config.multipliers)

        def transformer(width: int, depth: int, level: int | None = None) -> list[nn.Module]:
            if not depth:
                return []
            heads, reads_twice = config.heads_for(width), level is not None and twice[level]
            linear = config.linear_projections
            return [SpatialTransformer(width, config.context_width, heads, depth, linear, reads_twice)]

        width = config.channels
        inputs = [TimestepEmbedSequential([nn.Conv2d(config.in_channels, width, 3, padding=1)])]
        skips = [width]
        for level, multiplier in enumerate(config.multipliers):
            for depth in config.input_depths[level]:
                target = config.channels * multiplier
                inputs.append(
                    TimestepEmbedSequential(
                        [ResBlock(width, target, embedding), *transformer(target, depth, level)]
                    )
                )
                width = target
                skips.append(width)
            if level < len(config.multipliers) - 1:
                inputs.append(TimestepEmbedSequential([Downsample(width)]))
                skips.append(width)
        self.input_blocks = nn.ModuleList(inputs)

        middle = [ResBlock(width, width, embedding) for _ in range(config.middle_residual_blocks)]
        self.middle_block = TimestepEmbedSequential(
            [*middle[:1], *transformer(width, config.middle_depth), *middle[1:]]
        )

        outputs = []
        for level in reversed(range(len(config.multipliers))):
            depths = config.output_depths[level]
            for i, depth in enumerate(depths):
                target = config.channels * config.multipliers[level]
                layers = [
                    ResBlock(width + skips.pop(), target, embedding),
                    *transformer(target, depth, level),
                ]
                width = target
                if level > 0 and i == len(depths) - 1:
                    layers.append(Upsample(width))
                outputs.append(TimestepEmbedSequential(layers))
        self.output_blocks = nn.ModuleList(outputs)
        self.out = nn.Sequential(
            nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, config.out_channels, 3, padding=1)
        )

    @property
    def model_channels(self) -> int:
        """The width of the first level."""
        return self.config.channels

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights."""
        return next(self.parameters()).dtype

    @property
    def num_classes(self) -> str | int | None:
        """What the original calls its conditioning vector: "sequential", a number of classes, or None."""
        return "sequential" if self.config.vector_width is not None else self.config.classes

    def spatial_transformers(self) -> Iterator[tuple[str, SpatialTransformer]]:
        """All transformers with their names, in the order in which a latent passes them."""
        for name, module in self.named_modules():
            if isinstance(module, SpatialTransformer):
                yield name, module

    def project_context(self, context: Tensor) -> ProjectedContext:
        """The text's keys and values for every cross-attention, by the transformer's name.

        They hold for all steps in which the text `[B, tokens, context_width]` is the same: computed once, they
        can be given to `forward` in the place of the text.
        """
        projected = {
            name: [block.project(context) for block in module.blocks()]
            for name, module in self.spatial_transformers()
        }
        return {**projected, _TEXT: [(carried(context),)]}

    def __call__(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | ProjectedContext,
        *more: Any,
        **named: Any,
    ) -> Any:
        """`forward`; where an extension has put its own function in its place, that one gets the text itself."""
        if not isinstance(context, Tensor) and is_replaced(self):
            context = text_of(context[_TEXT][0][0])
        return super().__call__(x, timesteps, context, *more, **named)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | ProjectedContext,
        y: Tensor | None = None,
    ) -> Tensor:
        """Predict the noise (or the velocity) in `x`.

        Args:
            x: latents `[B, in_channels, h, w]`.
            timesteps: `[B]`, 0 to 999, fractions allowed.
            context: text conditioning `[B, tokens, context_width]`, or what `project_context` made of it.
            y: a vector `[B, vector_width]` where the model has such a conditioning (SDXL), or the number of a
                noise level `[B]` (the x4 upscaler).

        Returns: `[B, out_channels, h, w]`.
        """
        embedding = self.time_embed(timestep_embedding(timesteps, self.config.channels).to(x.dtype))
        if self.label_emb is not None:
            if y is None:
                raise ValueError("this U-Net needs a conditioning vector")
            known = y if self.config.classes is not None else y.to(x.dtype)
            embedding = embedding + self.label_emb(known)
        if isinstance(context, Tensor):
            context = self.project_context(context)

        h = x
        skips = []
        for i, block in enumerate(self.input_blocks):
            h = block(h, embedding, context.get(f"input_blocks.{i}.1"))
            skips.append(h)
        middle = min(1, self.config.middle_residual_blocks)  # the transformer comes after the first
        h = self.middle_block(h, embedding, context.get(f"middle_block.{middle}"))
        for i, block in enumerate(self.output_blocks):
            skip = skips.pop()
            if h.shape[-2:] != skip.shape[-2:]:  # sides that are no multiple of 64 pixels
                h = F.interpolate(h, skip.shape[-2:], mode="nearest")
            h = block(torch.cat([h, skip], dim=1), embedding, context.get(f"output_blocks.{i}.1"))
        return self.out(h)
