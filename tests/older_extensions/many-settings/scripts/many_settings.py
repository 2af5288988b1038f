"""A section of settings with every usual component, one with an onchange, one read while a picture is made."""

import gradio as gr

from modules import script_callbacks, scripts, shared
from modules.shared import OptionInfo, opts

changes = []


def on_ui_settings():
    section = ("many_settings", "Many settings")
    shared.opts.add_option("many_on", OptionInfo(True, "A switch", section=section))
    shared.opts.add_option("many_word", OptionInfo("fox", "A word", section=section).info("any word"))
    shared.opts.add_option(
        "many_number",
        shared.OptionInfo(
            7, "A number", gr.Slider, {"minimum": 0, "maximum": 10, "step": 1}, section=section
        ),
    )
    shared.opts.add_option(
        "many_choice",
        shared.OptionInfo(
            "red", "A choice", gr.Dropdown, lambda: {"choices": ["red", "green", "blue"]}, section=section
        ).needs_reload_ui(),
    )
    shared.opts.add_option(
        "many_radio",
        shared.OptionInfo("a", "One of two", gr.Radio, {"choices": ["a", "b"]}, section=section).html(
            "<b>!</b>"
        ),
    )
    shared.opts.add_option(
        "many_several",
        shared.OptionInfo(
            ["x"], "Some of three", gr.CheckboxGroup, {"choices": ["x", "y", "z"]}, section=section
        ),
    )
    shared.opts.add_option(
        "many_colour",
        shared.OptionInfo("#112233", "A colour", gr.ColorPicker, {}, section=section).link(
            "why", "https://example.org"
        ),
    )
    shared.opts.add_option(
        "many_called",
        shared.OptionInfo(
            1,
            "Tells of its changes",
            gr.Number,
            {"precision": 0},
            onchange=lambda: changes.append("own"),
            section=section,
        ),
    )
    shared.opts.add_option(
        "many_hidden", shared.OptionInfo("quiet", "Unseen", gr.Textbox, {"visible": False}, section=section)
    )
    shared.options_templates.update(
        shared.options_section(
            ("many_more", "More of them"),
            {
                "many_late": OptionInfo(3, "Added by a template"),
                "many_explained": shared.OptionHTML("Only words"),
            },
        )
    )
    shared.opts.onchange("many_word", lambda: changes.append(opts.many_word), call=False)


class Script(scripts.Script):
    def title(self):
        return "Many settings"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        if shared.opts.many_on:
            p.extra_generation_params["Many"] = f"{opts.many_word} {opts.data.get('many_number', 7)}"


def on_app_started(demo, app):
    @app.get("/many-settings")
    def read():
        names = [name for name in opts.data_labels if name.startswith("many_")]
        values = {name: getattr(opts, name, None) for name in names}
        return {
            "values": values,
            "changes": list(changes),
            "unknown": getattr(opts, "many_nothing", "default"),
        }


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_app_started(on_app_started)
