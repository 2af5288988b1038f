"""Recipes, and the buttons that send them, under the older UI's names."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from modules.compat import generation_parameters_copypaste, infotext_utils, ui_common
from modules.compat.gradio_shim import older_gradio
from modules.compat.gradio_shim.pictures import encode_pil_to_base64

gr: Any = older_gradio()
TEXT = 'a fox\nNegative prompt: trees\nSteps: 20, Sampler: Euler a, Size: 64x32, Mine: "x, y: z"'


@pytest.fixture(autouse=True)
def _forget() -> Any:
    infotext_utils.reset()
    yield
    infotext_utils.reset()


def test_a_recipe_is_read():
    found = infotext_utils.parse_generation_parameters(TEXT, skip_fields=["Sampler"])
    assert (found["Prompt"], found["Negative prompt"], found["Steps"]) == ("a fox", "trees", "20")
    assert (found["Size-1"], found["Size-2"], found["Mine"]) == ("64", "32", "x, y: z")
    assert "Sampler" not in found
    assert (
        generation_parameters_copypaste.parse_generation_parameters
        is infotext_utils.parse_generation_parameters
    )


@pytest.mark.parametrize("value", ["plain", "a, b", 'with "quotes": yes', "two\nlines"])
def test_quotes(value: str):
    assert infotext_utils.unquote(infotext_utils.quote(value)) == value


def test_pictures_of_components(tmp_path):
    picture = Image.new("RGB", (3, 2))
    assert infotext_utils.send_image_and_dimensions(encode_pil_to_base64(picture))[1:] == (3, 2)
    assert infotext_utils.image_from_url_text([(picture, "caption")]) is picture
    assert infotext_utils.image_from_url_text(None) is None
    picture.save(tmp_path / "secret.png")
    with pytest.raises(ValueError, match=r"secret\.png"):
        infotext_utils.image_from_url_text(str(tmp_path / "secret.png"))


def test_a_button_fills_our_form_in_the_browser():
    with gr.Blocks() as page:
        text, image = gr.Textbox(), gr.Image()
        infotext_utils.register_paste_params_button(
            infotext_utils.ParamBinding(
                paste_button=gr.Button("Send"),
                tabname="img2img",
                source_text_component=text,
                source_image_component=image,
            )
        )
        infotext_utils.bind_buttons(infotext_utils.create_buttons(["txt2img", "extras"]), image, text)
    events = page.get_config_file()["dependencies"]
    assert len(events) == 3 == len(infotext_utils.registered_param_bindings)
    assert 'easelOlder?.paste("img2img", text)' in events[0]["js"] and events[0]["backend_fn"] is False
    assert 'easelOlder?.sendImage("img2img", url)' in events[0]["js"] and len(events[0]["inputs"]) == 2


def test_a_tab_of_its_own_is_filled_by_gradio():
    with gr.Blocks() as page:
        text, steps, on = gr.Textbox(), gr.Slider(1, 50, 20, step=1), gr.Checkbox(False)
        fields = [(steps, "Steps"), (on, "Hires"), (gr.Textbox(), lambda params: params["Prompt"].upper())]
        infotext_utils.add_paste_fields("mine", None, fields)
        infotext_utils.register_paste_params_button(infotext_utils.ParamBinding(gr.Button("x"), "mine", text))
    event = next(one for one in page.fns.values() if one.name == "paste")
    assert event.fn is not None
    answers = event.fn(TEXT)
    assert [one.get("value") for one in answers] == [20, None, "A FOX"]


def test_parts_of_the_page():
    assert ui_common.plaintext_to_html("a<b\nc") == "<p>a&lt;b<br>\nc</p>"
    with gr.Blocks() as page:
        menu = gr.Dropdown(["a"])
        ui_common.create_refresh_button(menu, lambda: None, lambda: {"choices": ["a", "b"]}, "refresh")
        panel = ui_common.create_output_panel("theirs", "")
    assert panel.gallery.elem_id == "theirs_gallery"
    refresh = next(one for one in page.fns.values() if one.name == "refresh")
    assert refresh.fn is not None
    assert refresh.fn() == {"choices": ["a", "b"], "__type__": "update"}
