"""Composition: `a AND b :0.6 AND c :-0.3`, several prompts with a weight each."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")


class Part(NamedTuple):
    """One prompt of a composition and its share of the guidance (1.0 is neutral; any sign)."""

    text: str
    weight: float


def split_composition(prompt: str) -> list[Part]:
    """Split a prompt at each word `AND`; a part's `:number` at its end is its weight.

    A prompt without `AND` is one part, and its `:number` counts as well. White space at the end of a part
    is dropped, that in front stays. Never raises; a number too large to hold is text.
    """
    return [_part(text) for text in _AND.split(prompt)]


def _part(text: str) -> Part:
    text = text.rstrip()
    head, colon, tail = text.rpartition(":")
    number = tail.lstrip()
    if colon and _NUMBER.fullmatch(number) and math.isfinite(float(number)):
        return Part(head.rstrip(), float(number))
    return Part(text, 1.0)
