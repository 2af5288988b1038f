"""The checkpoints that are there: names, titles, hashes, and what their metadata say. Knows no torch."""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modules.faults import BadFile, UnknownName
from modules.models.checkpoint_file import read_metadata
from modules.models.file_cache import SHA256, FileCache, FileVersion
from modules.models.model_folders import (
    PREVIEW_SUFFIXES,
    ModelFile,
    list_models,
    read_user_metadata,
    single_model,
)

log = logging.getLogger(__name__)

CHECKPOINT_SUFFIXES = (".safetensors", ".ckpt", ".pt")
VAE_SUFFIXES = (".vae.safetensors", ".vae.ckpt", ".vae.pt")
MODELSPEC = "modelspec"
"""The kind of cache entry for the `modelspec.*` metadata of a file, without that prefix."""

_LONGEST_VALUE = 20_000  # characters; a thumbnail as a data URL has more


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file, or a diffusers folder.

    Args:
        name: path below its folder, without the suffix: how people call it.
        filename: the same with the suffix.
        sha256: of the whole file, or None while nobody has computed it.
        resolution: width and height it was made for, from its metadata.
        examples: prompts that suit it, from its metadata.
        preview: a picture of the same name beside it.
        yaml: a config of the same name beside it.
        user_file: the JSON file of the same name beside it, with the user's notes.
        modelspec: what its metadata say under `modelspec.`, without that prefix.
        is_folder: whether it is a diffusers folder.
    """

    path: Path
    name: str
    filename: str
    sha256: str | None = None
    resolution: tuple[int, int] | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()
    preview: Path | None = None
    yaml: Path | None = None
    user_file: Path | None = None
    modelspec: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_folder: bool = False

    @property
    def short_hash(self) -> str | None:
        """The first ten digits of the hash, as infotexts write it."""
        return self.sha256[:10] if self.sha256 else None

    @property
    def title(self) -> str:
        """The name in lists: `name.safetensors [hash10]`, or without the hash while it isn't known."""
        return f"{self.filename} [{self.short_hash}]" if self.sha256 else self.filename

    @property
    def stem(self) -> str:
        """The last part of the name: what files that belong to it begin with."""
        return self.name.rpartition("/")[2]

    def user_metadata(self) -> dict[str, Any]:
        """What the user noted in the JSON file (`description`, `notes`, `sd version`, `vae`, ...), read now."""
        return read_user_metadata(self.user_file) if self.user_file else {}

    def notes(self) -> str:
        """The user's notes, read now."""
        notes = self.user_metadata().get("notes")
        return notes if isinstance(notes, str) else ""


class CheckpointCatalogue:
    """Finds the checkpoints in the model folders.

    Args:
        folders: searched with their subfolders.
        cache: keeps hashes and metadata; or the path of its file.
        files: single files added to the list (`--ckpt`); the first is the default.
    """

    def __init__(
        self, folders: tuple[Path, ...], cache: FileCache | Path, files: tuple[Path, ...] = ()
    ) -> None:
        self._folders = folders
        self._files = files
        self._cache = cache if isinstance(cache, FileCache) else FileCache(cache)
        self._lock = threading.Lock()
        self._checkpoints: list[Checkpoint] | None = None
        self._names: _Names | None = None

    def all(self) -> list[Checkpoint]:
        """All checkpoints, those given by name first, the others by name."""
        with self._lock:
            return list(self._listed())

    def refresh(self) -> None:
        """Look at the folders anew."""
        with self._lock:
            self._checkpoints = self._names = None

    def find(self, name: str, field: str = "sd_model_checkpoint") -> Checkpoint:
        """The checkpoint of this title, name, file name or hash.

        Known are: the title; the path below the folder with and without suffix; the same without subfolders, or with
        `_` for `/`; the full path; the SHA-256 or its first 8 digits or more, where it has been computed; the 8-digit
        hash of very old infotexts. What fits exactly goes before what fits without case. The folders are looked at
        anew before a name is called unknown.

        Raises: UnknownName.
        """
        wanted = name.strip()
        found = self._search(wanted)
        if found is None:
            self.refresh()
            found = self._search(wanted) or self._of_window_hash(wanted)
        if found is None:
            raise UnknownName(
                field, f"There is no checkpoint named {name!r}. Put its file into models/Stable-diffusion."
            )
        return found

    def default(self) -> Checkpoint | None:
        """The checkpoint that is used when none is chosen: the first of the list."""
        return next(iter(self.all()), None)

    def with_hash(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with its SHA-256, computed once for each version of the file.

        Raises: BadFile: the file can't be read.
        """
        if checkpoint.sha256 is not None:
            return checkpoint
        hashed = replace(checkpoint, sha256=self._cache.sha256(checkpoint.path))
        with self._lock:
            if self._checkpoints is not None:
                self._checkpoints = [hashed if c.path == hashed.path else c for c in self._checkpoints]
                self._names = None
        return hashed

    def _search(self, wanted: str) -> Checkpoint | None:
        with self._lock:
            if self._names is None:
                self._names = _Names(self._listed())
            return self._names.find(wanted)

    def _of_window_hash(self, wanted: str) -> Checkpoint | None:
        """The checkpoint of an 8-digit hash, or of a title that ends in one. Reads 64 kB of every file, once."""
        digits = (_hash_in_title(wanted) or wanted).lower()
        if not re.fullmatch("[0-9a-f]{8}", digits):
            return None
        for checkpoint in self.all():
            try:
                if not checkpoint.is_folder and self._cache.window_hash(checkpoint.path) == digits:
                    return checkpoint
            except BadFile as error:
                log.warning("%s", error)
        return None

    def _listed(self) -> list[Checkpoint]:
        """The list, made if need be. The lock is held."""
        if self._checkpoints is None:
            self._checkpoints = self._scan()
        return self._checkpoints

    def _scan(self) -> list[Checkpoint]:
        hashes = self._cache.all_of(SHA256)
        modelspecs = self._cache.all_of(MODELSPEC)
        new: list[tuple[FileVersion, dict[str, Any]]] = []

        def modelspec(model: ModelFile) -> Mapping[str, str]:
            known = modelspecs.get(model.version)
            if known is None and model.filename.lower().endswith(".safetensors") and not model.is_folder:
                known = _modelspec(model.path)
                if known is not None:
                    new.append((model.version, known))
            return known or {}

        listed: dict[Path, Checkpoint] = {}
        named: set[str] = set()
        for path in self._files:
            try:
                model = single_model(path)
                named.add(model.version.path)
                listed[path] = _checkpoint(model, hashes, modelspec)
            except BadFile as error:  # listed all the same: whoever chooses it is told why it can't be used
                log.warning("%s", error)
                listed[path] = Checkpoint(path, path.stem, path.name)
        for model in list_models(self._folders, _is_checkpoint, diffusers=True):
            if model.version.path not in named:
                listed.setdefault(model.path, _checkpoint(model, hashes, modelspec))
        self._cache.put_many(MODELSPEC, new)
        return list(listed.values())


def _is_checkpoint(lower_name: str) -> bool:
    return lower_name.endswith(CHECKPOINT_SUFFIXES) and not lower_name.endswith(VAE_SUFFIXES)


def _checkpoint(
    model: ModelFile,
    hashes: Mapping[FileVersion, Mapping[str, Any]],
    modelspec: Callable[[ModelFile], Mapping[str, str]],
) -> Checkpoint:
    spec = modelspec(model)
    return Checkpoint(
        path=model.path,
        name=model.name,
        filename=model.filename,
        sha256=hashes.get(model.version, {}).get("sha256"),
        resolution=_resolution(spec.get("resolution", "")),
        description=spec.get("description"),
        examples=_examples(spec.get("usage_hint", "")),
        preview=model.neighbour(PREVIEW_SUFFIXES),
        yaml=model.neighbour((".yaml",)),
        user_file=model.neighbour((".json",)),
        modelspec=spec,
        is_folder=model.is_folder,
    )


def _modelspec(path: Path) -> dict[str, str] | None:
    """The file's `modelspec.*` metadata; None: it can't be read, and is listed all the same."""
    try:
        metadata = read_metadata(path)
    except BadFile as error:
        log.warning("%s", error)
        return None
    return {
        key.removeprefix("modelspec."): value
        for key, value in metadata.items()
        if key.startswith("modelspec.") and len(value) <= _LONGEST_VALUE
    }


def _resolution(text: str) -> tuple[int, int] | None:
    match = re.fullmatch("([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    if match is None:
        return None
    width = int(match.group(1))
    return width, int(match.group(2) or width)


def _examples(hint: str) -> tuple[str, ...]:
    """Prompts out of a usage hint: "Example prompts: first | second"."""
    _, found, examples = hint.partition("Example prompts:")
    return tuple(text.strip() for text in examples.split("|") if text.strip()) if found else ()


# -- names --------------------------------------------------------------------------------------------------


class _Names:
    """The names of a list of checkpoints. Where two have the same one, the first of the list has it."""

    def __init__(self, checkpoints: list[Checkpoint]) -> None:
        self._full: dict[str, Checkpoint] = {}
        self._short: dict[str, Checkpoint] = {}
        self._folded: dict[str, Checkpoint] = {}
        self._hashed = [c for c in checkpoints if c.sha256 is not None]
        for checkpoint in checkpoints:
            for key in (checkpoint.title, checkpoint.filename, checkpoint.name, checkpoint.path.as_posix()):
                self._full.setdefault(key, checkpoint)
            in_file = checkpoint.filename.rpartition("/")[2]
            for key in (in_file, checkpoint.stem, checkpoint.name.replace("/", "_")):
                self._short.setdefault(key, checkpoint)
        for names in (self._full, self._short):
            for key, checkpoint in names.items():
                self._folded.setdefault(_fold(key), checkpoint)

    def find(self, wanted: str) -> Checkpoint | None:
        """The checkpoint of this name, title or hash."""
        slashes = wanted.replace("\\", "/")
        found = self._full.get(wanted) or self._full.get(slashes) or self._of_hash(wanted)
        if found is not None:
            return found
        # a title with a hash that isn't known: of a renamed file, or of a file whose hash nobody has computed
        digits = _hash_in_title(slashes)
        bare = slashes[: slashes.rindex("[")].rstrip() if digits else slashes
        return (
            (self._of_hash(digits) if digits else None)
            or self._full.get(bare)
            or self._short.get(bare)
            or self._folded.get(_fold(slashes))
            or self._folded.get(_fold(bare))
        )

    def _of_hash(self, digits: str) -> Checkpoint | None:
        digits = digits.lower()
        if not re.fullmatch("[0-9a-f]{8,64}", digits):
            return None
        return next((c for c in self._hashed if c.sha256 and c.sha256.startswith(digits)), None)


def _hash_in_title(title: str) -> str | None:
    """The hash in brackets at the end of a title."""
    match = re.search(r"\[([0-9a-fA-F]+)\]$", title)
    return match.group(1) if match else None


def _fold(name: str) -> str:
    """The name without case; macOS spells accents in two characters."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
