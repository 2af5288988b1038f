"""Wants a tab id and a script's title that belong to others."""

import gradio as gr

import modules.scripts as scripts
from modules import script_callbacks
from modules.processing import Processed, process_images


class Script(scripts.Script):
    def title(self):
        return "Two shots"

    def ui(self, is_img2img):
        return []

    def run(self, p):
        done = process_images(p)
        return Processed(p, done.images[:1], done.seed, "the twin's")


def on_ui_tabs():
    with gr.Blocks() as stolen:
        gr.HTML("<p>the twin's tab</p>")
    with gr.Blocks() as own:
        gr.HTML("<p>the twin's own tab</p>")
    return [(stolen, "Notes again", "note_tab"), (own, "Twin", "twin_tab")]


script_callbacks.on_ui_tabs(on_ui_tabs)
