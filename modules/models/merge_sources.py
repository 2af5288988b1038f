"""The files of a merge, read tensor by tensor without filling the memory."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from modules.models.checkpoint_file import TensorFile

LARGEST_BUDGET = 256 << 20
SMALLEST_BUDGET = 16 << 20


class MergeSources:
    """Open files. A context manager.

    A mapped file fills the memory as far as it was read, and empties it only when it is let go. So the files are
    opened anew after every sixteenth of what is to be read (16 MiB at least, 256 MiB at most).

    Args: openers: one for each file.

    Raises: BadFile: as the openers do.
    """

    def __init__(self, openers: Sequence[Callable[[], TensorFile]]) -> None:
        self._openers = openers
        self.files: list[TensorFile] = []
        self._read = 0
        self._open()
        size = sum(_bytes(file, name) for file in self.files for name in file.shapes)
        self._budget = min(LARGEST_BUDGET, max(SMALLEST_BUDGET, size // 16))

    def tensor(self, file: int, name: str) -> Tensor:
        """Read one tensor of a file. Let tensors go before `rest` is called."""
        self._read += _bytes(self.files[file], name)
        return self.files[file].tensor(name)

    def rest(self) -> None:
        """To be called between tensors: empties the memory when it is time to."""
        if self._read >= self._budget:
            self.close()
            self._open()
            self._read = 0

    def close(self) -> None:
        """Let all files go."""
        for file in self.files:
            file.close()

    def __enter__(self) -> MergeSources:
        """The files."""
        return self

    def __exit__(self, *error: object) -> None:
        """See `close`."""
        self.close()

    def _open(self) -> None:
        with contextlib.ExitStack() as stack:
            self.files = [stack.enter_context(opener()) for opener in self._openers]
            stack.pop_all()  # all could be opened: they stay open


def _bytes(file: TensorFile, name: str) -> int:
    return math.prod(file.shapes[name]) * file.dtypes[name].itemsize
