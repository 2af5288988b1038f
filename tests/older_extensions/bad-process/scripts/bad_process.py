"""Raises while a picture is made, where it is switched on."""

import gradio as gr

from modules import scripts


class BadProcess(scripts.Script):
    def title(self):
        return "Bad process"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [
            gr.Checkbox(label="Fail in process", value=False),
            gr.Checkbox(label="Fail at the end", value=False),
        ]

    def process(self, p, early, late):
        if early:
            raise RuntimeError("bad-process fails early")

    def postprocess(self, p, processed, early, late):
        if late:
            raise RuntimeError("bad-process fails late")
