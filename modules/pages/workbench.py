"""The workbench of the tabs that make pictures: one form, whose parts come and go with the tab, and the pictures.

It stands below the tabs and belongs to four of them: so a prompt, a sampler or a seed stays when the tab changes, and
the page holds them once. What happens after a press is shown by `javascript/`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modules.pages import panels
from modules.pages.components import Form, only
from modules.pages.fields import FIELDS, HIRES, KINDS
from modules.pages.markup import piece
from modules.pages.services import PageServices
from modules.pages.submitting import SOURCE, submit_form, value_name

if TYPE_CHECKING:
    import gradio as gr

TABS = tuple(zip(KINDS, ("Text to image", "Image to image", "Inpaint", "Outpaint"), strict=True))
"""Kind and title of each of its tabs."""
ORDER = (*(field.name for field in FIELDS), HIRES)
"""The values in the order in which the scripts get them."""


def build(services: PageServices) -> Form:
    """Make the workbench. Called behind the tabs."""
    import gradio as gr

    form = Form(services)
    with gr.Row(elem_id="easel_workbench"):
        with gr.Column(elem_id="easel_left"):
            generate = _compose(form)
            with gr.Column(elem_id="txt2img_settings"):
                _settings(form)
                added = {
                    value_name("extension", one.extension, one.key, one.tabs): one.component
                    for one in services.extension_controls(lambda kinds: only(*kinds))
                }
                added |= _scripts(form, services)
        with gr.Column(elem_id="easel_right"):
            with gr.Column(elem_id="txt2img_results"):
                piece("source")
                piece("stage")
                piece("recipe")
            with gr.Column(elem_id="txt2img_gallery"):
                piece("gallery")
        _wire(services, form, generate, added)
        _keep(added)
    return form


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


def _scripts(form: Form, services: PageServices) -> dict[str, gr.Component]:
    """The Script menu and the controls of its entries; `javascript/scripts.js` shows those of the chosen one."""
    import gradio as gr

    menu = services.script_menu()
    with gr.Column(elem_id="txt2img_script_container", elem_classes=[] if menu else ["easel-alone"]):
        form.choice("script")
        built = services.scripts(lambda kinds: only(*kinds))
        facts = {
            "menu": [{"title": title, "tabs": list(tabs)} for title, tabs in menu],
            "parts": [{"title": one.title, "id": one.elem_id} for one in built],
        }
        data = f'<div id="easel_scripts" data-scripts="{html.escape(json.dumps(facts))}" hidden></div>'
        gr.HTML(data, apply_default_css=False, elem_id="easel_scripts_data")
    return {
        value_name("script", one.title, key, one.tabs): component
        for one in built
        for key, component in one.controls.items()
    }


def _keep(added: Mapping[str, gr.Component]) -> None:
    """Plain values of extensions' and scripts' controls outlive a reload, and can be filled."""
    import gradio as gr

    plain = (
        gr.Textbox,
        gr.Number,
        gr.Slider,
        gr.Checkbox,
        gr.CheckboxGroup,
        gr.Dropdown,
        gr.Radio,
        gr.ColorPicker,
    )
    kept = {name: one for name, one in added.items() if isinstance(one, plain)}
    if not kept:
        return
    components, names = list(kept.values()), json.dumps(list(kept))
    # a request holds the number of a choice where a script wants that; the page needs the choice
    numbered = {
        name: [choice[1] for choice in getattr(one, "choices", ())]
        for name, one in kept.items()
        if getattr(one, "type", None) == "index"
    }
    again = gr.Button("Again", elem_id="easel_fill_added", visible="hidden")
    again.click(
        fn=None,
        inputs=components,
        outputs=components,
        js=f"(...values) => window.easel?.addedFilled(values, {names}, {json.dumps(numbered)}) ?? values",
    )
    gr.on(
        [component.change for component in components],
        fn=None,
        inputs=components,
        js=f"(...values) => window.easel?.addedChanged(values, {names})",
        trigger_mode="multiple",
    )


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
    sent = json.dumps([names[component] for component in sorted(names, key=lambda one: one._id)])
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
