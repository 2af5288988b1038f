"""The names of the files in the folders of networks, for completion and for remarks about prompts. Knows no torch."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SUFFIXES = (".safetensors", ".pt", ".bin", ".ckpt")
EMBEDDING_SUFFIXES = (".safetensors", ".pt", ".bin")
LONGEST_HEADER = 1 << 20
_SETTLED_SECONDS = 2.0

Names = Callable[[], list[str]]


class FileNames:
    """The files of a folder and the folders in it, by name; listed again when one of those folders changes.

    Safe to use from several threads. Asking costs one look at the time of each folder.
    """

    def __init__(self, folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
        self._folder = folder
        self._suffixes = suffixes
        self._lock = threading.Lock()
        self._times: dict[str, int] = {}
        self._listed_at = 0.0
        self._files: dict[str, Path] = {}

    def files(self) -> dict[str, Path]:
        """Files by their names without folder and ending, sorted; of files with one name the first. Don't change it."""
        with self._lock:
            if not self._still_right():
                self._list()
            return self._files

    def _still_right(self) -> bool:
        # A folder that changed just before it was listed may change once more within the same tick.
        newest = max(self._times.values(), default=-1)
        settled = newest / 1e9 < self._listed_at - _SETTLED_SECONDS
        return settled and all(_time_of(place) == known for place, known in self._times.items())

    def _list(self) -> None:
        self._listed_at = time.time()
        self._times = {str(self._folder): _time_of(str(self._folder))}
        found: dict[str, Path] = {}
        seen: set[str] = set()
        for place, folders, entries in os.walk(self._folder, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders.sort()
            self._times[place] = _time_of(place)
            for entry in sorted(entries):
                stem, suffix = os.path.splitext(entry)
                if suffix.lower() in self._suffixes and stem.isprintable():
                    found.setdefault(stem, Path(place, entry))
        self._files = {name: found[name] for name in sorted(found, key=lambda name: (name.casefold(), name))}


class NetworkNames:
    """The names that a prompt may use, from the folders of models.

    Args:
        embeddings: folders with them; networks: those of each kind of tag. None of them need exist.
        styles, wildcards: say the names of those.
    """

    def __init__(
        self,
        embeddings: Sequence[Path],
        networks: Mapping[str, Sequence[Path]],
        styles: Names = list,
        wildcards: Names = list,
    ) -> None:
        self._embeddings = [FileNames(folder, EMBEDDING_SUFFIXES) for folder in embeddings]
        self._networks = {
            kind: [FileNames(folder) for folder in folders] for kind, folders in networks.items()
        }
        self._styles = styles
        self._wildcards = wildcards
        self._vectors: dict[Path, tuple[tuple[int, int], int]] = {}

    def embeddings(self) -> list[str]:
        """Names of textual-inversion embeddings."""
        return _names_in(self._embeddings)

    def embedding_vectors(self, name: str) -> int:
        """How many vectors an embedding has; 1 where its file doesn't say so in its header."""
        path = next((f[name] for folder in self._embeddings if name in (f := folder.files())), None)
        if path is None or path.suffix.lower() != ".safetensors":
            return 1
        try:
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size)
            known = self._vectors.get(path)
            if known is None or known[0] != state:
                known = self._vectors[path] = (state, _vectors_in(path))
        except (OSError, ValueError):
            return 1
        return known[1]

    def networks(self, kind: str) -> list[str]:
        """Names of the networks of a kind of tag, "lora" or "hypernet"; of another kind there are none."""
        return _names_in(self._networks.get(kind, ()))

    def styles(self) -> list[str]:
        """Names of styles."""
        return self._styles()

    def wildcards(self) -> list[str]:
        """Names of wildcards."""
        return self._wildcards()


def _names_in(folders: Sequence[FileNames]) -> list[str]:
    names = {name for folder in folders for name in folder.files()}
    return sorted(names, key=lambda name: (name.casefold(), name))


def _time_of(place: str) -> int:
    """When a folder was changed, in nanoseconds; -1: it isn't there."""
    try:
        return os.stat(place).st_mtime_ns
    except OSError:
        return -1


def _vectors_in(path: Path) -> int:
    """The number of vectors in a `.safetensors` file: its header is JSON behind 8 bytes with its length.

    Raises: ValueError: it is no such file. OSError.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= LONGEST_HEADER:
            return 1
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        return 1
    tensors = [value for key, value in header.items() if key != "__metadata__"]
    found = header.get("emb_params", tensors[0] if len(tensors) == 1 else None)
    shape = found.get("shape") if isinstance(found, dict) else None
    if not isinstance(shape, list) or len(shape) != 2 or not isinstance(shape[0], int):
        return 1
    return max(shape[0], 1)
