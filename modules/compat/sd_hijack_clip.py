"""`modules.sd_hijack_clip` of the older UI: the classes of text encoders, for type checks."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "FrozenCLIPEmbedderWithCustomWordsBase": "TextFace",
    "FrozenCLIPEmbedderWithCustomWords": "TextFace",
    "FrozenCLIPEmbedderForSDXLWithCustomWords": "TextFace",
    "TextConditionalModel": "TextFace",
    "PromptChunk": "PromptChunk",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modules.compat import sd_model_text

    return getattr(sd_model_text, _NAMES[name])
