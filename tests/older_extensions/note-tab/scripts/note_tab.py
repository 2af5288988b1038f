"""A tab with a box, buttons and an answer, as older extensions build one."""

import gradio as gr

from modules import script_callbacks, shared
from modules.ui_components import FormRow, ToolButton

notes = []


def keep(text, loud):
    if not text:
        return "<p class='error'>Nothing to keep</p>", gr.update(visible=False), text
    notes.append(text.upper() if loud else text)
    lines = "".join(f"<li>{note}</li>" for note in notes)
    return f"<ul>{lines}</ul>", gr.update(visible=True, value=len(notes)), ""


def forget():
    notes.clear()
    return "<p>Forgotten</p>", gr.Number.update(visible=False), gr.Textbox.update(value="")


def where():
    return shared.cmd_opts.ckpt_dir or "no folder"


def on_ui_tabs():
    with gr.Blocks(analytics_enabled=False) as note_interface:
        with gr.Row().style(equal_height=False):
            with gr.Column(variant="panel", scale=2):
                with FormRow():
                    text = gr.Textbox(
                        label="Note", lines=2, elem_id="note_text", placeholder="Write something"
                    )
                    loud = gr.Checkbox(label="Loud", value=False, elem_id="note_loud")
                    clear = ToolButton("\U0001f5d1", elem_id="note_clear")
                with gr.Row(elem_classes="note-buttons"):
                    button = gr.Button("Keep it", variant="primary", elem_id="note_keep")
                    mirrored = gr.Button(value="Turn it round", elem_id="note_turn")
                with gr.Accordion("More", open=False), gr.Box():
                    place = gr.Text(label="Place", interactive=False, elem_id="note_place")
                    asked = gr.Button("Where?", elem_id="note_where").style(full_width=True)
            with gr.Column(scale=1):
                count = gr.Number(label="Count", value=0, precision=0, visible=False, elem_id="note_count")
                output = gr.HTML("<p>No notes yet</p>", elem_id="note_output")
                with gr.Tabs(), gr.TabItem("Help"):
                    gr.Markdown("Press *Keep it*.")

        button.click(fn=keep, inputs=[text, loud], outputs=[output, count, text], _js="noteCount")
        clear.click(fn=forget, inputs=[], outputs=[output, count, text], show_progress=False)
        mirrored.click(fn=None, inputs=[text], outputs=[text], _js="(text) => [...text].reverse().join('')")
        asked.click(fn=where, inputs=None, outputs=place, queue=False)

    return [(note_interface, "Notes", "note_tab")]


script_callbacks.on_ui_tabs(on_ui_tabs)
