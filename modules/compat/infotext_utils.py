"""`modules.infotext_utils` of the older UI: recipes read, and the buttons that send them and pictures to a tab.

Our form is filled in the browser, by `window.easelOlder` (`javascript/older/`), so such a button needs no function
here.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from modules.compat import infotext_values
from modules.generation.recipe_reading import read_recipe

type_of_gr_update = dict
SEND = """(...values) => {{
  const [text, picture] = [{text} ? values[0] : null, {picture} ? values[values.length - 1] : null];
  const one = Array.isArray(picture) ? picture[0] : picture;
  const url = one?.image?.url ?? one?.background?.url ?? one?.url ?? (typeof one === "string" ? one : null);
  if (url) window.easelOlder?.sendImage({tab}, url);
  if (text) window.easelOlder?.paste({tab}, text);
  return [];
}}"""


class PasteField(tuple):
    """A component, its name in recipes (or a function of a recipe), and its name in the API."""

    def __new__(cls, component: Any, target: Any, *, api: str | None = None) -> PasteField:
        """A pair, as older extensions write it."""
        return super().__new__(cls, (component, target))

    def __init__(self, component: Any, target: Any, *, api: str | None = None) -> None:
        self.component = component
        self.label = target if isinstance(target, str) else None
        self.function = target if callable(target) else None
        self.api = api


@dataclass
class ParamBinding:
    """A button that sends a recipe, a picture, or both to a tab.

    Args:
        tabname: "txt2img", "img2img", "inpaint" or "extras".
        source_tabname: whose prompts are sent, where no recipe is.
    """

    paste_button: Any
    tabname: str
    source_text_component: Any = None
    source_image_component: Any = None
    source_tabname: str | None = None
    override_settings_component: Any = None
    paste_field_names: list[str] = field(default_factory=list)


paste_fields: dict[str, dict[str, Any]] = {}
registered_param_bindings: list[ParamBinding] = []


def reset() -> None:
    """Forget all."""
    paste_fields.clear()
    registered_param_bindings.clear()


# ── Recipes ─────────────────────────────────────────────────────────────────────────────────────────────────


def quote(text: Any) -> str:
    """A value as recipes write it: in quotes where it has a comma, a colon or a line's end."""
    text = str(text)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,:\n]", text) else text


def unquote(text: str) -> str:
    """The value that `quote` has written."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def parse_generation_parameters(x: str, skip_fields: list[str] | None = None) -> dict[str, Any]:
    """All parameters of a recipe by their names, with prompts and defaults, without `skip_fields`."""
    found = read_recipe(x or "")
    for name in default_skip_fields() if skip_fields is None else skip_fields:
        found.pop(name, None)
    return found


def default_skip_fields() -> list[str]:
    """What the settings say that is not to be read."""
    from modules.compat.house import is_open

    if not is_open():
        return []
    from modules.compat import shared

    return list(getattr(shared.opts, "infotext_skip_pasting", None) or [])


def restore_old_hires_fix_params(res: dict[str, Any]) -> None:
    """Nothing: `parse_generation_parameters` has done that."""


infotext_to_setting_name_mapping: list[tuple[str, str]] = []
"""Names in recipes, and the settings that they mean: what old extensions add to what `OptionInfo` says."""


def setting_names() -> list[tuple[str, str]]:
    """Names in recipes, and the settings that they mean."""
    from modules.compat import shared

    labels = getattr(shared.opts, "data_labels", {})
    told = [(info.infotext, name) for name, info in labels.items() if getattr(info, "infotext", None)]
    return [*told, *infotext_to_setting_name_mapping]


def create_override_settings_dict(text_pairs: Iterable[str]) -> dict[str, Any]:
    """Settings from `["Clip skip: 2", ...]`, by their names and with values of their types."""
    from modules.compat import shared

    params: dict[str, str] = {}
    for pair in text_pairs or []:
        name, _, value = pair.partition(":")
        params[name] = value.strip()
    found: dict[str, Any] = {}
    for label, setting in setting_names():
        if label in params:
            found[setting] = shared.opts.cast_value(setting, params[label])
    return found


def get_override_settings(params: dict[str, Any], *, skip_fields: Any = None) -> list[tuple[str, str, Any]]:
    """What a recipe says of settings and differs from them: `(name in recipes, setting, value)`."""
    from modules.compat import shared

    found = []
    for label, setting in setting_names():
        if label not in params or label in (skip_fields or ()):
            continue
        value = shared.opts.cast_value(setting, params[label])
        if value != getattr(shared.opts, setting, None):
            found.append((label, setting, value))
    return found


# ── Pictures ────────────────────────────────────────────────────────────────────────────────────────────────


def image_from_url_text(filedata: Any) -> Any:
    """The picture that a component's value stands for: a data address, a file of Gradio's, an entry of a gallery.

    Raises: ValueError: a file that is none of the page's.
    """
    from PIL import Image

    if filedata is None or isinstance(filedata, Image.Image):
        return filedata
    if isinstance(filedata, (list, tuple)):
        return image_from_url_text(filedata[0]) if filedata else None
    if isinstance(filedata, dict):
        inner = filedata.get("image") or filedata.get("path") or filedata.get("name") or filedata.get("data")
        return image_from_url_text(inner)
    if not isinstance(filedata, str):
        return Image.fromarray(filedata)
    if filedata.startswith("data:"):
        return Image.open(io.BytesIO(base64.b64decode(filedata.partition(",")[2])))
    path = Path(
        urlparse(filedata).path.rpartition("file=")[2] if "file=" in filedata else filedata.partition("?")[0]
    )
    if not _is_ours(path):
        raise ValueError(f"{path.name} is no file that the page may read")
    with Image.open(path) as image:
        image.load()
        return image


def _is_ours(path: Path) -> bool:
    """Whether a file is one that was uploaded, or a picture of ours."""
    from gradio.utils import get_upload_folder

    from modules.compat.house import house, is_open

    folders = [Path(get_upload_folder())]
    if is_open():
        folders += [house().folders.outputs, house().folders.inputs]
    return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)


def send_image_and_dimensions(x: Any) -> tuple[Any, Any, Any]:
    """A picture, its width and its height."""
    image = image_from_url_text(x)
    return (image, *image.size) if image is not None else (None, None, None)


# ── Buttons ─────────────────────────────────────────────────────────────────────────────────────────────────


def add_paste_fields(
    tabname: str, init_img: Any, fields: list[Any] | None, override_settings_component: Any = None
) -> None:
    """Say which components of a tab a recipe fills. Ours needs no telling; an extension's own tab does."""
    paste_fields[tabname] = {
        "init_img": init_img,
        "fields": [one if isinstance(one, PasteField) else PasteField(*one) for one in fields or []],
        "override_settings_component": override_settings_component,
    }


def create_buttons(tabs_list: Iterable[str]) -> dict[str, Any]:
    """Buttons "Send to ..." for tabs, by the tabs' names."""
    from modules.compat.gradio_shim import older_gradio

    return {tab: older_gradio().Button(f"Send to {tab}", elem_id=f"{tab}_tab") for tab in tabs_list}


def bind_buttons(buttons: dict[str, Any], send_image: Any, send_generate_info: Any) -> None:
    """Have buttons of `create_buttons` send.

    Args: send_image: the component with the picture; send_generate_info: that with the recipe, or a tab's name.
    """
    for tabname, button in buttons.items():
        text = None if isinstance(send_generate_info, str) else send_generate_info
        source = send_generate_info if isinstance(send_generate_info, str) else None
        register_paste_params_button(ParamBinding(button, tabname, text, send_image, source))


def register_paste_params_button(params: ParamBinding) -> None:
    """Have a button send; it works at once."""
    registered_param_bindings.append(params)
    inputs = [one for one in (params.source_text_component, params.source_image_component) if one is not None]
    button = params.paste_button
    if params.tabname in paste_fields and not _ours(params.tabname):
        _connect_own(params, paste_fields[params.tabname])
        return
    from modules.compat.gradio_shim import adopt

    script = SEND.format(
        tab=json.dumps(params.tabname),
        text=json.dumps(params.source_text_component is not None),
        picture=json.dumps(params.source_image_component is not None),
    )
    adopt(button).click(fn=None, _js=script, inputs=inputs, outputs=[], show_progress=False)


def connect_paste_params_buttons() -> None:
    """Nothing: each button was connected when it was registered."""


def connect_paste(
    button: Any,
    fields: list[Any],
    input_comp: Any,
    override_settings_component: Any = None,
    tabname: str | None = None,
) -> None:
    """Have a button fill components from the recipe in a text component."""
    from modules.compat.gradio_shim import adopt, older_gradio

    gr = older_gradio()

    def paste(text: str) -> list[Any]:
        from modules.compat import script_callbacks

        params = parse_generation_parameters(text or "")
        script_callbacks.infotext_pasted_callback(text or "", params)
        return [filled(component, label, params) for component, label in fields]

    def filled(component: Any, label: Any, params: dict[str, Any]) -> Any:
        value = infotext_values.value_for(component, label, params)
        return gr.update() if value is None else gr.update(value=value)

    adopt(button).click(fn=paste, inputs=[input_comp], outputs=[component for component, _ in fields])


def _ours(tabname: str) -> bool:
    return tabname in ("txt2img", "img2img", "inpaint", "extras")


def _connect_own(params: ParamBinding, target: dict[str, Any]) -> None:
    """A tab of an extension, whose components are Gradio's."""
    from modules.compat.gradio_shim import adopt

    if params.source_image_component is not None and target["init_img"] is not None:
        adopt(params.paste_button).click(
            fn=image_from_url_text, inputs=[params.source_image_component], outputs=[target["init_img"]]
        )
    if params.source_text_component is not None and target["fields"]:
        connect_paste(params.paste_button, target["fields"], params.source_text_component)
