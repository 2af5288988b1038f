"""What extensions may ask of the program, and that ours ask nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from modules.app import build
from modules.faults import UnknownName
from modules.folders import Folders
from modules.generation.requests import ScriptCall, TextToImage
from modules.plugins.manager import SHIPPED, PluginManager
from modules.plugins.program import Program
from modules.prompts.styles import Style
from tests import tiny_model

KEEPS_ME = """
from modules.plugins.hooks import hookimpl
kept = []

@hookimpl
def scripts(me):
    kept.append(me)
    return []
"""


def test_defaults_do_no_harm() -> None:
    nothing, request = Program(), TextToImage(checkpoint="x")
    assert (nothing.checkpoints(), nothing.vaes(), nothing.styles()) == ([], [], [])
    assert "Lanczos" in nothing.upscalers()
    assert (nothing.find_checkpoint("a"), nothing.find_vae("b"), nothing.check(request)) == (
        "a",
        "b",
        request,
    )
    assert nothing.find_styles(["None", ""]) == []
    with pytest.raises(UnknownName, match="'Mine'"):
        nothing.find_styles(["Mine"])


def test_an_extension_sees_the_program_once_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "easel_extension.py").write_text(KEEPS_ME)
    manager = PluginManager(tmp_path)
    me = manager.me(manager.extensions()[0])
    assert me.program.checkpoints() == []
    manager.program = Program(checkpoints=lambda: ["one"])
    assert me.program.checkpoints() == ["one"]


def test_of_the_whole_program(tmp_path: Path) -> None:
    models = tmp_path / "models"
    tiny_model.write(models / "Stable-diffusion" / "tiny.safetensors")
    (models / "VAE").mkdir()
    (models / "VAE" / "sharp.safetensors").touch()
    (tmp_path / "styles.csv").write_text("name,prompt,negative_prompt\nSketch,{prompt} in ink,colour\n")
    (tmp_path / "extensions" / "mine").mkdir(parents=True)
    (tmp_path / "extensions" / "mine" / "easel_extension.py").write_text(KEEPS_ME)
    application = build(Folders(data=tmp_path, models=models), warm_up=False)
    try:
        mine = application.plugins.get("mine")
        assert mine is not None
        program = application.plugins.me(mine).program
        (title,) = (title for title in program.checkpoints() if title.startswith("tiny"))
        assert program.find_checkpoint(title) == "tiny.safetensors"
        assert program.find_checkpoint("tiny") == "tiny.safetensors"
        assert program.vaes() == ["sharp.safetensors"] and program.find_vae("sharp") == "sharp.safetensors"
        sketch = Style("Sketch", "{prompt} in ink", "colour")
        assert program.styles() == [sketch] == program.find_styles(["Sketch", "None"])
        assert "Lanczos" in program.upscalers()
        asked = TextToImage(sampler="k_euler", checkpoint="tiny", script=ScriptCall(name="xyz plot", seed=4))
        checked = program.check(asked)
        assert (checked.sampler, checked.checkpoint) == ("Euler", "tiny.safetensors")
        assert checked.script is not None and (checked.script.name, checked.script.seed) == ("X/Y/Z plot", 4)
        for wrong in (
            lambda: program.find_checkpoint("gone"),
            lambda: program.find_vae("gone"),
            lambda: program.find_styles(["gone"]),
            lambda: program.check(TextToImage(checkpoint="gone")),
        ):
            with pytest.raises(UnknownName):
                wrong()
    finally:
        application.close()


def test_our_extensions_use_no_names_of_the_older_ui() -> None:
    wrong = []
    for path in SHIPPED.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            wrong += [f"{path}: {name}" for name in names if name.startswith("modules.compat")]
    assert not wrong
