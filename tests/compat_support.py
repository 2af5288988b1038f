"""A real application whose services stand behind the older UI's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from modules.app import Application, build
from modules.compat.house import House, enter
from modules.folders import Folders


@contextmanager
def open_house(folder: Path, flags: Mapping[str, Any] | None = None) -> Iterator[Application]:
    """The services of a new application in a folder, as long as this is open. Its worker doesn't work."""
    application = build(Folders(data=folder, models=folder / "models"), warm_up=False)
    known = {field.name: getattr(application, field.name) for field in fields(House) if field.name != "flags"}
    enter(House(**known, flags=dict(flags or {})))
    try:
        yield application
    finally:
        enter(None)
        application.close()
