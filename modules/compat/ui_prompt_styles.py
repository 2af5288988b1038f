"""`modules.ui_prompt_styles` of the older UI: a list of styles, for an extension's own tab."""

from __future__ import annotations

from typing import Any

from modules.compat.gradio_shim import older_gradio

styles_edit_symbol = "\U0001f58c\ufe0f"
styles_materialize_symbol = "\U0001f4cb"
styles_copy_symbol = "\U0001f4dd"


class UiPromptStyles:
    """A list of styles, and a button that writes them into two prompts."""

    def __init__(self, tabname: str, main_ui_prompt: Any, main_ui_negative_prompt: Any) -> None:
        from modules.compat import shared, ui

        gr: Any = older_gradio()
        self.tabname = tabname
        self.dropdown = gr.Dropdown(
            label="Styles",
            elem_id=f"{tabname}_styles",
            choices=list(shared.prompt_styles.styles),
            value=[],
            multiselect=True,
        )
        self.apply = gr.Button(styles_materialize_symbol, elem_id=f"{tabname}_style_apply", variant="tool")
        prompts = [main_ui_prompt, main_ui_negative_prompt]
        self.apply.click(
            fn=ui.apply_styles, inputs=[*prompts, self.dropdown], outputs=[*prompts, self.dropdown]
        )
