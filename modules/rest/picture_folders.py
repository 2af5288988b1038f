"""Pictures of a folder on the server's machine, by its path: for work on many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.faults import InvalidField
from modules.imaging.reading import SUFFIXES

_SUFFIXES = {f".{suffix}" for suffix in SUFFIXES.values()} | {".jpeg", ".tif"}


@dataclass(frozen=True)
class PictureFolders:
    """Which folders may be read.

    Args: within: only these, and what is below them; empty: any. Relative paths begin at the first.
    """

    within: tuple[Path, ...] = ()

    def pictures_in(self, folder: str, field: str, most: int) -> list[Path]:
        """The pictures in a folder, by name, without those in folders below it.

        Raises: InvalidField: it isn't there, lies elsewhere, or has no pictures or more than `most`.
        """
        base = self.within[0] if self.within else Path.cwd()
        path = (base / Path(folder.strip().strip('"')).expanduser()).resolve()
        if self.within and not any(path.is_relative_to(allowed.resolve()) for allowed in self.within):
            names = " or ".join(allowed.name for allowed in self.within)
            raise InvalidField(
                field, f"Only folders inside {names} can be read, as others can reach this server."
            )
        try:
            files = sorted(
                file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file()
            )
        except OSError as error:
            raise InvalidField(field, f"The folder {path} can't be read ({error.strerror}).") from error
        if not files:
            raise InvalidField(field, f"There are no pictures in {path}.")
        if len(files) > most:
            raise InvalidField(field, f"There are {len(files):,} pictures in {path}; at most {most:,} go.")
        return files


def masks_for(pictures: Sequence[Path], masks: Sequence[Path]) -> list[Path]:
    """Each picture's mask: the one of the same name, whatever the suffix; a single one is for all.

    Raises: InvalidField: a picture has none.
    """
    if len(masks) == 1:
        return [masks[0]] * len(pictures)
    by_name = {mask.stem: mask for mask in masks}
    missing = [picture.name for picture in pictures if picture.stem not in by_name]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise InvalidField(
            "masks", f"There is no mask for {missing[0]}{more}. A mask has the name of its picture."
        )
    return [by_name[picture.stem] for picture in pictures]
