"""Gradio as extensions of the older UI know it, and only they."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import pytest
from PIL import Image

from modules.compat.gradio_shim import adopt, older_gradio
from modules.compat.gradio_shim.imports import NAMES
from modules.compat.gradio_shim.pictures import painted

gr: Any = older_gradio()


def answer_of(page: gradio.Blocks, name: str, *values: Any) -> Any:
    """What the page would send to the browser for a call of an event's function."""
    event = next(one for one in page.fns.values() if one.name == name)
    assert event.fn is not None
    return asyncio.run(page.postprocess_data(event, event.fn(*values), None))


def test_the_old_habits_of_constructors():
    with gr.Blocks():
        menu = gr.Dropdown(["a", "b"], label="D").style(container=False)
        tool = gr.Button("x", variant="tool", full_width=True)
        gallery = gr.Gallery(show_label=False).style(grid=[2, 4], height="auto")
        picture = gr.Image(source="upload", type="file", tool="editor", brush_radius=3)
        box = gr.Box(elem_id="b")
        several = gr.Dropdown(["a"], multiselect=True)
    assert menu.value is None and menu.container is False, "Gradio 3 chose nothing by itself"
    assert tool.variant == "secondary" and "tool" in tool.elem_classes
    assert gallery.columns == 4
    assert picture.sources == ["upload", "clipboard"] and picture.type == "filepath"
    assert box.get_block_name() == "group" and box.elem_id == "b"
    assert several.value == []


def test_gradio_itself_stays_as_it_is():
    with pytest.raises(TypeError):
        gradio.Button("x", full_width=True)  # type: ignore[call-arg]
    assert not hasattr(gradio, "Box")
    assert gradio.__version__ != gr.__version__ and gr.__version__.startswith("3.")
    with gradio.Blocks():
        button: Any = gradio.Button("x")
        with pytest.raises(TypeError):
            button.click(None, _js="x")


def test_objects_are_gradios_own_for_gradio():
    with gradio.Blocks() as page:
        area = gr.TextArea("z")
        menu = gr.Dropdown(["a"], elem_id="m")
    types = [one["type"] for one in page.get_config_file()["components"]]
    assert sorted(types)[:2] == ["dropdown", "form"] and "textbox" in types
    assert isinstance(menu, gradio.Dropdown) and isinstance(menu, gr.Dropdown)
    assert isinstance(area, gr.components.IOComponent) and isinstance(menu, gr.components.FormComponent)
    assert menu.get_config()["choices"] == [("a", "a")]


def test_classes_of_extensions():
    class Tool(gr.components.FormComponent, gr.Button):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(variant="tool", **kwargs)

        def get_block_name(self) -> str:
            return "button"

    class Line(gr.components.FormComponent, gr.Row):
        def get_block_name(self) -> str:
            return "row"

    with gr.Blocks() as page, Line():
        Tool(value="k", elem_id="t")
    config = {one["type"]: one for one in page.get_config_file()["components"]}
    assert config["button"]["props"]["value"] == "k" and "row" in config
    assert not list(Path(__file__).parent.glob("*.pyi")), (
        "Gradio writes nothing beside an extension's classes"
    )


def test_events_with_the_old_keywords():
    with gr.Blocks() as page:
        menu, out = gr.Dropdown(["a"]), gr.Image(type="pil")

        def changed(value: str, event: gr.SelectData = None) -> Any:
            return gr.Dropdown.update(choices=["q"], value="q", gone=1), gr.update(
                source="webcam", visible=False
            )

        press = gr.Button("x").click(
            changed, [menu], [menu, out], _js="() => 1;", show_progress=False, api_name=False, every=None
        )
        press.then(fn=None, _js="submit", inputs=[], outputs=[])
        gr.Slider(0, 1).release(fn=None, _js="foo", inputs=None, outputs=[])
        menu.edit(changed, [menu], [menu, out])
        gr.HTML("").like(None)
    first, then, *_ = page.get_config_file()["dependencies"]
    assert first["js"] == "(...values) => (() => 1)(...values)" and first["show_progress"] == "hidden"
    assert then["js"] == "(...values) => (submit)(...values)"
    menu_update, picture_update = answer_of(page, "changed", "a")
    assert menu_update == {"choices": [["q", "q"]], "value": "q", "__type__": "update"}
    assert picture_update["sources"] == ["webcam"]
    assert picture_update["visible"] is True and picture_update["elem_classes"] == ["easel-unseen"]


def test_functions_of_all_kinds_are_wrapped():
    with gr.Blocks() as page:
        out = gr.Dropdown(["a"], elem_id="o")

        def several() -> Any:
            yield gr.update(choices=["1"], gone=1)

        async def later() -> Any:
            return {out: gr.update(choices=["2"], gone=1)}

        page.load(several, None, out)
        page.load(later, None, [out], every=5)
    functions: dict[Any, Any] = {one.name: one.fn for one in page.fns.values()}
    assert next(functions["several"]()) == {"choices": ["1"], "__type__": "update"}
    answers = asyncio.run(functions["later"]())
    assert answers[out]["choices"] == ["2"]
    assert [one.targets[0][1] for one in page.fns.values()] == ["load", "tick", "load"]


def test_a_component_of_the_page_is_handed_over():
    with gradio.Blocks() as page:
        own: Any = gradio.Textbox(elem_id="txt2img_prompt")
        assert adopt(own) is own
        own.change(None, inputs=[own], _js="x")
        own.style(container=False)
    (event,) = page.get_config_file()["dependencies"]
    assert event["js"] == "(...values) => (x)(...values)"
    assert type(gradio.Textbox(render=False)) is gradio.Textbox


def test_a_value_outside_the_choices_is_no_error():
    with gr.Blocks():
        menu = gr.Dropdown(["a"])
    assert menu.preprocess("new") == "new"


def test_an_image_that_is_drawn_on():
    with gr.Blocks():
        sketch = gr.Image(source="upload", tool="sketch", type="numpy", label="S", elem_id="s")
    assert sketch.get_block_name() == "imageeditor" and isinstance(sketch, gradio.ImageEditor)
    stroke = Image.new("RGBA", (4, 2))
    stroke.putpixel((1, 0), (0, 0, 0, 255))
    value = {"background": Image.new("RGB", (4, 2)), "layers": [stroke]}
    mask = np.asarray(painted(value))
    assert (
        mask.shape == (2, 4, 4) and mask[0, 1].tolist() == [255] * 4 and mask[1, 1].tolist() == [0, 0, 0, 255]
    )


def test_names_that_are_gone():
    text = gr.processing_utils.encode_pil_to_base64(Image.new("RGB", (3, 2), "red"))
    assert gr.processing_utils.decode_base64_to_image(text).size == (3, 2)
    assert gr.inputs.Slider is gr.Slider and gr.outputs.Image is gr.Image
    assert gr.components.Form and gr.context.Context and gr.routes.App and gr.blocks.BlockContext


def test_only_an_extensions_own_code_gets_it(tmp_path):
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name / "scripts").mkdir(parents=True)
        (tmp_path / name / "scripts" / "helper.py").write_text(f"VALUE = {text}\n")
        (tmp_path / name / "lib_shared.py").write_text(
            "import gradio as gr\nfrom gradio import Box\nfrom gradio.components import Dropdown as D\n"
            f"from scripts import helper\nVALUE = {text}\n"
            "def late():\n    import gradio\n    import scripts.helper as h\n    return gradio, h.VALUE\n"
        )
    modules = {}
    try:
        for name in ("one", "two"):
            imports = NAMES.enter(name, tmp_path / name)
            modules[name] = imports.import_name("lib_shared")
        one, two = modules["one"], modules["two"]
        assert (one.VALUE, two.VALUE) == (1, 2) and one.helper.VALUE == 1 and two.helper.VALUE == 2
        assert one.gr is gr and one.D is gr.Dropdown and one.late() == (gr, 1) and two.late() == (gr, 2)
        assert sys.modules["gradio"] is gradio
    finally:
        NAMES.leave("one")
        NAMES.leave("two")
    assert "lib_shared" not in sys.modules and "scripts.helper" not in sys.modules
