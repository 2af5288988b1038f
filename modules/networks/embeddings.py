"""Textual-inversion embeddings: words with vectors of their own, found in `models/embeddings`.

The file's name is the word. What is in the files: see `networks.embedding_files`.
Source: Gal et al., "An Image is Worth One Word" (2022).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from modules.faults import BadFile
from modules.networks.embedding_files import (
    PICTURE_SUFFIXES,
    SUFFIXES,
    EmbeddingFile,
    embedding_vectors,
    read_embedding,
)
from modules.networks.embedding_pictures import NoEmbedding
from modules.prompts.chunks import CHUNK_LENGTH, EmbeddingIndex, EmbeddingRef

log = logging.getLogger(__name__)

Signature = tuple[tuple[str, int, int], ...]
Tokenize = Callable[[list[str]], list[list[int]]]


@dataclass(frozen=True)
class Embedding:
    """An embedding that can be used with the model it was asked for.

    Args:
        vectors: `[n, width]` in float32, one for each text encoder of the model (SDXL: CLIP-L, then OpenCLIP-G).
        step: of its training; None where the file doesn't say, as are the next two.
        checkpoint_hash, checkpoint_name: of the checkpoint it was trained on.
    """

    name: str
    path: Path
    vectors: tuple[Tensor, ...]
    step: int | None = None
    checkpoint_hash: str | None = None
    checkpoint_name: str | None = None

    @property
    def count(self) -> int:
        """The number of vectors."""
        return len(self.vectors[0])

    @property
    def width(self) -> int:
        """The width of a vector, over all text encoders together."""
        return sum(part.shape[1] for part in self.vectors)


@dataclass(frozen=True)
class SkippedEmbedding:
    """A file that isn't used. Args: reason: why, as a sentence; vectors, width: 0 where nothing is known of them."""

    name: str
    path: Path
    reason: str
    vectors: int = 0
    width: int = 0


class _Unreadable(NamedTuple):
    """What is kept of a file without an embedding (the error itself would keep the file's contents in memory)."""

    reason: str
    picture: bool
    """It is a picture like any other."""


class EmbeddingFolder:
    """The embeddings' files in some folders and the folders in them.

    A file is read again only when its time or size has changed: keep this object. It may be used from several threads.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], EmbeddingFile | _Unreadable]] = {}

    def signature(self) -> Signature:
        """Names, times and sizes of the files: another value means that something has changed."""
        return tuple((str(path), *state) for path, state in self._states().items())

    def for_width(self, width: int, tokenize: Tokenize) -> Embeddings:
        """The embeddings for a model with a single text encoder, of this width."""
        return self.for_widths((width,), tokenize)

    def for_widths(self, widths: tuple[int, ...], tokenize: Tokenize) -> Embeddings:
        """The embeddings for a model whose text encoders have these widths: (768,), (1024,), (768, 1280), ...

        Of several files with one name, the first that fits is used: by folder, then by path.

        Args: tokenize: texts to token ids, without BOS and EOS.
        """
        loaded: dict[str, Embedding] = {}
        skipped: list[SkippedEmbedding] = []
        for path, found in self._files():
            name = path.stem
            if isinstance(found, _Unreadable):
                skipped.append(_skip(name, path, found.reason))
                continue
            if name != _readable(name):
                reason = f"{name!r} isn't readable text: rename the file."
            elif name in loaded:
                reason = f"{path} has the same name as {loaded[name].path}, which is used."
            else:
                reason = _misfit(found.vectors, widths)
            if reason:
                skipped.append(_skip(name, path, reason, found.vectors))
            else:
                loaded[name] = _embedding(name, path, found)
        return Embeddings(loaded, skipped, widths, tokenize)

    def _files(self) -> list[tuple[Path, EmbeddingFile | _Unreadable]]:
        """The files with what is in them. A picture that only shows what the file beside it does is none of them."""
        with self._lock:
            states = self._states()
            for path in self._read.keys() - states.keys():
                del self._read[path]
            shown = {path.with_suffix("") for path in states if path.suffix.lower() not in PICTURE_SUFFIXES}
            files = []
            for path, state in states.items():
                known = self._read.get(path)
                if known is None or known[0] != state:
                    known = self._read[path] = (state, _read(path))
                found = known[1]
                if not (isinstance(found, _Unreadable) and found.picture and path.with_suffix("") in shown):
                    files.append((path, found))
        return files

    def _states(self) -> dict[Path, tuple[int, int]]:
        """Time and size of every file, in order."""
        states: dict[Path, tuple[int, int]] = {}
        for folder in self._folders:
            for path in sorted(_walk(folder), key=os.fspath):
                try:
                    status = path.stat()
                except OSError:  # removed since, or a broken link
                    continue
                states.setdefault(path, (status.st_mtime_ns, status.st_size))
        return states


class Embeddings:
    """The embeddings for one kind of model, found among the tokens of a prompt.

    Args:
        loaded: those that can be used, by name; of names that read the same (`Cat`, `cat`) only the first can.
        skipped: those that can't.
        widths: of the model's text encoders.
    """

    def __init__(
        self,
        loaded: Mapping[str, Embedding],
        skipped: Sequence[SkippedEmbedding],
        widths: tuple[int, ...],
        tokenize: Tokenize,
    ) -> None:
        names = list(loaded)
        tokens = [tuple(ids) for ids in tokenize(names)] if names else []
        self._tokenize = tokenize
        self._widths = widths
        self._loaded: dict[str, Embedding] = {}
        left_out = list(skipped)
        owners: dict[tuple[int, ...], str] = {}
        for name, ids in zip(names, tokens, strict=True):
            embedding = loaded[name]
            owner = owners.setdefault(ids, name)
            if ids and owner == name:
                self._loaded[name] = embedding
                continue
            reason = (
                f"In a prompt, {name!r} reads the same as {owner!r}, which is used: rename the file."
                if ids
                else f"A prompt can't name {name!r}: rename the file."
            )
            left_out.append(_skip(name, embedding.path, reason, embedding.vectors))
        self._skipped = _by_name(left_out)
        self._index = EmbeddingIndex(
            (ids, EmbeddingRef(name, min(self._loaded[name].count, CHUNK_LENGTH)))
            for ids, name in owners.items()
            if name in self._loaded
        )

    @property
    def loaded(self) -> Mapping[str, Embedding]:
        """The embeddings that can be used, by name."""
        return self._loaded

    @property
    def skipped(self) -> Mapping[str, SkippedEmbedding]:
        """Those that can't, by name; where a name is there already, by the file's whole path."""
        return self._skipped

    def names(self) -> list[str]:
        """All names that can be used."""
        return list(self._loaded)

    def find(self, ids: Sequence[int], position: int) -> tuple[EmbeddingRef, int] | None:
        """The embedding named at a position of the token ids, and how many tokens its name has."""
        return self._index.find(ids, position)

    def vectors(self, name: str, encoder: int = 0) -> Tensor:
        """The vectors of an embedding for one of the model's text encoders, `[n, width]`.

        There may be more than fit into a chunk: `find` says how many of them have a place.
        """
        return self._loaded[name].vectors[encoder]

    def with_bundled(self, extra: Mapping[str, tuple[Tensor, ...]]) -> Embeddings:
        """These and the embeddings that a LoRA brings along, for as long as it is active; its own names go first.

        Args: extra: by name `[n, width]`, one for each text encoder; what doesn't fit the model is skipped.
        """
        if not extra:
            return self
        bundled: dict[str, Embedding] = {}
        skipped = list(self._skipped.values())
        for name, tensors in extra.items():
            path = Path(f"bundle_emb.{name}")
            try:
                vectors = tuple(embedding_vectors(tensor, path) for tensor in tensors)
            except BadFile as error:
                skipped.append(_skip(name, path, error.message))
                continue
            if reason := _misfit(vectors, self._widths):
                skipped.append(_skip(name, path, reason, vectors))
            else:
                bundled[name] = Embedding(name, path, vectors)
        rest = {name: embedding for name, embedding in self._loaded.items() if name not in bundled}
        return Embeddings({**bundled, **rest}, skipped, self._widths, self._tokenize)


def _read(path: Path) -> EmbeddingFile | _Unreadable:
    try:
        return read_embedding(path)
    except BadFile as error:
        picture = isinstance(error, NoEmbedding)
        if not picture:
            log.warning("%s", _readable(error.message))
        return _Unreadable(error.message, picture)


def _walk(folder: Path) -> Iterator[Path]:
    """The files that may be embeddings. Links are followed, each folder once."""
    seen: set[str] = set()
    for place, folders, entries in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            if suffix.lower() in SUFFIXES and not stem.lower().endswith(".preview"):
                yield Path(place, entry)


def _embedding(name: str, path: Path, found: EmbeddingFile) -> Embedding:
    return Embedding(name, path, found.vectors, found.step, found.checkpoint_hash, found.checkpoint_name)


def _skip(name: str, path: Path, reason: str, vectors: tuple[Tensor, ...] = ()) -> SkippedEmbedding:
    count = len(vectors[0]) if vectors else 0
    width = sum(part.shape[1] for part in vectors)
    return SkippedEmbedding(_readable(name), path, _readable(reason), count, width)


def _misfit(vectors: tuple[Tensor, ...], widths: tuple[int, ...]) -> str:
    """Why an embedding doesn't go with a model; "" where it does."""
    own = tuple(part.shape[1] for part in vectors)
    if own != widths:
        return (
            f"It is for another kind of model: its width is {_words(own)}, and the model's {_words(widths)}."
        )
    counts = sorted({len(part) for part in vectors})
    return f"Its parts have different numbers of vectors: {_words(counts)}." if len(counts) > 1 else ""


def _words(numbers: Sequence[int]) -> str:
    return " and ".join(str(number) for number in numbers)


def _readable(text: str) -> str:
    """Text that can be written down: in a file name, bytes that are no UTF-8 come as lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _by_name(skipped: Sequence[SkippedEmbedding]) -> dict[str, SkippedEmbedding]:
    named: dict[str, SkippedEmbedding] = {}
    for one in skipped:
        named[_readable(str(one.path)) if one.name in named else one.name] = one
    return named
