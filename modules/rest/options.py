"""The older UI's options as the API reads and changes them, by the tables of `settings/older_options`.

`GET` and `POST /sdapi/v1/options` and `override_settings` use it. What is always done in one way (`FIXED`) is told by
`GET`, and sending it back unchanged is no error, as many programs read all options, change one, and send all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.faults import Fault, InvalidField, NotSupported, UnknownName
from modules.generation.from_settings import check_settings
from modules.rest.errors import brief
from modules.rest.services import CheckpointInfo
from modules.settings.model import Settings
from modules.settings.older_options import FIXED, SETTINGS
from modules.settings.store import with_changes

CHECKPOINT = "sd_model_checkpoint"
VAE = "sd_vae"
CHECKPOINT_HASH = "sd_checkpoint_hash"
IGNORED = {CHECKPOINT_HASH}
"""Names that only tell something; a value that is sent back has no effect."""
PAGE_ONLY = {"api_enable_requests", "api_forbid_local_requests", "api_useragent"}
"""What programs may do is not for them to say: these are changed on the page."""


def read_options(settings: Settings, checkpoints: Sequence[CheckpointInfo]) -> dict[str, Any]:
    """All options under the older UI's names."""
    values = settings.model_dump()
    options: dict[str, Any] = {}
    for name, path in SETTINGS.items():
        group, key = path.split(".")
        options[name] = values[group][key]
    chosen = find_checkpoint(options[CHECKPOINT], checkpoints) if options[CHECKPOINT] else None
    if chosen is None and not options[CHECKPOINT] and checkpoints:
        chosen = checkpoints[0]
    if chosen is not None:
        options[CHECKPOINT] = chosen.title
    options[CHECKPOINT_HASH] = (chosen.sha256 if chosen else None) or ""
    return {**options, **FIXED}


def find_checkpoint(name: str, checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo | None:
    """The checkpoint of that title (with or without its hash), name, file name, hash or SHA-256."""
    wanted = name.strip()
    bare = re.sub(r"\s*\[[0-9a-f]+\]$", "", wanted).lower()
    for found in checkpoints:
        if wanted in (found.title, found.name, filename_of(found), found.hash, found.sha256):
            return found
    for found in checkpoints:
        if bare in (
            found.name.lower(),
            filename_of(found).lower(),
            found.path.stem.lower(),
            found.path.name.lower(),
        ):
            return found
    return None


def filename_of(checkpoint: CheckpointInfo) -> str:
    """The name with its suffix; unlike the title it stays the same when the hash becomes known."""
    return checkpoint.name + checkpoint.path.suffix


def to_changes(
    options: Mapping[str, Any],
    settings: Settings,
    checkpoints: Callable[[], Sequence[CheckpointInfo]],
    vaes: Callable[[], Sequence[tuple[str, Path]]] = tuple,
    *,
    by_owner: bool = False,
) -> dict[str, Any]:
    """What the options change in our settings, by dotted names; checked, so that it surely fits.

    Args: by_owner: whoever started the program says so, and not a program that asks for something.

    Raises: UnknownName: no such option or checkpoint; NotSupported: an option with a value that this version
        doesn't have; InvalidField: a value that doesn't fit.
    """
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name in SETTINGS:
            ours = value
            if name == CHECKPOINT:
                ours = _checkpoint(value, checkpoints())
            elif name == VAE:
                ours = _vae(value, [known for known, _ in vaes()])
            change = {SETTINGS[name]: ours}
            after = _try(name, value, settings, change)
            if name in PAGE_ONLY and not by_owner and after != settings:
                raise NotSupported(f"{name} is changed on the page only, in Settings under API.", name)
            changes.update(change)
        elif name in FIXED:
            if value != FIXED[name]:
                raise NotSupported(f"{name} can only be {brief(FIXED[name])} in this version.", name)
        elif name not in IGNORED:
            raise UnknownName(name, f"There is no option named {brief(name)} in this version.")
    return changes


def _checkpoint(value: Any, checkpoints: Sequence[CheckpointInfo]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidField(CHECKPOINT, f"{CHECKPOINT} must be text, not {brief(value)}.")
    found = find_checkpoint(value, checkpoints)
    if found is None:
        raise UnknownName(CHECKPOINT, f"There is no checkpoint named {brief(value)}.")
    return filename_of(found)


def _vae(value: Any, names: Sequence[str]) -> Any:
    """The VAE's name as it is listed. Raises: UnknownName."""
    if not isinstance(value, str):  # said by the check that follows
        return value
    for known in ("Automatic", "None", *names):
        if value.lower() in (known.lower(), known.lower().rpartition(".")[0]):
            return known
    raise UnknownName(VAE, f"There is no VAE named {brief(value)}. Use Automatic, None or a file's name.")


def _try(name: str, value: Any, settings: Settings, change: Mapping[str, Any]) -> Settings:
    try:
        after = with_changes(settings, change)
        check_settings(after)
        return after
    except Fault as fault:
        reason = fault.message.split(": ", 1)[-1].removeprefix("Input ").rstrip(".")
        reason = f"it {reason}" if reason.startswith("should") else reason
        raise InvalidField(name, f"{name} can't be {brief(value)}: {reason}.") from None
