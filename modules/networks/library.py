"""The library of networks: cards of all kinds, found by words, folder and order, with notes and previews beside them.

Listing opens no file. Notes and facts are read for the cards of the page that is asked for, and kept. A network is only
ever found by its name in the library's own list, so no name from a request becomes a path.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.faults import BadFile, InvalidField, UnknownName
from modules.models.checkpoint_file import read_metadata
from modules.models.file_cache import FileCache
from modules.networks.library_files import NetworkFile
from modules.networks.library_kinds import PICTURE_SUFFIXES, CheckpointKind, Insertion, NetworkKind
from modules.networks.library_metadata import FactsReader, summarise
from modules.networks.library_notes import NotesReader, save_notes
from modules.networks.library_previews import save_preview

SORTS = ("name", "path", "date", "created", "size")
MOST_CARDS = 500


@dataclass(frozen=True)
class NetworkCard:
    """A card.

    Args:
        name: what the library finds it by; label: what people read.
        folder: below the searched folder, with `/`; "" at its top.
        preview: the time of change of its picture in nanoseconds; 0: it has none.
        modified, created: of the file, in seconds since 1970; size: in bytes.
        hash: the one that infotexts name, where it is known; base: family of models; type: of network.
    """

    kind: str
    name: str
    label: str
    folder: str
    path: Path
    preview: int
    description: str
    insertion: Insertion
    modified: float
    created: float
    size: int
    hash: str | None
    base: str
    type: str


@dataclass(frozen=True)
class TreeFolder:
    """A folder of a kind. Args: path: with `/`; count: networks in it and below."""

    path: str
    count: int


@dataclass(frozen=True)
class Wanted:
    """A network that a recipe names. Args: hash: its first digits, or ""."""

    kind: str
    name: str
    hash: str = ""


@dataclass(frozen=True)
class Missing:
    """A network that isn't here. Args: instead: one with the same hash under another name, or None."""

    wanted: Wanted
    instead: str | None = None


class NetworkLibrary:
    """All kinds of networks. Safe to use from several threads.

    Args:
        kinds: in the order of their tabs.
        cache: keeps what was read from files between starts.
        default_weight: of a tag whose network has no preferred one.
        hidden: says whether networks in folders that begin with a dot are shown "Always", "When searched" or "Never".
    """

    def __init__(
        self,
        kinds: Sequence[NetworkKind],
        cache: FileCache | None = None,
        default_weight: Callable[[], float] = lambda: 1.0,
        hidden: Callable[[], str] = lambda: "When searched",
    ) -> None:
        self._kinds = {kind.key: kind for kind in kinds}
        self._cache = cache or FileCache(None)
        self._default_weight = default_weight
        self._hidden = hidden
        self._notes = NotesReader()
        self._lock = threading.Lock()
        self._facts_reader: FactsReader | None = None
        self._orders: dict[tuple[str, str], tuple[Sequence[NetworkFile], list[NetworkFile]]] = {}
        self._names: dict[str, tuple[Sequence[NetworkFile], dict[str, NetworkFile]]] = {}

    def add(self, kind: NetworkKind) -> None:
        """Add a kind (for extensions); one with the same key is replaced."""
        self._kinds[kind.key] = kind

    def kinds(self) -> list[NetworkKind]:
        """All kinds, in the order of their tabs."""
        return list(self._kinds.values())

    def files(self, kind: str) -> Sequence[NetworkFile]:
        """All files of a kind. Raises: UnknownName."""
        return self._kind(kind).files()

    def refresh(self, kind: str | None = None) -> None:
        """Look at the folders of a kind anew, or at all. Raises: UnknownName."""
        for one in self._kinds.values() if kind is None else (self._kind(kind),):
            one.refresh()

    def page(
        self,
        kind: str,
        search: str = "",
        folder: str = "",
        sort: str = "name",
        descending: bool = False,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[NetworkCard], int]:
        """Some of the cards that fit, and how many fit.

        Args:
            search: words that must all be somewhere in the name, the folder, the notes, or what is known of the file;
                those with all of them in the name come first.
            folder: only what is in this folder and below.
            sort: one of `SORTS`.

        Raises: UnknownName: there is no such kind. InvalidField.
        """
        if sort not in SORTS:
            raise InvalidField("sort", f"sort must be one of {', '.join(SORTS)}.")
        if offset < 0 or not 1 <= limit <= MOST_CARDS:
            raise InvalidField("limit", f"limit must be from 1 to {MOST_CARDS}, and offset 0 or more.")
        chosen = self._kind(kind)
        found = self._found(chosen, search, folder, sort)
        if descending:
            found.reverse()
        if words := search.casefold().split():
            found.sort(key=lambda file: any(word not in file.label.casefold() for word in words))
        shown = found[offset : offset + limit]
        self._read_facts(chosen, shown)
        return [self._card(chosen, file) for file in shown], len(found)

    def tree(self, kind: str) -> list[TreeFolder]:
        """The folders with networks in them, parents before what is in them; hidden ones are left out.

        Raises: UnknownName.
        """
        counts: dict[str, int] = {}
        for file in self.files(kind):
            folder = "" if file.hidden and self._hidden() != "Always" else file.folder
            while folder:
                counts[folder] = counts.get(folder, 0) + 1
                folder = folder.rpartition("/")[0]
        paths = sorted(counts, key=lambda path: [part.casefold() for part in path.split("/")])
        return [TreeFolder(path, counts[path]) for path in paths]

    def details(self, kind: str, name: str) -> dict[str, Any]:
        """All that is known of a network: its card, its notes, its metadata.

        Raises: UnknownName.
        """
        file = self.find(kind, name)
        self._read_facts(self._kind(kind), [file])
        try:
            metadata = read_metadata(file.path)
        except BadFile:
            metadata = {}
        return {
            "card": self._card(self._kind(kind), file),
            "notes": self._notes.read(file.notes).describe(),
            **summarise(metadata),
        }

    def save_notes(self, kind: str, name: str, fields: Mapping[str, Any]) -> None:
        """Change notes in the JSON file beside a network; the keys are the older UI's, others in the file stay.

        Raises: UnknownName, InvalidField, BadFile, NotPossibleNow.
        """
        save_notes(self.find(kind, name).notes, fields)
        self.refresh(kind)

    def set_preview(self, kind: str, name: str, data: bytes, recipe: str | None = None) -> None:
        """Keep a picture (PNG, JPEG, WebP) as the preview: `<file>.png`, with its recipe in it.

        Raises: UnknownName, InvalidField, NotPossibleNow.
        """
        file = self.find(kind, name)
        # a picture may be the embedding itself
        ending = ".preview.png" if file.path.suffix.lower() in PICTURE_SUFFIXES else ".png"
        save_preview(file.path.with_name(file.stem + ending), data, recipe)
        self.refresh(kind)

    def preview(self, kind: str, name: str) -> Path | None:
        """The picture beside a network, or None. Raises: UnknownName."""
        return self.find(kind, name).preview

    def hash(self, kind: str, name: str) -> str:
        """The hash that infotexts name, computed if need be. Raises: UnknownName, BadFile."""
        return self._kind(kind).hash(self.find(kind, name))

    def find(self, kind: str, name: str) -> NetworkFile:
        """The file of that name. Raises: UnknownName."""
        chosen = self._kind(kind)
        files = chosen.files()
        with self._lock:
            known = self._names.get(kind)
            if known is None or known[0] is not files:
                known = self._names[kind] = (files, {file.name: file for file in files})
        if name not in known[1]:
            raise UnknownName("name", f"There is no network {name[:80]!r} among {chosen.title} any more.")
        return known[1][name]

    def missing(self, wanted: Sequence[Wanted]) -> list[Missing]:
        """Those of some networks that aren't here, by name without case or by their name in training."""
        return [one for one in map(self._missing, wanted) if one is not None]

    def _missing(self, wanted: Wanted) -> Missing | None:
        kind = self._kind(wanted.kind)
        folded = wanted.name.casefold()
        files = kind.files()
        for file in files:
            facts = self._facts().known(file)
            if folded in (
                file.name.casefold(),
                file.label.casefold(),
                facts.alias.casefold() if facts else "",
            ):
                return None
        digits = wanted.hash.lower()
        if len(digits) < 8:
            return Missing(wanted)
        hashes = ((file, kind.known_hash(file) or "") for file in files)
        same = (
            file.label
            for file, known in hashes
            if known and (known.startswith(digits) or digits.startswith(known))
        )
        return Missing(wanted, next(same, None))

    def _kind(self, key: str) -> NetworkKind:
        if key not in self._kinds:
            raise UnknownName("kind", f"There is no kind of network called {key[:40]!r}.")
        return self._kinds[key]

    def _facts(self) -> FactsReader:
        with self._lock:
            if self._facts_reader is None:
                self._facts_reader = FactsReader(self._cache)
            return self._facts_reader

    def _read_facts(self, kind: NetworkKind, files: Sequence[NetworkFile]) -> None:
        if not isinstance(kind, CheckpointKind):  # their catalogue has read what there is
            self._facts().read(files)

    def _found(self, kind: NetworkKind, search: str, folder: str, sort: str) -> list[NetworkFile]:
        words = search.casefold().split()
        mode = self._hidden()
        hidden = mode == "Always" or (bool(words) and mode != "Never")
        below = f"{folder}/"
        return [
            file
            for file in self._ordered(kind, sort)
            if (hidden or not file.hidden)
            and (not folder or file.folder == folder or file.folder.startswith(below))
            and (not words or self._fits(file, words))
        ]

    def _ordered(self, kind: NetworkKind, sort: str) -> list[NetworkFile]:
        files = kind.files()
        key = (kind.key, sort)
        with self._lock:
            known = self._orders.get(key)
        if known is None or known[0] is not files:
            known = (files, sorted(files, key=_ORDERS[sort]))
            with self._lock:
                self._orders[key] = known
        return known[1]

    def _fits(self, file: NetworkFile, words: Sequence[str]) -> bool:
        text = f"{file.folder}/{file.path.name}".casefold()
        left = [word for word in words if word not in text]
        if not left:
            return True
        facts = self._facts_reader.known(file) if self._facts_reader else None
        more = [file.description, file.base, file.sha256 or ""]
        if facts:
            more += (facts.alias, facts.base, facts.type, *facts.tags)
        if file.has_notes:
            more.append(self._notes.read(file.notes).text())
        rest = "\n".join(more).casefold()
        return all(word in rest for word in left)

    def _card(self, kind: NetworkKind, file: NetworkFile) -> NetworkCard:
        notes = self._notes.read(file.notes)
        facts = self._facts().known(file)
        return NetworkCard(
            kind=kind.key,
            name=file.name,
            label=file.label,
            folder=file.folder,
            path=file.path,
            preview=_time_of(file.preview) if file.preview else 0,
            description=notes.description or file.description,
            insertion=kind.insertion(file, notes, self._default_weight()),
            modified=file.version.mtime_ns / 1e9,
            created=_created(file),
            size=file.version.size,
            hash=kind.known_hash(file),
            base=notes.sd_version or file.base or (facts.base if facts else ""),
            type=facts.type if facts else "",
        )


def _by_name(file: NetworkFile) -> tuple[str, str]:
    return file.label.casefold(), file.name


def _by_path(file: NetworkFile) -> tuple[list[str], str, str]:
    return file.folder.casefold().split("/"), *_by_name(file)


_ORDERS: dict[str, Callable[[NetworkFile], Any]] = {
    "name": _by_name,
    "path": _by_path,
    "date": lambda file: (file.version.mtime_ns, *_by_name(file)),
    "created": lambda file: (_created(file), *_by_name(file)),
    "size": lambda file: (file.version.size, *_by_name(file)),
}


def _created(file: NetworkFile) -> float:
    """When the file was made, where the system tells; else when it came into its folder or was changed last."""
    try:
        status = os.stat(file.path)
    except OSError:
        return 0.0
    return float(getattr(status, "st_birthtime", status.st_ctime))


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
