"""A list that tells when it changes: extensions append to the older UI's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class WatchedList(list[T]):
    """A list. Args: changed: called after each change."""

    def __init__(self, items: Iterable[T], changed: Callable[[], None]) -> None:
        super().__init__(items)
        self._changed = changed

    def append(self, item: T) -> None:
        """See `list`."""
        super().append(item)
        self._changed()

    def extend(self, items: Iterable[T]) -> None:
        """See `list`."""
        super().extend(items)
        self._changed()

    def insert(self, index: Any, item: T) -> None:
        """See `list`."""
        super().insert(index, item)
        self._changed()

    def remove(self, item: T) -> None:
        """See `list`."""
        super().remove(item)
        self._changed()

    def pop(self, index: Any = -1) -> T:
        """See `list`."""
        item = super().pop(index)
        self._changed()
        return item

    def __iadd__(self, items: Iterable[T]) -> WatchedList[T]:  # type: ignore[override,misc]
        super().extend(items)
        self._changed()
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self._changed()

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        self._changed()
