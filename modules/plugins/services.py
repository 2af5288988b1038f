"""The extensions as the page and the API see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from modules.faults import UnknownName
from modules.plugins.extension import Extension
from modules.plugins.installing import REFUSED, Installer
from modules.plugins.manager import PluginManager
from modules.settings.store import SettingsStore

MAX_SHOWN = 6000


class ExtensionControl:
    """What `rest.extensions` asks for.

    Args: allowed: whether extensions may be put in, switched and reloaded from the page.
    """

    def __init__(self, manager: PluginManager, settings: SettingsStore, *, allowed: bool) -> None:
        self._manager = manager
        self._settings = settings
        self._installer = Installer(manager, allowed=allowed)
        self.allowed = allowed

    def described(self) -> dict[str, Any]:
        """All that the page shows."""
        extensions = [self._described(extension) for extension in self._manager.extensions()]
        return {
            "extensions": extensions,
            "disable": self._manager.disabled_all,
            "busy": [asdict(busy) for busy in self._manager.busy()],
            "allowed": self.allowed,
            "refusal": "" if self.allowed else REFUSED,
            "folder": str(self._manager.folders[0]),
            "restart": any(e["changed"] for e in extensions),
        }

    def items(self) -> list[Mapping[str, Any]]:
        """The list in the older UI's terms."""
        return [self._item(extension) for extension in self._manager.extensions()]

    def switch(self, name: str, on: bool) -> None:
        """Switch one on or off. Raises: UnknownName."""
        about = self._get(name).about
        chosen = self._settings.current.extensions
        disabled = {*chosen.disabled} - {name} if on else {*chosen.disabled, name}
        enabled = {*chosen.enabled, name} if on and not about.on_by_nature else {*chosen.enabled} - {name}
        changes = {"extensions.disabled": sorted(disabled), "extensions.enabled": sorted(enabled)}
        self._settings.update(changes)
        self._manager.look_again()

    def disable(self, which: Literal["none", "extra", "all"]) -> None:
        """Switch all off, or all but those that came along, or let each have its own switch."""
        self._settings.update({"extensions.disable": which})
        self._manager.look_again()

    def reload(self, name: str) -> None:
        """Load one anew. Raises: UnknownName."""
        self._get(name)
        self._manager.reload(name)

    def change_settings(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change an extension's own settings. Raises: UnknownName, InvalidField, NotSupported."""
        self._manager.own_settings.change(name, changes)

    def install(self, source: str, branch: str | None = None) -> str:
        """Put one in. Raises: Fault."""
        return self._installer.install(source, branch)

    def update(self, name: str) -> None:
        """Bring one up to date. Raises: Fault."""
        self._installer.update(name)
        self._get(name).notes.append("Updated. What is new is loaded at the next start.")

    def check_updates(self) -> dict[str, int | str]:
        """How far each is behind, or why that isn't known."""
        return self._installer.check_updates()

    def file(self, name: str, path: str) -> Path | None:
        """A file that the page may have."""
        return self._manager.page.file(name, path)

    def localizations(self) -> dict[str, list[Path]]:
        """Files with translations by language."""
        return self._manager.page.localizations()

    def _get(self, name: str) -> Extension:
        extension = self._manager.get(name)
        if extension is None:
            raise UnknownName("name", f"There is no extension named {name!r}.")
        return extension

    def _described(self, extension: Extension) -> dict[str, Any]:
        version = self._installer.version(extension.name)
        return {
            "name": extension.name,
            "title": extension.about.title,
            "description": _description(extension),
            "shipped": extension.about.shipped,
            "enabled": extension.enabled,
            "loaded": extension.loaded,
            # one that failed at the start is not waiting for a restart
            "changed": extension.enabled != extension.loaded
            and not (extension.enabled and extension.failures),
            "hooks": list(extension.hooks),
            "seconds": round(extension.seconds, 2),
            "failures": [
                {**asdict(failure), "details": failure.details[-MAX_SHOWN:]} for failure in extension.failures
            ],
            "notes": list(extension.notes),
            "settings": self._manager.own_settings.described(extension),
            "version": None if version is None else asdict(version),
        }

    def _item(self, extension: Extension) -> dict[str, Any]:
        version = self._installer.version(extension.name)
        return {
            "name": extension.name,
            "remote": version.remote if version else "",
            "branch": version.branch if version else "",
            "commit_hash": version.commit if version else "",
            "version": (version.tag or version.commit[:8]) if version else "",
            "commit_date": version.date if version else 0,
            "enabled": extension.enabled,
        }


def _description(extension: Extension) -> str:
    """The first line of what its module says of itself."""
    import ast

    if extension.about.entry is None:
        return ""
    try:
        text = ast.get_docstring(ast.parse(extension.about.entry.read_bytes())) or ""
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ""
    return text.strip().split("\n\n")[0].replace("\n", " ")[:300]
