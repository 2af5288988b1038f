"""`modules.ui` of the older UI: symbols and parts of its page that extensions use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules.compat.gradio_shim import older_gradio
from modules.compat.infotext_utils import image_from_url_text, parse_generation_parameters
from modules.compat.infotext_utils import paste_fields as _paste_fields
from modules.compat.ui_common import (
    create_output_panel,
    create_refresh_button,
    plaintext_to_html,
    save_files,
    setup_dialog,
    update_generation_info,
)
from modules.compat.ui_components import (
    DropdownMulti,
    FormGroup,
    FormHTML,
    FormRow,
    InputAccordion,
    ResizeHandleRow,
    ToolButton,
)

__all__ = [
    "DropdownMulti",
    "FormGroup",
    "FormHTML",
    "FormRow",
    "InputAccordion",
    "ResizeHandleRow",
    "ToolButton",
    "create_output_panel",
    "create_refresh_button",
    "image_from_url_text",
    "parse_generation_parameters",
    "plaintext_to_html",
    "save_files",
    "setup_dialog",
    "update_generation_info",
]

random_symbol = "\U0001f3b2\ufe0f"
reuse_symbol = "\u267b\ufe0f"
paste_symbol = "\u2199\ufe0f"
refresh_symbol = "\U0001f504"
save_style_symbol = "\U0001f4be"
apply_style_symbol = "\U0001f4cb"
clear_prompt_symbol = "\U0001f5d1\ufe0f"
extra_networks_symbol = "\U0001f3b4"
switch_values_symbol = "\u21c5"
restore_progress_symbol = "\U0001f300"
detect_image_size_symbol = "\U0001f4d0"
interrupted_symbol = "\u23f9"
folder_symbol = "\U0001f4c2"

txt2img_paste_fields: list[Any] = []
img2img_paste_fields: list[Any] = []
paste_fields = _paste_fields


def gr_show(visible: bool = True) -> dict[str, Any]:
    """An update that shows or hides a component."""
    return {"visible": visible, "__type__": "update"}


def create_ui() -> None:
    """Nothing: the page is ours, and is built once."""


def setup_progressbar(*args: Any, **kwargs: Any) -> None:
    """Nothing: our page shows what every job does."""


def wrap_gradio_call(
    func: Callable[..., Any], extra_outputs: Any = None, add_stats: bool = False
) -> Callable[..., Any]:
    """See `modules.call_queue`."""
    from modules.compat import call_queue

    wrapped: Callable[..., Any] = call_queue.wrap_gradio_call(func, extra_outputs, add_stats)
    return wrapped


def wrap_gradio_gpu_call(func: Callable[..., Any], extra_outputs: Any = None) -> Callable[..., Any]:
    """See `modules.call_queue`."""
    from modules.compat import call_queue

    wrapped: Callable[..., Any] = call_queue.wrap_gradio_gpu_call(func, extra_outputs)
    return wrapped


def ordered_ui_categories() -> list[str]:
    """The parts of the older UI's form in their order."""
    return [
        "prompt",
        "image",
        "dimensions",
        "denoising",
        "seed",
        "cfg",
        "checkboxes",
        "accordions",
        "batch",
        "override_settings",
        "scripts",
    ]


def create_sampler_and_steps_selection(choices: Any, tabname: str) -> tuple[Any, Any]:
    """Steps and sampler, for an extension's own form: `(steps, sampler)`."""
    gr: Any = older_gradio()
    names = [getattr(choice, "name", choice) for choice in choices]
    with FormRow(elem_id=f"sampler_selection_{tabname}"):
        sampler = gr.Dropdown(
            label="Sampling method",
            elem_id=f"{tabname}_sampling",
            choices=names,
            value=next(iter(names), None),
        )
        steps = gr.Slider(
            minimum=1, maximum=150, step=1, elem_id=f"{tabname}_steps", label="Sampling steps", value=20
        )
    return steps, sampler


def create_override_settings_dropdown(tabname: str, row: Any = None) -> Any:
    """A list of settings that only this request has."""
    gr: Any = older_gradio()
    return gr.Dropdown(
        [], label="Override settings", visible=False, elem_id=f"{tabname}_override_settings", multiselect=True
    )


def apply_styles(prompt: str, prompt_neg: str, styles: list[str]) -> list[Any]:
    """Two prompts with styles in them, and no style chosen any more."""
    from modules.compat import shared

    book = shared.prompt_styles
    values: tuple[Any, ...] = (
        book.apply_styles_to_prompt(prompt, styles),
        book.apply_negative_styles_to_prompt(prompt_neg, styles),
        [],
    )
    return [{"value": value, "__type__": "update"} for value in values]


def apply_setting(key: str, value: Any) -> Any:
    """Change a setting; what it is now."""
    from modules.compat import shared

    if value is None or not shared.opts.set(key, value):
        return {"__type__": "update"}
    return getattr(shared.opts, key)


def resize_from_to_html(width: int, height: int, scale_by: float) -> str:
    """A sentence on a size."""
    target = int(float(width) * float(scale_by)), int(float(height) * float(scale_by))
    if not all(target):
        return "no image selected"
    return (
        f"resize: from <span class='resolution'>{width}x{height}</span> "
        f"to <span class='resolution'>{target[0]}x{target[1]}</span>"
    )


def add_style(name: str, prompt: str, negative_prompt: str) -> list[Any]:
    """Keep two prompts as a style; updates of the two lists of styles."""
    from modules.compat import shared, styles

    if name is not None:
        shared.prompt_styles.styles[name] = styles.PromptStyle(name, prompt, negative_prompt, None)
        shared.prompt_styles.save_styles(None)
    choices = list(shared.prompt_styles.styles)
    return [{"visible": True, "choices": choices, "__type__": "update"} for _ in range(2)]
