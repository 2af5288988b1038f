"""Pieces of HTML that are no Gradio components: what `javascript/` fills with life."""

from __future__ import annotations

from pathlib import Path


def piece(name: str, elem_id: str | None = None) -> None:
    """Put the piece `<name>.html` of this folder here on the page."""
    import gradio as gr

    html = Path(__file__).with_name(f"{name}.html").read_text(encoding="utf-8")
    gr.HTML(html, elem_id=elem_id, apply_default_css=False)
