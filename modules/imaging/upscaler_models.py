"""Upscalers from files: ESRGAN, Real-ESRGAN, SwinIR, DAT, HAT and whatever else spandrel knows."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile, NotPossibleNow
from modules.imaging import tiles
from modules.imaging.architectures import SUFFIXES, load_model, out_of_memory
from modules.imaging.tiles import Stopped, Tiling
from modules.imaging.upscalers import Progress, Upscaler

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.compute import Compute
    from modules.imaging.tiles import Pixels, Values

log = logging.getLogger(__name__)

MOST_PASSES = 3
SMALLEST_TILE = 32
MAX_RESULT_PIXELS = 2**28
_FIRST_SMALLER_TILE = 512

_SCALE = re.compile(r"(?<![0-9a-z])(?:(\d{1,2})x|x(\d{1,2}))(?![0-9])|_x(\d)|x(\d)(?:plus|_)", re.IGNORECASE)


def scale_in_name(name: str) -> int:
    """What a file's name says of its scale: "4x-UltraSharp", "RealESRGAN_x2plus"; 4 where it says nothing."""
    for found in _SCALE.finditer(name):
        scale = int(next(filter(None, found.groups())))
        if scale in (1, 2, 3, 4, 8, 16):
            return scale
    return 4


class UpscalerModels:
    """The upscaler files of some folders. One model is in memory at a time; for several threads.

    Args:
        folders: looked through with what is below them; those that aren't there are left out.
        choose: the device to compute on.
        tiling: how pictures are cut, asked anew for every picture.
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        choose: Callable[[], Compute],
        tiling: Callable[[], Tiling] = Tiling,
    ) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._choose = choose
        self._tiling = tiling
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[Path, int, int], _Model] | None = None
        self._scales: dict[tuple[Path, int, int], int] = {}

    def all(self) -> list[Upscaler]:
        """An upscaler for every file, by its name without suffix; of two files of one name the first."""
        found: dict[str, ModelFile] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
                    found.setdefault(path.stem.lower(), ModelFile(path, folder.name, self))
        return [found[name] for name in sorted(found)]

    def unload(self) -> None:
        """Forget the model in memory."""
        with self._lock:
            self._loaded = None

    def scale_of(self, path: Path) -> int:
        """The scale of a file's model: as it is where it was loaded once, else as its name says."""
        return self._scales.get(_key(path)) or scale_in_name(path.stem)

    def upscale(self, path: Path, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """See `ModelFile.upscale`."""
        with self._lock:
            model = self._model(path)
            tiling = model.limited(self._tiling())
            while True:
                try:
                    return _upscaled(model, image, scale, tiling, progress)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                    tiling = _smaller(tiling, image, path, error)
                    model.tile_limit = tiling.size
                    log.warning("Memory is short: %s goes on in tiles of %d.", path.name, tiling.size)
                    _empty_cache()

    def _model(self, path: Path) -> _Model:
        key = _key(path)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # before the next one, so that there is room for it
            model = _Model(load_model(path, self._choose()))
            if model.net.purpose == "FaceSR":
                raise BadFile(path, "it restores faces. Put it into models/GFPGAN or models/Codeformer.")
            self._loaded = (key, model)
            self._scales[key] = model.scale
        return self._loaded[1]


class ModelFile:
    """One file as an upscaler; see `Upscaler`.

    Args: kind: name of the folder that it was found in, such as "ESRGAN".
    """

    def __init__(self, path: Path, kind: str, models: UpscalerModels) -> None:
        self.name = path.stem
        self.path = path
        self.kind = kind
        self._models = models

    @property
    def scale(self) -> float:
        """How much larger the model makes a picture in one pass."""
        return self._models.scale_of(self.path)

    def upscale(self, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """The picture through the model: again and again until it is `scale` times as large, three times at most.

        A model that keeps the size (1x: it sharpens, denoises) is applied once. Transparency is enlarged by Lanczos.

        Raises:
            Stopped: `progress` asked for it.
            BadFile, NotSupported: the model can't be used.
            NotPossibleNow: memory is short even for the smallest tiles, or the picture would be far too large.
        """
        return self._models.upscale(self.path, image, scale, progress)


class _Model:
    """A loaded model. Args: net: a `spandrel.ImageModelDescriptor`."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.scale = int(net.scale)
        self.tile_limit = 0

    def limited(self, tiling: Tiling) -> Tiling:
        """The tiling, in tiles that memory was found to be enough for."""
        limit = self.tile_limit
        return replace(tiling, size=limit) if limit and not 0 < tiling.size <= limit else tiling

    def __call__(self, tile: Pixels) -> Values:
        """A tile `[h, w, 3]` as values `[h * scale, w * scale, 3]`."""
        import numpy as np
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(np.array(tile)).to(self.net.device)
            pixels = pixels.permute(2, 0, 1)[None].to(self.net.dtype).contiguous() / 255
            if self.net.input_channels == 1:  # each colour by itself, so that none is lost
                channels = [self.net(pixels[:, i : i + 1])[:, :1] for i in range(3)]
                values = torch.cat(channels, 1)
            elif self.net.input_channels == 4:
                values = self.net(torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1))
            else:
                values = self.net(pixels)
            values = values[:, :3] if values.shape[1] >= 3 else values[:, :1].expand(-1, 3, -1, -1)
            return np.asarray(values[0].float().permute(1, 2, 0).cpu().numpy())


def _passes(model: _Model, image: Image, scale: float) -> list[tuple[int, int]]:
    """The sizes that the passes begin with."""
    wanted = (image.width * scale, image.height * scale)
    sizes = [image.size]
    while model.scale > 1 and len(sizes) < MOST_PASSES:
        width, height = sizes[-1][0] * model.scale, sizes[-1][1] * model.scale
        if width >= wanted[0] and height >= wanted[1]:
            break
        sizes.append((width, height))
    width, height = sizes[-1][0] * model.scale, sizes[-1][1] * model.scale
    if width * height > MAX_RESULT_PIXELS:
        raise NotPossibleNow(
            f"The picture would be {width}x{height} pixels on the way, which is too large. "
            "Ask for a smaller scale, or take an upscaler that enlarges less."
        )
    return sizes


def _upscaled(model: _Model, image: Image, scale: float, tiling: Tiling, progress: Progress | None) -> Image:
    import numpy as np
    from PIL import Image as PIL

    sizes = _passes(model, image, scale)
    total = sum(tiles.count(width, height, tiling) for width, height in sizes)
    finished = 0

    def done() -> None:
        nonlocal finished
        finished += 1
        if progress is not None and progress(finished / total) and finished < total:
            raise Stopped

    if progress is not None and progress(0.0):
        raise Stopped
    alpha = image.getchannel("A") if image.has_transparency_data and image.mode == "RGBA" else None
    picture = np.asarray(image.convert("RGB"))
    for _ in sizes:
        picture = tiles.process(picture, model.scale, tiling, model, done)
    result = PIL.fromarray(picture)
    if alpha is not None:
        result.putalpha(alpha.resize(result.size, PIL.Resampling.LANCZOS))
    return result


def _smaller(tiling: Tiling, image: Image, path: Path, error: BaseException) -> Tiling:
    """Half the tile.

    Raises: NotPossibleNow: it is small enough already.
    """
    side = min(tiling.size or 2 * _FIRST_SMALLER_TILE, max(image.size))
    if side // 2 < SMALLEST_TILE:
        raise NotPossibleNow(
            f"There is not enough memory for {path.name}, even in small tiles. Close other programs, or take "
            "another upscaler."
        ) from error
    return replace(tiling, size=side // 2)


def _empty_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _key(path: Path) -> tuple[Path, int, int]:
    """The file as it is now. Raises: BadFile: it is gone."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadFile(path, "it is not there any more.") from error
    return path, status.st_mtime_ns, status.st_size
