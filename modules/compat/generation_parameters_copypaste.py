"""`modules.generation_parameters_copypaste`: the name that `modules.infotext_utils` had before."""

from __future__ import annotations

from modules.compat import infotext_utils
from modules.compat.infotext_utils import (
    ParamBinding,
    PasteField,
    add_paste_fields,
    bind_buttons,
    connect_paste,
    connect_paste_params_buttons,
    create_buttons,
    create_override_settings_dict,
    get_override_settings,
    image_from_url_text,
    infotext_to_setting_name_mapping,
    parse_generation_parameters,
    paste_fields,
    quote,
    register_paste_params_button,
    registered_param_bindings,
    reset,
    restore_old_hires_fix_params,
    send_image_and_dimensions,
    unquote,
)

__all__ = [
    "ParamBinding",
    "PasteField",
    "add_paste_fields",
    "bind_buttons",
    "connect_paste",
    "connect_paste_params_buttons",
    "create_buttons",
    "create_override_settings_dict",
    "get_override_settings",
    "image_from_url_text",
    "infotext_to_setting_name_mapping",
    "infotext_utils",
    "parse_generation_parameters",
    "paste_fields",
    "quote",
    "register_paste_params_button",
    "registered_param_bindings",
    "reset",
    "restore_old_hires_fix_params",
    "send_image_and_dimensions",
    "unquote",
]
