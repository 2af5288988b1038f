"""Options of the older UI and its callbacks, for the modules beside this one: asked late, and absent without harm."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from modules.compat.house import is_open
from modules.faults import NotPossibleNow

log = logging.getLogger(__name__)


def option(name: str, default: Any) -> Any:
    """The option of this name as it is now; `default` where there is none, or no program runs."""
    if not is_open():
        return default
    try:
        value = getattr(import_module("modules.compat.shared").opts, name)
    except (ImportError, AttributeError, KeyError, NotPossibleNow):
        return default
    return default if value is None else value


def state(name: str, default: Any) -> Any:
    """What `shared.state` says under this name; `default` where it says nothing."""
    if not is_open():
        return default
    try:
        return getattr(import_module("modules.compat.shared").state, name, default)
    except (ImportError, NotPossibleNow):
        return default


def call_back(function: str, kind: str, *arguments: Any) -> Any:
    """Have those called that registered for an event in `script_callbacks`.

    Args: function: that runs the callbacks; kind: the class of its argument, made from `arguments`.

    Returns: the object that the callbacks saw.
    """
    callbacks = import_module("modules.compat.script_callbacks")
    params = getattr(callbacks, kind)(*arguments)
    getattr(callbacks, function)(params)
    return params
