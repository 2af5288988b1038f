"""`modules.deepbooru` of the older UI: tags that describe pictures, which the program doesn't find."""

from __future__ import annotations

from typing import Any

from modules.faults import NotSupported

_SENTENCE = "Easel doesn't find tags for pictures. Write the prompt yourself, or use an extension that does."


class DeepDanbooru:
    """Raises `NotSupported` when it is used."""

    model: Any = None

    def load(self) -> None:
        """Raises: NotSupported: always."""
        raise NotSupported(_SENTENCE)

    def start(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    def tag(self, pil_image: Any) -> str:
        """Raises: NotSupported: always."""
        raise NotSupported(_SENTENCE)

    tag_multi = tag


model = DeepDanbooru()
