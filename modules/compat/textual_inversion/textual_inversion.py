"""`modules.textual_inversion.textual_inversion` of the older UI: the embeddings, as its database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.compat.sd_checkpoints import LiveDict
from modules.faults import InvalidField, NotPossibleNow

if TYPE_CHECKING:
    from torch import Tensor

    from modules.models.latent_diffusion import LatentDiffusion
    from modules.networks.embeddings import EmbeddingFolder, Embeddings

_folders: dict[tuple[Path, ...], EmbeddingFolder] = {}
_known: dict[Any, Embeddings] = {}
"""The latest of them: as long as no file has changed they are the same."""


def embeddings_of(model: LatentDiffusion) -> Embeddings:
    """The embeddings that go with a model, as the folders are now. Files are read once for each state of theirs."""
    from modules.models.tokenizer import tokenize
    from modules.networks.embeddings import EmbeddingFolder

    places = tuple(house().folders.embedding_folders()) + tuple(Path(each) for each in _further_folders())
    if places not in _folders:
        _folders[places] = EmbeddingFolder(*places)
    widths = tuple(tower.encoder.config.width for tower in model.texts)
    state = (places, widths, _folders[places].signature())
    if state not in _known:
        _known.clear()
        _known[state] = _folders[places].for_widths(widths, tokenize)
    return _known[state]


def _further_folders() -> list[str]:
    from modules.compat.sd_hijack import model_hijack

    return list(model_hijack.embedding_db.embedding_dirs)


class Embedding:
    """An embedding. Args: vec: `[n, width]`, or `{"clip_l": ..., "clip_g": ...}`; step: of its training."""

    def __init__(self, vec: Any, name: str, step: int | None = None) -> None:
        self.vec = vec
        self.name = name
        self.step = step
        self.shape: int | None = None
        self.vectors = 0
        self.sd_checkpoint: str | None = None
        self.sd_checkpoint_name: str | None = None
        self.optimizer_state_dict = None
        self.filename: str | None = None
        self.hash: str | None = None
        self.shorthash: str | None = None

    def save(self, filename: str | Path) -> None:
        """Write it as `.pt`, as the field's programs read it."""
        import torch

        data = {
            "string_to_token": {"*": 265},
            "string_to_param": {"*": self.vec},
            "name": self.name,
            "step": self.step,
            "sd_checkpoint": self.sd_checkpoint,
            "sd_checkpoint_name": self.sd_checkpoint_name,
        }
        torch.save(data, filename)

    def checksum(self) -> str:
        """Four digits that change with the vectors."""
        return f"{sum(int(float(each) * 100) for each in self.vec.reshape(-1)[:1000]) & 0xFFFF:04x}"


class DirWithTextualInversionEmbeddings:
    """A folder with embeddings."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.mtime: float | None = None

    def has_changed(self) -> bool:
        """Whether files came or went since `update`."""
        return os.path.isdir(self.path) and os.path.getmtime(self.path) != self.mtime

    def update(self) -> None:
        """Remember how it is now."""
        self.mtime = os.path.getmtime(self.path) if os.path.isdir(self.path) else None


class EmbeddingDatabase:
    """The embeddings for the loaded model, by name; always as the folders are."""

    def __init__(self) -> None:
        self.embedding_dirs: dict[str, DirWithTextualInversionEmbeddings] = {}
        self.word_embeddings = LiveDict(self._loaded)
        self.skipped_embeddings = LiveDict(self._skipped)
        self._made: dict[str, tuple[Any, Embedding]] = {}
        self.expected_shape = -1

    @property
    def ids_lookup(self) -> dict[int, list[tuple[list[int], Embedding]]]:
        """First token to `(tokens, embedding)` pairs, the longest names first."""
        from modules.models.tokenizer import tokenize

        found: dict[int, list[tuple[list[int], Embedding]]] = {}
        words = self.word_embeddings.copy()
        for ids, embedding in zip(tokenize(list(words)) if words else [], words.values(), strict=True):
            if ids:
                found.setdefault(ids[0], []).append((ids, embedding))
        for pairs in found.values():
            pairs.sort(key=lambda pair: len(pair[0]), reverse=True)
        return found

    def add_embedding_dir(self, path: str) -> None:
        """Have the embeddings of one more folder, for what extensions encode."""
        self.embedding_dirs[path] = DirWithTextualInversionEmbeddings(path)

    def clear_embedding_dirs(self) -> None:
        """Forget the further folders."""
        self.embedding_dirs.clear()

    def load_textual_inversion_embeddings(self, force_reload: bool = False) -> None:
        """Nothing: the folders are looked at whenever somebody asks."""

    def register_embedding(self, embedding: Embedding, model: Any = None) -> Embedding:
        """Have one more in the list."""
        self.word_embeddings[embedding.name] = embedding
        return embedding

    def register_embedding_by_name(self, embedding: Embedding, model: Any, name: str) -> Embedding:
        """Have one more in the list, under this name."""
        self.word_embeddings[name] = embedding
        return embedding

    def get_expected_shape(self) -> int:
        """The width of the vectors that go with the loaded model; -1 without one."""
        loaded = house().models.loaded if is_open() else None
        return -1 if loaded is None else sum(tower.encoder.config.width for tower in loaded.texts)

    def find_embedding_at_position(
        self, tokens: Sequence[int], offset: int
    ) -> tuple[Embedding | None, int | None]:
        """The embedding whose name begins at this token, and how many tokens that has; else twice None."""
        for ids, embedding in self.ids_lookup.get(tokens[offset], ()):
            if list(tokens[offset : offset + len(ids)]) == ids:
                return embedding, len(ids)
        return None, None

    def _ours(self) -> Embeddings | None:
        loaded = house().models.loaded if is_open() else None
        return None if loaded is None else embeddings_of(loaded)

    def _loaded(self) -> dict[str, Embedding]:
        ours = self._ours()
        return {} if ours is None else {name: self._face(name, each) for name, each in ours.loaded.items()}

    def _face(self, name: str, ours: Any) -> Embedding:
        """The same object as long as it is the same embedding."""
        known = self._made.get(name)
        if known is not None and known[0] is ours.vectors:
            return known[1]
        parts = dict(zip(("clip_l", "clip_g"), ours.vectors, strict=False))
        face = Embedding(ours.vectors[0] if len(ours.vectors) == 1 else parts, name, ours.step)
        face.vectors, face.shape, face.filename = ours.count, ours.width, str(ours.path)
        face.sd_checkpoint, face.sd_checkpoint_name = ours.checkpoint_hash, ours.checkpoint_name
        self._made[name] = (ours.vectors, face)
        return face

    def _skipped(self) -> dict[str, Embedding]:
        ours = self._ours()
        faces = {}
        for name, each in ours.skipped.items() if ours is not None else ():
            face = faces[name] = Embedding(None, each.name)
            face.vectors, face.shape, face.filename = each.vectors, each.width, str(each.path)
        return faces


def create_embedding(name: str, num_vectors_per_token: int, overwrite_old: bool, init_text: str = "*") -> str:
    """Make a new embedding out of the vectors of a text, as a file in the embeddings' folder; gives its path.

    Raises: InvalidField: there is one of that name; NotPossibleNow: no model is loaded.
    """
    import torch

    from modules.compat.sd_models import model_data

    model = model_data.get_sd_model()
    if model is None:
        raise NotPossibleNow("An embedding is made for a model: load a checkpoint first.")
    safe = "".join(each for each in name if each.isalnum() or each in "._- ").strip()
    folder = house().folders.embedding_folders()[0]
    path = folder / f"{safe}.pt"
    if not safe or (path.exists() and not overwrite_old):
        raise InvalidField("name", f"There is an embedding named {name!r} already. Choose another name.")
    with torch.no_grad():
        start: Tensor = model.cond_stage_model.encode_embedding_init_text(
            init_text or "*", num_vectors_per_token
        )
    vectors = torch.zeros(num_vectors_per_token, start.shape[1])
    for row in range(num_vectors_per_token):
        vectors[row] = start[row * len(start) // num_vectors_per_token].float().cpu()
    folder.mkdir(parents=True, exist_ok=True)
    Embedding(vectors, safe, 0).save(path)
    return str(path)


def train_embedding(*args: Any, **kwargs: Any) -> None:
    """Raises: NotPossibleNow: always."""
    raise NotPossibleNow("Easel trains no embeddings.")
