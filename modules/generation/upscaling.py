"""Finished pictures made larger and their faces restored ("Extras"): the request, and how it is carried out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from modules.faults import BadFile, Fault, InvalidField, NotSupported
from modules.generation.options import MAX_SIDE, check_number, check_text
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.saving import SavingOptions
from modules.imaging.face_restoration import FaceRestorers
from modules.imaging.file_texts import infotext_in, with_parameters
from modules.imaging.infotext import parse
from modules.imaging.reading import read_picture
from modules.imaging.tiles import Stopped
from modules.imaging.upscalers import Upscalers
from modules.version import VERSION

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

NONE = "None"
MAX_PICTURES = 10_000
MAX_RESULT_SIDE = 16_384
MAX_RESULT_PIXELS = 2**27
STEPS = 100
"""A picture's progress is told in so many steps."""
_FACES_SHARE = 0.25  # of the work of one upscaler; for the progress bar only


@dataclass(frozen=True, kw_only=True)
class UpscalePicture:
    """Make finished pictures larger, restore their faces, or both.

    Args:
        images: names of kept pictures (see `imaging.inputs`).
        files: paths of further pictures on this machine.
        scale: how much larger; not heeded where `width` and `height` say a size.
        width, height: in pixels; 0: go by `scale`. The picture keeps its ratio and covers the size.
        crop: cut off what is over the size, half on each side.
        upscaler_1: name of an upscaler; "None": the size stays.
        upscaler_2, upscaler_2_visibility: a second one, blended over the first, 0 to 1.
        gfpgan_visibility, codeformer_visibility: how much is seen of the restored faces, 0 (none) to 1.
        codeformer_weight: 0 takes most liberties, 1 stays closest to the picture.
        upscale_first: make it larger before the faces are restored, and not after.
        save: keep the results under `outputs/extras`; saving: how.
    """

    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scale: float = 2.0
    width: int = 0
    height: int = 0
    crop: bool = True
    upscaler_1: str = NONE
    upscaler_2: str = NONE
    upscaler_2_visibility: float = 0.0
    gfpgan_visibility: float = 0.0
    codeformer_visibility: float = 0.0
    codeformer_weight: float = 0.0
    upscale_first: bool = False
    save: bool = True
    saving: SavingOptions = field(default_factory=SavingOptions)

    def __post_init__(self) -> None:
        if not 1 <= self.pictures <= MAX_PICTURES:
            raise InvalidField("image", f"Give 1 to {MAX_PICTURES:,} pictures to upscale.")
        for path in self.files:
            check_text("files", "The path of a picture", path)
        check_number("upscaling_resize", "Scale", self.scale, 0.25, 8)
        check_number("upscaling_resize_w", "Width", self.width, 0, MAX_SIDE, whole=True)
        check_number("upscaling_resize_h", "Height", self.height, 0, MAX_SIDE, whole=True)
        if (self.width == 0) != (self.height == 0):
            field = "upscaling_resize_w" if self.width == 0 else "upscaling_resize_h"
            raise InvalidField(field, "Give both the width and the height to resize to.")
        for name, label, value in (
            ("extras_upscaler_2_visibility", "Visibility of upscaler 2", self.upscaler_2_visibility),
            ("gfpgan_visibility", "GFPGAN visibility", self.gfpgan_visibility),
            ("codeformer_visibility", "CodeFormer visibility", self.codeformer_visibility),
            ("codeformer_weight", "CodeFormer weight", self.codeformer_weight),
        ):
            check_number(name, label, value, 0, 1)

    @property
    def pictures(self) -> int:
        """How many pictures are asked for."""
        return len(self.images) + len(self.files)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the kept pictures that the request needs (see `imaging.inputs`)."""
        return self.images

    def with_seeds(self) -> UpscalePicture:
        """The request itself: nothing here is random."""
        return self

    @property
    def blends(self) -> bool:
        """Whether a second upscaler is used."""
        return self.upscaler_1 != NONE and self.upscaler_2 != NONE and self.upscaler_2_visibility > 0

    def restorers(self) -> list[tuple[str, float]]:
        """Name and visibility of each face restoration that is used."""
        wanted = (("GFPGAN", self.gfpgan_visibility), ("CodeFormer", self.codeformer_visibility))
        return [(name, visibility) for name, visibility in wanted if visibility > 0]


class KeptPictures(Protocol):
    """Where the pictures are that requests name; see `imaging.inputs.InputStore`."""

    def open(self, name: str, field: str) -> Image:
        """The picture of this name."""

    def get(self, name: str, field: str) -> bytes:
        """Its file."""


@dataclass(frozen=True)
class Tools:
    """What the work is done with. Args: faces: None restores none."""

    pictures: KeptPictures
    upscalers: Upscalers
    faces: FaceRestorers | None = None


def check(request: UpscalePicture, tools: Tools) -> UpscalePicture:
    """The request with its names resolved. Cheap: no model is loaded.

    Raises: UnknownName, NotPossibleNow: an upscaler, restorer or picture is not there; InvalidField: the result of
        one of the kept pictures would be too large.
    """
    first, second = request.upscaler_1, request.upscaler_2
    request = replace(
        request,
        upscaler_1=NONE if first in ("", NONE) else tools.upscalers.find(first, "upscaler_1").name,
        upscaler_2=NONE if second in ("", NONE) else tools.upscalers.find(second, "upscaler_2").name,
    )
    for name, _ in request.restorers():
        if tools.faces is None:
            raise NotSupported("Faces can't be restored here.", f"{name.lower()}_visibility")
        tools.faces.check(name, f"{name.lower()}_visibility")
    for name in request.images:
        size_of_result(request, *tools.pictures.open(name, "image").size)
    return request


def size_of_result(request: UpscalePicture, width: int, height: int) -> tuple[int, int]:
    """The size before cropping of a picture of this size.

    Raises: InvalidField: it is too large.
    """
    if request.upscaler_1 == NONE:
        return width, height
    if request.width:
        factor = max(request.width / width, request.height / height)
        size = (max(request.width, round(width * factor)), max(request.height, round(height * factor)))
    else:
        size = (max(1, int(width * request.scale)), max(1, int(height * request.scale)))
    if max(size) > MAX_RESULT_SIDE or size[0] * size[1] > MAX_RESULT_PIXELS:
        raise InvalidField(
            "upscaling_resize",
            f"A picture of {width}x{height} would become {size[0]}x{size[1]}; at most {MAX_RESULT_SIDE} a side and "
            f"{MAX_RESULT_PIXELS // 10**6} million pixels are made. Choose a smaller scale.",
        )
    return size


def upscale(
    request: UpscalePicture, tools: Tools, monitor: Monitor, first: int = 0
) -> Iterator[GeneratedImage]:
    """Make the pictures from number `first` on. One that is stopped or skipped half way is left out.

    Raises:
        Fault: a model can't be used, memory is short.
        InvalidField: pictures of `files` can't be read; raised at the end, when the others are done.
    """
    unreadable: list[str] = []
    for number in range(first, request.pictures):
        if monitor.stop_requested():
            return
        monitor.begin_batch(number, 1, STEPS)
        try:
            image, infotext = _source(request, number, tools)
        except Fault as fault:
            if number < len(request.images):
                raise
            log.warning("%s", fault)
            unreadable.append(Path(request.files[number - len(request.images)]).name)
            continue
        if number == first and (name := _model_name(request, tools)):
            monitor.loading(name)
        try:
            result = _Work(request, tools, monitor, image).result()
        except Stopped:
            if monitor.stop_requested():
                return
            continue
        monitor.step(STEPS, lambda result=result: result)  # type: ignore[misc]
        seed = parse(infotext)[2].get("Seed", "")
        yield GeneratedImage(
            image=result,
            number=number,
            seed=int(seed) if seed.isdecimal() and len(seed) < 19 else 0,
            variation_seed=0,
            infotext=with_parameters(infotext, parameters(request)),
        )
    if unreadable:
        names = ", ".join(unreadable[:5]) + (
            f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
        )
        raise InvalidField("files", f"Not upscaled, as they can't be read: {names}. The others are done.")


def parameters(request: UpscalePicture) -> dict[str, object]:
    """What is added to a picture's recipe, under the names that the field's programs use."""
    added: dict[str, object] = {}
    if request.upscaler_1 != NONE:
        if request.width:
            added["Postprocess upscale to"] = f"{request.width}x{request.height}"
            if request.crop:
                added["Postprocess crop to"] = f"{request.width}x{request.height}"
        else:
            added["Postprocess upscale by"] = f"{request.scale:g}"
        added["Postprocess upscaler"] = request.upscaler_1
    if request.blends:
        added["Postprocess upscaler 2"] = request.upscaler_2
        added["Postprocess upscaler 2 visibility"] = f"{request.upscaler_2_visibility:g}"
    for name, visibility in request.restorers():
        added[f"{name} visibility"] = f"{visibility:g}"
        if name == "CodeFormer":
            added["CodeFormer weight"] = f"{request.codeformer_weight:g}"
    return {**added, "Postprocess version": f"Easel {VERSION}"} if added else {}


def _source(request: UpscalePicture, number: int, tools: Tools) -> tuple[Image, str]:
    """Picture `number` and its recipe, or "".

    Raises: UnknownName, InvalidField, BadFile.
    """
    if number < len(request.images):
        name = request.images[number]
        return tools.pictures.open(name, "image"), infotext_in(tools.pictures.get(name, "image"))
    path = Path(request.files[number - len(request.images)])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"it can't be read ({error.strerror}).") from error
    return read_picture(data, path.name), infotext_in(data)


def _model_name(request: UpscalePicture, tools: Tools) -> str | None:
    """The upscaler that has to be loaded from a file, or None."""
    if request.upscaler_1 == NONE:
        return None
    upscaler = tools.upscalers.find(request.upscaler_1, "upscaler_1")
    return upscaler.name if upscaler.path else None


class _Work:
    """One picture's way, with its progress."""

    def __init__(self, request: UpscalePicture, tools: Tools, monitor: Monitor, image: Image) -> None:
        self._request = request
        self._tools = tools
        self._monitor = monitor
        self._image = image
        upscaling = 0 if request.upscaler_1 == NONE else 2 if request.blends else 1
        self._total = max(upscaling + _FACES_SHARE * len(request.restorers()), _FACES_SHARE)
        self._finished = 0.0
        self._shown = 0

    def result(self) -> Image:
        """The finished picture. Raises: Stopped."""
        steps = (
            (self._larger, self._with_faces)
            if self._request.upscale_first
            else (self._with_faces, self._larger)
        )
        image = self._image
        for step in steps:
            image = step(image)
        return image

    def _larger(self, image: Image) -> Image:
        from PIL import Image as PIL

        request = self._request
        if request.upscaler_1 == NONE:
            return image
        size = size_of_result(request, *image.size)
        larger = self._by(request.upscaler_1, image, size)
        if request.blends:
            second = self._by(request.upscaler_2, image, size)
            larger = PIL.blend(larger, second, request.upscaler_2_visibility)
        if request.width and request.crop:
            left, top = (size[0] - request.width) // 2, (size[1] - request.height) // 2
            larger = larger.crop((left, top, left + request.width, top + request.height))
        return larger

    def _by(self, name: str, image: Image, size: tuple[int, int]) -> Image:
        result = self._tools.upscalers.resize(image, *size, name, self._progress(1.0), always=True)
        self._finished += 1.0
        return result

    def _with_faces(self, image: Image) -> Image:
        from PIL import Image as PIL

        for name, visibility in self._request.restorers():
            assert self._tools.faces is not None  # `check` says so
            weight, progress = self._request.codeformer_weight, self._progress(_FACES_SHARE)
            restored = self._tools.faces.restore(image, name, weight, progress)
            image = PIL.blend(image, restored, visibility)
            self._finished += _FACES_SHARE
        return image

    def _progress(self, share: float) -> _Progress:
        return _Progress(self, share)

    def show(self, done: float) -> bool:
        """Tell how far the picture is, by what is done beyond the finished parts; True: stop."""
        step = min(STEPS - 1, int(STEPS * (self._finished + done) / self._total))
        if step > self._shown:
            self._shown = step
            self._monitor.step(step, lambda: _small(self._image))
        return self._monitor.stop_requested() or self._monitor.skip_requested()


class _Progress:
    """The progress of one part of the work, as a part of the whole."""

    def __init__(self, work: _Work, share: float) -> None:
        self._work = work
        self._share = share

    def __call__(self, fraction: float) -> bool:
        return self._work.show(self._share * fraction)


def _small(image: Image) -> Image:
    """A small copy for the preview."""
    copy = image.convert("RGB")
    copy.thumbnail((512, 512))
    return copy
