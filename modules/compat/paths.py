"""`modules.paths` of the older UI: where the program and the user's files lie, as text."""

from __future__ import annotations

from modules.folders import Folders

_folders = Folders()
script_path = data_path = str(_folders.data)
models_path = str(_folders.models)
extensions_dir = str(_folders.extensions)
