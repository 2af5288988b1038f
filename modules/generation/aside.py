"""Finishing pictures beside the sampling of those that come next."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


class Aside:
    """One thread that makes pictures of what the model gave, in order, while the next batch is sampled.

    As a context manager it ends when all of them are made.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="finishing")
        self._begun: list[Future[Image]] = []

    def do(self, make: Callable[[], Image]) -> Future[Image]:
        """Have a picture made."""
        future = self._pool.submit(make)
        self._begun.append(future)
        return future

    def settle(self) -> None:
        """Wait for all that was begun. Raises: what went wrong with the first picture that failed."""
        begun, self._begun = self._begun, []
        for future in begun:
            future.result()

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            self.settle()
