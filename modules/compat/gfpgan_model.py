"""`modules.gfpgan_model` of the older UI: faces restored with GFPGAN."""

from __future__ import annotations

from typing import Any

from modules.compat.house import house
from modules.faults import NotPossibleNow


def setup_model(dirname: str = "") -> None:
    """Nothing: the program finds the file itself."""


def gfpgan_fix_faces(np_image: Any) -> Any:
    """A picture `[H, W, 3]` with its faces restored. Raises: Fault: the model's file isn't there."""
    return restored(np_image, "GFPGAN", 0.5)


def restored(np_image: Any, name: str, weight: float) -> Any:
    """The same with any face restoration."""
    import numpy as np
    from PIL import Image

    faces = house().extras.faces
    if faces is None:
        raise NotPossibleNow("Faces can't be restored here.")
    return np.asarray(faces.restore(Image.fromarray(np.asarray(np_image)), name, weight))
