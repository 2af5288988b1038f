"""Raises when it is imported."""

from modules import script_callbacks

script_callbacks.on_ui_tabs(lambda: [])
raise RuntimeError("bad-import never loads")
