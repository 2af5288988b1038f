"""What a recipe says for a component: the older UI's rules of pasting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_for(component: Any, label: Any, params: dict[str, Any]) -> Any:
    """The value of a component; None: the recipe doesn't say.

    Args: label: a name in the recipe, or a function of the whole recipe.

    Raises: whatever the function raises.
    """
    value = label(params) if callable(label) else params.get(label)
    if isinstance(value, dict) and "__type__" in value:
        value = value.get("value")
    if value is None or callable(label):
        return value
    return like(getattr(component, "value", None), value)


def like(known: Any, value: Any) -> Any:
    """A value of the same type as one that a component has; as it is where it can't be."""
    kind = type(known)
    try:
        if kind is bool:
            return str(value).strip().lower() not in ("false", "0", "none", "")
        if kind is int:
            return int(float(value)) if float(value).is_integer() else float(value)
        if kind is float:
            return float(value)
        if kind is list and isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
    except (TypeError, ValueError):
        return value
    return value


def override_settings(params: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Settings that a recipe speaks of, "Name: value". Args: names: the settings' names in recipes."""
    return [f"{label}: {params[label]}" for label in names if params.get(label) is not None]
