"""`modules.ui_toprow` of the older UI: prompts and the Generate button, for an extension's own tab."""

from __future__ import annotations

from typing import Any

from modules.compat.gradio_shim import older_gradio


class Toprow:
    """Makes them here. Args: is_img2img: for which of the older UI's tabs; id_part: what the ids begin with."""

    def __init__(self, is_img2img: bool, is_compact: bool = False, id_part: str | None = None) -> None:
        gr: Any = older_gradio()
        self.id_part = id_part or ("img2img" if is_img2img else "txt2img")
        self.is_compact = is_compact
        with gr.Row(elem_id=f"{self.id_part}_toprow"):
            with gr.Column(elem_id=f"{self.id_part}_prompt_container", scale=6):
                self.prompt = gr.Textbox(label="Prompt", elem_id=f"{self.id_part}_prompt", lines=3)
                self.negative_prompt = gr.Textbox(
                    label="Negative prompt", elem_id=f"{self.id_part}_neg_prompt", lines=2
                )
            with gr.Column(scale=1):
                self.interrupt = gr.Button("Interrupt", elem_id=f"{self.id_part}_interrupt")
                self.skip = gr.Button("Skip", elem_id=f"{self.id_part}_skip")
                self.submit = gr.Button("Generate", elem_id=f"{self.id_part}_generate", variant="primary")
        self.interrupt.click(fn=_interrupt, inputs=[], outputs=[])
        self.skip.click(fn=_skip, inputs=[], outputs=[])


def _interrupt() -> None:
    from modules.compat import shared

    shared.state.interrupt()


def _skip() -> None:
    from modules.compat import shared

    shared.state.skip()
