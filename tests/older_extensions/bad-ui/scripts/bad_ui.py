"""Raises where it should make its controls."""

import gradio as gr

from modules import script_callbacks, scripts


class BadUi(scripts.Script):
    def title(self):
        return "Bad ui"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        gr.Checkbox(label="Half a control of bad-ui")
        raise ValueError("bad-ui has no controls")


def bad_tab():
    raise KeyError("bad-ui has no tab")


def bad_route(demo, app):
    raise OSError("bad-ui has no route")


script_callbacks.on_ui_tabs(bad_tab)
script_callbacks.on_app_started(bad_route)
script_callbacks.on_ui_settings(lambda: 1 / 0)
