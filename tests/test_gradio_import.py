"""Gradio as Easel imports it: it works, and writes nothing beside its components."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPONENT = """
import gradio
from gradio.events import Events

class Word(gradio.Textbox):
    EVENTS = [Events.change, Events.submit]
"""
CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from modules.pages.gradio_import import without_stubs
without_stubs()
without_stubs()
import gradio
import word
with gradio.Blocks() as page:
    box = word.Word("x", label="Word")
    box.submit(lambda text: text, box, box)
assert page.get_config_file()["components"][0]["props"]["value"] == "x"
assert sum(type(finder).__module__ == "modules.pages.gradio_import" for finder in sys.meta_path) == 1
"""


def test_components_work_and_get_no_stubs(tmp_path: Path) -> None:
    (tmp_path / "word.py").write_text(COMPONENT)
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["word.py"]
