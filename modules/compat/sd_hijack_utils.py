"""`modules.sd_hijack_utils` of the older UI: `CondFunc`, which puts a function in the place of another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any


def always_true(*args: Any, **kwargs: Any) -> bool:
    """The condition that always holds."""
    return True


class CondFunc:
    """From now on a function is carried out by another one, where a condition holds.

    Args:
        orig_func: the function, or where it is: "package.module.Class.function".
        sub_func: `(orig_func, *args, **kwargs)`.
        cond_func: the same arguments; None: always.

    Where a name leads nowhere (to a package that the program doesn't use), nothing is changed.
    """

    def __new__(cls, orig_func: Any, sub_func: Callable[..., Any], cond_func: Any = None) -> Any:
        """The replacement, for a function; for a name its place is changed."""
        if not isinstance(orig_func, str):
            return _conditional(orig_func, sub_func, cond_func or always_true)
        found = _place(orig_func)
        if found is not None:
            holder, name = found
            old = getattr(holder, name)
            setattr(holder, name, _conditional(old, sub_func, cond_func or always_true))
        return super().__new__(cls)


def _conditional(old: Any, new: Callable[..., Any], holds: Callable[..., bool]) -> Callable[..., Any]:
    @functools.wraps(old)
    def call(*args: Any, **kwargs: Any) -> Any:
        return new(old, *args, **kwargs) if holds(old, *args, **kwargs) else old(*args, **kwargs)

    return call


def _place(path: str) -> tuple[Any, str] | None:
    """What holds the thing of a dotted name, and the last part of the name."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            holder: Any = import_module(".".join(parts[:count]))
        except ImportError:
            continue
        try:
            for name in parts[count:-1]:
                holder = getattr(holder, name)
            return (holder, parts[-1]) if hasattr(holder, parts[-1]) else None
        except AttributeError:
            return None
    return None
