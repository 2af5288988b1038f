"""`modules.patches` of the older UI: functions of modules replaced under a key, and put back."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

originals: dict[Any, dict[tuple[int, str], Any]] = defaultdict(dict)
"""What was replaced: by the key, then by the object and the name."""


def patch(key: Any, obj: Any, field: str, replacement: Any) -> Any:
    """Replace `obj.field`, and return what it was. Raises: RuntimeError: this key has replaced it already."""
    place = (id(obj), field)
    if place in originals[key]:
        raise RuntimeError(f"patch for {field} is already applied")
    originals[key][place] = getattr(obj, field)
    setattr(obj, field, replacement)
    return originals[key][place]


def undo(key: Any, obj: Any, field: str) -> None:
    """Put back what `patch` replaced. Raises: RuntimeError: it has replaced nothing."""
    place = (id(obj), field)
    if place not in originals[key]:
        raise RuntimeError(f"there is no patch for {field} to undo")
    setattr(obj, field, originals[key].pop(place))


def original(key: Any, obj: Any, field: str) -> Any:
    """What was replaced under this key; None: nothing."""
    return originals[key].get((id(obj), field))
