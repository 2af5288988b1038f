"""`modules.util` of the older UI: files, and small things."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from modules.folders import PROGRAM


def natural_sort_key(s: str) -> list[int | str]:
    """A key by which "x10" comes after "x9"."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", s)]


def listfiles(dirname: str | Path) -> list[str]:
    """The files of a folder, in the order of people; none where it isn't there. Hidden ones are left out."""
    try:
        names = sorted(os.listdir(dirname), key=natural_sort_key)
    except OSError:
        return []
    paths = (os.path.join(dirname, name) for name in names if not name.startswith("."))
    return [path for path in paths if os.path.isfile(path)]


def walk_files(path: str | Path, allowed_extensions: Sequence[str] | None = None) -> Iterator[str]:
    """The files in a folder and below, in the order of people.

    Args: allowed_extensions: with the dot (".pt"); None: all.
    """
    wanted = None if allowed_extensions is None else {suffix.lower() for suffix in allowed_extensions}
    for root, folders, names in os.walk(path, followlinks=True):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_sort_key)
        for name in sorted(names, key=natural_sort_key):
            if wanted is None or os.path.splitext(name)[1].lower() in wanted:
                yield os.path.join(root, name)


def html_path(filename: str) -> str:
    """The path of a file in the program's folder `html`, which need not be there."""
    return str(PROGRAM / "html" / filename)


def html(filename: str) -> str:
    """What that file holds; "" where it isn't there."""
    try:
        return Path(html_path(filename)).read_text(encoding="utf-8")
    except OSError:
        return ""


def ldm_print(*args: Any, **kwargs: Any) -> None:
    """Print, unless such lines are hidden, as they are by nature."""
    from modules.compat import shared

    if not shared.opts.hide_ldm_prints:
        print(*args, **kwargs)


def truncate_path(target_path: str, base_path: str = str(PROGRAM)) -> str:
    """A path below a folder without that folder."""
    target, base = Path(target_path).absolute(), Path(base_path).absolute()
    return str(target.relative_to(base)) if target.is_relative_to(base) else str(target)


def open_folder(path: str) -> None:
    """Does nothing: the server opens no windows."""


class MassFileListerCachedDir:
    """The files of a folder, by name in lower case, as they were when it was read. Args: dirname: the folder."""

    def __init__(self, dirname: str) -> None:
        try:
            entries = [(entry.name, entry.stat()) for entry in os.scandir(dirname)]
        except OSError:
            entries = []
        self.files = {name.lower(): (name, stat.st_mtime, stat.st_ctime) for name, stat in entries}
        self.files_cased = {name: (name, stat.st_mtime, stat.st_ctime) for name, stat in entries}


class MassFileLister:
    """Looks many files up with one reading of each folder."""

    def __init__(self) -> None:
        self.cached_dirs: dict[str, MassFileListerCachedDir] = {}

    def find(self, path: str) -> tuple[str, float, float] | None:
        """Name, time of change and of making; None: there is no such file."""
        folder, name = os.path.split(path)
        if folder not in self.cached_dirs:
            self.cached_dirs[folder] = MassFileListerCachedDir(folder)
        known = self.cached_dirs[folder]
        return known.files_cased.get(name) or known.files.get(name.lower())

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return self.find(path) is not None

    def mctime(self, path: str) -> tuple[float, float]:
        """Times of change and of making; zeros where it isn't there."""
        found = self.find(path)
        return (0.0, 0.0) if found is None else (found[1], found[2])

    def reset(self) -> None:
        """Read all folders anew."""
        self.cached_dirs.clear()


def topological_sort(dependencies: dict[str, Sequence[str]]) -> list[str]:
    """Names so that each comes after those that it depends on; a circle is cut where it is met."""
    visited: dict[str, bool] = {}
    result: list[str] = []

    def visit(name: str) -> None:
        visited[name] = True
        for other in dependencies[name]:
            if other in dependencies and other not in visited:
                visit(other)
        result.append(name)

    for name in dependencies:
        if name not in visited:
            visit(name)
    return result


def load_file_from_url(url: str, **options: Any) -> str:
    """See `modelloader.load_file_from_url`."""
    from modules.compat import modelloader

    load: Callable[..., str] = modelloader.load_file_from_url
    return load(url, **options)
