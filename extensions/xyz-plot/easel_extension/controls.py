"""The controls on the page."""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr

from modules.plugins.hooks import Me

from . import spans
from .axes import NOTHING, axes_of, find

_HINT = "1, 2, 5 or 1-9 (+2)"


def build(kind: Literal["txt2img", "img2img"], me: Me) -> dict[str, Any]:
    """A row for each axis, then what concerns the grid."""
    made: dict[str, Any] = {}
    labels = [axis.label for axis in axes_of(kind, me.program.plot_axes())]
    csv_mode = gr.Checkbox(False, label="Type names", render=False)
    for letter in "xyz":
        with gr.Row():
            start = "Seed" if letter == "x" else NOTHING
            what = gr.Dropdown(labels, value=start, label=f"{letter.upper()} axis", scale=2, min_width=120)
            typed = gr.Textbox(
                label=f"{letter.upper()} values",
                placeholder=_HINT,
                lines=1,
                scale=5,
                visible=start != NOTHING,
            )
            picked = gr.Dropdown(
                [],
                value=[],
                multiselect=True,
                allow_custom_value=True,  # the choices are known only when the axis is
                label=f"{letter.upper()} values",
                visible=False,
                scale=5,
            )
            every = gr.Button("All", visible=False, scale=0, min_width=56, size="sm")
        made |= {f"{letter}_type": what, f"{letter}_values": typed, f"{letter}_values_dropdown": picked}

        def changed(label: str, names: bool, now: list[str] | None) -> tuple[Any, ...]:
            axis = find(label, kind, "type", me.program.plot_axes())
            choices = [] if axis.choices is None else axis.choices(me.program)
            chosen = axis.choices is not None and not names
            kept = [value for value in now or [] if value in choices]
            return (
                gr.update(visible=label != NOTHING and not chosen),
                gr.update(visible=chosen, choices=choices, value=kept),
                gr.update(visible=axis.choices is not None),
            )

        def all_of(label: str, names: bool) -> tuple[Any, Any]:
            axis = find(label, kind, "type", me.program.plot_axes())
            choices = [] if axis.choices is None else axis.choices(me.program)
            return (spans.joined(choices), []) if names else (gr.skip(), choices)

        asked: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
        inputs = [what, csv_mode, picked]
        gr.on([what.change, csv_mode.change], changed, inputs, [typed, picked, every], **asked)
        every.click(all_of, [what, csv_mode], [typed, picked], **asked)
    with gr.Row():
        made["draw_legend"] = gr.Checkbox(True, label="Draw legend")
        made["include_lone_images"] = gr.Checkbox(False, label="Single pictures")
        made["include_sub_grids"] = gr.Checkbox(False, label="Grid for each Z")
        made["no_fixed_seeds"] = gr.Checkbox(False, label="Keep -1 seeds")
    with gr.Row():
        for letter in "xyz":
            label = f"Vary seeds: {letter.upper()}"
            made[f"vary_seeds_{letter}"] = gr.Checkbox(False, label=label)
        csv_mode.render()
    made["margin_size"] = gr.Slider(0, 500, value=0, step=2, label="Grid margins (px)")
    made["csv_mode"] = csv_mode
    return made
