"""The tab "Merge": a new checkpoint out of two or three. `javascript/merger.js` asks `/internal/merge` and shows how
far it is; Gradio holds the values.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modules.faults import Fault
from modules.pages.markup import piece
from modules.pages.services import PageServices
from modules.pages.top_bar import checkpoint_choices, current

if TYPE_CHECKING:
    import gradio as gr

ELEM_ID = "tab_modelmerger"
TITLE = "Merge"
METHODS = (
    ("Weighted sum", "weighted sum"),
    ("Add difference", "add difference"),
    ("Convert only", "no interpolation"),
)
NO_VAE = ("None", "")
FIELDS = (
    "primary",
    "secondary",
    "tertiary",
    "method",
    "multiplier",
    "name",
    "half",
    "vae",
    "discard",
    "overwrite",
)
"""The names of `/internal/merge`, in the order in which Gradio hands the values over."""


def build(services: PageServices) -> None:
    """Make the tab's contents. Called inside the tab."""
    import gradio as gr

    with gr.Row(elem_id="modelmerger"):
        with gr.Column(elem_id="modelmerger_sources"):
            parts = _sources(services)
        with gr.Column(elem_id="modelmerger_target"):
            parts |= _target(services)
            start = gr.Button("Merge", variant="primary", elem_id="modelmerger_merge", min_width=0)
            piece("merger_progress")
    _wire(services, parts, start)


def _sources(services: PageServices) -> dict[str, gr.Component]:
    import gradio as gr

    choices, shown = checkpoint_choices(services), current(services)
    parts: dict[str, gr.Component] = {
        "method": gr.Radio(
            choices=list(METHODS), value="weighted sum", label="Method", elem_id="modelmerger_interp_method"
        )
    }
    piece("merger_formula")
    with gr.Column(elem_id="modelmerger_files"):
        for name, letter in (("primary", "A"), ("secondary", "B"), ("tertiary", "C")):
            parts[name] = gr.Dropdown(
                choices=choices,
                value=shown.filename if shown and name == "primary" else None,
                label=f"Checkpoint {letter}",
                min_width=0,
                elem_id=f"modelmerger_{name}_model_name",
            )
        piece("merger_buttons", "modelmerger_buttons")
    parts["multiplier"] = gr.Number(
        label="Multiplier (M)",
        value=0.3,
        step=0.05,
        min_width=0,
        elem_id="modelmerger_interp_amount",
        elem_classes="easel-with-slider",
    )
    return parts


def _target(services: PageServices) -> dict[str, gr.Component]:
    import gradio as gr

    return {
        "name": gr.Textbox(
            label="Name of the new checkpoint", max_lines=1, elem_id="modelmerger_custom_name"
        ),
        "vae": gr.Dropdown(
            choices=_vae_choices(services), value="", label="Bake in a VAE", elem_id="modelmerger_bake_in_vae"
        ),
        "discard": gr.Textbox(
            label="Leave out tensors whose name matches",
            placeholder="A regular expression, such as ^model_ema",
            max_lines=1,
            elem_id="modelmerger_discard_weights",
        ),
        "half": gr.Checkbox(
            label="Half precision (float16)",
            container=False,
            elem_id="modelmerger_save_as_half",
        ),
        "overwrite": gr.Checkbox(
            label="Replace a file that has this name", container=False, elem_id="modelmerger_overwrite"
        ),
    }


def _vae_choices(services: PageServices) -> list[tuple[str, str]]:
    return [NO_VAE, *((name, name) for name, _ in services.vaes())]


def _wire(services: PageServices, parts: dict[str, gr.Component], start: gr.Button) -> None:
    """Events. `window.easel` (in `javascript/merger.js`) gets the values; the server is asked for lists only."""
    import gradio as gr

    ordered = [parts[name] for name in FIELDS]
    menus = [parts[name] for name in ("primary", "secondary", "tertiary", "vae")]
    answer = gr.Textbox(visible=False)
    hidden = {
        name: gr.Button(name, elem_id=f"modelmerger_{name}", visible="hidden")
        for name in ("look", "refresh", "swap", "use")
    }

    def look() -> list[Any]:
        choices = checkpoint_choices(services)
        return [
            *(gr.Dropdown(choices=choices) for _ in range(3)),
            gr.Dropdown(choices=_vae_choices(services)),
        ]

    def refresh() -> list[Any]:
        services.refresh_checkpoints()
        return look()

    def use(filename: str) -> str:
        return use_checkpoint(filename, services)

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    told = "(...values) => window.easel?.mergeChanged(values)"
    start.click(fn=None, inputs=ordered, js="(...values) => window.easel?.merge(values)")
    gr.on(
        [component.change for component in ordered],  # type: ignore[attr-defined]
        fn=None,
        inputs=ordered,
        js=told,
        trigger_mode="multiple",
    )
    for name, search in (("look", look), ("refresh", refresh)):
        hidden[name].click(search, outputs=menus, **quiet).then(fn=None, inputs=ordered, js=told)
    pair = [parts["primary"], parts["secondary"]]
    hidden["swap"].click(fn=None, inputs=pair, outputs=pair, js="(a, b) => [b, a]")
    hidden["use"].click(use, inputs=answer, outputs=answer, js="() => window.easel?.merged()", **quiet).then(
        fn=None, inputs=answer, js="(answer) => window.easel?.mergeUsed(answer)"
    )


def use_checkpoint(filename: str, services: PageServices) -> str:
    """Make a checkpoint the one in use: `{}` as JSON, or `{"error": message}`."""
    services.refresh_checkpoints()
    if filename not in [choice.filename for choice in services.checkpoints()]:
        return json.dumps({"error": "The new checkpoint is not there any more."})
    try:
        services.settings.update({"model.checkpoint": filename})
    except Fault as fault:
        return json.dumps({"error": fault.message})
    return "{}"
