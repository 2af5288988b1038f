"""`modules.upscaler` of the older UI: upscalers. Those of extensions are offered in our menus."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.faults import Fault, NotPossibleNow
from modules.imaging import upscalers as core
from modules.imaging.tiles import Stopped

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.imaging.upscalers import Progress

log = logging.getLogger(__name__)

MOST_PASSES = 3


class Upscaler:
    """The base of extensions' upscalers: `name`, `scalers` (what its menu entries are), `do_upscale`.

    Args: create_dirs: make the folder of its models.
    """

    name: Any = None
    model_path: Any = None
    model_name: Any = None
    model_url: Any = None
    enable = True
    filter: Any = None
    model: Any = None
    user_path: Any = None
    scalers: list[UpscalerData] = []  # noqa: RUF012 - each instance has its own; see __init__
    tile = True

    def __init__(self, create_dirs: bool = False) -> None:
        from modules.compat import shared

        self.mod_pad_h: Any = None
        self.mod_scale: Any = None
        self.tile_size = shared.opts.ESRGAN_tile
        self.tile_pad = shared.opts.ESRGAN_tile_overlap
        self.img: Any = None
        self.output: Any = None
        self.scale: Any = 1
        self.pre_pad = 0
        self.half = not shared.cmd_opts.no_half
        self.can_tile = True
        self.model_download_path: Any = None
        if "scalers" not in self.__dict__:
            self.scalers = []
        if self.model_path is None and self.name:
            self.model_path = os.path.join(_models_path(), str(self.name))
        if self.model_path and create_dirs:
            os.makedirs(self.model_path, exist_ok=True)

    @property
    def device(self) -> Any:
        """Where it computes."""
        from modules.compat import devices

        return self.__dict__.get("_device") or devices.get_device_for("esrgan")

    @device.setter
    def device(self, value: Any) -> None:
        self.__dict__["_device"] = value

    def do_upscale(self, img: Image, selected_model: str) -> Image:
        """The picture, larger; to be overridden. Args: selected_model: the `data_path` of the entry that was chosen."""
        return img

    def upscale(self, img: Image, scale: float, selected_model: str | None = None) -> Image:
        """The picture at `scale` times its size (in steps of 8 pixels): through the model as often as it takes."""
        from PIL.Image import Resampling

        from modules.compat import shared

        self.scale = scale
        width = int((img.width * scale) // 8 * 8)
        height = int((img.height * scale) // 8 * 8)
        for number in range(MOST_PASSES):
            large_enough = img.width >= width and img.height >= height
            if (large_enough and (number > 0 or scale != 1)) or shared.state.interrupted:
                break
            before = img.size
            img = self.do_upscale(img, selected_model or "")
            if img.size == before:
                break
        return img if img.size == (width, height) else img.resize((width, height), Resampling.LANCZOS)

    def load_model(self, path: str) -> Any:
        """Load a model; those that need one say how."""

    def find_models(self, ext_filter: Sequence[str] | None = None) -> list[str]:
        """Its models' files, and the address of the one that can be fetched."""
        from modules.compat import modelloader

        path, url = self.model_path, self.model_url
        return modelloader.load_models(path, url, self.user_path, ext_filter, self.model_name)

    def update_status(self, prompt: str) -> None:
        """Say something in the log."""
        log.info("%s: %s", self.name, prompt)


class UpscalerData:
    """An entry of the menus.

    Args: path: the model's file, or None; upscaler: what does the work; scale: by nature.
    """

    name: str
    scale: Any = 4

    def __init__(
        self, name: str, path: Any, upscaler: Upscaler | None = None, scale: Any = 4, model: Any = None
    ) -> None:
        self.name = name
        self.data_path = path
        self.local_data_path = path
        self.scaler: Any = upscaler
        self.scale = scale
        self.model = model

    def __repr__(self) -> str:
        return f"<UpscalerData name={self.name} path={self.data_path} scale={self.scale}>"


class UpscalerNone(Upscaler):
    """Leaves the picture as it is."""

    name = "None"

    def __init__(self, dirname: Any = None) -> None:
        super().__init__(False)
        self.scalers = [UpscalerData("None", None, self)]

    def load_model(self, path: str) -> Any:
        """Nothing to load."""

    def do_upscale(self, img: Image, selected_model: str | None = None) -> Image:
        """The picture itself."""
        return img


class _Filter(Upscaler):
    """One of Pillow's filters."""

    def __init__(self, dirname: Any = None) -> None:
        super().__init__(False)
        self.scalers = [UpscalerData(self.name, None, self)]

    def do_upscale(self, img: Image, selected_model: str | None = None) -> Image:
        """The picture, larger."""
        return core.Filter(self.name).upscale(img, self.scale)


class UpscalerLanczos(_Filter):
    """Pillow's filter Lanczos."""

    name = "Lanczos"


class UpscalerNearest(_Filter):
    """Pillow's filter Nearest."""

    name = "Nearest"


class CoreUpscaler(Upscaler):
    """One of our own upscalers, as the older UI knows them. Args: upscaler: ours."""

    def __init__(self, upscaler: core.Upscaler) -> None:
        self.name = upscaler.kind or upscaler.name
        super().__init__(False)
        self._core = upscaler
        path = upscaler.path
        self.scalers = [
            UpscalerData(upscaler.name, str(path) if path else None, self, scale=int(upscaler.scale))
        ]

    def do_upscale(self, img: Image, selected_model: str | None = None) -> Image:
        """The picture, larger."""
        return self._core.upscale(img, self.scale)


class OlderUpscaler:
    """An extension's entry as one of our upscalers; see `imaging.upscalers.Upscaler`. Args: data: the entry."""

    def __init__(self, data: UpscalerData) -> None:
        self.data = data
        self.name = str(data.name)

    @property
    def kind(self) -> str:
        """See `Upscaler`."""
        return str(getattr(self.data.scaler, "name", None) or "Extension")

    @property
    def scale(self) -> float:
        """See `Upscaler`."""
        return float(self.data.scale or 4)

    @property
    def path(self) -> Path | None:
        """See `Upscaler`."""
        path = self.data.data_path
        return Path(path) if isinstance(path, str) and os.path.isfile(path) else None

    def upscale(self, image: Image, scale: float, progress: Progress | None = None) -> Image:
        """See `Upscaler`. The extension's own code can't be ended half way."""
        if progress is not None and progress(0.0):
            raise Stopped
        try:
            result: Image = self.data.scaler.upscale(image, scale, self.data.data_path)
        except Fault:
            raise
        except Exception as error:
            log.exception("The upscaler %s failed", self.name)
            raise NotPossibleNow(
                f"The upscaler {self.name} failed: {error}. The log has the details."
            ) from error
        return result


_made: dict[type[Upscaler], list[UpscalerData]] = {}


def older_upscalers() -> list[core.Upscaler]:
    """The upscalers that extensions have derived from `Upscaler`, each made once."""
    found: list[core.Upscaler] = []
    for kind in _of_extensions(Upscaler):
        if kind not in _made:
            _made[kind] = _entries(kind)
        found += [OlderUpscaler(data) for data in _made[kind]]
    return found


def forget() -> None:
    """Make all of them anew when they are asked for next."""
    _made.clear()


def all_upscalers() -> list[UpscalerData]:
    """`shared.sd_upscalers`: "None" first, then the filters, those of files, and those of extensions."""
    found = [*UpscalerNone().scalers, *UpscalerLanczos().scalers, *UpscalerNearest().scalers]
    others = house().extras.upscalers.all() if is_open() else older_upscalers()
    for one in others:
        if isinstance(one, OlderUpscaler):
            found.append(one.data)
        elif not isinstance(one, core.Filter):
            found += CoreUpscaler(one).scalers
    return found


def _of_extensions(base: type[Upscaler]) -> list[type[Upscaler]]:
    """All classes below one that are not ours. Of classes of one name the last: its extension was loaded anew."""
    found: dict[str, type[Upscaler]] = {}
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("modules."):
            found[f"{kind.__module__}.{kind.__qualname__}"] = kind
        found |= {f"{k.__module__}.{k.__qualname__}": k for k in _of_extensions(kind)}
    return list(found.values())


def _entries(kind: type[Upscaler]) -> list[UpscalerData]:
    """What an extension's class offers; nothing where it fails, which the log tells."""
    from modules.compat import shared

    name = kind.__name__.replace("Upscaler", "")
    folder = getattr(shared.cmd_opts, f"{name.lower()}_models_path", None)
    try:
        try:
            scaler = kind(folder)  # type: ignore[arg-type]
        except TypeError:
            scaler = kind()
        scaler.user_path = folder
        scaler.model_download_path = folder or scaler.model_path
        return [data for data in scaler.scalers if data.scaler is not None] if scaler.enable else []
    except Exception:
        log.exception("The upscaler %s can't be used", kind.__name__)
        return []


def _models_path() -> str:
    from modules.compat import paths_internal

    return paths_internal.models_path
