"""How a request's pictures are kept: the format, the names, and what lies beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.generation.options import check_choice, check_number, check_text
from modules.imaging.grids import BACKGROUND, make_grid
from modules.imaging.reading import read_colour
from modules.imaging.storage import FORMATS, FileFormat, FormatName

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True)
class SavingOptions:
    """How pictures are kept; immutable, validated when made. For the patterns of names see `imaging.file_names`.

    Args:
        format, quality, lossless, recipe: see `imaging.storage.FileFormat`.
        text_file: write the recipe into a text file beside each picture, too.
        name: the pattern of a file's name, without its suffix.
        numbered: a number that counts up in each folder comes first.
        folder: the pattern of a folder below that of the kind of request (`txt2img`, ...); "": none.
        words: how many words `[prompt_words]` takes.
        grid: keep a sheet of all of a job's pictures, where it makes several.
        grid_format: that of sheets.
        grid_rows: -1: as square as can be; 0: as many as a batch has pictures.
        grid_background: the colour where no picture is.
    """

    format: FormatName = "png"
    quality: int = 80
    lossless: bool = False
    recipe: bool = True
    text_file: bool = False
    name: str = "[seed]"
    numbered: bool = True
    folder: str = "[date]"
    words: int = 8
    grid: bool = False
    grid_format: FormatName = "png"
    grid_rows: int = -1
    grid_background: str = BACKGROUND

    def __post_init__(self) -> None:
        check_choice("samples_format", "The format of pictures", self.format, FORMATS)
        check_choice("grid_format", "The format of grids", self.grid_format, FORMATS)
        check_number("n_rows", "Rows of grids", self.grid_rows, -1, 100, whole=True)
        check_number("jpeg_quality", "The quality of pictures", self.quality, 1, 100, whole=True)
        check_number("directories_max_prompt_words", "Words of the prompt", self.words, 1, 20, whole=True)
        if self.grid_background != BACKGROUND:
            read_colour(self.grid_background, "grid_background_color", "The background of grids")
        check_text("samples_filename_pattern", "The pattern of file names", self.name)
        check_text("directories_filename_pattern", "The pattern of folders", self.folder)

    def file_format(self, *, grid: bool = False) -> FileFormat:
        """How a picture becomes a file, or a grid."""
        name = self.grid_format if grid else self.format
        return FileFormat(name, self.quality, self.lossless, self.recipe)

    def sheet(self, images: Sequence[Image], batch_size: int) -> Image:
        """All pictures of a job on one sheet."""
        rows = batch_size if self.grid_rows == 0 else self.grid_rows
        return make_grid(images, self.grid_background, rows if rows > 0 else None)
