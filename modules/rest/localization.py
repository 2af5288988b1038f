"""The page in other languages: files `<language>.json` of extensions and of the user, `{"text": "its translation"}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from modules.rest.services import RestServices

log = logging.getLogger(__name__)

NONE = "None"


class Languages:
    """All languages that there are files for.

    Args: folder: the user's own.
    """

    def __init__(self, services: RestServices, folder: Path | None) -> None:
        self._services = services
        self._folder = folder

    def files(self) -> dict[str, list[Path]]:
        """The files of each language; the user's own come last, and count."""
        found: dict[str, list[Path]] = {}
        if self._services.extensions is not None:
            for name, paths in self._services.extensions.localizations().items():
                found.setdefault(name, []).extend(paths)
        for path in sorted(self._folder.glob("*.json")) if self._folder is not None else ():
            found.setdefault(path.stem, []).append(path)
        return found

    def texts(self, language: str) -> dict[str, str]:
        """The translations; a file that can't be read says nothing."""
        texts: dict[str, str] = {}
        for path in self.files().get(language, ()):
            try:
                said: Any = json.loads(path.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError) as error:
                log.warning("The translations in %s can't be read: %s", path, error)
                continue
            if isinstance(said, dict):
                texts |= {key: text for key, text in said.items() if isinstance(text, str) and text}
        return texts


def routes(services: RestServices, languages: Languages) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/easel", tags=["easel"])

    @router.get("/localization")
    def localization() -> dict[str, Any]:
        """The language that the settings name, and its texts; empty where there is none."""
        language = services.settings.current.page.localization
        return {"language": language, "texts": {} if language == NONE else languages.texts(language)}

    return router


def choices(languages: Languages) -> Sequence[str]:
    """What the setting may be."""
    return [NONE, *sorted(languages.files(), key=str.lower)]
