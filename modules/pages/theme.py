"""Gradio's theme: every colour, size and shadow points to our own custom properties in `style.css`.

So light and dark are decided in one place, and nothing of Gradio's palette is left.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

GROUND_LIGHT, GROUND_DARK = "#eeebe4", "#191816"

_COLOURS = {
    "body_background_fill": "ground",
    "body_text_color": "ink",
    "body_text_color_subdued": "ink-soft",
    "background_fill_primary": "panel",
    "background_fill_secondary": "ground",
    "block_background_fill": "clear",
    "block_border_color": "clear",
    "block_label_background_fill": "clear",
    "block_label_text_color": "ink-soft",
    "block_title_text_color": "ink-soft",
    "block_info_text_color": "ink-soft",
    "panel_background_fill": "clear",
    "panel_border_color": "clear",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "border_color_accent_subdued": "line",
    "color_accent": "accent",
    "color_accent_soft": "accent-wash",
    "link_text_color": "accent-ink",
    "link_text_color_hover": "accent-ink",
    "link_text_color_active": "accent-ink",
    "link_text_color_visited": "accent-ink",
    "input_background_fill": "field",
    "input_background_fill_focus": "field",
    "input_background_fill_hover": "field",
    "input_border_color": "line",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "line-strong",
    "input_placeholder_color": "ink-faint",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-strong",
    "button_primary_border_color": "clear",
    "button_primary_border_color_hover": "clear",
    "button_primary_text_color": "on-accent",
    "button_primary_text_color_hover": "on-accent",
    "button_secondary_background_fill": "field",
    "button_secondary_background_fill_hover": "hover",
    "button_secondary_border_color": "line",
    "button_secondary_border_color_hover": "line-strong",
    "button_secondary_text_color": "ink",
    "button_secondary_text_color_hover": "ink",
    "checkbox_background_color": "field",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "line-strong",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "field",
    "checkbox_label_text_color": "ink",
    "slider_color": "accent",
    "table_border_color": "line",
    "error_text_color": "error",
    "error_background_fill": "error-wash",
    "error_border_color": "error",
    "code_background_fill": "field",
    "accordion_text_color": "ink",
}
_SHAPES = {
    "block_padding": "0",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_label_text_size": "var(--easel-text-small)",
    "block_title_text_size": "var(--easel-text-small)",
    "block_title_text_weight": "500",
    "block_radius": "var(--easel-radius)",
    "input_radius": "var(--easel-radius)",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_text_size": "var(--easel-text)",
    "input_padding": "8px 10px",
    "layout_gap": "var(--easel-gap)",
    "form_gap_width": "0px",
    "button_large_radius": "var(--easel-radius)",
    "button_small_radius": "var(--easel-radius)",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
    "shadow_drop": "var(--easel-shadow)",
    "shadow_drop_lg": "var(--easel-shadow)",
}


def theme() -> gr.themes.Base:
    """The theme. Its fonts come with Gradio; nothing is fetched from elsewhere."""
    import gradio as gr

    base = gr.themes.Base(
        font=(
            gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
            "ui-sans-serif",
            "system-ui",
            "sans-serif",
        ),
        font_mono=(
            gr.themes.LocalFont("IBM Plex Mono", weights=(400,)),
            "ui-monospace",
            "Consolas",
            "monospace",
        ),
        radius_size="sm",
        spacing_size="sm",
    )
    values = {name: f"var(--easel-{token})" for name, token in _COLOURS.items()} | _SHAPES
    # Also painted before the style sheet is there.
    values["body_background_fill"] = f"var(--easel-ground, {GROUND_LIGHT})"
    known = inspect.signature(base.set).parameters
    dark = {f"{name}_dark": value for name, value in values.items()}
    dark["body_background_fill_dark"] = f"var(--easel-ground, {GROUND_DARK})"
    return base.set(**values, **{name: value for name, value in dark.items() if name in known})
