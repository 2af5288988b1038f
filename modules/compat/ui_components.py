"""`modules.ui_components` of the older UI: components that its extensions build their controls from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules.compat.gradio_shim import older_gradio

gr: Any = older_gradio()
FormComponent: Any = older_gradio("gradio.components").FormComponent


def _with_class(kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    classes = kwargs.get("elem_classes") or []
    return {**kwargs, "elem_classes": [name, *([classes] if isinstance(classes, str) else classes)]}


class ToolButton(FormComponent, gr.Button):
    """A small button with a symbol. Args: tooltip: shown when the pointer rests on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("variant", "tool")
        super().__init__(*args, **kwargs)


class FormRow(FormComponent, gr.Row):
    """A row."""


class FormColumn(FormComponent, gr.Column):
    """A column."""


class FormGroup(FormComponent, gr.Group):
    """A group."""


class FormHTML(FormComponent, gr.HTML):
    """HTML."""


class FormColorPicker(FormComponent, gr.ColorPicker):
    """A colour."""


class ResizeHandleRow(gr.Row):
    """A row whose parts can be made wider, in the older UI."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_with_class(kwargs, "resize-handle-row"))


class DropdownMulti(FormComponent, gr.Dropdown):
    """Several of a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("multiselect", True)
        super().__init__(*args, **kwargs)


class DropdownEditable(FormComponent, gr.Dropdown):
    """One of a list, or what is typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_custom_value", True)
        super().__init__(*args, **kwargs)


class InputAccordion(gr.Checkbox):
    """A fold that is also a switch: a checkbox whose value says whether it is on, and a context for what is in it.

    Args: value: whether it is on; the rest as for `gr.Accordion`. A click on the fold's title switches it.
    """

    global_index = 0

    def __init__(self, value: bool = False, setup: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Enable")
        InputAccordion.global_index += 1
        self.accordion_id = kwargs.get("elem_id") or f"input-accordion-{InputAccordion.global_index}"
        visible = kwargs.get("visible", True)
        words = {
            **kwargs,
            "elem_id": f"{self.accordion_id}-checkbox",
            "visible": True,  # its class hides it
        }
        super().__init__(value=value, **_with_class(words, "input-accordion-checkbox"))
        self.change(fn=None, _js=_SHOW.format(id=_quoted(self.accordion_id)), inputs=[self])
        words = {
            "label": kwargs["label"],
            "elem_id": self.accordion_id,
            "open": bool(value),
            "visible": visible,
        }
        self.accordion = gr.Accordion(**_with_class({**kwargs, **words}, "input-accordion"))
        self.accordion.expand(fn=None, _js="() => true", inputs=[], outputs=[self])
        self.accordion.collapse(fn=None, _js="() => false", inputs=[], outputs=[self])

    def extra(self) -> Any:
        """A context for what stands beside the title."""
        return gr.Column(
            elem_id=f"{self.accordion_id}-extra", elem_classes="input-accordion-extra", min_width=0
        )

    def __enter__(self) -> Any:
        self.accordion.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.accordion.__exit__(*error)

    def get_block_name(self) -> str:
        """As the browser knows it."""
        return "checkbox"


_SHOW = "(checked) => {{ window.inputAccordionChecked?.({id}, checked); return []; }}"


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)


def create_refresh_button(
    refresh_component: Any, refresh_method: Callable[[], Any], refreshed_args: Any, elem_id: str
) -> Any:
    """See `ui_common.create_refresh_button`."""
    from modules.compat import ui_common

    return ui_common.create_refresh_button(refresh_component, refresh_method, refreshed_args, elem_id)


__all__ = [
    "DropdownEditable",
    "DropdownMulti",
    "FormColorPicker",
    "FormColumn",
    "FormComponent",
    "FormGroup",
    "FormHTML",
    "FormRow",
    "InputAccordion",
    "ResizeHandleRow",
    "ToolButton",
]
