"""Draws a frame on each picture, or turns its colours round."""

import gradio as gr
import numpy as np
from PIL import Image, ImageDraw

import modules.scripts as scripts
from modules import shared


class Script(scripts.Script):
    def __init__(self):
        self.done = 0

    def title(self):
        return "Frame it"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with gr.Accordion(
            "Frame it", open=False, elem_id=f"frame_it_{'img2img' if is_img2img else 'txt2img'}"
        ):
            with gr.Group():
                with gr.Row():
                    enabled = gr.Checkbox(label="Draw a frame", value=False)
                    what = gr.Dropdown(choices=["Frame", "Invert"], value="Frame", label="What", type="index")
                width = gr.Slider(label="Frame width", minimum=0, maximum=64, step=1, value=8)
                colour = gr.ColorPicker(label="Frame colour", value="#ff0000")
        return [enabled, what, width, colour]

    def process(self, p, *args):
        self.done = 0

    def postprocess_image(self, p, pp, enabled, what, width, colour):
        if not enabled:
            return
        self.done += 1
        shared.state.textinfo = f"Frame {self.done}"
        if what == 1:
            pp.image = Image.fromarray(255 - np.array(pp.image.convert("RGB")))
            return
        picture = pp.image.copy()
        draw = ImageDraw.Draw(picture)
        right, bottom = picture.width - 1, picture.height - 1
        for inset in range(int(width)):
            draw.rectangle((inset, inset, right - inset, bottom - inset), outline=colour)
        pp.image = picture

    def postprocess(self, p, processed, *args):
        if args[0]:
            processed.comments += f"{self.done} framed"
