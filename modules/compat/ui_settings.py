"""`modules.ui_settings` of the older UI: the settings are a dialog here; extensions' options are in it."""

from __future__ import annotations

from typing import Any


def get_value_for_setting(key: str) -> Any:
    """An update with a setting's value and what its component is told."""
    from modules.compat import shared

    info = shared.opts.data_labels[key]
    arguments = info.component_args() if callable(info.component_args) else info.component_args or {}
    words = {name: value for name, value in arguments.items() if name not in ("precision",)}
    return {"value": getattr(shared.opts, key), **words, "__type__": "update"}


def create_setting_component(key: str, is_quicksettings: bool = False) -> Any:
    """A component for a setting, with its value, for an extension's own tab."""
    from modules.compat import shared
    from modules.compat.gradio_shim import older_gradio

    gr: Any = older_gradio()
    info = shared.opts.data_labels[key]
    value = shared.opts.data.get(key, info.default)
    arguments = info.component_args() if callable(info.component_args) else info.component_args or {}
    kinds = {str: gr.Textbox, int: gr.Number, float: gr.Number, bool: gr.Checkbox}
    kind = info.component or kinds.get(type(info.default), gr.Textbox)
    return kind(label=info.label, value=value, elem_id=f"setting_{key}", **arguments)


class UiSettings:
    """The older UI's settings page: there is none here."""

    def __init__(self) -> None:
        self.components: list[Any] = []
        self.component_dict: dict[str, Any] = {}
        self.text_settings: Any = None
        self.result: Any = None
