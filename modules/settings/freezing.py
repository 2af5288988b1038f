"""Settings that whoever started the program wants to stay as they are (`--freeze-settings` and its like)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modules.faults import InvalidField
from modules.settings.older_defaults import SECTIONS
from modules.settings.older_options import SETTINGS


@dataclass(frozen=True)
class Frozen:
    """What can't be changed.

    Args:
        everything: all settings, and all options of extensions.
        names: settings by their dotted names, and options of the older UI by theirs.
        groups: all settings of these groups ("saving").
    """

    everything: bool = False
    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def holds(self, name: str) -> bool:
        """Whether a setting (dotted), or an option of the older UI, stays as it is."""
        group, dot, _ = name.partition(".")
        return self.everything or name in self.names or (bool(dot) and group in self.groups)

    def check(self, names: Iterable[str]) -> None:
        """Raises: InvalidField: one of the settings stays as it is."""
        for name in names:
            if self.holds(name):
                raise InvalidField(
                    name, f"{name} can't be changed: Easel was started with its settings frozen."
                )


def frozen(everything: bool, sections: Collection[str], names: Collection[str]) -> Frozen:
    """What three flags freeze.

    Args:
        sections: our groups, and sections of the older UI's settings, by identifier ("saving-images") or title.
        names: settings and options by their names.
    """
    wanted = {section.strip().lower() for section in sections}
    older = {
        option
        for section in SECTIONS
        if {(section.name or "").lower(), section.title.lower()} & wanted
        for option in section.defaults
    }
    older |= {name.strip() for name in names}
    ours = {SETTINGS[name] for name in older if name in SETTINGS}
    aliases = {name for name, setting in SETTINGS.items() if setting in ours | older}
    return Frozen(everything, frozenset(older | ours | aliases), frozenset(wanted))
