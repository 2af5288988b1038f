"""An always-visible script that changes the prompts before anything is encoded."""

import gradio as gr

from modules import script_callbacks, scripts
from modules.processing import StableDiffusionProcessing
from modules.ui_components import InputAccordion

seen = []


class WordSwap(scripts.Script):
    sorting_priority = 12

    def title(self):
        return "Word swap"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(False, label="Word swap", elem_id=self.elem_id("enabled")) as enabled:
            with gr.Row():
                old = gr.Textbox(label="Old word", value="cat", elem_id=self.elem_id("old"))
                new = gr.Textbox(label="New word", value="dog", elem_id=self.elem_id("new"))
            added = gr.Textbox(label="Added to each batch", value="", elem_id=self.elem_id("added"))
        return [enabled, old, new, added]

    def process(self, p: StableDiffusionProcessing, enabled, old, new, added):
        seen.append("process")
        if into := getattr(p, "swap_into", None):  # the axis of the plot
            enabled, new = True, into
        if not enabled or not old:
            return
        p.all_prompts = [prompt.replace(old, new) for prompt in p.all_prompts]
        if getattr(p, "all_hr_prompts", None):
            p.all_hr_prompts = [prompt.replace(old, new) for prompt in p.all_hr_prompts]
        p.extra_generation_params["Word swap"] = f"{old} -> {new}"

    def before_process_batch(self, p, enabled, old, new, added, **kwargs):
        seen.append("before_process_batch")
        if enabled and added:
            first = kwargs["batch_number"] * p.batch_size
            for place, prompt in enumerate(kwargs["prompts"]):
                p.all_prompts[first + place] = kwargs["prompts"][place] = f"{prompt}, {added}"

    def process_batch(self, p, *args, **kwargs):
        seen.append("process_batch")
        assert len(kwargs["prompts"]) == len(kwargs["seeds"]) == len(kwargs["subseeds"])

    def postprocess_batch(self, p, *args, **kwargs):
        seen.append("postprocess_batch")
        assert kwargs["images"].ndim == 4

    def postprocess(self, p, processed, *args):
        seen.append("postprocess")


def on_app_started(_, app):
    @app.get("/word-swap/seen")
    def calls():
        answer, seen[:] = list(seen), []
        return answer


def add_axes():
    xyz_grid = next(d.module for d in scripts.scripts_data if d.script_class.__module__ == "xyz_grid.py")

    def swap_into(p, x, xs):
        p.swap_into = x

    if not any(option.label.startswith("[Swap]") for option in xyz_grid.axis_options):
        xyz_grid.axis_options.extend(
            [
                xyz_grid.AxisOption("[Swap] New word", str, swap_into, choices=lambda: ["dog", "fox"]),
                xyz_grid.AxisOption("[Swap] Rounds", int, xyz_grid.apply_field("swap_rounds"), cost=0.2),
            ]
        )


script_callbacks.on_before_ui(add_axes)
script_callbacks.on_app_started(on_app_started)
