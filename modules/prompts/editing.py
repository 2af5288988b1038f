"""Prompt editing and alternation: which text a prompt is at which step.

The grammar, where `prompt` is any run of plain text and of these bracketed forms:

    scheduled   "[" [prompt ":"] prompt ":" number "]"     the first up to `number`, then the second
    alternate   "[" prompt ("|" prompt)+ "]"               one after the other, a step each
    emphasized  "(" prompt ")"  "(" prompt ":" prompt ")"  "[" prompt "]"     kept as written

A backslash takes the next character along as plain text. Brackets and colons outside of these forms are
plain text as well, but only at the outermost level: a form holds no stray ones. A `|` outside of an
alternation, or a backslash at the end of a line, makes the whole prompt literal.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Union

Schedule = tuple[tuple[int, str], ...]
"""`(end_at_step, text)` entries: a text holds up to and with that step, counted from 1."""

_TOKEN = re.compile(r"[^\\\[\]():|]+|\\.|[\\\[\]():|]")
_MARKS = frozenset("\\[]():|")
_NUMBER = r"\s*([+-]?(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+))\s*"
_WHOLE_NUMBER_TEXT = re.compile(_NUMBER)
_MAYBE_SCHEDULED = re.compile(":" + _NUMBER + r"\]")


@dataclass(slots=True, eq=False)
class _Scheduled:
    """`[before:after:number]`; `when` is the last step of `before`, once the steps are known."""

    before: _Pieces
    after: _Pieces
    number: str
    when: int = 0

    def chosen(self, step: int) -> _Pieces:
        return self.before if step <= self.when else self.after


@dataclass(slots=True, eq=False)
class _Alternate:
    """`[a|b|c]`."""

    options: list[_Pieces]

    def chosen(self, step: int) -> _Pieces:
        return self.options[(step - 1) % len(self.options)]


_Piece = Union[str, _Scheduled, _Alternate, "list[_Piece]"]
_Pieces = list[_Piece]


class _Unreadable(Exception):
    """The grammar can't read the prompt; it is literal, whole."""


class _Frame:
    """An open bracket: its segments, and the mark that separates them."""

    __slots__ = ("bracket", "segments", "separator")

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.segments: list[_Pieces] = [[]]
        self.separator = ""

    def separate(self, mark: str) -> None:
        if self.separator not in ("", mark) or (mark == "|" and self.bracket == "("):
            raise _Unreadable
        self.separator = mark
        self.segments.append([])

    def closed(self) -> _Piece | None:
        """The bracket's form; None where it is none of them."""
        count = len(self.segments)
        if self.separator == "|":
            return _Alternate([_joined(segment) for segment in self.segments])
        if self.bracket == "(":
            return ["(", *self.literal(), ")"] if count <= 2 else None
        if count == 1:
            return ["[", self.segments[0], "]"]
        return self._scheduled() if count <= 3 else None

    def _scheduled(self) -> _Scheduled | None:
        last = self.segments[-1]
        text = last[0] if len(last) == 1 else None
        number = _WHOLE_NUMBER_TEXT.fullmatch(text) if isinstance(text, str) else None
        if number is None:
            return None
        before = self.segments[0] if len(self.segments) == 3 else []
        return _Scheduled(_joined(before), _joined(self.segments[-2]), number.group(1))

    def literal(self) -> _Pieces:
        """The contents as plain pieces, separators included; an alternation has no such reading."""
        if self.separator == "|":
            raise _Unreadable
        pieces: _Pieces = [self.segments[0]]
        for segment in self.segments[1:]:
            pieces += [":", segment]
        return pieces


class _Parser:
    """Reads a prompt in one pass, without recursion.

    Then `top` holds the prompt's pieces, and `nodes` the editing forms among them, inner ones first.
    """

    def __init__(self) -> None:
        self.top: _Pieces = []
        self.nodes: list[_Scheduled | _Alternate] = []
        self.frames: list[_Frame] = []

    def parse(self, prompt: str) -> None:
        tokens = _TOKEN.findall(prompt)
        frames = self.frames
        for token, paired in zip(tokens, _paired_brackets(tokens), strict=True):
            if token not in _MARKS:
                (frames[-1].segments[-1] if frames else self.top).append(token)
            elif paired and token in "([":
                frames.append(_Frame(token))
            elif paired and frames:
                self._close(token)
            elif token == "\\" or (token == "|" and not frames):
                raise _Unreadable
            elif not frames:
                self.top.append(token)
            elif token in ":|":
                frames[-1].separate(token)
            else:
                self._spill()
                self.top.append(token)
        self.top = _joined(self.top)

    def _close(self, token: str) -> None:
        piece = self.frames[-1].closed()
        if piece is None:
            self._spill()
            self.top.append(token)
            return
        self.frames.pop()
        (self.frames[-1].segments[-1] if self.frames else self.top).append(piece)
        if isinstance(piece, (_Scheduled, _Alternate)):
            self.nodes.append(piece)

    def _spill(self) -> None:
        """A stray mark inside of open brackets: no form holds one, so all of them are plain text."""
        for frame in self.frames:
            self.top.append(frame.bracket)
            self.top += frame.literal()
        self.frames.clear()


def _paired_brackets(tokens: list[str]) -> bytearray:
    """1 for each bracket token that has a partner with nothing stray between them, else 0."""
    paired = bytearray(len(tokens))
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token == "(" or token == "[":
            opened.append(index)
        elif token == ")" or token == "]":
            if opened and tokens[opened[-1]] == ("(" if token == ")" else "["):
                paired[index] = paired[opened.pop()] = 1
            else:
                opened.clear()
    return paired


def _joined(pieces: _Pieces) -> _Pieces:
    """Nested lists unrolled and plain text joined, so that a step costs only what may change in it."""
    flat: _Pieces = []
    run: list[str] = []
    stack = [iter(pieces)]
    while stack:
        for piece in stack[-1]:
            if isinstance(piece, str):
                run.append(piece)
            elif isinstance(piece, list):
                stack.append(iter(piece))
                break
            else:
                flat += ["".join(run), piece] if run else [piece]
                run = []
        else:
            stack.pop()
    return [*flat, "".join(run)] if run else flat


def _text_at(pieces: _Pieces, step: int) -> str:
    """The text of joined pieces at a step."""
    written: list[str] = []
    stack = [iter(pieces)]
    while stack:
        for piece in stack[-1]:
            if isinstance(piece, str):
                written.append(piece)
                continue
            chosen = piece if isinstance(piece, list) else piece.chosen(step)
            if len(chosen) == 1 and isinstance(chosen[0], str):
                written.append(chosen[0])
            elif chosen:
                stack.append(iter(chosen))
                break
        else:
            stack.pop()
    return "".join(written)


def schedule(
    prompt: str, steps: int, hires_steps: int | None = None, use_old_scheduling: bool = False
) -> list[tuple[int, str]]:
    """The texts of a prompt over the steps, as `(end_at_step, text)`; the last ends at the last step.

    In `[from:to:when]` a number with a decimal point is a share of the steps, one without is a step.
    Never raises; a prompt that the grammar can't read is one literal text. Time grows with the length of
    the prompt times the number of different texts.

    Args:
        steps: steps of the (first) pass, or model calls where a sampler counts two a step.
        hires_steps: steps of the second pass; then the schedule of that pass is returned. Whole numbers
            count on from the first pass, shares of 1.0 to 2.0 are those of the second.
        use_old_scheduling: a number below 1 is a share, any other a step; the second pass is counted
            like the first, in `steps` (for files made before version 1.6 of the older UI).
    """
    first_pass: int | None
    if hires_steps is None or use_old_scheduling:
        first_pass, total = None, steps
    else:
        first_pass, total = steps, hires_steps
    parser = _Parser()
    try:
        if "|" in prompt or _MAYBE_SCHEDULED.search(prompt):
            parser.parse(prompt)
    except _Unreadable:
        return [(total, prompt)]
    if not parser.nodes:
        return [(total, prompt)]
    for node in parser.nodes:
        if isinstance(node, _Scheduled):
            node.when = _step_of(node.number, total, first_pass, use_old_scheduling)
    return _entries(parser, total)


def _step_of(number: str, total: int, first_pass: int | None, use_old_scheduling: bool) -> int:
    """The last step (from 1) of the text before the change, at most `total`; below 1 there is none."""
    value = float(number)
    if use_old_scheduling:
        value = value * total if value < 1 else value
    elif "." in number:
        value = (value - (0.0 if first_pass is None else 1.0)) * total
    else:
        value -= first_pass or 0
    return total if value >= total else int(max(value, -1.0))


def _entries(parser: _Parser, total: int) -> list[tuple[int, str]]:
    """One entry for each step at which something may change, changed or not."""
    whens = sorted({node.when for node in parser.nodes if isinstance(node, _Scheduled)})
    lengths = {len(node.options) for node in parser.nodes if isinstance(node, _Alternate)}
    ends = set(range(1, total + 1)) if lengths else {when for when in whens if when >= 1}
    # The text is that of an earlier step where the same alternatives meet between the same changes.
    period = math.lcm(*lengths)
    texts: dict[tuple[int, int], str] = {}
    entries: list[tuple[int, str]] = []
    for end in sorted(ends | {total}):
        state = (bisect_left(whens, end), (end - 1) % period)
        if state not in texts:
            texts[state] = _text_at(parser.top, end)
        entries.append((end, texts[state]))
    return entries
