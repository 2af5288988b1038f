"""Deleted pictures: kept in the outputs folder, out of sight, until nobody has wanted them back for 30 days."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

FOLDER = ".deleted"
DAYS = 30


class Bin:
    """The folder `outputs/.deleted`, with a folder for each picture.

    Args: outputs: the folder that the pictures' paths are below.
    """

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs

    def take(self, picture_id: int, path: str) -> None:
        """Move a picture's file in, and the text file beside it; one that is gone already is no error.

        Raises: OSError.
        """
        kept = self._folder(picture_id)
        kept.mkdir(parents=True, exist_ok=True)
        os.utime(kept)  # the days count from now
        for file in self._files(path):
            if file.is_file():
                os.replace(file, kept / file.name)

    def give_back(self, picture_id: int, path: str) -> bool:
        """Move a picture's file back to where it was; False: it is not here any more.

        Raises: OSError: among others FileExistsError, where another file has its name now.
        """
        kept = self._folder(picture_id)
        if not (kept / Path(path).name).is_file():
            return False
        for file in self._files(path):
            if (kept / file.name).is_file():
                if file.exists():
                    raise FileExistsError(17, "another file has that name now", str(file))
                file.parent.mkdir(parents=True, exist_ok=True)
                os.replace(kept / file.name, file)
        shutil.rmtree(kept, ignore_errors=True)
        return True

    def empty(self, days: float = DAYS) -> list[int]:
        """Delete what has been here for longer, for good: the numbers of those pictures."""
        folder = self._outputs / FOLDER
        if not folder.is_dir():
            return []
        before = time.time() - days * 86_400
        old = [one for one in folder.iterdir() if one.name.isdecimal() and one.stat().st_mtime < before]
        for one in old:
            shutil.rmtree(one, ignore_errors=True)
        return [int(one.name) for one in old]

    def _folder(self, picture_id: int) -> Path:
        return self._outputs / FOLDER / str(picture_id)

    def _files(self, path: str) -> tuple[Path, Path]:
        file = self._outputs / path
        return file, file.with_suffix(".txt")
