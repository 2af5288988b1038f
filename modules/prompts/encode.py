"""Texts to text conditioning: chunks through the text encoder, weights applied, chunks joined."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from modules.models.text_encoder import InjectedVectors, TextEncoder
from modules.models.tokenizer import tokenize
from modules.prompts.chunks import Chunk, EmbeddingRef, TokenVocabulary, chunk_prompt
from modules.prompts.emphasis import Span, parse_emphasis

CACHE_SIZE = 64


@dataclass(frozen=True)
class EncodingSettings:
    """How texts are read and encoded; see `generation.requests.TextOptions`."""

    clip_skip: int = 1
    emphasis: str = "Original"
    comma_backtrack: int = 20


class EmbeddingSource(Protocol):
    """Words with vectors of their own; see `networks.embeddings`."""

    def find(self, ids: Sequence[int], position: int) -> tuple[EmbeddingRef, int] | None:
        """The embedding named at a position of the token ids, and how many tokens its name has."""

    def vectors(self, name: str) -> Tensor:
        """The vectors of an embedding, `[n, width]`."""


class PromptEncoder:
    """Encodes the texts of a schedule for one model, and remembers the latest results.

    Args:
        vocabulary: the special tokens of the model's text encoder.
        embeddings: words with vectors of their own, or None.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        vocabulary: TokenVocabulary,
        device: torch.device,
        embeddings: EmbeddingSource | None = None,
    ) -> None:
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._device = device
        self._embeddings = embeddings
        self._cache: OrderedDict[tuple[tuple[str, ...], EncodingSettings], list[Tensor]] = OrderedDict()

    @torch.inference_mode()
    def encode(self, texts: tuple[str, ...], settings: EncodingSettings) -> list[Tensor]:
        """The conditioning of each text of one schedule: `[1, chunks * 77, width]`, all of the same length.

        They are encoded together, because the "Original" emphasis restores the mean over all of them.
        """
        key = (texts, settings)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        result = self._encode(texts, settings)
        self._cache[key] = result
        while len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return result

    def _encode(self, texts: tuple[str, ...], settings: EncodingSettings) -> list[Tensor]:
        different = list(dict.fromkeys(texts))
        rows = torch.tensor([different.index(text) for text in texts])
        chunked = [self._chunks(text, settings) for text in different]
        empty = self._chunks("", settings)[0]
        columns = []
        for i in range(max(len(chunks) for chunks in chunked)):
            column = [chunks[i] if i < len(chunks) else empty for chunks in chunked]
            columns.append(self._encode_column(column, rows, settings))
        joined = torch.cat(columns, dim=1)
        return [joined[row : row + 1] for row in rows.tolist()]

    def _chunks(self, text: str, settings: EncodingSettings) -> list[Chunk]:
        spans = [Span(text, 1.0)] if settings.emphasis == "None" else parse_emphasis(text)
        return chunk_prompt(
            spans,
            tokenize,
            vocabulary=self._vocabulary,
            find_embedding=self._embeddings.find if self._embeddings else None,
            comma_backtrack=settings.comma_backtrack,
        )

    def _injected(self, chunks: list[Chunk]) -> list[InjectedVectors]:
        if self._embeddings is None:
            return []
        return [
            InjectedVectors(row, position, self._embeddings.vectors(ref.name)[: ref.vectors])
            for row, chunk in enumerate(chunks)
            for position, ref in chunk.vectors
        ]

    def _encode_column(self, chunks: list[Chunk], rows: Tensor, settings: EncodingSettings) -> Tensor:
        """The chunks with one number of all different texts, `[texts, 77, width]`, in float32.

        Args: rows: which text stands at each place of the schedule; repeated ones count in the mean as often.
        """
        ids = torch.tensor([chunk.ids for chunk in chunks], device=self._device)
        hidden = self._encoder(ids, self._injected(chunks), layer=settings.clip_skip).hidden.float()
        weights = torch.tensor([chunk.weights for chunk in chunks], device=self._device)
        if settings.emphasis in ("None", "Ignore") or bool((weights == 1).all()):
            return hidden
        weighted = hidden * weights[..., None]
        if settings.emphasis == "No norm":
            return weighted
        return weighted * (hidden[rows].mean() / weighted[rows].mean())
