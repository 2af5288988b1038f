"""Controls that a recipe brings back: infotext_fields, paste_field_names, extra_generation_params."""

import gradio as gr

import modules.scripts as scripts
from modules import script_callbacks
from modules.ui_components import InputAccordion

pasted = []


class RememberMe(scripts.Script):
    def title(self):
        return "Remember me"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(False, label="Remember me", elem_id=self.elem_id("on")) as enabled:
            depth = gr.Slider(
                minimum=0, maximum=9, step=1, value=0, label="Depth", elem_id=self.elem_id("depth")
            )
            mood = gr.Dropdown(["calm", "wild"], value="calm", label="Mood", elem_id=self.elem_id("mood"))
            name = gr.Textbox(value="", label="Name", elem_id=self.elem_id("name"))

        with enabled.extra():
            gr.HTML("<small>kept in the recipe</small>")

        self.infotext_fields = [
            (enabled, lambda d: "Memory depth" in d),
            (depth, "Memory depth"),
            (mood, lambda d: d.get("Memory mood", gr.update())),
            (name, "Memory name"),
        ]
        self.paste_field_names = ["Memory depth", "Memory mood", "Memory name"]
        return [enabled, depth, mood, name]

    def process(self, p, enabled, depth, mood, name):
        if not enabled:
            return
        p.extra_generation_params["Memory depth"] = depth
        p.extra_generation_params["Memory mood"] = mood
        p.extra_generation_params["Memory name"] = name or None


def on_infotext_pasted(infotext, params):
    pasted.append(params.get("Memory name"))
    if "Old memory" in params:
        params["Memory depth"] = params.pop("Old memory")


script_callbacks.on_infotext_pasted(on_infotext_pasted)
