"""The checkpoints as the older UI lists them: `CheckpointInfo`, and live dicts of them by title and by every name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.faults import BadFile, UnknownName
from modules.models.checkpoint_file import read_metadata

if TYPE_CHECKING:
    from modules.models.catalogue import Checkpoint

log = logging.getLogger(__name__)

_WINDOW_START, _WINDOW = 0x100000, 0x10000


class CheckpointInfo:
    """A checkpoint. Args: filename: the path of its file.

    `name` is the path below its folder, `title` that with the hash, `ids` all names by which it is found.
    """

    def __init__(self, filename: str | Path) -> None:
        path = Path(filename)
        self.filename = str(path)
        self.name = path.name
        self.sha256: str | None = None
        self.is_safetensors = path.suffix.lower() == ".safetensors"
        self._checkpoint: Checkpoint | None = None
        self._metadata: dict[str, Any] | None = None
        self._window_hash: str | None = None
        known = next((c for c in house().checkpoints.all() if c.path == path), None) if is_open() else None
        if known is not None:
            self._update(known)

    def _update(self, checkpoint: Checkpoint) -> None:
        """Take over what the catalogue knows now."""
        self._checkpoint, self.name, self.sha256 = checkpoint, checkpoint.filename, checkpoint.sha256

    @property
    def name_for_extra(self) -> str:
        """The file's name without folder and suffix."""
        return Path(self.name).stem

    @property
    def model_name(self) -> str:
        """The name without suffix, with `_` for folders."""
        return str(Path(self.name).with_suffix("")).replace("/", "_").replace("\\", "_")

    @property
    def shorthash(self) -> str | None:
        """The first ten digits of the SHA-256, where it is known."""
        return self.sha256[:10] if self.sha256 else None

    @property
    def hash(self) -> str:
        """The 8-digit hash of very old recipes."""
        if self._window_hash is None:
            self._window_hash = model_hash(self.filename)
        return self._window_hash

    @property
    def title(self) -> str:
        """The name in lists."""
        return f"{self.name} [{self.shorthash}]" if self.shorthash else self.name

    @property
    def short_title(self) -> str:
        """The same without folder and suffix."""
        return f"{self.name_for_extra} [{self.shorthash}]" if self.shorthash else self.name_for_extra

    @property
    def ids(self) -> list[str]:
        """All names by which it is found."""
        names = [self.model_name, self.title, self.name, self.name_for_extra, self.short_title]
        hashes = [each for each in (self.shorthash, self.sha256) if each]
        return list(dict.fromkeys([*names, *hashes]))

    @property
    def metadata(self) -> dict[str, Any]:
        """What its file says about itself."""
        if self._metadata is None:
            self._metadata = read_metadata_from_safetensors(self.filename)
        return self._metadata

    @property
    def modelspec_thumbnail(self) -> str | None:
        """A small picture as a data URL, where the file has one."""
        found = self.metadata.get("modelspec.thumbnail")
        return found if isinstance(found, str) else None

    def calculate_shorthash(self) -> str | None:
        """The short hash, computed if need be (once for each version of the file); None: the file can't be read."""
        if self._checkpoint is not None and is_open():
            try:
                self._update(house().checkpoints.with_hash(self._checkpoint))
            except BadFile as error:
                log.warning("%s", error)
        return self.shorthash

    def register(self) -> None:
        """Put it into the list; a file outside of the model folders is known to extensions only."""
        if self._checkpoint is None:
            _own[self.filename] = self

    def __repr__(self) -> str:
        return f"CheckpointInfo({self.title!r})"


_known: dict[Path, CheckpointInfo] = {}
_own: dict[str, CheckpointInfo] = {}


def info_of(checkpoint: Checkpoint) -> CheckpointInfo:
    """The one object that stands for a checkpoint."""
    info = _known.get(checkpoint.path)
    if info is None:
        info = _known[checkpoint.path] = CheckpointInfo.__new__(CheckpointInfo)
        info.filename, info.is_safetensors = (
            str(checkpoint.path),
            checkpoint.filename.endswith(".safetensors"),
        )
        info._metadata = info._window_hash = None
        info._update(checkpoint)
    elif checkpoint.sha256 is not None or info._checkpoint is None:
        info._update(checkpoint)
    return info


def all_infos() -> list[CheckpointInfo]:
    """All checkpoints that there are now."""
    listed = [info_of(each) for each in house().checkpoints.all()] if is_open() else []
    return [*listed, *_own.values()]


class LiveDict(MutableMapping[str, Any]):
    """A dict that is made anew whenever somebody looks; what is put into it stays besides. Args: make: the contents."""

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make
        self._added: dict[str, Any] = {}

    def _now(self) -> dict[str, Any]:
        return {**self._make(), **self._added}

    def __getitem__(self, key: str) -> Any:
        return self._now()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._added[key] = value

    def __delitem__(self, key: str) -> None:
        del self._added[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def clear(self) -> None:
        """Forget what was put into it; the rest comes from the program."""
        self._added.clear()

    def copy(self) -> dict[str, Any]:
        """What it holds now."""
        return self._now()

    def __repr__(self) -> str:
        return repr(self._now())


checkpoints_list = LiveDict(lambda: {info.title: info for info in all_infos()})
checkpoint_aliases = LiveDict(lambda: {name: info for info in reversed(all_infos()) for name in info.ids})


def get_closet_checkpoint_match(search_string: str | None) -> CheckpointInfo | None:
    """The checkpoint of this name, title or hash; else the one with the shortest title that has the text in it."""
    if not search_string or not is_open():
        return None
    try:
        return info_of(house().checkpoints.find(search_string))
    except UnknownName:
        pass
    for text in (search_string, search_string.partition("[")[0].strip()):
        found = [info for info in all_infos() if text and text in info.title]
        if found:
            return min(found, key=lambda info: len(info.title))
    return None


def model_hash(filename: str | Path) -> str:
    """The 8-digit hash of very old recipes: of 64 kB in the file; "NOFILE" where there is none."""
    import hashlib

    try:
        with open(filename, "rb") as file:
            file.seek(_WINDOW_START)
            return hashlib.sha256(file.read(_WINDOW)).hexdigest()[:8]
    except OSError:
        return "NOFILE"


def read_metadata_from_safetensors(filename: str | Path) -> dict[str, Any]:
    """What a file says about itself; values that are JSON objects are read. {} where it says nothing."""
    import json

    try:
        metadata: dict[str, Any] = dict(read_metadata(Path(filename)))
    except BadFile as error:
        log.warning("%s", error)
        return {}
    for key, value in metadata.items():
        if value[:1] == "{":
            try:
                metadata[key] = json.loads(value)
            except ValueError:
                continue
    return metadata
