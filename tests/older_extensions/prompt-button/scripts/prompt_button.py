"""Buttons next to the prompt and to Generate, wired to the prompt's component."""

import gradio as gr

from modules import script_callbacks, scripts
from modules.ui_components import ToolButton

boxes = {}
early = []


def shout(text):
    return (text or "").upper()


class Script(scripts.Script):
    def title(self):
        return "Prompt button"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def before_component(self, component, **kwargs):
        early.append(kwargs.get("elem_id"))

    def after_component(self, component, **kwargs):
        elem_id = kwargs.get("elem_id")
        if elem_id in ("txt2img_prompt", "img2img_prompt"):
            boxes[elem_id] = component
        if elem_id in ("txt2img_generate", "img2img_generate"):
            tab = elem_id.split("_")[0]
            box = boxes[f"{tab}_prompt"]
            with gr.Row(elem_id=f"prompt_button_{tab}"):
                button = ToolButton(value="A", elem_id=f"{tab}_prompt_shout", tooltip="In capital letters")
                python = gr.Button("Count", elem_id=f"{tab}_prompt_count", variant="secondary")
                said = gr.HTML(elem_id=f"{tab}_prompt_said")
            button.click(fn=shout, inputs=[box], outputs=[box])
            python.click(
                fn=lambda text: f"<b>{len(text)}</b>", inputs=[box], outputs=[said], show_progress=False
            )


def on_after_component(component, **kwargs):
    if kwargs.get("elem_id") == "txt2img_steps" and not hasattr(component, "prompt_button_seen"):
        component.prompt_button_seen = True
        boxes["steps"] = component


script_callbacks.on_after_component(on_after_component)
