"""The workbench of the tabs that make pictures: one form, whose parts come and go with the tab, and the pictures.

It stands below the tabs and belongs to four of them: so a prompt, a sampler or a seed stays when the tab changes, and
the page holds them once. What happens after a press is shown by `javascript/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modules.pages import panels
from modules.pages.components import Form, only
from modules.pages.fields import FIELDS, HIRES, KINDS
from modules.pages.markup import piece
from modules.pages.services import PageServices
from modules.pages.submitting import EXTENSION, SOURCE, submit_form

if TYPE_CHECKING:
    import gradio as gr

TABS = tuple(zip(KINDS, ("Text to image", "Image to image", "Inpaint", "Outpaint"), strict=True))
"""Kind and title of each of its tabs."""
ORDER = (*(field.name for field in FIELDS), HIRES)
"""The values in the order in which the scripts get them."""


def build(services: PageServices) -> None:
    """Make the workbench. Called behind the tabs."""
    import gradio as gr

    form = Form(services)
    with gr.Row(elem_id="easel_workbench"):
        with gr.Column(elem_id="easel_left"):
            generate = _compose(form)
            with gr.Column(elem_id="txt2img_settings"):
                _settings(form)
                added = {
                    EXTENSION.format(one.extension, one.key, ",".join(one.tabs)): one.component
                    for one in services.extension_controls(lambda kinds: only(*kinds))
                }
        with gr.Column(elem_id="easel_right"):
            with gr.Column(elem_id="txt2img_results"):
                piece("source")
                piece("stage")
                piece("recipe")
            with gr.Column(elem_id="txt2img_gallery"):
                piece("gallery")
        _wire(services, form, generate, added)


def _compose(form: Form) -> gr.Button:
    import gradio as gr

    with gr.Column(elem_id="easel_compose"):
        form.text("prompt", "Describe the picture", lines=3)
        form.text("negative_prompt", "What should not be in it", lines=2)
        piece("prompt_tools")
        with gr.Row(elem_id="easel_run"):
            generate = gr.Button("Generate", variant="primary", elem_id="txt2img_generate", min_width=0)
            piece("run_buttons")
        piece("compose_end")
    return generate


def _settings(form: Form) -> None:
    import gradio as gr

    panels.of_pictures(form)
    with gr.Row(elem_classes="easel-pair"):
        form.choice("sampler")
        form.choice("scheduler")
    form.number("steps")
    form.number("cfg_scale", step=0.5)
    with gr.Row(elem_classes=["easel-joined", *only("txt2img")]):
        form.number("width", step=8)
        piece("swap_button")
        form.number("height", step=8)
    panels.hires(form)
    with gr.Row(elem_classes="easel-joined"):
        form.number("seed")
        piece("seed_buttons")
    with gr.Row(elem_classes="easel-pair"):
        form.number("batch_count")
        form.number("batch_size")
    with gr.Accordion("Advanced", open=False, elem_id="txt2img_advanced", elem_classes="easel-fold"):
        with gr.Row(elem_classes="easel-pair"):
            form.number("text.clip_skip", placeholder="As in the settings")
            form.number("sampling.eta", step=0.1, placeholder="The sampler's own")
        panels.finer(form)
        panels.other_files(form)
        form.number("noise.variation_seed")
        form.number("noise.variation_strength", step=0.01)
        with gr.Row(elem_classes="easel-pair"):
            form.number("noise.resize_from_width", step=8)
            form.number("noise.resize_from_height", step=8)


def _wire(services: PageServices, form: Form, generate: gr.Button, added: Mapping[str, gr.Component]) -> None:
    """Events. Only Generate asks the server; `window.easel` (in `javascript/form.js`) does the rest in the browser."""
    import gradio as gr

    components = form.components
    names = {component: name for name, component in [*components.items(), *added.items()]}
    ordered = [components[name] for name in ORDER]
    source, receipt = gr.Textbox(visible=False), gr.Textbox(visible=False)
    names[source] = SOURCE
    fill = gr.Button("Fill", elem_id="easel_fill", visible="hidden")

    def submit(values: dict[gr.Component, Any]) -> str:
        answer = submit_form({names[component]: value for component, value in values.items()}, services)
        return json.dumps(answer)

    # Gradio sorts a set of inputs by the order in which they were made.
    sent = json.dumps([*components, *added, SOURCE])
    generate.click(
        submit,
        inputs={*ordered, *added.values(), source},
        outputs=receipt,
        queue=False,
        preprocess=False,
        show_progress="hidden",
        trigger_mode="multiple",
        api_visibility="private",
        js=f"(...values) => window.easel?.submitting(values, {sent}) ?? values",
    ).success(fn=None, inputs=receipt, js="(answer) => window.easel?.submitted(answer)")
    fill.click(
        fn=None, inputs=ordered, outputs=ordered, js="(...values) => window.easel?.filled(values) ?? values"
    )
    gr.on(
        [component.change for component in ordered],  # type: ignore[attr-defined]
        fn=None,
        inputs=ordered,
        js="(...values) => window.easel?.changed(values)",
        trigger_mode="multiple",
    )
