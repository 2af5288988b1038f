"""A tab of its own: it counts the words of a prompt. Shows the hook `tabs`."""

from __future__ import annotations

import gradio as gr

from modules.plugins.hooks import Me, Tab, hookimpl


def build() -> None:
    text = gr.Textbox(label="A prompt", lines=3, elem_id="example_tab_prompt")
    answer = gr.Markdown("0 words", elem_id="example_tab_words")
    text.change(lambda prompt: f"{len(prompt.split())} words", text, answer, show_progress="hidden")


@hookimpl
def tabs(me: Me) -> list[Tab]:
    return [Tab("Word count", "example_tab", build)]
