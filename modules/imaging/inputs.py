"""Pictures that requests refer to, kept by their contents: init pictures and masks of waiting and finished jobs."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from modules.faults import NotPossibleNow, UnknownName
from modules.folders import write_atomically
from modules.imaging.reading import SUFFIXES, read_picture, read_picture_and_suffix
from modules.imaging.storage import png_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

FIELD = "init_images"

_NAME = re.compile(r"[0-9a-f]{64}\.(?:" + "|".join(sorted(set(SUFFIXES.values()))) + ")")
_TEMPORARY = ".tmp"
_CACHED_PIXELS = 16_000_000


class InputStore:
    """A folder of pictures under the names of their contents, `<SHA-256>.<suffix>`; for several threads.

    Args:
        folder: made when the first picture is put.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, Image] = OrderedDict()

    def put(self, data: bytes, field: str = FIELD) -> str:
        """Keep a picture file as it is, and return its name; the same bytes have the same name.

        Raises:
            InvalidField: not a picture that can be read.
            NotPossibleNow: it can't be written.
        """
        picture, suffix = read_picture_and_suffix(data, field)
        name = f"{hashlib.sha256(data).hexdigest()}.{suffix}"
        path = self._folder / name
        with self._lock:
            try:
                if path.is_file():
                    path.touch()  # in use again: `forget_unused` counts from now
                else:
                    write_atomically(path, data)
            except OSError as error:
                raise NotPossibleNow(
                    f"The picture can't be kept in {self._folder.name} ({error.strerror or error}). "
                    "Make room on the disk or see to the folder's permissions."
                ) from error
            self._remember(name, picture)
        return name

    def keep(self, image: Image) -> str:
        """Keep a picture as PNG, quickly packed, and return its name; the same picture has the same name.

        Raises: NotPossibleNow: it can't be written.
        """
        if image.mode not in ("RGB", "RGBA"):
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        return self.put(png_bytes(image, None))

    def get(self, name: str, field: str = FIELD) -> bytes:
        """The file as it was put.

        Raises:
            UnknownName: no such name, or no longer there.
            NotPossibleNow: it is there and can't be read.
        """
        if not _NAME.fullmatch(name):
            raise UnknownName(field, f"{field}: {name[:80]!r} is not the name of a kept picture.")
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            raise UnknownName(
                field, f"{field}: the picture {name} is not kept here any more. Send it again."
            ) from error
        except OSError as error:
            raise NotPossibleNow(f"The picture {name} can't be read ({error.strerror or error}).") from error

    def open(self, name: str, field: str = FIELD) -> Image:
        """The picture, RGB or RGBA; a copy, which may be changed.

        Raises: UnknownName, NotPossibleNow: as `get`; InvalidField: the file was damaged.
        """
        with self._lock:
            cached = self._cache.get(name)
            if cached is not None:
                self._cache.move_to_end(name)
                return cached.copy()
        picture = read_picture(self.get(name, field), field)
        with self._lock:
            self._remember(name, picture)
        return picture.copy()

    def forget_unused(self, used: Collection[str], older_than_seconds: float) -> int:
        """Delete pictures that aren't in `used` and were last put longer ago than this; returns how many.

        Only files named as the store names them are touched, and what an interrupted write left.
        """
        used = set(used)
        before = time.time() - older_than_seconds
        deleted = 0
        with self._lock:
            for path in list(self._folder.iterdir()) if self._folder.is_dir() else []:
                name = path.name.removesuffix(_TEMPORARY)
                if not _NAME.fullmatch(name) or path.name in used:
                    continue
                try:
                    if path.stat().st_mtime < before:
                        path.unlink()
                        self._cache.pop(name, None)
                        deleted += path.name == name
                except OSError:
                    continue  # open elsewhere (Windows) or already gone: the next time
        return deleted

    def _remember(self, name: str, picture: Image) -> None:
        """Put a picture at the end of the cache, and drop the oldest ones beyond `_CACHED_PIXELS`."""
        self._cache[name] = picture
        self._cache.move_to_end(name)
        while sum(kept.width * kept.height for kept in self._cache.values()) > _CACHED_PIXELS:
            self._cache.popitem(last=False)
