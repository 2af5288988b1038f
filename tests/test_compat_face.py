"""The older UI's scripts: loaded, on our page, with their values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio
import numpy as np
import pytest
from PIL import Image

from modules.compat import loader, script_callbacks, values
from modules.compat import scripts as older_scripts
from modules.compat.face import OlderFace
from modules.faults import InvalidField, UnknownName
from tests.older_house import Lab, lab

ALWAYS = """
import os
import gradio as gr
import modules.scripts as scripts
from modules import script_callbacks
from modules.ui_components import InputAccordion, FormRow
from lib_always import NAME

BASE = scripts.basedir()
seen = []

class Always(scripts.Script):
    def title(self):
        return NAME
    def show(self, is_img2img):
        return scripts.AlwaysVisible
    def after_component(self, component, **kwargs):
        if kwargs.get("elem_id") in ("txt2img_prompt", "img2img_prompt"):
            seen.append((self.is_img2img, kwargs["elem_id"], component.elem_id))
            gr.Button("Beside", elem_id="beside_" + kwargs["elem_id"])
    def ui(self, is_img2img):
        with InputAccordion(False, label="Always", elem_id=self.elem_id("main")) as enabled:
            with FormRow():
                strength = gr.Slider(0, 1, 0.5, label="Strength", step=0.1).style(container=False)
                how = gr.Dropdown(["x", "y"], type="index", value="y", label="How")
            image = gr.Image(source="upload", type="pil", tool="editor")
            state = gr.State({"a": 1})
        enabled.change(lambda on: gr.Slider.update(visible=on), inputs=[enabled], outputs=[strength], _js="x")
        self.infotext_fields = [(strength, "Always strength"), (enabled, lambda p: "Always strength" in p)]
        return [enabled, strength, how, image, state]
    def process(self, p, enabled, strength, how, image, state):
        p.log.append((enabled, strength, how, image, state))

def tab():
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox(label="In the tab", elem_id="in_the_tab")
    return [(page, "Its tab", "its_tab")]

script_callbacks.on_ui_tabs(tab)
def started(demo, app):
    @app.get("/theirs")
    def theirs():
        return "here"
script_callbacks.on_app_started(started)
"""

MENU = """
import modules.scripts as scripts
import gradio as gr

class Menu(scripts.Script):
    def title(self):
        return "Their menu entry"
    def show(self, is_img2img):
        return not is_img2img
    def ui(self, is_img2img):
        return [gr.Textbox("text", label="Text"), gr.Number(3, precision=0)]
    def run(self, p, text, number):
        return (text, number)
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


@pytest.fixture
def face(here: Lab) -> OlderFace:
    made = OlderFace(here.house)
    extension = here.write(
        "ext-one", scripts__always=ALWAYS, scripts__menu=MENU, lib_always="NAME = 'Always on'"
    )
    for script in extension.about.scripts:
        made.load(extension, script)
    return made


@dataclass
class Request:
    """A request, as far as scripts' values are asked for."""

    extensions: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: Any = None


def page_of(face: OlderFace) -> tuple[gradio.Blocks, dict[str, dict[str, Any]]]:
    """A page as ours: a prompt, the controls, the tabs. Returns it and the controls by kind of tab."""
    built: dict[str, dict[str, Any]] = {}
    with face.building_page(), gradio.Blocks() as page:
        gradio.Textbox(label="Prompt", elem_id="txt2img_prompt")
        gradio.Number(label="Width", elem_id="txt2img_width")
        for _, controls in face.controls():
            built.setdefault(controls.tabs[0], {}).update(controls.build())
        for _, tab in face.tabs():
            with gradio.Tab(tab.title, id=tab.elem_id):
                tab.build()
    face.page_built(page)
    return page, built


def test_a_script_is_loaded_from_its_folder(face: OlderFace, here: Lab):
    data = {one.script_class.__name__: one for one in older_scripts.scripts_data}
    assert set(data) == {"Always", "Menu", "Script"}  # the last one is the X/Y/Z plot, which takes axes
    module = data["Always"].module
    assert str(here.folder / "ext-one") == module.BASE and module.NAME == "Always on"
    assert older_scripts.basedir() != module.BASE
    assert face.names() == {"txt2img": ["always on", "their menu entry"], "img2img": ["always on"]}


def test_controls_of_both_tabs(face: OlderFace):
    page, built = page_of(face)
    keys = [f"always/always:{n}" for n in range(5)]
    assert list(built["txt2img"]) == keys and list(built["img2img"]) == keys
    assert built["txt2img"][keys[0]] is not built["img2img"][keys[0]]
    ids = [one["props"].get("elem_id") for one in page.get_config_file()["components"]]
    assert "script_txt2img_always_on_main" in ids and "script_img2img_always_on_main" in ids
    assert "in_the_tab" in ids
    json.dumps(page.get_config_file(), default=str)


def test_scripts_are_told_of_the_pages_components_for_both_tabs(face: OlderFace):
    page, _ = page_of(face)
    module = next(one.module for one in older_scripts.scripts_data if one.script_class.__name__ == "Always")
    assert module.seen == [
        (False, "txt2img_prompt", "txt2img_prompt"),
        (True, "img2img_prompt", "img2img_prompt"),
    ]
    beside = {
        one.elem_id: one.elem_classes for one in page.blocks.values() if "beside" in (one.elem_id or "")
    }
    assert "on-txt2img" in beside["beside_txt2img_prompt"]
    assert {"easel-only", "on-img2img", "on-inpaint"} <= set(beside["beside_img2img_prompt"])
    assert any(one.elem_id == "txt2img_prompt" for one in page.blocks.values())


def test_callbacks_on_single_components(face: OlderFace):
    made: list[Any] = []
    before: list[Any] = []
    script_callbacks.on_before_component(lambda component, **kwargs: before.append(kwargs.get("label")))
    with face.building_page():
        runner = older_scripts.scripts_txt2img
        runner.scripts[0].on_after_component(lambda on: made.append(on.component), elem_id="txt2img_width")
        runner.apply_on_before_component_callbacks()
        with gradio.Blocks():
            width = gradio.Number(label="Width", elem_id="txt2img_width")
    assert made == [width] and before == ["Width"]
    with gradio.Blocks():
        gradio.Number(elem_id="txt2img_width", label="Later")
    assert before == ["Width"], "nothing is watched once the page is built"


def test_values_of_a_request_reach_the_script(face: OlderFace):
    page_of(face)
    picture = Image.new("RGB", (2, 2), "red")
    key = "always/always"
    sent = {
        f"{key}:1": 0.25,
        f"{key}:2": face.encode("ext-one", f"{key}:2", "x"),
        f"{key}:3": values.to_json(picture),
    }
    sent[f"{key}:4"] = face.encode("ext-one", f"{key}:4", {"b": object})
    json.dumps(sent)
    runner = older_scripts.runner_for("inpaint")
    p = SimpleNamespace(log=[], script_args=runner.all_args(Request({"ext-one": sent})))  # type: ignore[arg-type]
    runner.process(p)
    ((enabled, strength, how, image, state),) = p.log
    assert (enabled, strength, how, state) == (False, 0.25, 0, {"b": object}) and image.size == (2, 2)


def test_defaults_where_nothing_is_said(face: OlderFace):
    runner = older_scripts.runner_for("txt2img")
    args = runner.all_args(Request())  # type: ignore[arg-type]
    assert args == [0, False, 0.5, 1, None, {"a": 1}, "text", 3]
    chosen = Request(script=SimpleNamespace(name="Their menu entry", values={"0": "other"}))
    args = runner.all_args(chosen)  # type: ignore[arg-type]
    assert args[0] == 1 and runner.run(None, *args) == ("other", 3)


def test_the_menu(face: OlderFace):
    ((extension, script),) = face.scripts()
    assert (extension, script.title, script.tabs) == ("ext-one", "Their menu entry", ("txt2img",))
    assert {**script.defaults} == {"0": "text", "1": 3}
    with gradio.Blocks():
        assert list(script.build()) == ["0", "1"]


def test_the_api(face: OlderFace):
    found = face.always_on({"ALWAYS on": {"args": [True, 0.75]}}, "txt2img")
    assert found == {"ext-one": {"always/always:0": True, "always/always:1": 0.75}}
    with pytest.raises(UnknownName, match="nobody"):
        face.always_on({"nobody": {"args": []}}, "txt2img")
    with pytest.raises(InvalidField, match="script_name"):
        face.always_on({"their menu entry": {"args": []}}, "txt2img")
    with pytest.raises(InvalidField, match="args"):
        face.always_on({"always on": 3}, "txt2img")
    info = next(one for one in face.infos() if one["name"] == "always on" and not one["is_img2img"])
    assert info["is_alwayson"] and info["args"][1]["label"] == "Strength" and info["args"][1]["maximum"] == 1
    assert info["args"][2]["choices"] == ["x", "y"]


def test_a_recipe_fills_controls(face: OlderFace):
    found = face.from_infotext({"Always strength": "0.3", "Steps": "20"}, "img2img")
    assert found == {"ext-one": {"always/always:1": 0.3, "always/always:0": True}}
    assert face.from_infotext({"Steps": "20"}, "txt2img")["ext-one"]["always/always:0"] is False


def test_routes_come_before_the_page(face: OlderFace):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app, rest = FastAPI(), FastAPI()
    app.mount("", rest)
    face.started(app, None)
    with TestClient(app) as client:
        assert client.get("/theirs").json() == "here"


def test_failures_are_their_own(here: Lab):
    face = OlderFace(here.house)
    text = (
        "import modules.scripts as scripts\nfrom modules import script_callbacks\n"
        "class Bad(scripts.Script):\n"
        "    def title(self): return 'Bad'\n"
        "    def show(self, is_img2img): return scripts.AlwaysVisible\n"
        "    def ui(self, is_img2img): raise ValueError('no controls')\n"
        "    def process(self, p, *args): p.log.append(args)\n"
        "class Worse(scripts.Script):\n    def show(self, is_img2img): raise ValueError('not shown')\n"
        "script_callbacks.on_ui_tabs(lambda: 1 / 0)\n"
    )
    bad = here.write("bad", scripts__bad=text)
    face.load(bad, bad.about.scripts[0])
    runner = older_scripts.runner_for("txt2img")
    assert face.tabs() == [] and runner.all_args(Request()) == [0]  # type: ignore[arg-type]
    p = SimpleNamespace(log=[], script_args=[0])
    runner.process(p)
    assert p.log == []
    reasons = [reason for _, _, reason in here.plugins.notes]
    assert {"no controls", "not shown", "division by zero"} <= set(reasons)


def test_unloading(face: OlderFace, here: Lab):
    extension = here.plugins.extensions["ext-one"]
    face.unload(extension)
    assert not older_scripts.scripts_data and face.names() == {"txt2img": [], "img2img": []}
    assert not script_callbacks.callbacks("ui_tabs") and face.head() == ""


def test_a_module_that_a_sibling_imported_is_not_run_twice(here: Lab):
    first = "from scripts import second\nfrom modules import scripts\nbase = second.count\n"
    second = "import modules.shared_marker as m\nm.count += 1\ncount = m.count\n"
    import sys
    from types import ModuleType

    marker: Any = ModuleType("modules.shared_marker")
    marker.count = 0
    sys.modules["modules.shared_marker"] = marker
    try:
        here.load(here.write("pair", scripts__first=first, scripts__second=second))
        assert marker.count == 1
    finally:
        del sys.modules["modules.shared_marker"]
        loader.unload("pair")


def test_an_extension_may_be_a_link(here: Lab, tmp_path: Path):
    real = tmp_path / "elsewhere" / "real"
    (real / "scripts").mkdir(parents=True)
    (real / "scripts" / "a.py").write_text("import gradio as gr\nBOX = gr.Box\nimport helper_of_link\n")
    (real / "helper_of_link.py").write_text("import gradio as gr\nOLD = gr.__version__\n")
    (here.folder / "linked").symlink_to(real, target_is_directory=True)
    here.load(here.write("linked"))
    from modules.compat.script_loading import loaded_scripts

    (module,) = loaded_scripts.values()
    assert module.helper_of_link.OLD.startswith("3.") and module.BOX


def test_values_there_and_back(here: Lab):
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    stored = values.to_json({"a": [1, "x", None], "image": pixels, "n": np.float32(0.5), "o": {1, 2}})
    assert json.loads(json.dumps(stored)) == stored
    back = values.from_json(stored)
    assert back["a"] == [1, "x", None] and back["n"] == 0.5 and back["o"] == {1, 2}
    assert isinstance(back["image"], np.ndarray) and back["image"].shape == (2, 3, 3)
    assert values.argument(gradio.State(7, render=False), {"easel_object": 10**9}, 7) == 7
