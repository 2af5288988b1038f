"""Emphasis: `(a)`, `[a]`, `(a:1.3)`, escapes and `BREAK`, as text spans with weights.

Each round bracket multiplies the weight of what it holds by 1.1, each square bracket divides it by 1.1,
and `(text:number)` multiplies it by the number. A backslash makes the next bracket plain text. Brackets
that are never closed count to the end of the prompt; closing brackets that nothing opened are text.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

ROUND_FACTOR = 1.1
SQUARE_FACTOR = 1 / 1.1

# Exact weights cost one multiplication for each span that a bracket holds. Real prompts need some dozens;
# beyond this many (a hostile megabyte of nested brackets) further brackets no longer weigh.
_MULTIPLICATIONS = 1_000_000

_TOKEN = re.compile(r"\\[()\[\]\\]|\\|[(\[]|:\s*[+-]?[.\d]+\s*\)|[)\]]|[^\\()\[\]:]+|:")
_BREAK_WORD = re.compile(r"\bBREAK\b")
_ESCAPES = str.maketrans({mark: "\\" + mark for mark in "\\()[]"})


class BreakText(str):
    """The text of a span that ends a chunk, told apart from the word BREAK written as text."""

    __slots__ = ()


BREAK = BreakText("BREAK")


class Span(NamedTuple):
    """A piece of prompt text and the weight of its tokens (1.0 is neutral; any sign, always finite).

    A chunk break is `Span(BREAK, -w)`, where w is the weight of the brackets around it.
    """

    text: str
    weight: float


def is_break(span: Span | Sequence[object]) -> bool:
    """Whether a span ends the chunk; so does a plain `["BREAK", -1]` pair, as extensions write it."""
    text, weight = span
    return isinstance(text, BreakText) or (text == "BREAK" and weight == -1 and not isinstance(span, Span))


def parse_emphasis(text: str) -> list[Span]:
    """Split `text` into spans of equal weight; an empty prompt is one empty span.

    Never raises. A bracket whose weight is no number, as in `(a:1.2.3)`, is literal text.
    """
    texts: list[str] = []
    weights: list[float] = []
    open_round: list[int] = []
    open_square: list[int] = []
    budget = _MULTIPLICATIONS

    def scale(start: int, factor: float) -> None:
        nonlocal budget
        count = len(weights) - start
        if 0 < count <= budget:
            budget -= count
            weights[start:] = [weight * factor for weight in weights[start:]]

    for token in _readable_weights(_TOKEN.findall(text)):
        if token == "(":
            open_round.append(len(weights))
        elif token == "[":
            open_square.append(len(weights))
        elif token == ")" and open_round:
            scale(open_round.pop(), ROUND_FACTOR)
        elif token == "]" and open_square:
            scale(open_square.pop(), SQUARE_FACTOR)
        elif token[0] == "\\":
            texts.append(token[1:])
            weights.append(1.0)
        elif token[0] == ":" and len(token) > 1 and open_round:
            scale(open_round.pop(), _weight_of(token) or 0.0)
        elif "BREAK" in token:
            _append_with_breaks(token, texts, weights)
        else:
            texts.append(token)
            weights.append(1.0)

    for start in open_round:
        scale(start, ROUND_FACTOR)
    for start in open_square:
        scale(start, SQUARE_FACTOR)
    return _merged(texts, weights) or [Span("", 1.0)]


def format_emphasis(spans: Iterable[Span]) -> str:
    """Write spans as a prompt that `parse_emphasis` reads back as the same spans.

    Exact for whatever `parse_emphasis` returned; other spans come back with their texts and weights too,
    but neighbours of equal weight are joined, and a lone break gets empty spans beside it.
    """
    return "".join(_format_group(texts, weight) for texts, weight in _groups(spans))


def _weight_of(token: str) -> float | None:
    """The number in a token such as `: 1.2 )`; None where it is no finite number."""
    try:
        value = float(token[1:-1])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _readable_weights(tokens: list[str]) -> list[str]:
    """Turn both ends of a bracket with an unreadable weight into escaped (literal) tokens."""
    if not any(t[0] == ":" and len(t) > 1 and _weight_of(t) is None for t in tokens):
        return tokens
    tokens = list(tokens)
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token == "(":
            opened.append(index)
        elif token[-1] == ")" and token[0] != "\\" and opened:
            start = opened.pop()
            if token[0] == ":" and _weight_of(token) is None:
                tokens[start] = "\\("
                tokens[index] = "\\" + token
    return tokens


def _append_with_breaks(token: str, texts: list[str], weights: list[float]) -> None:
    parts = _BREAK_WORD.split(token)
    for index, part in enumerate(parts):
        if index > 0:
            texts.append(BREAK)
            weights.append(-1.0)
            part = part.lstrip()
        if index < len(parts) - 1:
            part = part.rstrip()
        texts.append(part)
        weights.append(1.0)


def _merged(texts: list[str], weights: list[float]) -> list[Span]:
    spans: list[Span] = []
    run: list[str] = []
    for index, (text, weight) in enumerate(zip(texts, weights, strict=True)):
        if isinstance(text, BreakText):
            spans.append(Span(text, _finite(weight)))
            continue
        run.append(text)
        following = index + 1
        if following == len(texts) or weights[following] != weight or isinstance(texts[following], BreakText):
            spans.append(Span("".join(run), _finite(weight)))
            run = []
    return spans


def _finite(weight: float) -> float:
    if math.isfinite(weight):
        return weight
    return 0.0 if math.isnan(weight) else math.copysign(sys.float_info.max, weight)


def _groups(spans: Iterable[Span]) -> list[tuple[list[str], float]]:
    """Texts that share one bracket: those with a break between them and the same weight."""
    groups: list[tuple[list[str], float]] = []
    for span in spans:
        ends_chunk = is_break(span)
        text = BREAK if ends_chunk else span[0]
        weight = -span[1] if ends_chunk else span[1]
        if groups and groups[-1][1] == weight and (ends_chunk or isinstance(groups[-1][0][-1], BreakText)):
            groups[-1][0].append(text)
        else:
            groups.append(([text], weight))
    return groups


def _format_group(texts: list[str], weight: float) -> str:
    written = ""
    for index, text in enumerate(texts):
        if not isinstance(text, BreakText):
            written += _escape(text)
            continue
        # White space beside BREAK is not part of the text; after a lone backslash it is.
        before = texts[index - 1] if index else ""
        after = texts[index + 1] if index + 1 < len(texts) else ""
        written += "\\" if before[-1:].isspace() else " "
        written += "BREAK"
        written += "\\" if after[:1].isspace() else " "
    if weight == 1.0 and written:
        return written
    content = written or "\\"  # a lone backslash is an empty text
    return f"({content}:{Decimal(repr(float(weight))):f})"


def _escape(text: str) -> str:
    """Text such that the parser reads it as text: brackets escaped, and no word BREAK in one piece."""
    return _BREAK_WORD.sub(r"BRE\\AK", text.translate(_ESCAPES))
