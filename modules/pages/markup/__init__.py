"""Pieces of HTML that are no Gradio components: what `javascript/` fills with life."""

from __future__ import annotations

from pathlib import Path


def markup(name: str) -> str:
    """The piece `<name>.html` of this folder."""
    return Path(__file__).with_name(f"{name}.html").read_text(encoding="utf-8")
