"""Extensions put in and brought up to date: from an address of git, or from a folder of this machine."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

from modules.faults import Fault, InvalidField, NotPossibleNow, NotSupported, UnknownName
from modules.plugins import git
from modules.plugins.manager import PluginManager

MAX_LOCAL_BYTES = 2 * 1024**3
_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
REFUSED = (
    "Extensions run with all your rights, so they can't be put in or switched from a page that others can reach "
    "without a password. Add one (--gradio-auth), or start with --enable-insecure-extension-access."
)


class Installer:
    """Puts extensions into the first of the manager's folders, one at a time.

    Args: allowed: whether people on the page may.
    """

    def __init__(self, manager: PluginManager, *, allowed: bool = True) -> None:
        self._manager = manager
        self.allowed = allowed
        self._lock = threading.Lock()
        self._versions: dict[str, tuple[float, git.Version | None]] = {}

    def check_allowed(self) -> None:
        """Raises: NotSupported."""
        if not self.allowed:
            raise NotSupported(REFUSED)

    def version(self, name: str) -> git.Version | None:
        """Where an extension's working copy stands; asked anew when its `.git` changed."""
        extension = self._manager.get(name)
        if extension is None:
            return None
        head = extension.about.folder / ".git"
        try:
            # git writes the file anew with every update
            changed = max(p.stat().st_mtime for p in (head, head / "HEAD", head / "index") if p.exists())
        except (OSError, ValueError):
            return None
        known = self._versions.get(name)
        if known is None or known[0] != changed:
            known = self._versions[name] = (changed, git.version(extension.about.folder))
        return known[1]

    def install(self, source: str, branch: str | None = None) -> str:
        """Put an extension in; it is loaded at the next start.

        Args: source: an address of git, or the path of a folder.

        Returns: the name of its folder.

        Raises: NotSupported, InvalidField, NotPossibleNow.
        """
        self.check_allowed()
        source = source.strip()
        git.check_url(source)
        name = name_of(source)
        root = self._manager.folders[0]
        target = root / name
        with self._lock:
            if target.exists():
                raise InvalidField("source", f"There is an extension named {name} already.")
            arriving = root / f".{name}.arriving"
            try:
                root.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(arriving, ignore_errors=True)
                _fetch(source, arriving, branch)
                arriving.rename(target)
            except OSError as error:
                raise NotPossibleNow(f"{target} can't be written: {error.strerror or error}.") from error
            finally:
                shutil.rmtree(arriving, ignore_errors=True)
        self._manager.look_again()
        if self._manager.get(name) is None:
            shutil.rmtree(target, ignore_errors=True)
            raise InvalidField(
                "source", f"In {source[:200]} is nothing that could be loaded as an extension."
            )
        return name

    def check_updates(self) -> dict[str, int | str]:
        """For each extension that came by git: how many commits it is behind, or why that isn't known."""
        self.check_allowed()
        found: dict[str, int | str] = {}
        for extension in self._manager.extensions():
            version = self.version(extension.name)
            if version is None or not version.remote or extension.about.shipped:
                continue
            try:
                found[extension.name] = git.behind(extension.about.folder)
            except Fault as fault:
                found[extension.name] = fault.message
        return found

    def update(self, name: str) -> git.Version | None:
        """Bring an extension up to date; what is new is loaded at the next start.

        Raises: NotSupported, UnknownName, NotPossibleNow.
        """
        self.check_allowed()
        extension = self._manager.get(name)
        if extension is None:
            raise UnknownName("name", f"There is no extension named {name!r}.")
        if self.version(name) is None:
            raise NotSupported(f"The extension {name} did not come by git, so it can't be updated from here.")
        with self._lock:
            git.update(extension.about.folder)
        self._versions.pop(name, None)
        return self.version(name)


def name_of(source: str) -> str:
    """The name of the folder for an extension from this address or path.

    Raises: InvalidField: no name can be made of it.
    """
    name = re.split(r"[/:\\]", source.rstrip("/\\"))[-1].removesuffix(".git")
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise InvalidField("source", f"{source[:200]!r} ends with no name for an extension's folder.")
    return name


def _fetch(source: str, target: Path, branch: str | None) -> None:
    folder = Path(source)
    if not folder.is_absolute():
        git.clone(source, target, branch)
        return
    if not folder.is_dir():
        raise InvalidField("source", f"There is no folder {source}.")
    if (folder / ".git").exists() or (folder / "HEAD").is_file():
        git.clone(str(folder), target, branch)
        return
    total = 0
    for path in folder.rglob("*"):
        total += 0 if path.is_symlink() or not path.is_file() else path.stat().st_size
        if total > MAX_LOCAL_BYTES:
            raise InvalidField("source", f"{source} is larger than 2 GB; that is no extension.")
    shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
