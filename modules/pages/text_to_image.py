"""The tab "Text to image": the form and what its buttons do. What happens then is shown by `javascript/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modules.faults import Fault
from modules.generation.requests import TextToImage
from modules.pages.form import FIELD, FIELDS, component_of, from_request, to_request
from modules.pages.markup import piece
from modules.pages.services import PageServices

if TYPE_CHECKING:
    import gradio as gr

ELEM_ID = "tab_txt2img"
TITLE = "Text to image"


class Form:
    """The form's components by the names of their fields."""

    def __init__(self, services: PageServices) -> None:
        self._start = from_request(TextToImage())
        self._samplers = services.samplers()
        self._schedulers = services.schedulers()
        self.components: dict[str, gr.Component] = {}

    def text(self, name: str, placeholder: str, lines: int) -> None:
        """A text that grows with what is in it."""
        import gradio as gr

        self.components[name] = gr.Textbox(
            label=FIELD[name].label,
            placeholder=placeholder,
            lines=lines,
            max_lines=12,
            elem_id=FIELD[name].elem_id,
            elem_classes="easel-prompt",
        )

    def number(self, name: str, *, step: float = 1, placeholder: str | None = None) -> None:
        """A number; its limits are the request's, so that there is one place and one message for them."""
        import gradio as gr

        field = FIELD[name]
        self.components[name] = gr.Number(
            label=field.label,
            value=None if field.optional else self._start[name],
            placeholder=placeholder,
            step=step,
            min_width=0,
            elem_id=field.elem_id,
            elem_classes="easel-with-slider" if field.slider else None,
        )

    def choice(self, name: str) -> None:
        """One name of a list."""
        import gradio as gr

        choices = self._samplers if name == "sampler" else self._schedulers
        self.components[name] = gr.Dropdown(
            choices=choices,
            value=self._start[name] if self._start[name] in choices else next(iter(choices), None),
            label=FIELD[name].label,
            min_width=0,
            elem_id=FIELD[name].elem_id,
        )


def build(services: PageServices) -> None:
    """Make the tab's contents. Called inside the tab."""
    import gradio as gr

    form = Form(services)
    with gr.Row(elem_id="easel_workbench"):
        with gr.Column(elem_id="easel_left"):
            generate = _compose(form)
            with gr.Column(elem_id="txt2img_settings"):
                _settings(form)
        with gr.Column(elem_id="easel_right"):
            with gr.Column(elem_id="txt2img_results"):
                piece("stage")
                piece("recipe")
            with gr.Column(elem_id="txt2img_gallery"):
                piece("gallery")
    _wire(services, form, generate)


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

    with gr.Row(elem_classes="easel-pair"):
        form.choice("sampler")
        form.choice("scheduler")
    form.number("steps")
    form.number("cfg_scale", step=0.5)
    with gr.Row(elem_classes="easel-joined"):
        form.number("width", step=8)
        piece("swap_button")
        form.number("height", step=8)
    with gr.Row(elem_classes="easel-joined"):
        form.number("seed")
        piece("seed_buttons")
    with gr.Row(elem_classes="easel-pair"):
        form.number("batch_count")
        form.number("batch_size")
    with gr.Accordion("Advanced", open=False, elem_id="txt2img_advanced"):
        with gr.Row(elem_classes="easel-pair"):
            form.number("text.clip_skip", placeholder="As in the settings")
            form.number("sampling.eta", step=0.1, placeholder="The sampler's own")
        form.number("noise.variation_seed")
        form.number("noise.variation_strength", step=0.01)
        with gr.Row(elem_classes="easel-pair"):
            form.number("noise.resize_from_width", step=8)
            form.number("noise.resize_from_height", step=8)


def _wire(services: PageServices, form: Form, generate: gr.Button) -> None:
    """Events. Only Generate asks the server; `window.easel` (in `javascript/form.js`) does the rest in the browser."""
    import gradio as gr

    components = form.components
    names = {component: name for name, component in components.items()}
    ordered = [components[field.name] for field in FIELDS]
    receipt = gr.Textbox(visible=False)
    fill = gr.Button("Fill", elem_id="easel_fill", visible="hidden")

    def submit(values: dict[gr.Component, Any]) -> str:
        answer = submit_form({names[component]: value for component, value in values.items()}, services)
        return json.dumps(answer)

    # Gradio sorts a set of inputs by the order in which they were made.
    styled = f"(...values) => window.easel?.submitting(values, {json.dumps(list(components))}) ?? values"
    generate.click(
        submit,
        inputs=set(ordered),
        outputs=receipt,
        queue=False,
        preprocess=False,
        show_progress="hidden",
        trigger_mode="multiple",
        api_visibility="private",
        js=styled,
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


def submit_form(values: dict[str, Any], services: PageServices) -> dict[str, Any]:
    """Queue what the form describes: `{"job": id}`, or `{"error": message, "field": the form's field or None}`."""
    try:
        request = to_request(values, services.settings.current)
        return {"job": services.queue.submit(request, origin="page").id}
    except Fault as fault:
        return {"error": fault.message, "field": component_of(fault.field)}
