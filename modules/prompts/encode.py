"""Texts to text conditioning: chunks through the text encoder, weights applied, chunks joined."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from modules.models.conditioning import Conditioning
from modules.models.latent_diffusion import TextTower
from modules.models.text_encoder import InjectedVectors
from modules.models.tokenizer import tokenize
from modules.prompts.chunks import Chunk, EmbeddingRef, TokenVocabulary, chunk_prompt
from modules.prompts.emphasis import Span, parse_emphasis

CACHE_SIZE = 64


@dataclass(frozen=True)
class EncodingSettings:
    """How texts are read and encoded; see `generation.requests.TextOptions`."""

    clip_skip: int = 1
    sdxl_clip_skip: bool = False
    emphasis: str = "Original"
    comma_backtrack: int = 20


class EmbeddingSource(Protocol):
    """Words with vectors of their own; see `networks.embeddings`."""

    def find(self, ids: Sequence[int], position: int) -> tuple[EmbeddingRef, int] | None:
        """The embedding named at a position of the token ids, and how many tokens its name has."""

    def vectors(self, name: str, encoder: int) -> Tensor:
        """The vectors of an embedding for one of the model's text encoders, `[n, width]`."""


class PromptEncoder:
    """Encodes the texts of a schedule for one model, and remembers the latest results.

    Args:
        towers: the model's text encoders; their vectors are joined along the width.
        embeddings: words with vectors of their own, or None.
    """

    def __init__(
        self,
        towers: Sequence[TextTower],
        device: torch.device,
        embeddings: EmbeddingSource | None = None,
    ) -> None:
        self._towers = tuple(towers)
        self._device = device
        self._embeddings = embeddings
        self._cache: OrderedDict[tuple[tuple[str, ...], EncodingSettings], list[Conditioning]] = OrderedDict()

    def change(self, embeddings: EmbeddingSource | None) -> None:
        """Forget what was encoded: the text encoders' weights or the embeddings have changed."""
        self._embeddings = embeddings
        self._cache.clear()

    def embeddings_in(self, text: str, settings: EncodingSettings) -> list[str]:
        """The names of the embeddings in a text, each once, in its order."""
        chunks = self._chunks(text, TokenVocabulary(), settings) if self._embeddings else []
        return list(dict.fromkeys(ref.name for chunk in chunks for _, ref in chunk.vectors))

    @torch.inference_mode()
    def encode(self, texts: tuple[str, ...], settings: EncodingSettings) -> list[Conditioning]:
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

    def _encode(self, texts: tuple[str, ...], settings: EncodingSettings) -> list[Conditioning]:
        different = list(dict.fromkeys(texts))
        rows = torch.tensor([different.index(text) for text in texts])
        encoded = [
            self._encode_with(number, different, rows, settings) for number in range(len(self._towers))
        ]
        tokens = torch.cat([hidden for hidden, _ in encoded], dim=-1)
        pooled = next((vector for _, vector in encoded if vector is not None), None)
        return [
            Conditioning(tokens[row : row + 1], None if pooled is None else pooled[row : row + 1])
            for row in rows.tolist()
        ]

    def _encode_with(
        self, number: int, texts: list[str], rows: Tensor, settings: EncodingSettings
    ) -> tuple[Tensor, Tensor | None]:
        """All different texts through one text encoder: `[texts, chunks * 77, width]`, and the pooled vectors."""
        vocabulary = TokenVocabulary(pad=self._towers[number].pad)
        chunked = [self._chunks(text, vocabulary, settings) for text in texts]
        empty = self._chunks("", vocabulary, settings)[0]
        columns = []
        for i in range(max(len(chunks) for chunks in chunked)):
            column = [chunks[i] if i < len(chunks) else empty for chunks in chunked]
            columns.append(self._encode_column(number, column, rows, settings))
        # the pooled vector is that of the first chunk
        return torch.cat([hidden for hidden, _ in columns], dim=1), columns[0][1]

    def _chunks(self, text: str, vocabulary: TokenVocabulary, settings: EncodingSettings) -> list[Chunk]:
        spans = [Span(text, 1.0)] if settings.emphasis == "None" else parse_emphasis(text)
        return chunk_prompt(
            spans,
            tokenize,
            vocabulary=vocabulary,
            find_embedding=self._embeddings.find if self._embeddings else None,
            comma_backtrack=settings.comma_backtrack,
        )

    def _injected(self, number: int, chunks: list[Chunk]) -> list[InjectedVectors]:
        if self._embeddings is None:
            return []
        return [
            InjectedVectors(row, position, self._embeddings.vectors(ref.name, number)[: ref.vectors])
            for row, chunk in enumerate(chunks)
            for position, ref in chunk.vectors
        ]

    def _encode_column(
        self, number: int, chunks: list[Chunk], rows: Tensor, settings: EncodingSettings
    ) -> tuple[Tensor, Tensor | None]:
        """The chunks with one number of all different texts: `[texts, 77, width]` and the pooled vectors, float32.

        Args: rows: which text stands at each place of the schedule; repeated ones count in the mean as often.
        """
        tower = self._towers[number]
        layer = settings.clip_skip if tower.layer is None else tower.layer
        if settings.sdxl_clip_skip and not tower.pooled and not tower.final_norm:  # SDXL's first encoder
            layer = settings.clip_skip
        ids = torch.tensor([chunk.ids for chunk in chunks], device=self._device)
        encoding = tower.encoder(
            ids, self._injected(number, chunks), layer=layer, final_norm=tower.final_norm
        )
        hidden = encoding.hidden.float()
        pooled = encoding.pooled.float() if tower.pooled and encoding.pooled is not None else None
        weights = torch.tensor([chunk.weights for chunk in chunks], device=self._device)
        if settings.emphasis in ("None", "Ignore") or bool((weights == 1).all()):
            return hidden, pooled
        weighted = hidden * weights[..., None]
        if settings.emphasis == "No norm":
            return weighted, pooled
        return weighted * (hidden[rows].mean() / weighted[rows].mean()), pooled
