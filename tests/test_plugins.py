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


def test_a_failing_extension_does_not_harm_the_others(tmp_path: Path) -> None:
    extension(tmp_path, "a_import", "import no_such_module_anywhere")
    extension(tmp_path, "b_syntax", "def (")
    extension(tmp_path, "c_hook", WORKING.replace('[Tab("Mine", "mine", lambda: None)]', "1 / 0"))
    extension(tmp_path, "d_rubbish", WORKING.replace('[Tab("Mine", "mine", lambda: None)]', "'rubbish'"))
    extension(tmp_path, "e_working", WORKING)
    (tmp_path / "no extension").mkdir()
    manager = PluginManager(tmp_path)
    assert [tab.title for tab in manager.tabs()] == ["Mine"]
    errors = {e.name: (e.error or "").strip().splitlines()[-1:] for e in manager.extensions()}
    assert errors == {
        "a_import": ["ModuleNotFoundError: No module named 'no_such_module_anywhere'"],
        "b_syntax": ["SyntaxError: invalid syntax"],
        "c_hook": ["ZeroDivisionError: division by zero"],
        "d_rubbish": ["TypeError: tabs() must return a list of Tab, not 'rubbish'"],
        "e_working": [],
    }


def test_no_folder_is_no_extension(tmp_path: Path) -> None:
    assert PluginManager(tmp_path / "nothing").extensions() == []
