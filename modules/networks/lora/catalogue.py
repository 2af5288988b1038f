"""The network files of the LoRA family that are there: by name, by the name their training gave them, with notes.

Listing reads no file: ten thousand are listed as fast as their folders. Knows no torch before a file is opened.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile
from modules.models.checkpoint_file import read_metadata
from modules.models.file_cache import FileCache
from modules.networks.names import FileNames

if TYPE_CHECKING:
    from modules.networks.lora.file import LoraFile

log = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".pt", ".ckpt")
PREVIEW_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
HASH_DIGITS = 12
_KEPT_BYTES = 1 << 30

Metadata = Mapping[str, str]
State = tuple[int, int]
"""Time of change and size of a file."""


@dataclass(frozen=True)
class LoraNotes:
    """What people wrote about a network, in the `.json` beside it.

    Args: weight: the preferred one, or None; activation: words that wake it.
    """

    weight: float | None = None
    activation: str = ""
    negative: str = ""
    notes: str = ""
    description: str = ""
    sd_version: str = ""


@dataclass(frozen=True)
class LoraEntry:
    """A network file.

    Args: name: the file's, without its ending.
    """

    name: str
    path: Path
    _read_metadata: Callable[[Path], Metadata] = field(repr=False, compare=False)

    @property
    def metadata(self) -> Metadata:
        """What the training program wrote; empty where it can't be read."""
        return self._read_metadata(self.path)

    @property
    def alias(self) -> str:
        """The name that its training gave it (`ss_output_name`), else that of the file."""
        return self.metadata.get("ss_output_name") or self.name

    @property
    def notes(self) -> LoraNotes:
        """The notes beside the file; empty ones where there are none."""
        return _read_notes(self.path.with_suffix(".json"))

    @property
    def preview(self) -> Path | None:
        """The picture beside the file, or None."""
        candidates = (
            self.path.with_name(f"{self.path.stem}{middle}{suffix}")
            for middle in ("", ".preview")
            for suffix in PREVIEW_SUFFIXES
        )
        return next((path for path in candidates if path.is_file()), None)


class LoraCatalogue:
    """The files of some folders and the folders in them. Safe to use from several threads.

    Args:
        folders: `Lora`, `LyCORIS`, in order: of two files with one name the first counts. They need not exist.
        cache: where hashes are kept between starts; None: in memory only.
    """

    def __init__(self, folders: Sequence[Path], cache: FileCache | None = None) -> None:
        self._folders = [FileNames(folder, SUFFIXES) for folder in folders]
        self._folder_paths = tuple(folders)
        self._cache = cache or FileCache(None)
        self._lock = threading.Lock()
        self._metadata: dict[Path, tuple[State, Metadata]] = {}
        self._files: OrderedDict[Path, tuple[State, LoraFile]] = OrderedDict()

    def refresh(self) -> None:
        """Forget what is known of the folders; they are listed again when next asked."""
        self._folders = [FileNames(folder, SUFFIXES) for folder in self._folder_paths]

    def all(self) -> list[LoraEntry]:
        """All files, sorted by name."""
        found = self._paths()
        names = sorted(found, key=lambda name: (name.casefold(), name))
        return [self._entry(name, found[name]) for name in names]

    def find(self, name: str) -> LoraEntry | None:
        """The file of this name; else with this alias; else the same without regard to case; else None."""
        found = self._paths()
        if name in found:
            return self._entry(name, found[name])
        entries = self.all()
        folded = name.casefold()
        tests: tuple[Callable[[LoraEntry], bool], ...] = (
            lambda entry: entry.alias == name,
            lambda entry: entry.name.casefold() == folded,
            lambda entry: entry.alias.casefold() == folded,
        )
        return next((entry for fits in tests for entry in entries if fits(entry)), None)

    def open(self, entry: LoraEntry) -> LoraFile:
        """Read a file; the last ones stay in memory (a gigabyte), so another weight in the prompt reads nothing.

        Raises: BadFile.
        """
        from modules.networks.lora.file import LoraFile

        state = _state(entry.path)
        with self._lock:
            known = self._files.get(entry.path)
            if known is not None and known[0] == state:
                self._files.move_to_end(entry.path)
                return known[1]
        file = LoraFile.read(entry.path)
        with self._lock:
            self._files[entry.path] = (state, file)
            self._files.move_to_end(entry.path)
            while len(self._files) > 1 and sum(size for (_, size), _ in self._files.values()) > _KEPT_BYTES:
                self._files.popitem(last=False)
        return file

    def hash12(self, entry: LoraEntry) -> str:
        """The hash that infotexts name; computed once per state of the file.

        Raises: BadFile.
        """
        return hash12(entry.path, self._cache)

    def _paths(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            found |= folder.files()
        return found

    def _entry(self, name: str, path: Path) -> LoraEntry:
        return LoraEntry(name, path, self._metadata_of)

    def _metadata_of(self, path: Path) -> Metadata:
        try:
            state = _state(path)
            known = self._metadata.get(path)
            if known is None or known[0] != state:
                known = self._metadata[path] = (state, read_metadata(path))
        except BadFile as error:
            log.info("%s", error)
            return {}
        return known[1]


def hash12(path: Path, cache: FileCache | None = None) -> str:
    """The first 12 digits of the SHA-256 of a safetensors file after its header; of another file, of all of it.

    Raises: BadFile.
    """
    cache = cache or FileCache(None)
    safetensors = path.suffix.lower() == ".safetensors"
    return (cache.sha256_after_header(path) if safetensors else cache.sha256(path))[:HASH_DIGITS]


def _state(path: Path) -> State:
    try:
        status = path.stat()
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    return status.st_mtime_ns, status.st_size


def _read_notes(path: Path) -> LoraNotes:
    try:
        read: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return LoraNotes()
    if not isinstance(read, dict):
        return LoraNotes()

    def text(key: str) -> str:
        value = read.get(key)
        return value if isinstance(value, str) else ""

    try:
        weight = float(read.get("preferred weight") or 0) or None
    except (ValueError, TypeError):
        weight = None
    return LoraNotes(
        weight=weight,
        activation=text("activation text"),
        negative=text("negative text"),
        notes=text("notes"),
        description=text("description"),
        sd_version=text("sd version"),
    )
