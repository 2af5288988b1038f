"""`modules.localization` of the older UI: the files with translations."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from modules.compat.house import house, is_open

log = logging.getLogger(__name__)

localizations: dict[str, list[str]] = {}
"""The files by language, as they were when `list_localizations` was called last."""


def list_localizations(dirname: str | None = None) -> dict[str, list[str]]:
    """Find the files: of extensions, and in a folder. The same dictionary is returned each time."""
    localizations.clear()
    folder = Path(dirname) if dirname else None
    for path in sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else []:
        localizations.setdefault(path.stem, []).append(str(path))
    if is_open():
        for language, paths in house().plugins.page.localizations().items():
            localizations.setdefault(language, []).extend(map(str, paths))
    return localizations


def localization_js(current_localization_name: str | None) -> str:
    """A line of JavaScript with the texts of a language."""
    texts: dict[str, str] = {}
    for path in localizations.get(current_localization_name or "", ()):
        try:
            texts.update(json.loads(Path(path).read_text(encoding="utf8")))
        except (OSError, ValueError, TypeError) as error:
            log.warning("The translation %s can't be read: %s", path, error)
    return f"window.localization = {json.dumps(texts)}"
