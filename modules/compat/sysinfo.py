"""`modules.sysinfo` of the older UI: what is told of the machine. `/internal/sysinfo` is the program's own."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from typing import Any

from modules.compat import errors
from modules.compat.house import house, is_open
from modules.version import VERSION


def get_dict() -> dict[str, Any]:
    """All that is told."""
    loaded = house().plugins.loaded() if is_open() else []
    return {
        "Platform": platform.platform(),
        "Python": sys.version.split()[0],
        "Version": f"Easel {VERSION}",
        "Extensions": [extension.name for extension in loaded],
        "Exceptions": errors.get_exceptions(),
        "Packages": get_packages(),
    }


def get() -> str:
    """All that is told, as JSON."""
    return json.dumps(get_dict(), indent=4)


def get_packages() -> list[str]:
    """The packages that are installed, as `name==version`."""
    return sorted({f"{one.name}=={one.version}" for one in importlib.metadata.distributions()})


def pretty_bytes(num: float, suffix: str = "B") -> str:
    """A number of bytes as people read it."""
    for unit in ("", "K", "M", "G", "T"):
        if abs(num) < 1024:
            return f"{num:.0f}{unit}{suffix}"
        num /= 1024
    return f"{num:.0f}P{suffix}"
