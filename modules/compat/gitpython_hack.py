"""`modules.gitpython_hack` of the older UI: `Repo` of GitPython, where an extension has had that installed."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("Repo", "Git"):
        import git  # type: ignore[import-not-found,unused-ignore]

        return getattr(git, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
