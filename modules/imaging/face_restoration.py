"""Face restoration: finds the faces of a picture, has a model make each anew, and puts them back.

GFPGAN comes with spandrel; CodeFormer, whose licence forbids commercial use, with the package
`spandrel_extra_arches`, where the user has installed that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modules.faults import BadFile, NotPossibleNow, NotSupported, UnknownName
from modules.imaging.architectures import SUFFIXES, load_model, out_of_memory
from modules.imaging.tiles import Stopped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from modules.compute import Compute
    from modules.imaging.upscalers import Progress

    Landmarks = NDArray[np.float32]
    """`[5, 2]`: the eye on the left of the picture, the other one, nose, mouth on the left, mouth on the right."""

SIDE = 512
"""Pixels a side of a face as the models know it."""
NAMES = ("CodeFormer", "GFPGAN")
FOLDERS = {"CodeFormer": "Codeformer", "GFPGAN": "GFPGAN"}
"""Name -> its folder below `models/`."""
DETECTOR = "face_detection_yunet*.onnx"
_LEAST_SCORE = 0.7
_FEATHER = SIDE // 16
_FFHQ = (
    (192.98138, 239.94708),
    (318.90277, 240.19360),
    (256.63416, 314.01935),
    (201.26117, 371.41043),
    (313.08905, 371.15118),
)
"""Where the five landmarks of a face are in the pictures (512 x 512, FFHQ) that both models were trained on."""


class Detector(Protocol):
    """Finds faces."""

    def find(self, image: Image) -> list[Landmarks]:
        """The landmarks of every face of an RGB picture."""


class YuNet:
    """OpenCV's face detector YuNet (Wu, Peng and Yu 2023).

    Args: path: `face_detection_yunet_2023mar.onnx` of OpenCV's model zoo.
    """

    _LARGEST = 1280

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, image: Image) -> list[Landmarks]:
        """See `Detector`. Raises: BadFile: the file is no such detector."""
        import cv2
        import numpy as np

        # On very large pictures the largest faces would be missed.
        factor = min(1.0, self._LARGEST / max(image.size))
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB").resize(size))[:, :, ::-1])
        try:
            detector = cv2.FaceDetectorYN.create(str(self._path), "", size, _LEAST_SCORE)
            found: Any = detector.detect(pixels)[1]  # None where there is no face, whatever the stubs say
        except cv2.error as error:
            raise BadFile(
                self._path, "OpenCV can't read it as a face detector. Download it again."
            ) from error
        if found is None:
            return []
        scale: Any = np.array(image.size, np.float32) / np.array(size, np.float32)
        return [np.asarray(face[4:14], np.float32).reshape(5, 2) * scale for face in found]


@dataclass(frozen=True)
class FaceRestorer:
    """A model that restores faces. Args: path: its file."""

    name: str
    path: Path


class FaceRestorers:
    """The face restorers whose files are there. One model is in memory at a time; for several threads.

    Args:
        folders: name of each restorer -> the folders that its file may be in.
        choose: the device to compute on.
        detector: instead of the file `face_detection_yunet*.onnx` in one of the folders.
    """

    def __init__(
        self,
        folders: Mapping[str, tuple[Path, ...]],
        choose: Callable[[], Compute],
        detector: Detector | None = None,
    ) -> None:
        self._folders = dict(folders)
        self._choose = choose
        self._detector = detector
        self._lock = threading.Lock()
        self._loaded: tuple[Path, float, Any] | None = None

    def all(self) -> list[FaceRestorer]:
        """Those whose files are there."""
        found = ((name, self._file(name)) for name in NAMES)
        return [FaceRestorer(name, path) for name, path in found if path is not None]

    def check(self, name: str, field: str) -> FaceRestorer:
        """The restorer of this name, ready to be used.

        Raises:
            UnknownName: there is none of this name.
            NotPossibleNow: its file or the detector's is not there; the message says what to put where.
        """
        known = {one.lower(): one for one in NAMES}.get(name.lower())
        if known is None:
            raise UnknownName(field, f"There is no face restoration named {name!r}.")
        path = self._file(known)
        if path is None:
            example = "GFPGANv1.4.pth" if known == "GFPGAN" else "codeformer-v0.1.0.pth"
            fault = NotPossibleNow(
                f"There is no file for {known}. Put {example} into models/{FOLDERS[known]}."
            )
            fault.field = field
            raise fault
        self._find_detector(field)
        return FaceRestorer(known, path)

    def restore(
        self, image: Image, name: str, weight: float = 0.5, progress: Progress | None = None
    ) -> Image:
        """The picture with its faces restored; as it is where no face is found.

        Args:
            image: RGB or RGBA.
            weight: CodeFormer only: 0 takes most liberties, 1 stays closest to the picture.

        Raises: as `check`, and BadFile, NotSupported: the model can't be used; Stopped: `progress` asked for it.
        """
        restorer = self.check(name, "face_restorer")
        faces = self._find_detector("face_restorer").find(image.convert("RGB"))
        with self._lock:
            model = self._model(restorer) if faces else None
            result = image
            for number, landmarks in enumerate(faces):
                if progress is not None and progress(number / len(faces)):
                    raise Stopped
                result = _with_face(result, landmarks, lambda face: _made_anew(model, face, restorer, weight))
        return result

    def _file(self, name: str) -> Path | None:
        for folder in self._folders.get(name, ()):
            for path in sorted(folder.glob("*"), reverse=True) if folder.is_dir() else []:
                if name.lower() in path.name.lower() and path.suffix.lower() in SUFFIXES:
                    return path
        return None

    def _find_detector(self, field: str) -> Detector:
        if self._detector is not None:
            return self._detector
        for folder in dict.fromkeys(folder for folders in self._folders.values() for folder in folders):
            for path in sorted(folder.glob(DETECTOR), reverse=True) if folder.is_dir() else []:
                return YuNet(path)
        fault = NotPossibleNow(
            "Faces can't be found without a detector. Put face_detection_yunet_2023mar.onnx, from OpenCV's model "
            "zoo, into models/GFPGAN."
        )
        fault.field = field
        raise fault

    def _model(self, restorer: FaceRestorer) -> Any:
        changed = restorer.path.stat().st_mtime
        if self._loaded is None or self._loaded[:2] != (restorer.path, changed):
            self._loaded = None  # before the next one, so that there is room for it
            try:
                model = load_model(restorer.path, self._choose())
            except BadFile as error:
                if restorer.name == "CodeFormer" and "not known" in error.message:
                    raise NotSupported(
                        "CodeFormer needs the package spandrel_extra_arches, whose licence forbids commercial use. "
                        "Install it with: pip install --no-deps spandrel_extra_arches"
                    ) from error
                raise
            if model.architecture.id.lower() != restorer.name.lower():
                raise BadFile(
                    restorer.path, f"it is a model of {model.architecture.name}, not {restorer.name}."
                )
            self._loaded = (restorer.path, changed, model)
        return self._loaded[2]


def _made_anew(model: Any, face: Image, restorer: FaceRestorer, weight: float) -> Image:
    """A face of 512 x 512 pixels through the model."""
    import torch

    from modules.imaging.pixels import to_image, to_pixels

    pixels = to_pixels([face]).to(model.device, model.dtype).contiguous()  # GFPGAN makes views of it
    options: dict[str, Any] = (
        {"weight": weight} if restorer.name == "CodeFormer" else {"randomize_noise": False}
    )
    try:
        with torch.inference_mode():
            return to_image(model.model(pixels, **options)[0][0])
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise NotPossibleNow(
            f"There is not enough memory for {restorer.name}. Close other programs."
        ) from error


def _with_face(image: Image, landmarks: Landmarks, restore: Callable[[Image], Image]) -> Image:
    """The picture with one face cut out upright, restored, and pasted back with soft edges."""
    import cv2
    import numpy as np
    from PIL import Image as PIL

    ideal = np.array(_FFHQ, np.float32)
    matrix: Any = cv2.estimateAffinePartial2D(landmarks, ideal, method=cv2.LMEDS)[0]
    if matrix is None:  # the landmarks lie in one point
        return image
    pixels = np.asarray(image.convert("RGB"))
    face = cv2.warpAffine(
        pixels, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
    )
    restored = np.asarray(restore(PIL.fromarray(face)).convert("RGB"))
    back = cv2.invertAffineTransform(matrix)
    mask: Any = np.zeros((SIDE, SIDE), np.float32)
    mask[_FEATHER:-_FEATHER, _FEATHER:-_FEATHER] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), _FEATHER / 3)
    size = image.size
    share = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)[:, :, None]
    placed = cv2.warpAffine(restored, back, size, flags=cv2.INTER_CUBIC)
    blended = np.rint(pixels * (1 - share) + placed * share)
    result = PIL.fromarray(np.clip(blended, 0, 255).astype(np.uint8))
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result
