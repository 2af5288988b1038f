"""Keeps the settings in one JSON file, written atomically."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modules.faults import InvalidField, UnknownName
from modules.folders import write_atomically
from modules.settings.freezing import Frozen
from modules.settings.model import Settings

log = logging.getLogger(__name__)


class SettingsStore:
    """The current settings and their file.

    A broken file never stops the program: it is put aside as `settings.json.broken` and the defaults are used.

    Args: frozen: what `update` refuses to change.
    """

    def __init__(self, path: Path, frozen: Frozen | None = None) -> None:
        self._path = path
        self.frozen = frozen or Frozen()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Settings], None]] = []
        self._settings = self._read()

    @property
    def current(self) -> Settings:
        """The settings as they are now."""
        return self._settings

    @property
    def saved(self) -> bool:
        """Whether there is a file, so that the settings are the user's."""
        return self._path.is_file()

    def on_change(self, listener: Callable[[Settings], None]) -> None:
        """Call `listener` with the new settings after every change."""
        self._listeners.append(listener)

    def update(self, changes: Mapping[str, Any], *, by_owner: bool = False) -> Settings:
        """Change settings by dotted names (`{"model.clip_skip": 2}`), all of them or none, and save.

        Args: by_owner: whoever started the program says so, and may change what is frozen.

        Raises: UnknownName: no such setting; InvalidField: a value that doesn't fit, or a setting that is frozen.
        """
        with self._lock:
            settings = with_changes(self._settings, changes) if by_owner else self.checked(changes)
            self._write(settings)
            self._settings = settings
        for listener in self._listeners:
            listener(settings)
        return settings

    def checked(self, changes: Mapping[str, Any]) -> Settings:
        """What `update` would make of the settings.

        Raises: UnknownName: no such setting; InvalidField: a value that doesn't fit, or a setting that is frozen.
        """
        settings = with_changes(self._settings, changes)
        self.frozen.check(_changed(self._settings, settings, changes))
        return settings

    def _read(self) -> Settings:
        try:
            return Settings.model_validate_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Settings()
        except (ValidationError, UnicodeDecodeError) as error:
            aside = self._path.with_name(self._path.name + ".broken")
            os.replace(self._path, aside)
            log.warning("The settings file could not be read (%s); it is kept as %s.", error, aside.name)
            return Settings()

    def _write(self, settings: Settings) -> None:
        write_atomically(self._path, (json.dumps(settings.model_dump(), indent=2) + "\n").encode())


def _changed(before: Settings, after: Settings, names: Iterable[str]) -> list[str]:
    """Those of the settings that have another value now."""
    old, new = before.model_dump(), after.model_dump()
    parts = ((name, *name.split(".", 1)) for name in names)
    return [name for name, group, key in parts if old[group][key] != new[group][key]]


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """New settings with some values changed, by dotted names.

    Raises: UnknownName, InvalidField.
    """
    values = settings.model_dump()
    for name, value in changes.items():
        group, _, key = name.partition(".")
        if key not in values.get(group, {}):
            raise UnknownName(name, f"There is no setting named {name}.")
        values[group][key] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidField(name, f"The setting {name} can't be {first['input']!r}: {first['msg']}.") from None
