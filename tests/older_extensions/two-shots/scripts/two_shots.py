"""A script of the menu: the same picture with two CFG scales, and a grid of both."""

import copy

import gradio as gr

import modules.scripts as scripts
from modules import images
from modules.processing import Processed, process_images
from modules.shared import opts, state


class Script(scripts.Script):
    def title(self):
        return "Two shots"

    def show(self, is_img2img):
        return not is_img2img

    def ui(self, is_img2img):
        with gr.Row():
            low = gr.Slider(
                minimum=1, maximum=20, step=0.5, value=2, label="Low CFG", elem_id=self.elem_id("low")
            )
            high = gr.Slider(
                minimum=1, maximum=20, step=0.5, value=12, label="High CFG", elem_id=self.elem_id("high")
            )
        order = gr.Radio(["low first", "high first"], value="low first", label="Order", type="index")
        word = gr.Textbox(label="Word for the second", value="", elem_id=self.elem_id("word"))
        grid = gr.Checkbox(label="Make a grid", value=True, elem_id=self.elem_id("grid"))
        return [low, high, order, word, grid]

    def run(self, p, low, high, order, word, grid):
        p.do_not_save_grid = True
        scales = [low, high] if order == 0 else [high, low]
        state.job_count = len(scales) * p.n_iter
        pictures, texts, seeds = [], [], []
        for number, scale in enumerate(scales):
            if state.interrupted:
                break
            state.job = f"{number + 1} out of {len(scales)}"
            one = copy.copy(p)
            one.cfg_scale = scale
            if number and word:
                one.prompt = f"{p.prompt}, {word}"
            if seeds:
                one.seed = seeds[0]
            one.extra_generation_params = {**p.extra_generation_params, "Shot": number + 1}
            done = process_images(one)
            pictures += done.images
            texts += done.infotexts or [done.info]
            seeds.append(done.seed)
        if grid and len(pictures) > 1:
            sheet = images.image_grid(pictures, rows=1)
            pictures.insert(0, sheet)
            texts.insert(0, texts[0])
            if opts.grid_save:
                images.save_image(sheet, p.outpath_grids, "grid", extension=opts.grid_format, p=p, grid=True)
        return Processed(
            p, pictures, seeds[0], texts[0], infotexts=texts, index_of_first_image=int(bool(grid))
        )
