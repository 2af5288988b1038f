"""Extensions: found, loaded, and each one's failure its own."""

from __future__ import annotations

from pathlib import Path

from modules.plugins.manager import PluginManager

WORKING = """
from modules.plugins.hooks import Tab, hookimpl

@hookimpl
def tabs():
    return [Tab("Mine", "mine", lambda: None)]
"""


def extension(folder: Path, name: str, code: str) -> None:
    (folder / name).mkdir()
    (folder / name / "easel_extension.py").write_text(code)


def test_a_tab_of_an_extension(tmp_path: Path) -> None:
    extension(tmp_path, "working", WORKING)
    manager = PluginManager(tmp_path)
    assert [(tab.title, tab.elem_id) for tab in manager.tabs()] == [("Mine", "mine")]
    assert [e.error for e in manager.extensions()] == [None]
