"""CLIP text encoders (SD1: OpenAI's ViT-L; SD2, SDXL: OpenCLIP's H and G), as transformers' CLIP text model.

Source: Radford et al. 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from modules.models.tokenizer import EOS


@dataclass(frozen=True)
class TextEncoderConfig:
    """The shape of a text encoder.

    Args:
        activation: "quick_gelu" for OpenAI's models, "gelu" for OpenCLIP's.
        projection: width of the pooled output where the checkpoint has a projection, else None.
    """

    width: int = 768
    layers: int = 12
    heads: int = 12
    intermediate: int = 3072
    activation: str = "quick_gelu"
    vocabulary: int = 49408
    positions: int = 77
    projection: int | None = None


class InjectedVectors(NamedTuple):
    """Token embeddings that stand in the place of a word's own (textual inversion).

    Args: row, position: where they begin in the batch of ids; vectors: `[n, width]`.
    """

    row: int
    position: int
    vectors: Tensor


class TextEncoding(NamedTuple):
    """Args: hidden: `[B, 77, width]`; pooled: `[B, projection]`, or None without a projection."""

    hidden: Tensor
    pooled: Tensor | None


class TextEncoder(nn.Module):
    """Token ids to vectors; see `forward`."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.model = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=config.vocabulary,
                hidden_size=config.width,
                intermediate_size=config.intermediate,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                max_position_embeddings=config.positions,
                hidden_act=config.activation,
                attn_implementation="sdpa",
            )
        )
        if config.projection is not None:
            self.text_projection = nn.Linear(config.width, config.projection, bias=False)

    def forward(
        self, ids: Tensor, injected: Sequence[InjectedVectors] = (), *, layer: int = 1, final_norm: bool = True
    ) -> TextEncoding:
        """Encode chunks of token ids.

        Args:
            ids: int64 `[B, 77]`, with begin and end tokens and padding.
            injected: vectors that replace the token embeddings at their place.
            layer: which layer's output to take, counted from the end: 1 is the last ("CLIP skip").
            final_norm: apply the final layer norm to it.
        """
        embeddings = self.model.embeddings.token_embedding(ids)
        for row, position, vectors in injected:
            embeddings[row, position : position + len(vectors)] = vectors.to(embeddings)
        h = self.model.embeddings(inputs_embeds=embeddings)

        layers = list(self.model.encoder.layers)
        wanted = min(max(len(layers) - layer, 0), len(layers) - 1)
        hidden = h
        for i, block in enumerate(layers):
            if i > wanted and self.config.projection is None:
                break
            h = block(h, None, is_causal=True)
            if i == wanted:
                hidden = h
        norm = self.model.final_layer_norm
        pooled = self._pool(norm(h), ids) if self.config.projection is not None else None
        return TextEncoding(norm(hidden) if final_norm else hidden, pooled)

    def _pool(self, last: Tensor, ids: Tensor) -> Tensor:
        """The projected vector of the first end token of each row."""
        end = (ids == EOS).int().argmax(dim=-1)
        return self.text_projection(last[torch.arange(len(last), device=last.device), end])
