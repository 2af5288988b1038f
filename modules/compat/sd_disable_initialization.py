"""`modules.sd_disable_initialization` of the older UI: networks made without random weights."""

from __future__ import annotations

from typing import Any


class _Nothing:
    """Does nothing: the program's networks are made without weights anyway."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class DisableInitialization(_Nothing):
    """See above."""


class InitializeOnMeta(_Nothing):
    """See above."""


class LoadStateDictOnMeta(_Nothing):
    """See above."""
