"""All embeddings that can be read, whatever model they are for: what there is while no model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modules.networks.embeddings import Embedding, EmbeddingFolder, Embeddings

WIDTHS = ((768,), (1024,), (768, 1280), (1280,))
"""Of the text encoders of SD1, SD2, SDXL and its refiner."""


class ReadableEmbeddings:
    """Call it for the embeddings of some folders. torch is imported with the first call."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._kept: EmbeddingFolder | None = None

    def __call__(self) -> Embeddings:
        """The embeddings, all that can be read as loaded ones."""
        from modules.models.tokenizer import tokenize
        from modules.networks.embeddings import EmbeddingFolder, Embeddings

        if self._kept is None:
            self._kept = EmbeddingFolder(*self._folders)
        first = self._kept.for_widths(WIDTHS[0], tokenize)
        others = {(one.width,) for one in first.skipped.values() if one.width} - set(WIDTHS)
        loaded: dict[str, Embedding] = dict(first.loaded)
        skipped = dict(first.skipped)
        for widths in (*WIDTHS[1:], *sorted(others)):
            found = self._kept.for_widths(widths, tokenize)
            loaded = {**found.loaded, **loaded}
        left = [one for one in skipped.values() if all(one.path != other.path for other in loaded.values())]
        return Embeddings(loaded, left, WIDTHS[0], tokenize)
