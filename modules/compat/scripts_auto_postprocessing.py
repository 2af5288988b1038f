"""`modules.scripts_auto_postprocessing` of the older UI: nothing of the Extras tab is part of a generation here."""

from __future__ import annotations

from typing import Any


def create_auto_preprocessing_script_data() -> list[Any]:
    """None."""
    return []
