"""Chunks: the tokens of a prompt, 75 at a time between BOS and EOS, with a weight for each place.

When a chunk is full, the next token is no comma, and the last comma of the chunk is near its end, what
follows that comma moves to the next chunk, so that a phrase is not cut in two. `BREAK` ends a chunk.
A textual-inversion name takes as many places as it has vectors, all in one chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from modules.prompts.emphasis import Span, is_break

CHUNK_LENGTH = 75
COMMA_BACKTRACK = 20

Tokenize = Callable[[list[str]], list[list[int]]]
"""Texts to token ids, a list each, without BOS, EOS, padding or truncation."""


@dataclass(frozen=True)
class TokenVocabulary:
    """The token ids with a meaning of their own. SD1 pads with EOS, SD2 and SDXL's second encoder with 0."""

    bos: int = 49406
    eos: int = 49407
    pad: int = 49407
    comma: int | None = 267


@dataclass(frozen=True)
class EmbeddingRef:
    """A textual-inversion embedding as a prompt sees it: its name and how many places it takes (1 to 75).

    An embedding with more vectors than a chunk has places gives its first 75.
    """

    name: str
    vectors: int


FindEmbedding = Callable[[Sequence[int], int], "tuple[EmbeddingRef, int] | None"]
"""The embedding named by the token ids at a position, and how many tokens its name is; else None."""


@dataclass(frozen=True)
class Chunk:
    """What one call of a text encoder reads.

    Args:
        ids: 77 token ids: BOS, 75 places, EOS (padding after the first EOS). Places of embeddings hold 0.
        weights: 77 weights; 1.0 for BOS, EOS and padding.
        vectors: `(position, embedding)` with the index into `ids` of an embedding's first vector.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    vectors: tuple[tuple[int, EmbeddingRef], ...] = ()


class TokenCount(NamedTuple):
    """Places used, and the places of the chunks that they need (75, 150, ...)."""

    used: int
    limit: int


class EmbeddingIndex:
    """Finds embedding names among token ids, the longest first; `find` is a `FindEmbedding`."""

    def __init__(self, entries: Iterable[tuple[Sequence[int], EmbeddingRef]]) -> None:
        """Index `(token ids of the name, embedding)` pairs; a name without tokens is never found."""
        self._by_first: dict[int, list[tuple[list[int], EmbeddingRef]]] = {}
        for ids, embedding in entries:
            if ids:
                self._by_first.setdefault(ids[0], []).append((list(ids), embedding))
        for names in self._by_first.values():
            names.sort(key=lambda entry: len(entry[0]), reverse=True)

    def find(self, ids: Sequence[int], position: int) -> tuple[EmbeddingRef, int] | None:
        """The embedding whose name starts at `position`, and the number of its tokens."""
        for name, embedding in self._by_first.get(ids[position], ()):
            if list(ids[position : position + len(name)]) == name:
                return embedding, len(name)
        return None


@dataclass
class _OpenChunk:
    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    vectors: list[tuple[int, EmbeddingRef]] = field(default_factory=list)
    last_comma: int | None = None

    def add(self, ids: list[int], weight: float) -> None:
        self.ids += ids
        self.weights += [weight] * len(ids)

    def split(self, place: int) -> _OpenChunk:
        """Move everything from `place` on to a new chunk."""
        rest = _OpenChunk(self.ids[place:], self.weights[place:])
        rest.vectors = [(position - place, ref) for position, ref in self.vectors if position >= place]
        self.vectors = [(position, ref) for position, ref in self.vectors if position < place]
        del self.ids[place:], self.weights[place:]
        return rest

    def closed(self, vocabulary: TokenVocabulary) -> Chunk:
        missing = CHUNK_LENGTH - len(self.ids)
        ids = [vocabulary.bos, *self.ids, *[vocabulary.eos] * (missing + 1)]
        if vocabulary.pad != vocabulary.eos:
            end = ids.index(vocabulary.eos) + 1
            ids[end:] = [vocabulary.pad] * (len(ids) - end)
        weights = (1.0, *self.weights, *[1.0] * (missing + 1))
        return Chunk(tuple(ids), weights, tuple((position + 1, ref) for position, ref in self.vectors))


class _Filler:
    """Fills chunks token by token."""

    def __init__(
        self, vocabulary: TokenVocabulary, find_embedding: FindEmbedding | None, backtrack: int
    ) -> None:
        self.vocabulary = vocabulary
        self.find_embedding = find_embedding
        self.backtrack = backtrack
        self.done: list[_OpenChunk] = []
        self.chunk = _OpenChunk()

    def end_chunk(self) -> None:
        self.done.append(self.chunk)
        self.chunk = _OpenChunk()

    def add_span(self, ids: Sequence[int], weight: float) -> None:
        position = 0
        while position < len(ids):
            self._make_room(ids[position])
            found = self.find_embedding(ids, position) if self.find_embedding else None
            if found is None:
                self.chunk.add([ids[position]], weight)
                position += 1
                continue
            embedding, name_length = found
            self._add_embedding(embedding, weight)
            position += max(name_length, 1)

    def _make_room(self, token: int) -> None:
        chunk = self.chunk
        used = len(chunk.ids)
        if token == self.vocabulary.comma:
            chunk.last_comma = used
        elif (
            used == CHUNK_LENGTH
            and chunk.last_comma is not None
            and used - chunk.last_comma <= self.backtrack
        ):
            rest = chunk.split(chunk.last_comma + 1)
            self.end_chunk()
            self.chunk = rest
        if len(self.chunk.ids) == CHUNK_LENGTH:
            self.end_chunk()

    def _add_embedding(self, embedding: EmbeddingRef, weight: float) -> None:
        places = min(embedding.vectors, CHUNK_LENGTH)
        if len(self.chunk.ids) + places > CHUNK_LENGTH:
            self.end_chunk()
        self.chunk.vectors.append((len(self.chunk.ids), embedding))
        self.chunk.add([0] * places, weight)


def chunk_prompt(
    spans: Sequence[Span],
    tokenize: Tokenize,
    *,
    vocabulary: TokenVocabulary,
    find_embedding: FindEmbedding | None = None,
    comma_backtrack: int = COMMA_BACKTRACK,
) -> list[Chunk]:
    """Turn weighted text into chunks of 77 places; an empty prompt is one chunk.

    Args:
        spans: what `parse_emphasis` returns, or `[Span(text, 1.0)]` to take brackets literally.
        tokenize: called once, with the texts of all spans that are no breaks.
        find_embedding: finds textual-inversion names; without it there are none.
        comma_backtrack: how many tokens back a comma may be to end a full chunk; 0 turns that off.
    """
    filled = _fill(spans, tokenize, vocabulary, find_embedding, comma_backtrack)
    return [chunk.closed(vocabulary) for chunk in filled]


def token_count(
    spans: Sequence[Span],
    tokenize: Tokenize,
    *,
    vocabulary: TokenVocabulary,
    find_embedding: FindEmbedding | None = None,
    comma_backtrack: int = COMMA_BACKTRACK,
) -> TokenCount:
    """Places used and places there are, as a page shows them: `(76, 150)`. Chunks before the last count whole."""
    filled = _fill(spans, tokenize, vocabulary, find_embedding, comma_backtrack)
    used = CHUNK_LENGTH * (len(filled) - 1) + len(filled[-1].ids)
    return TokenCount(used, CHUNK_LENGTH * len(filled))


def _fill(
    spans: Sequence[Span],
    tokenize: Tokenize,
    vocabulary: TokenVocabulary,
    find_embedding: FindEmbedding | None,
    comma_backtrack: int,
) -> list[_OpenChunk]:
    token_lists = iter(tokenize([span.text for span in spans if not is_break(span)]))
    filler = _Filler(vocabulary, find_embedding, comma_backtrack)
    for span in spans:
        if is_break(span):
            filler.end_chunk()
        else:
            filler.add_span(next(token_lists), span.weight)
    if filler.chunk.ids or not filler.done:
        filler.end_chunk()
    return filler.done
