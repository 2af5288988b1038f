"""Extensions at the start of the program: what they need is installed, then they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modules.plugins.folder import find_folders
from modules.plugins.manager import SHIPPED, Disable, PluginManager, wanted
from modules.plugins.preparing import prepare
from modules.settings.store import SettingsStore


@dataclass(frozen=True)
class ExtensionOptions:
    """What the command line says of extensions.

    Args:
        disabled: which are not loaded whatever the settings say.
        words: that may be flags of extensions.
        install: run pip and `install.py` for those that want it.
    """

    disabled: Literal["none disabled", "extra disabled", "all disabled"] = "none disabled"
    words: tuple[str, ...] = ()
    install: bool = False

    @property
    def disable(self) -> Disable:
        """The same in the manager's terms."""
        kinds: dict[str, Disable] = {"extra disabled": "extra", "all disabled": "all"}
        return kinds.get(self.disabled, "none")


def load_extensions(
    data: Path,
    folder: Path,
    settings: SettingsStore,
    options: ExtensionOptions,
) -> PluginManager:
    """Install what the extensions that are on want, and load them.

    Args:
        data: the folder with the user's files; folder: the user's extensions.
    """
    folders = (folder, SHIPPED)
    reports: dict[str, str] = {}
    if options.install:
        on = [f for f in find_folders(folders, SHIPPED) if wanted(f, settings, options.disable)]
        reports = prepare(on, data / "cache" / "extensions.json")
    return PluginManager(folders, settings, options.words, disable=options.disable, reports=reports)
