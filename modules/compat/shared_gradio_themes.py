"""`modules.shared_gradio_themes` of the older UI: the page has its own look, so there is nothing to choose."""

from __future__ import annotations

from modules.compat.shared import gradio_hf_hub_themes, reload_gradio_theme, resolve_var

__all__ = ["gradio_hf_hub_themes", "reload_gradio_theme", "resolve_var"]
