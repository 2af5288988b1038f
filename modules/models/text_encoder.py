"""CLIP text encoders (SD1: OpenAI's ViT-L; SD2, SDXL: OpenCLIP's H and G).

The module names are those of SD1 checkpoints (`cond_stage_model.transformer.text_model.*`), which are also
transformers' names for the same network. It is our own because importing transformers' model code takes over three
seconds, more than all the rest of a start; a test holds the two together.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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


def quick_gelu(x: Tensor) -> Tensor:
    """OpenAI's approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": F.gelu}


class _Embeddings(nn.Module):
    """Token and position embeddings."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.position_embedding = nn.Embedding(config.positions, config.width)


class _Attention(nn.Module):
    """Causal self-attention, `[B, N, width]` -> `[B, N, width]`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class _Layer(nn.Module):
    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config.width, config.heads)
        self.layer_norm1 = nn.LayerNorm(config.width)
        self.mlp = _FeedForward(config.width, config.intermediate, config.activation)
        self.layer_norm2 = nn.LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Layers(nn.Module):
    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))


class TextTransformer(nn.Module):
    """The network without its projection, under the names of the checkpoints."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Layers(config)
        self.final_layer_norm = nn.LayerNorm(config.width)


class TextEncoder(nn.Module):
    """Token ids to vectors; see `forward`."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.model = TextTransformer(config)
        if config.projection is not None:
            self.text_projection = nn.Linear(config.width, config.projection, bias=False)

    def forward(
        self,
        ids: Tensor,
        injected: Sequence[InjectedVectors] = (),
        *,
        layer: int = 1,
        final_norm: bool = True,
    ) -> TextEncoding:
        """Encode chunks of token ids.

        Args:
            ids: int64 `[B, 77]`, with begin and end tokens and padding.
            injected: vectors that replace the token embeddings at their place.
            layer: which layer's output to take, counted from the end: 1 is the last ("CLIP skip").
            final_norm: apply the final layer norm to it.
        """
        tokens = self.model.embeddings.token_embedding(ids)
        for row, position, vectors in injected:
            tokens[row, position : position + len(vectors)] = vectors.to(tokens)
        h = tokens + self.model.embeddings.position_embedding.weight[: ids.shape[1]]

        layers = self.model.encoder.layers
        wanted = min(max(len(layers) - layer, 0), len(layers) - 1)
        hidden = h
        for i, block in enumerate(layers):
            if i > wanted and self.config.projection is None:
                break
            h = block(h)
            if i == wanted:
                hidden = h
        norm = self.model.final_layer_norm
        pooled = self._pool(norm(h), ids) if self.config.projection is not None else None
        return TextEncoding(norm(hidden) if final_norm else hidden, pooled)

    def _pool(self, last: Tensor, ids: Tensor) -> Tensor:
        """The projected vector of the first end token of each row."""
        end = (ids == EOS).int().argmax(dim=-1)
        return self.text_projection(last[torch.arange(len(last), device=last.device), end])
