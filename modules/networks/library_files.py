"""The files behind the network cards: listed once, and again when a folder changes. No file is opened here."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.models.file_cache import FileVersion
from modules.models.model_folders import PREVIEW_SUFFIXES, ModelFile, list_models

Accepts = Callable[[str], bool]
"""Told a file's name in lower case, says whether it is a network."""

_SETTLED_SECONDS = 2.0


@dataclass(frozen=True)
class NetworkFile:
    """A file that has a card.

    Args:
        name: what it is found by, unique in its kind; label: what people read.
        folder: the folder below the searched one, with `/`; "" at its top.
        path: the file; stem: what the names of files that belong to it begin with.
        preview: the picture beside it; notes: the JSON file beside it, which need not be there.
        sha256: of the whole file, where a listing knows it.
        base, description: what the listing already knows of them.
    """

    name: str
    label: str
    folder: str
    path: Path
    stem: str
    version: FileVersion
    preview: Path | None
    notes: Path
    has_notes: bool
    sha256: str | None = None
    base: str = ""
    description: str = ""

    @property
    def hidden(self) -> bool:
        """A folder above it begins with a dot."""
        return self.folder.startswith(".") or "/." in self.folder


class FolderListing:
    """The network files of some folders and the folders in them. Safe to use from several threads.

    Of two files with one name the first counts, in the order in which a tag looks for its file: by folder, files before
    the folders beside them, then by name.

    Args: accepts: says which files are networks; keep: says it of a listed file, where the name isn't enough.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        accepts: Accepts,
        keep: Callable[[ModelFile], bool] = lambda file: True,
    ) -> None:
        self._folders = tuple(folders)
        self._accepts = accepts
        self._keep = keep
        self._lock = threading.Lock()
        self._files: tuple[NetworkFile, ...] | None = None
        self._times: dict[str, int] = {}
        self._listed_at = 0.0

    def files(self) -> tuple[NetworkFile, ...]:
        """All files; the same object as long as nothing has changed."""
        with self._lock:
            if self._files is None or not self._still_right():
                self._list()
            return self._files or ()

    def refresh(self) -> None:
        """Look at the folders anew."""
        with self._lock:
            self._files = None

    def _still_right(self) -> bool:
        # A folder that changed just before it was listed may change once more within the same tick.
        newest = max(self._times.values(), default=-1)
        settled = newest / 1e9 < self._listed_at - _SETTLED_SECONDS
        return settled and all(_time_of(place) == known for place, known in self._times.items())

    def _list(self) -> None:
        self._listed_at = time.time()
        found: dict[str, NetworkFile] = {}
        places = {str(folder) for folder in self._folders}
        for folder in self._folders:
            models = [model for model in list_models([folder], self._accepts) if self._keep(model)]
            for model in sorted(models, key=_order):
                network = network_file(model)
                found.setdefault(network.name, network)
            for below in {model.filename.rpartition("/")[0] for model in models}:
                while below:
                    places.add(str(folder / below))
                    below = below.rpartition("/")[0]
        self._times = {place: _time_of(place) for place in places}
        files = tuple(found.values())
        if files != self._files:
            self._files = files


def network_file(model: ModelFile, *, name: str | None = None, label: str | None = None) -> NetworkFile:
    """The file of a card. Args: name, label: instead of the file's name without folder and suffix."""
    stem = model.name.rpartition("/")[2]
    notes = model.neighbour((".json",))
    return NetworkFile(
        name=name or stem,
        label=label or stem,
        folder=model.filename.rpartition("/")[0],
        path=model.path,
        stem=stem,
        version=model.version,
        preview=model.neighbour(PREVIEW_SUFFIXES),
        notes=notes or model.path.with_name(f"{stem}.json"),
        has_notes=notes is not None,
    )


def _order(model: ModelFile) -> tuple[tuple[int, str], ...]:
    """Files before folders, each by name: the order of `networks.names.FileNames`."""
    *folders, name = model.filename.split("/")
    return (*((1, folder) for folder in folders), (0, name))


def _time_of(place: str) -> int:
    try:
        return os.stat(place).st_mtime_ns
    except OSError:
        return -1
