"""`modules.face_restoration` of the older UI: restoration of faces, on numpy pictures `[H, W, 3]`, uint8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


class FaceRestoration:
    """The base of face restorers."""

    def name(self) -> str:
        """What menus call it."""
        return "None"

    def restore(self, np_image: Pixels) -> Pixels:
        """The picture with its faces restored."""
        return np_image


class CoreRestorer(FaceRestoration):
    """One of ours. Args: name: "CodeFormer" or "GFPGAN"."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        """What menus call it."""
        return self._name

    def restore(self, np_image: Pixels, w: float | None = None) -> Pixels:
        """The picture with its faces restored.

        Args: w: CodeFormer only: 0 takes most liberties, 1 stays closest to the picture; None: what the option says.

        Raises: NotPossibleNow: a file isn't there; BadFile, NotSupported.
        """
        import numpy as np
        from PIL import Image

        from modules.compat import shared
        from modules.faults import NotPossibleNow

        faces = house().extras.faces
        if faces is None:
            raise NotPossibleNow("Faces can't be restored here.")
        weight = float(shared.opts.code_former_weight) if w is None else w
        return np.asarray(faces.restore(Image.fromarray(np_image), self._name, weight))


def all_restorers() -> list[FaceRestoration]:
    """`shared.face_restorers`: those whose files are there."""
    faces = house().extras.faces if is_open() else None
    return [CoreRestorer(one.name) for one in faces.all()] if faces is not None else []


def restore_faces(np_image: Pixels) -> Pixels:
    """The picture with its faces restored by the model that the options name; as it is where that isn't there."""
    from modules.compat import shared

    wanted = shared.opts.face_restoration_model
    found: Any = next((one for one in all_restorers() if one.name() == wanted), None)
    return np_image if found is None else found.restore(np_image)
