"""`modules.ui_gradio_extensions` of the older UI: addresses of files on the page. The program adds them by itself."""

from __future__ import annotations

import os
from pathlib import Path

from modules.compat import paths_internal


def webpath(fn: str | Path) -> str:
    """The address of a file, which changes with it."""
    path = os.path.relpath(fn, paths_internal.script_path)
    shown = str(fn) if path.startswith("..") else path
    return f"file={Path(shown).as_posix()}?{os.path.getmtime(fn)}"


def javascript_html() -> str:
    """Nothing: the page has the extensions' scripts."""
    return ""


def css_html() -> str:
    """Nothing: the page has the extensions' styles."""
    return ""


def reload_javascript() -> None:
    """Nothing: a page that is loaded anew has the scripts as they are then."""
