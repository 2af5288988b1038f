"""The kinds of networks that have cards: where their files are, and what a click on a card puts into the prompt."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modules.models.catalogue import Checkpoint, CheckpointCatalogue
from modules.models.file_cache import ADDNET, SHA256, FileCache, FileVersion
from modules.models.model_folders import ModelFile
from modules.networks.library_files import FolderListing, NetworkFile
from modules.networks.library_metadata import base_of
from modules.networks.library_notes import NetworkNotes

LORA_SUFFIXES = (".safetensors", ".pt", ".ckpt")
HYPERNETWORK_SUFFIXES = (".pt",)
EMBEDDING_SUFFIXES = (".safetensors", ".pt", ".bin")
PICTURE_SUFFIXES = (".png", ".webp")

_EMBEDDING_IN_PICTURE = b"sd-ti-embedding"
_LARGEST_PICTURE = 16 << 20
_BRACKETS = re.compile(r"([\\()\[\]])")


@dataclass(frozen=True)
class Insertion:
    """What a click on a card puts into the prompts, or takes out again.

    Args:
        tag: the kind of the tag `<tag:name:weight>`; "" if the network is a word like any other.
        name: in the tag, or the word itself; "" where a click chooses the network and writes nothing.
        weight: in the tag.
        text: follows the tag in the prompt; negative: goes into the negative prompt.
    """

    tag: str = ""
    name: str = ""
    weight: float = 1.0
    text: str = ""
    negative: str = ""


class NetworkKind(Protocol):
    """A kind of networks. Extensions may have some of their own: `NetworkLibrary.add`."""

    key: str
    """Its name in addresses: small letters, digits and `_`."""
    title: str
    """Its name for people."""

    def files(self) -> Sequence[NetworkFile]:
        """All files, in the order that is used where nobody chose one; the same object while nothing has changed."""

    def refresh(self) -> None:
        """Look at the folders anew."""

    def insertion(self, file: NetworkFile, notes: NetworkNotes, weight: float) -> Insertion:
        """What a click does. Args: weight: where the notes prefer none."""

    def known_hash(self, file: NetworkFile) -> str | None:
        """The hash that infotexts name, if it was computed."""

    def hash(self, file: NetworkFile) -> str:
        """The same, computed if need be. Raises: BadFile."""


class FolderKind:
    """A kind whose files lie in folders and are named by a tag or, without one, by a word.

    Args:
        tag: the first word of the tag; "" for none.
        pictures: files may be pictures that hold an embedding.
        after_header: the hash leaves a safetensors file's header out.
    """

    def __init__(
        self,
        key: str,
        title: str,
        folders: Sequence[Path],
        suffixes: tuple[str, ...],
        cache: FileCache,
        *,
        tag: str = "",
        pictures: bool = False,
        after_header: bool = False,
    ) -> None:
        self.key = key
        self.title = title
        self._tag = tag
        self._cache = cache
        self._after_header = after_header
        accepted = suffixes + PICTURE_SUFFIXES if pictures else suffixes
        keep = (lambda model: _is_embedding(model, suffixes)) if pictures else (lambda model: True)
        self._listing = FolderListing(folders, lambda name: name.endswith(accepted), keep)

    def files(self) -> Sequence[NetworkFile]:
        """See `NetworkKind`."""
        return self._listing.files()

    def refresh(self) -> None:
        """See `NetworkKind`."""
        self._listing.refresh()

    def insertion(self, file: NetworkFile, notes: NetworkNotes, weight: float) -> Insertion:
        """See `NetworkKind`."""
        if not self._tag:
            return Insertion(
                name=_BRACKETS.sub(r"\\\1", file.name), text=notes.activation, negative=notes.negative
            )
        preferred = weight if notes.weight is None else notes.weight
        return Insertion(self._tag, file.name, preferred, notes.activation, notes.negative)

    def known_hash(self, file: NetworkFile) -> str | None:
        """See `NetworkKind`."""
        kind = ADDNET if self._headerless(file) else SHA256
        found = (self._cache.get(file.path, kind) or {}).get("sha256")
        return found[:12] if isinstance(found, str) else None

    def hash(self, file: NetworkFile) -> str:
        """See `NetworkKind`."""
        if self._headerless(file):
            return self._cache.sha256_after_header(file.path)[:12]
        return self._cache.sha256(file.path)[:12]

    def _headerless(self, file: NetworkFile) -> bool:
        return self._after_header and file.path.suffix.lower() == ".safetensors"


class CheckpointKind:
    """Checkpoints: a click chooses one."""

    key = "checkpoints"
    title = "Checkpoints"

    def __init__(self, catalogue: CheckpointCatalogue, cache: FileCache) -> None:
        self._catalogue = catalogue
        self._cache = cache
        self._lock = threading.Lock()
        self._listed: tuple[list[Checkpoint], tuple[NetworkFile, ...]] = ([], ())

    def files(self) -> Sequence[NetworkFile]:
        """See `NetworkKind`."""
        checkpoints = self._catalogue.all()
        with self._lock:
            if checkpoints != self._listed[0]:
                unique = {c.filename: c for c in reversed(checkpoints)}
                files = tuple(_checkpoint_file(c) for c in checkpoints if unique[c.filename] is c)
                self._listed = (checkpoints, files)
            return self._listed[1]

    def refresh(self) -> None:
        """See `NetworkKind`."""
        self._catalogue.refresh()

    def insertion(self, file: NetworkFile, notes: NetworkNotes, weight: float) -> Insertion:
        """See `NetworkKind`."""
        return Insertion()

    def known_hash(self, file: NetworkFile) -> str | None:
        """See `NetworkKind`."""
        return file.sha256[:10] if file.sha256 else None

    def hash(self, file: NetworkFile) -> str:
        """See `NetworkKind`."""
        return self._cache.sha256(file.path)[:10]


def standard_kinds(
    checkpoints: CheckpointCatalogue,
    embeddings: Sequence[Path],
    hypernetworks: Sequence[Path],
    loras: Sequence[Path],
    cache: FileCache,
) -> list[NetworkKind]:
    """The kinds that there always are, in the order of their tabs. Args: embeddings, ...: their folders."""
    return [
        CheckpointKind(checkpoints, cache),
        FolderKind(
            "textual_inversion", "Textual inversion", embeddings, EMBEDDING_SUFFIXES, cache, pictures=True
        ),
        FolderKind(
            "hypernetworks", "Hypernetworks", hypernetworks, HYPERNETWORK_SUFFIXES, cache, tag="hypernet"
        ),
        FolderKind("lora", "Lora", loras, LORA_SUFFIXES, cache, tag="lora", after_header=True),
    ]


def _checkpoint_file(checkpoint: Checkpoint) -> NetworkFile:
    stem = checkpoint.stem
    try:
        status = checkpoint.path.stat()
        version = FileVersion(str(checkpoint.path), status.st_size, status.st_mtime_ns)
    except OSError:  # removed since; whoever chooses it is told
        version = FileVersion(str(checkpoint.path), 0, 0)
    spec = {f"modelspec.{key}": value for key, value in checkpoint.modelspec.items()}
    return NetworkFile(
        name=checkpoint.filename,
        label=stem,
        folder=checkpoint.filename.rpartition("/")[0],
        path=checkpoint.path,
        stem=stem,
        version=version,
        preview=checkpoint.preview,
        notes=checkpoint.user_file or checkpoint.path.with_name(f"{stem}.json"),
        has_notes=checkpoint.user_file is not None,
        sha256=checkpoint.sha256,
        base=base_of(spec),
        description=checkpoint.description or "",
    )


def _is_embedding(model: ModelFile, suffixes: tuple[str, ...]) -> bool:
    """Whether a file is an embedding: a picture is one if it holds one, and isn't just the preview of another file."""
    if not model.filename.lower().endswith(PICTURE_SUFFIXES):
        return True
    if model.name.lower().endswith(".preview") or model.neighbour(suffixes) is not None:
        return False
    try:
        return model.version.size <= _LARGEST_PICTURE and _EMBEDDING_IN_PICTURE in model.path.read_bytes()
    except OSError:
        return False
