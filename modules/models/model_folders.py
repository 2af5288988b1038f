"""Lists the model files of folders, and the files that lie beside a model: its preview, its notes, its config.

Each folder is read once with `os.scandir`, which tells names and kinds of all files in it; ten thousand files take a
fraction of a second. Used by all catalogues of model files.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from modules.faults import BadFile
from modules.models.file_cache import FileVersion, version_of

log = logging.getLogger(__name__)

DIFFUSERS_INDEX = "model_index.json"
PREVIEW_SUFFIXES = tuple(
    middle + suffix for suffix in (".png", ".jpg", ".jpeg", ".webp") for middle in ("", ".preview")
)


@dataclass(frozen=True)
class ModelFile:
    """A model file, or a diffusers folder, which is one model.

    Args:
        path: where it was found.
        filename: its path below the folder that was searched, with `/`.
        version: its state, for the cache.
        beside: the names of all files in the same folder, by themselves and by their lower-case form.
    """

    path: Path
    filename: str
    version: FileVersion
    is_folder: bool
    beside: Mapping[str, str]

    @property
    def name(self) -> str:
        """`filename` without the suffix; a folder has none."""
        return self.filename if self.is_folder else os.path.splitext(self.filename)[0]

    def neighbour(self, suffixes: Iterable[str]) -> Path | None:
        """The first file beside it that has the same name with one of these suffixes."""
        stem = self.name.rpartition("/")[2]
        lower = stem.lower()
        for suffix in suffixes:
            name = self.beside.get(stem + suffix) or self.beside.get(lower + suffix)
            if name is not None:
                return self.path.parent / name
        return None


def list_models(
    folders: Iterable[Path], wanted: Callable[[str], bool], diffusers: bool = False
) -> list[ModelFile]:
    """The model files in the folders and below, for each folder sorted by name without case.

    No folder is read twice, however it is reached, so links may point anywhere. What can't be read is logged, the rest
    is listed. A folder that isn't there is empty.

    Args:
        wanted: told a file's name in lower case, says whether it is a model.
        diffusers: whether a folder with a `model_index.json` is a model; its inside is never listed.
    """
    found: list[ModelFile] = []
    visited: set[str] = set()
    for folder in folders:
        here = _list(folder, wanted, diffusers, visited)
        found += sorted(here, key=lambda model: (model.filename.lower(), model.filename))
    return found


def single_model(path: Path) -> ModelFile:
    """A file or a diffusers folder named by itself; its neighbours are found too.

    Raises: BadFile: it isn't there.
    """
    try:
        beside = _by_name(os.listdir(path.parent))
    except OSError:
        beside = {}
    is_folder = path.is_dir()
    version = _folder_version(path) if is_folder else version_of(path)
    return ModelFile(path, path.name, version, is_folder, beside)


def read_user_metadata(path: Path) -> dict[str, Any]:
    """The user's JSON file beside a model (`description`, `notes`, `sd version`, `preferred weight`, ...).

    A damaged file is logged and counts as empty.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s can't be used as the notes of a model: %s", path, error)
        return {}
    return value if isinstance(value, dict) else {}


def _list(root: Path, wanted: Callable[[str], bool], diffusers: bool, visited: set[str]) -> list[ModelFile]:
    found: list[ModelFile] = []
    # Links are followed last, so that a folder has its own name where it is reached both ways.
    own = deque([_Folder(str(root), os.path.realpath(root), "", {})])
    linked: deque[_Folder] = deque()
    while own or linked:
        folder = (own or linked).popleft()
        if os.path.normcase(folder.real) in visited:
            continue
        visited.add(os.path.normcase(folder.real))
        entries = _entries(folder)
        beside = _by_name(entry.name for entry in entries)
        if DIFFUSERS_INDEX in beside:
            path = Path(folder.path)
            if diffusers and folder.prefix:
                filename = folder.prefix.removesuffix("/")
                found.append(ModelFile(path, filename, _folder_version(path), True, folder.beside))
            elif diffusers:  # the searched folder is a model itself
                found.append(single_model(path.resolve()))
            continue
        for entry in entries:
            name, prefix = entry.name, folder.prefix
            try:
                if entry.is_dir():
                    # Windows has links to folders that don't count as links
                    link = entry.is_symlink() or os.name == "nt"
                    real = os.path.realpath(entry.path) if link else os.path.join(folder.real, name)
                    queue = linked if entry.is_symlink() else own
                    queue.append(_Folder(entry.path, real, f"{prefix}{name}/", beside))
                elif wanted(name.lower()) and not name.startswith("._"):  # macOS puts `._name` beside files
                    name.encode()
                    stat = entry.stat()
                    link = entry.is_symlink()
                    real = os.path.realpath(entry.path) if link else os.path.join(folder.real, name)
                    version = FileVersion(real, stat.st_size, stat.st_mtime_ns)
                    found.append(ModelFile(Path(entry.path), prefix + name, version, False, beside))
            except OSError as error:
                log.warning("%s is left out: %s", entry.path, error.strerror)
            except UnicodeError:
                log.warning("%r is left out: its name is not valid Unicode. Rename it.", entry.path)
    return found


class _Folder(NamedTuple):
    """A folder that is still to be read: its path, its real path, its prefix of file names, what lies beside it."""

    path: str
    real: str
    prefix: str
    beside: Mapping[str, str]


def _entries(folder: _Folder) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder.path) as entries:
            return list(entries)
    except OSError as error:
        if folder.prefix or not isinstance(error, FileNotFoundError):
            log.warning("The folder %s can't be read: %s", folder.path, error.strerror)
        return []


def _by_name(names: Iterable[str]) -> dict[str, str]:
    """The names by their lower-case form and by themselves."""
    listed = list(names)
    return {name.lower(): name for name in listed} | {name: name for name in listed}


def _folder_version(path: Path) -> FileVersion:
    """The version of a diffusers folder's weights; of the folder itself if it has none."""
    try:
        return version_of(path)
    except BadFile:
        try:
            stat = path.stat()
        except OSError as error:
            raise BadFile(path, f"it can't be read ({error.strerror}).") from error
        return FileVersion(os.path.realpath(path), stat.st_size, stat.st_mtime_ns)
