"""The checkpoints that are there: names, titles, hashes, and what their metadata say. Knows no torch."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from modules.faults import BadFile, UnknownName
from modules.folders import write_atomically
from modules.models.checkpoint_file import SUFFIXES, read_metadata

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file.

    Args:
        name: path below its folder, without the suffix: how people call it.
        filename: the same with the suffix.
        sha256: of the whole file, or None while nobody has computed it.
        resolution: width and height it was made for, from its metadata.
        examples: prompts that suit it, from its metadata.
    """

    path: Path
    name: str
    filename: str
    sha256: str | None = None
    resolution: tuple[int, int] | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()

    @property
    def short_hash(self) -> str | None:
        """The first ten digits of the hash, as infotexts write it."""
        return self.sha256[:10] if self.sha256 else None

    @property
    def title(self) -> str:
        """The name in lists: `name.safetensors [hash10]`, or without the hash while it isn't known."""
        return f"{self.filename} [{self.short_hash}]" if self.sha256 else self.filename


class CheckpointCatalogue:
    """Finds the checkpoints in the model folders.

    Args:
        folders: searched with their subfolders.
        files: single files added to the list (`--ckpt`); the first is the default.
        cache: JSON file that keeps hashes by path, size and time.
    """

    def __init__(self, folders: tuple[Path, ...], cache: Path, files: tuple[Path, ...] = ()) -> None:
        self._folders = folders
        self._files = files
        self._hashes = _HashCache(cache)
        self._lock = threading.Lock()
        self._checkpoints: list[Checkpoint] | None = None

    def all(self) -> list[Checkpoint]:
        """All checkpoints, those given by name first, the others by name."""
        with self._lock:
            if self._checkpoints is None:
                self._checkpoints = self._scan()
            return list(self._checkpoints)

    def refresh(self) -> None:
        """Look at the folders anew."""
        with self._lock:
            self._checkpoints = None

    def find(self, name: str, field: str = "sd_model_checkpoint") -> Checkpoint:
        """The checkpoint of this title, name, file name or hash (10 digits or all).

        Raises: UnknownName.
        """
        wanted = name.strip()
        for fits in (
            lambda c: wanted in (c.title, c.filename, c.name),
            lambda c: len(wanted) >= 8 and c.sha256 is not None and c.sha256.startswith(wanted.lower()),
            lambda c: (
                _bare(wanted).lower() in (c.filename.lower(), c.name.lower(), Path(c.name).name.lower())
            ),
        ):
            for checkpoint in self.all():
                if fits(checkpoint):
                    return checkpoint
        raise UnknownName(
            field, f"There is no checkpoint named {name!r}. Put its file into models/Stable-diffusion."
        )

    def default(self) -> Checkpoint | None:
        """The checkpoint that is used when none is chosen: the first of the list."""
        return next(iter(self.all()), None)

    def with_hash(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with its SHA-256, computed once for each version of the file.

        Raises: BadFile: the file can't be read.
        """
        if checkpoint.sha256 is not None:
            return checkpoint
        hashed = replace(checkpoint, sha256=self._hashes.compute(checkpoint.path))
        with self._lock:
            if self._checkpoints is not None:
                self._checkpoints = [hashed if c.path == hashed.path else c for c in self._checkpoints]
        return hashed

    def _scan(self) -> list[Checkpoint]:
        found = {path.resolve(): self._entry(path, path.parent) for path in self._files}
        for folder in self._folders:
            paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
            for path in sorted(paths, key=lambda p: str(p).lower()):
                found.setdefault(path.resolve(), self._entry(path, folder))
        return list(found.values())

    def _entry(self, path: Path, folder: Path) -> Checkpoint:
        filename = path.relative_to(folder).as_posix()
        try:
            metadata = read_metadata(path)
        except BadFile as error:  # listed all the same: whoever chooses it is told why it can't be used
            log.warning("%s", error)
            metadata = {}
        return Checkpoint(
            path=path,
            name=filename[: -len(path.suffix)],
            filename=filename,
            sha256=self._hashes.known(path),
            resolution=_resolution(metadata.get("modelspec.resolution", "")),
            description=metadata.get("modelspec.description"),
            examples=_examples(metadata.get("modelspec.usage_hint", "")),
        )


def _bare(title: str) -> str:
    """A title without the hash in brackets."""
    return re.sub(r"\s*\[[0-9a-f]+\]$", "", title)


def _resolution(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if match is None:
        return None
    width = int(match.group(1))
    return width, int(match.group(2) or width)


def _examples(hint: str) -> tuple[str, ...]:
    """Prompts out of a usage hint: "Example prompts: first | second"."""
    _, found, examples = hint.partition("Example prompts:")
    return tuple(text.strip() for text in examples.split("|") if text.strip()) if found else ()


class _HashCache:
    """SHA-256 of files, kept in a JSON file as `{path: [size, mtime_ns, hash]}`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            self._entries: dict[str, list[object]] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._entries = {}

    def known(self, path: Path) -> str | None:
        """The hash, if it was computed for the file as it is now."""
        try:
            stat = path.stat()
        except OSError:
            return None
        entry = self._entries.get(str(path.resolve()))
        fits = isinstance(entry, list) and len(entry) == 3 and entry[:2] == [stat.st_size, stat.st_mtime_ns]
        return str(entry[2]) if fits and entry is not None else None

    def compute(self, path: Path) -> str:
        """The hash, computed if need be."""
        known = self.known(path)
        if known is not None:
            return known
        try:
            stat = path.stat()
            digest = hashlib.sha256()
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise BadFile(path, f"it can't be read ({error.strerror}).") from error
        with self._lock:
            self._entries[str(path.resolve())] = [stat.st_size, stat.st_mtime_ns, digest.hexdigest()]
            write_atomically(self._file, json.dumps(self._entries, indent=1).encode())
        return digest.hexdigest()
