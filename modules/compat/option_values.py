"""Where the values of the older UI's options are: `opts.data`.

A value is one of our typed settings, or it is kept in `extension-options.json` beside them (the options of extensions,
and those older ones for which there is no feature here). What this version always does in one way can't be changed:
an extension that writes it reads its own value back until the program ends, and nothing else.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from modules.compat.house import house, is_open, settings
from modules.compat.option_info import OptionInfo
from modules.faults import Fault
from modules.folders import PROGRAM, write_atomically
from modules.settings.model import Settings
from modules.settings.older_defaults import DEFAULTS, OUTPUTS
from modules.settings.older_options import FIXED, SETTINGS

log = logging.getLogger(__name__)

FILE = "extension-options.json"
CHECKPOINT = "sd_model_checkpoint"
CHECKPOINT_HASH = "sd_checkpoint_hash"
VAE = "sd_vae"


class OptionsFile:
    """The values that a file keeps. One that is broken is set aside, and a new one begins.

    Args: path: None keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.values: dict[str, Any] = read_object(path) if path else {}
        self._lock = threading.Lock()

    def save(self) -> None:
        """Write the file. Values that JSON doesn't know are left out. Raises: OSError."""
        if self.path is not None:
            with self._lock:  # requests come in several threads, and the temporary file has one name
                write_atomically(self.path, as_json(dict(self.values)))


def as_json(values: Mapping[str, Any]) -> bytes:
    """A JSON object with those of the values that JSON knows."""
    kept = {}
    for name, value in values.items():
        try:
            kept[name] = json.loads(json.dumps(value))
        except (TypeError, ValueError):
            log.debug("The option %s holds a %s, which is not kept.", name, type(value).__name__)
    return (json.dumps(kept, indent=4) + "\n").encode()


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; none where it isn't there. A broken file is renamed, and the log says so."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        reason = "it holds no object"
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error)
    aside = path.with_name(path.name + ".broken")
    with contextlib.suppress(OSError):
        os.replace(path, aside)
    log.warning("%s could not be read (%s); it is kept as %s.", path.name, reason, aside.name)
    return {}


class OptionValues(MutableMapping[str, Any]):
    """All options' values by their older names. Changes of our settings are checked and saved at once.

    Args: labels: the known options; the program's own and those that extensions add.
    """

    def __init__(self, labels: Mapping[str, OptionInfo]) -> None:
        self._labels = labels
        self._lock = threading.RLock()
        self._file = OptionsFile(None)
        self._unsaved: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            if key in SETTINGS and key not in self._unsaved:
                return _setting(key)
            if key == CHECKPOINT_HASH:
                return _checkpoint_hash()
            for known in (self._unsaved, self.file().values):
                if key in known:
                    return known[key]
            return self.default(key)

    def __setitem__(self, key: str, value: Any) -> None:
        with self._lock:
            if key in SETTINGS and is_open():
                if self[key] != value:
                    house().settings.update({SETTINGS[key]: _ours(key, value)})
            elif key in SETTINGS or key in FIXED or self._is_unkept(key):
                self._unsaved[key] = value
            elif key != CHECKPOINT_HASH:
                self.file().values[key] = value

    def __delitem__(self, key: str) -> None:
        """Back to the default."""
        with self._lock:
            if key not in self:
                raise KeyError(key)
            self._unsaved.pop(key, None)
            self.file().values.pop(key, None)
            if key in SETTINGS and is_open():
                self[key] = self.default(key)

    def __iter__(self) -> Iterator[str]:
        kept = self.file().values
        return iter(list(dict.fromkeys((*SETTINGS, *FIXED, *DEFAULTS, *self._labels, *kept, *self._unsaved))))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, key: object) -> bool:
        known: tuple[Mapping[str, Any], ...] = (SETTINGS, FIXED, DEFAULTS, self._labels, self._unsaved)
        return any(key in one for one in known) or key in self.file().values

    def copy(self) -> dict[str, Any]:
        """All values as they are now."""
        return dict(self)

    def default(self, key: str) -> Any:
        """An option's default. Raises: KeyError: there is no such option."""
        if key in SETTINGS:
            return _value_in(Settings(), key)
        if key in FIXED:
            return FIXED[key]
        if key in OUTPUTS:
            return str((house().folders.data if is_open() else PROGRAM).joinpath(*OUTPUTS[key]))
        value = DEFAULTS[key] if key in DEFAULTS else self._labels[key].default
        # what an extension does to a list that it was given must not change the default
        return copy.deepcopy(value) if isinstance(value, (list, dict, set)) else value

    def file(self) -> OptionsFile:
        """The file of the running program; what is kept in memory while none runs."""
        path = house().folders.data / FILE if is_open() else None
        with self._lock:
            if path != self._file.path:
                self._file = OptionsFile(path)
                self._unsaved = {}
            return self._file

    def _is_unkept(self, key: str) -> bool:
        return key in self._labels and self._labels[key].do_not_save


def _setting(key: str) -> Any:
    """One of our settings, as the older UI would tell it."""
    value = _value_in(settings(), key)
    if key == CHECKPOINT and is_open():
        chosen = _checkpoint()
        return chosen.title if chosen is not None else value
    return value


def _value_in(settings: Settings, key: str) -> Any:
    group, name = SETTINGS[key].split(".")
    return getattr(getattr(settings, group), name)


def _checkpoint() -> Any:
    """The checkpoint that is chosen (a `Checkpoint`), or the first one; None: there is none."""
    catalogue = house().checkpoints
    name = house().settings.current.model.checkpoint
    with contextlib.suppress(Fault):
        return catalogue.find(name) if name else catalogue.default()
    return None


def _checkpoint_hash() -> str:
    chosen = _checkpoint() if is_open() else None
    return (chosen.sha256 if chosen is not None else None) or ""


def _ours(key: str, value: Any) -> Any:
    """A value as our settings keep it. Raises: UnknownName: no such checkpoint or VAE."""
    if key == CHECKPOINT:
        return house().checkpoints.find(value).filename if value else None
    if key == VAE and isinstance(value, str) and value not in ("Automatic", "None"):
        return house().vaes.find(value).name
    return value
