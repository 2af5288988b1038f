"""The infotext: the recipe of a picture as text, in the form that the field's programs write and read.

prompt
Negative prompt: ...
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.0, Seed: 5, Size: 512x512, ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*(\w[\w \-/]*?):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_LEAST_PAIRS = 3


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,:\n]", text) else text


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            pass
    return text


def compose(prompt: str, negative_prompt: str, parameters: Mapping[str, object]) -> str:
    """Write an infotext; parameters that are None are left out."""
    pairs = ", ".join(f"{name}: {_quoted(value)}" for name, value in parameters.items() if value is not None)
    negative = f"\n{_NEGATIVE} {negative_prompt}" if negative_prompt else ""
    return f"{prompt}{negative}\n{pairs}".strip()


def parse(infotext: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and parameters of an infotext, as they were written.

    The last line is read as parameters when it holds at least three `Key: value` pairs, else it is prompt.
    """
    lines = infotext.strip().split("\n")
    parameters = {name: _unquoted(value.strip()) for name, value in _PAIR.findall(lines[-1])}
    if len(parameters) < _LEAST_PAIRS:
        parameters = {}
    else:
        lines.pop()
    prompt: list[str] = []
    negative: list[str] = []
    part = prompt
    for line in lines:
        if line.strip().startswith(_NEGATIVE):
            part = negative
            line = line.strip()[len(_NEGATIVE) :].strip()
        part.append(line)
    return "\n".join(prompt).strip(), "\n".join(negative).strip(), parameters
