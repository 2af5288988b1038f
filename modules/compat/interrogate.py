"""`modules.interrogate` of the older UI: texts that describe pictures, which the program doesn't write."""

from __future__ import annotations

from typing import Any

from modules.faults import NotSupported

_SENTENCE = "Easel doesn't describe pictures. Write the prompt yourself, or use an extension that does."


class InterrogateModels:
    """Raises `NotSupported` when it is used."""

    def __init__(self, content_dir: str = "") -> None:
        self.content_dir = content_dir

    def categories(self) -> list[Any]:
        """None."""
        return []

    def load(self) -> None:
        """Raises: NotSupported: always."""
        raise NotSupported(_SENTENCE)

    def unload(self) -> None:
        """Nothing."""

    def interrogate(self, pil_image: Any) -> str:
        """Raises: NotSupported: always."""
        raise NotSupported(_SENTENCE)

    def generate_caption(self, pil_image: Any) -> str:
        """Raises: NotSupported: always."""
        raise NotSupported(_SENTENCE)
