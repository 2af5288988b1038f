"""`modules.codeformer_model` of the older UI: faces restored with CodeFormer."""

from __future__ import annotations

from typing import Any

from modules.compat.gfpgan_model import restored


class FaceRestorerCodeFormer:
    """CodeFormer."""

    def name(self) -> str:
        """Its name."""
        return "CodeFormer"

    def restore(self, np_image: Any, w: float | None = None) -> Any:
        """A picture `[H, W, 3]` with its faces restored. Args: w: 1 stays closest to it. Raises: Fault."""
        return restored(np_image, "CodeFormer", 0.5 if w is None else w)


codeformer = FaceRestorerCodeFormer()


def setup_model(dirname: str = "") -> None:
    """Nothing: the program finds the file itself."""
