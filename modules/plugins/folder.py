"""An extension's folder: what lies in it, and what its `metadata.ini` says.

metadata.ini (all of it may be missing):

    [Extension]
    Name = the name that others require it by; that of the folder if it says none
    Requires = names of extensions that must be there, and are loaded first
    Before, After = names of extensions that are loaded later, or earlier, if they are there
    Enabled = no: off until somebody switches it on

    [scripts/x.py]
    Requires, Before, After = the same for one script: `extension/script.py`, or an extension for all of its scripts
"""

from __future__ import annotations

import configparser
import graphlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ENTRY = "easel_extension"
METADATA = "metadata.ini"
MAX_METADATA_BYTES = 65_536
EXAMPLE = "example-"
BUILT_IN = ("custom-code", "loopback", "prompt-matrix", "prompts-from-file", "sd-upscale", "xyz-plot")
"""What comes with the program and is on, besides the examples; .gitignore and extensions/README.md name them too."""
_PATTERN = re.compile(r"[,\s]+")


@dataclass(frozen=True)
class Order:
    """Args: requires, before, after: names, in lower case."""

    requires: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtensionFolder:
    """A folder that may be an extension.

    Args:
        name: of the folder; title: by which others require it.
        shipped: it came with the program.
        on_by_nature: it is on unless somebody switched it off.
        order: of the whole; scripts_order: of single scripts, by "scripts/x.py".
        problem: what is wrong with its metadata, or None.
    """

    name: str
    title: str
    folder: Path
    shipped: bool = False
    on_by_nature: bool = True
    order: Order = Order()
    scripts_order: Mapping[str, Order] = field(default_factory=dict)
    problem: str | None = None

    @property
    def entry(self) -> Path | None:
        """The module with its hooks."""
        candidates = (self.folder / f"{ENTRY}.py", self.folder / ENTRY / "__init__.py")
        return next((file for file in candidates if file.is_file()), None)

    @property
    def preload(self) -> Path | None:
        """`preload.py`, whose `preload(parser)` adds flags."""
        return self._file("preload.py")

    @property
    def install(self) -> Path | None:
        """`install.py`, run before the start."""
        return self._file("install.py")

    @property
    def requirements(self) -> Path | None:
        """`requirements.txt`, for pip."""
        return self._file("requirements.txt")

    @property
    def scripts(self) -> list[Path]:
        """`scripts/*.py`: those of extensions of the older UI."""
        return self._files("scripts", (".py",))

    @property
    def javascript(self) -> list[Path]:
        """`javascript/*.js` and `*.mjs`."""
        return self._files("javascript", (".js", ".mjs"))

    @property
    def style(self) -> Path | None:
        """`style.css`."""
        return self._file("style.css")

    @property
    def localizations(self) -> dict[str, Path]:
        """`localizations/*.json`, by the names of the languages."""
        return {path.stem: path for path in self._files("localizations", (".json",))}

    @property
    def empty(self) -> bool:
        """Nothing in it that could be loaded."""
        return not (
            self.entry or self.scripts or self.javascript or self.style or self.localizations or self.preload
        )

    def _file(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.is_file() else None

    def _files(self, folder: str, suffixes: tuple[str, ...]) -> list[Path]:
        try:
            return sorted(p for p in (self.folder / folder).iterdir() if p.suffix in suffixes and p.is_file())
        except OSError:
            return []


def read_folder(folder: Path, shipped: bool = False) -> ExtensionFolder:
    """What a folder says of itself; a broken `metadata.ini` is a `problem`, not an error."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    problem = None
    try:
        path = folder / METADATA
        if path.is_file():
            if path.stat().st_size > MAX_METADATA_BYTES:
                raise ValueError("it is too large")
            parser.read_string(path.read_text(encoding="utf-8-sig"))
        on = parser.getboolean("Extension", "Enabled", fallback=True)
    except (OSError, ValueError, configparser.Error) as error:
        problem, on = f"{METADATA} can't be read: {error}", True
        parser = configparser.ConfigParser(interpolation=None)
    title = parser.get("Extension", "Name", fallback="").strip() or folder.name
    return ExtensionFolder(
        name=folder.name,
        title=title,
        folder=folder,
        shipped=shipped,
        on_by_nature=on,
        order=_order(parser, "Extension"),
        scripts_order={s: _order(parser, s) for s in parser.sections() if s.startswith("scripts/")},
        problem=problem,
    )


def find_folders(roots: Sequence[Path], shipped_root: Path | None = None) -> list[ExtensionFolder]:
    """All folders with something of an extension in them; hidden ones are left out."""
    found = []
    for root in dict.fromkeys(path.resolve() for path in roots):
        try:
            entries = sorted(root.iterdir())
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir() or entry.name.startswith((".", "_")):
                continue
            comes_along = entry.name in BUILT_IN or entry.name.startswith(EXAMPLE)
            shipped = root == shipped_root and comes_along
            folder = read_folder(entry, shipped)
            if not folder.empty or folder.problem or folder.install:
                found.append(folder)
    return found


def in_order(folders: Sequence[ExtensionFolder]) -> list[ExtensionFolder]:
    """In the order of loading: what is required comes first, else by name. A circle counts for nothing."""
    by_name = sorted(folders, key=lambda f: f.name.lower())
    names = {alias: f.name for f in reversed(by_name) for alias in (f.title.lower(), f.name.lower())}
    first: dict[str, set[str]] = {f.name: set() for f in by_name}
    for folder in by_name:
        for other in (*folder.order.requires, *folder.order.after):
            if other in names:
                first[folder.name].add(names[other])
        for other in folder.order.before:
            if other in names:
                first[names[other]].add(folder.name)
    places = {name: place for place, name in enumerate(_sorted(first))}
    return sorted(by_name, key=lambda f: places[f.name])


def scripts_in_order(folders: Sequence[ExtensionFolder]) -> list[tuple[ExtensionFolder, Path]]:
    """All `scripts/*.py` of folders (in their order), with what the metadata says of single scripts."""
    scripts = {f"{f.name.lower()}/{p.name.lower()}": (f, p) for f in folders for p in f.scripts}
    titles = {f.title.lower(): f.name.lower() for f in folders}

    def meant(name: str) -> list[str]:
        owner, _, script = name.partition("/")
        owner = titles.get(owner, owner)
        script = script.removeprefix("scripts/")
        return [
            key
            for key in scripts
            if key == f"{owner}/{script}" or (not script and key.startswith(f"{owner}/"))
        ]

    first: dict[str, set[str]] = {key: set() for key in scripts}
    for key, (folder, path) in scripts.items():
        order = folder.scripts_order.get(f"scripts/{path.name}", Order())
        for name in (*order.requires, *order.after):
            first[key].update(other for other in meant(name) if other != key)
        for name in order.before:
            for other in meant(name):
                if other != key:
                    first[other].add(key)
    return [scripts[key] for key in _sorted(first)]


def _sorted(first: dict[str, set[str]]) -> list[str]:
    """Names so that those in `first[name]` come before it; else as they are."""
    try:
        graphlib.TopologicalSorter(first).prepare()
    except graphlib.CycleError:
        return list(first)
    done: dict[str, None] = {}

    def take(name: str) -> None:
        if name in done:
            return
        for other in (other for other in first if other in first[name]):
            take(other)
        done[name] = None

    for name in first:
        take(name)
    return list(done)


def _order(parser: configparser.ConfigParser, section: str) -> Order:
    def names(option: str) -> tuple[str, ...]:
        return tuple(_names(parser.get(section, option, fallback="")))

    return Order(names("Requires"), names("Before"), names("After"))


def _names(text: str) -> Iterable[str]:
    return (word.lower() for word in _PATTERN.split(text) if word)
