"""`modules.extras` of the older UI: the recipe in a picture; merging has a page and routes of its own."""

from __future__ import annotations

import html
from typing import Any

from modules.faults import NotSupported


def run_pnginfo(image: Any) -> tuple[str, str, str]:
    """What a picture's file says: nothing, the recipe, and all texts as HTML."""
    from modules.compat.images import read_info_from_image

    if image is None:
        return "", "", ""
    geninfo, items = read_info_from_image(image)
    shown = {"parameters": geninfo or "", **items}
    parts = [
        f"<div><p><b>{html.escape(str(key))}</b></p><p>{html.escape(str(text)).replace(chr(10), '<br>')}</p></div>"
        for key, text in shown.items()
        if text
    ]
    return "", geninfo or "", "\n".join(parts) or "<div><p>Nothing found in the image.</p></div>"


def create_config(ckpt_result: str, config_source: Any, a: Any, b: Any, c: Any) -> None:
    """Nothing: what a checkpoint is, its tensors say."""


def run_modelmerger(*args: Any, **kwargs: Any) -> Any:
    """Raises: NotSupported: always."""
    raise NotSupported("Merge checkpoints on the page, or with POST /internal/merge.")
