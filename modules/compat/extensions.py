"""`modules.extensions` of the older UI: the extensions that are there."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.compat.house import house, is_open
from modules.compat.util import natural_sort_key
from modules.faults import Fault
from modules.folders import PROGRAM
from modules.plugins import git

if TYPE_CHECKING:
    from modules.plugins import extension as ours

    extensions: list[Extension]
    extension_paths: dict[str, Extension]
    loaded_extensions: dict[str, Extension]
    extensions_dir: str

extensions_builtin_dir = str(PROGRAM / "extensions")


class CallbackOrderInfo(NamedTuple):
    """Before and after which others a callback is called."""

    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class ExtensionMetadata:
    """What an extension's `metadata.ini` says. Args: path: of its folder; canonical_name: in lower case."""

    filename = "metadata.ini"

    def __init__(self, path: str, canonical_name: str) -> None:
        self.config = configparser.ConfigParser()
        try:
            self.config.read(os.path.join(path, self.filename), encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            self.config = configparser.ConfigParser()
        name = self.config.get("Extension", "Name", fallback=canonical_name)
        self.canonical_name = name.lower().strip()
        self.requires = self.get_script_requirements("Requires", "Extension")

    def get_script_requirements(
        self, field: str, section: str, extra_section: str | None = None
    ) -> list[str]:
        """The names in a field, in lower case."""
        texts = [self.config.get(section, field, fallback="")]
        if extra_section is not None:
            texts.append(self.config.get(extra_section, field, fallback=""))
        return self.parse_list(", ".join(texts))

    def parse_list(self, text: str | None) -> list[str]:
        """Names between commas or spaces, in lower case."""
        return [name for name in (text or "").lower().replace(",", " ").split() if name]


class ScriptFile(NamedTuple):
    """A file of an extension. Args: basedir: its folder; filename: its name; path: of the file."""

    basedir: str
    filename: str
    path: str


class Extension:
    """An extension. Args: name: of its folder; is_builtin: it came with the program."""

    lock = None
    cached_fields = ("remote", "commit_date", "branch", "commit_hash", "version")

    def __init__(
        self,
        name: str,
        path: str,
        enabled: bool = True,
        is_builtin: bool = False,
        metadata: ExtensionMetadata | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.enabled = enabled
        self.is_builtin = is_builtin
        self.status = ""
        self.can_update = False
        self.commit_hash = ""
        self.commit_date: int | None = None
        self.version = ""
        self.branch: str | None = None
        self.remote: str | None = None
        self.have_info_from_repo = False
        self.metadata = metadata or ExtensionMetadata(path, name.lower())
        self.canonical_name = self.metadata.canonical_name

    def to_dict(self) -> dict[str, Any]:
        """What is told of its version."""
        return {name: getattr(self, name) for name in self.cached_fields}

    def from_dict(self, d: dict[str, Any]) -> None:
        """Take over what `to_dict` has told."""
        for name in self.cached_fields:
            setattr(self, name, d[name])

    def read_info_from_repo(self) -> None:
        """Ask git where its working copy stands."""
        if self.is_builtin or self.have_info_from_repo:
            return
        self.have_info_from_repo = True
        try:
            found = git.version(Path(self.path))
        except Fault:
            found = None
        if found is not None:
            self.remote, self.branch = found.remote, found.branch
            self.commit_hash, self.commit_date = found.commit, found.date
            self.version = found.tag or found.commit[:8]

    do_read_info_from_repo = read_info_from_repo

    def list_files(self, subdir: str, extension: str) -> list[ScriptFile]:
        """Its files with an ending (".py") in one of its folders."""
        folder = Path(self.path) / subdir
        found = [ScriptFile(self.path, one.name, str(one)) for one in folder.glob("*") if one.is_file()]
        found.sort(key=lambda one: natural_sort_key(one.filename))
        return [one for one in found if os.path.splitext(one.path)[1].lower() == extension]

    def check_updates(self) -> None:
        """Ask the repository whether there is something new. Raises: Fault."""
        count = git.behind(Path(self.path))
        self.can_update = count > 0
        self.status = f"{count} commits behind" if count else "latest"

    def fetch_and_reset_hard(self, commit: str | None = None) -> None:
        """Bring the working copy up to date. Raises: Fault."""
        git.update(Path(self.path))


def list_extensions() -> None:
    """Look for extensions that are new or gone; they are loaded at the next start."""
    if is_open():
        house().plugins.look_again()


def active() -> list[Extension]:
    """The extensions that are on."""
    return [one for one in _all() if one.enabled]


def find_extension(filename: str) -> Extension | None:
    """The extension that a file belongs to; None: none."""
    place = Path(filename).resolve()
    return next((one for one in _all() if place.is_relative_to(Path(one.path).resolve())), None)


_known: dict[str, Extension] = {}


def _all() -> list[Extension]:
    """All extensions, each the same object as before."""
    if not is_open():
        return []
    return [_one(each) for each in house().plugins.extensions()]


def _one(found: ours.Extension) -> Extension:
    path = str(found.about.folder)
    known = _known.get(path)
    if known is None:
        known = _known[path] = Extension(found.name, path, is_builtin=found.about.shipped)
    known.enabled = found.enabled
    return known


def __getattr__(name: str) -> Any:
    if name == "extensions":
        return _all()
    if name == "extension_paths":
        return {one.path: one for one in _all()}
    if name == "loaded_extensions":
        return {one.canonical_name: one for one in active()}
    if name == "extensions_dir":
        from modules.compat import paths_internal

        return paths_internal.extensions_dir
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
