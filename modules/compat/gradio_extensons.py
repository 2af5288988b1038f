"""`modules.gradio_extensons` of the older UI (its spelling): what it did to Gradio's components."""

from __future__ import annotations

from modules.compat.scripts import add_classes_to_gradio_component

__all__ = ["add_classes_to_gradio_component"]
