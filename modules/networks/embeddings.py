"""Textual-inversion embeddings: words with vectors of their own, found in `models/embeddings`.

Format: a `.safetensors` file with the tensor `emb_params` (or a single tensor), `[vectors, width]`; the file's name is
the word. Source: Gal et al., "An Image is Worth One Word" (2022).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from modules.faults import BadFile
from modules.models.checkpoint_file import read_tensors
from modules.prompts.chunks import EmbeddingIndex, EmbeddingRef

log = logging.getLogger(__name__)

SUFFIX = ".safetensors"
Signature = tuple[tuple[str, int], ...]


class EmbeddingFolder:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def signature(self) -> Signature:
        """Names and times of the files: another value means that something has changed."""
        return tuple((str(path), path.stat().st_mtime_ns) for path in self._files())

    def for_width(self, width: int, tokenize: Callable[[list[str]], list[list[int]]]) -> Embeddings:
        """The embeddings that fit a text encoder of this width; others are left out, with a line in the log."""
        vectors: dict[str, Tensor] = {}
        for path in self._files():
            try:
                found = _read(path)
            except BadFile as error:
                log.warning("%s", error)
                continue
            if found.shape[1] != width:
                log.info(
                    "%s is for another kind of model: its width is %d, not %d.",
                    path.name,
                    *found.shape[1:],
                    width,
                )
                continue
            vectors[path.stem] = found
        return Embeddings(vectors, tokenize)

    def _files(self) -> list[Path]:
        return sorted(self._folder.rglob(f"*{SUFFIX}")) if self._folder.is_dir() else []


class Embeddings:
    """Embeddings of one width, found among the tokens of a prompt.

    Args: vectors: `[n, width]` by name.
    """

    def __init__(self, vectors: dict[str, Tensor], tokenize: Callable[[list[str]], list[list[int]]]) -> None:
        self._vectors = vectors
        names = list(vectors)
        references = [EmbeddingRef(name, len(vectors[name])) for name in names]
        self._index = EmbeddingIndex(zip(tokenize(names), references, strict=True))

    def names(self) -> list[str]:
        """All names."""
        return list(self._vectors)

    def find(self, ids: Sequence[int], position: int) -> tuple[EmbeddingRef, int] | None:
        """The embedding named at a position of the token ids, and how many tokens its name has."""
        return self._index.find(ids, position)

    def vectors(self, name: str) -> Tensor:
        """The vectors of an embedding, `[n, width]`."""
        return self._vectors[name]


def _read(path: Path) -> Tensor:
    tensors = read_tensors(path)
    vectors = tensors.get("emb_params", next(iter(tensors.values())) if len(tensors) == 1 else None)
    if vectors is None:
        raise BadFile(path, "it holds no embedding (a tensor named emb_params).")
    vectors = vectors[None] if vectors.ndim == 1 else vectors
    if vectors.ndim != 2 or not len(vectors):
        raise BadFile(path, f"an embedding has the shape [vectors, width], not {list(vectors.shape)}.")
    return vectors.float()
