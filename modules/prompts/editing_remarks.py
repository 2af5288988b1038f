"""Why a bracket that looks like prompt editing or alternation isn't read as such, or does nothing.

The same walk over the marks as the parser's in `editing`, with places instead of texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from modules.prompts.editing import schedule

_TOKEN = re.compile(r"[^\\\[\]():|]+|\\.|[\\\[\]():|]")
_MARKS = frozenset("\\[]():|")
_NUMBER = re.compile(
    r"\s*([+-]?(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+))\s*"
)
_NUMBER_AT_END = re.compile(":" + _NUMBER.pattern + r"\]")
_PARTNER = {")": "(", "]": "["}


class EditingRemark(NamedTuple):
    """A remark about `text[start:end]`; its code is "editing", "literal" or "choice"."""

    code: str
    message: str
    start: int
    end: int


class Calls(NamedTuple):
    """Model calls of the first pass, and of the second if that is the one looked at; see `editing.schedule`."""

    first: int
    second: int | None = None

    @property
    def total(self) -> int:
        """Those of the pass that is looked at."""
        return self.first if self.second is None else self.second


class _Literal(Exception):
    """The whole text is literal, because of what stands at a place."""

    def __init__(self, reason: str, start: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.start = start

    def remark(self) -> EditingRemark:
        message = f"No prompt editing is read in this text, because {self.reason}."
        return EditingRemark("literal", message, self.start, self.start + 1)


class _Choice(_Literal):
    """A bar in a choice, which is made before the text is read for a picture."""

    def remark(self) -> EditingRemark:
        message = (
            "Choices in {...} are made for each picture; here they stand as written, and prompt editing beside "
            "them is not shown."
        )
        return EditingRemark("choice", message, self.start, self.start + 1)


@dataclass
class _Open:
    """An open bracket: its separator, how many segments it has, and the last of them if it is plain text."""

    bracket: str
    start: int
    separator: str = ""
    segments: int = 1
    pieces: int = 0
    last: str | None = None

    def add(self, text: str | None) -> None:
        self.pieces += 1
        self.last = text if self.pieces == 1 else None

    def separate(self, mark: str, place: int) -> None:
        if mark == "|" and self.bracket == "(":
            raise _Literal("a | stands in round brackets", place)
        if self.separator not in ("", mark):
            raise _Literal("one pair of brackets has both : and |", place)
        self.separator = mark
        self.segments += 1
        self.pieces, self.last = 0, None


def editing_remarks(text: str, calls: Calls) -> list[EditingRemark]:
    """Remarks about the square brackets of a text. Never raises; one pass.

    Args: calls: a change is reached if it comes before the last one.
    """
    if "[" not in text or not (":" in text or "|" in text):
        return []
    walk = _Walk(text, calls)
    try:
        walk.run()
    except _Literal as literal:
        if "|" in text or _NUMBER_AT_END.search(text):
            return [literal.remark()]
    return [*walk.remarks, *walk.unread()]


class _Walk:
    """One pass over the marks of a text."""

    def __init__(self, text: str, calls: Calls) -> None:
        self.text = text
        self.calls = calls
        self.remarks: list[EditingRemark] = []
        self._frames: list[_Open] = []
        self._seen: set[int] = set()

    def run(self) -> None:
        """Collect the remarks.

        Raises: _Literal: nothing in the text is read as editing.
        """
        tokens = _TOKEN.findall(self.text)
        starts = [0, *accumulate(len(token) for token in tokens)]
        for index, (token, paired) in enumerate(zip(tokens, _paired(tokens), strict=True)):
            start = starts[index]
            frame = self._frames[-1] if self._frames else None
            if token not in _MARKS:
                if frame:
                    frame.add(token)
            elif paired and token in "([":
                self._frames.append(_Open(token, start))
            elif paired and frame:
                self._close(frame, start)
            elif token == "\\":
                raise _Literal("a backslash stands at the end of a line", start)
            elif token == "|" and not frame:
                raise self._stray_bar(start)
            elif not frame:
                continue
            elif token in ":|":
                frame.separate(token, start)
            else:
                self._spill(start)

    def unread(self) -> Iterator[EditingRemark]:
        """Each `:number]` that the walk has not met as the end of a pair."""
        for found in _NUMBER_AT_END.finditer(self.text):
            if found.end() - 1 not in self._seen:
                message = (
                    f"{_short(found.group().strip())} is not read as prompt editing, because the brackets "
                    "before it don't match."
                )
                yield EditingRemark("editing", message, found.start(), found.end())

    def _close(self, frame: _Open, place: int) -> None:
        self._seen.add(place)
        if frame.separator == "|":
            self._pop()
        elif frame.bracket == "(":
            if frame.segments <= 2:
                self._pop()
            else:
                self._spill(place)
        elif frame.segments == 1:
            self._pop()
        else:
            self._close_colons(frame, place)

    def _close_colons(self, frame: _Open, place: int) -> None:
        number = _NUMBER.fullmatch(frame.last) if frame.last is not None else None
        if frame.segments <= 3 and number is not None:
            self._pop()
            self._check_number(number.group(1), frame, place)
            return
        reason = "after its last colon stands no number" if number is None else "it has more than two colons"
        message = f"These brackets only weaken their words; they are no prompt editing, because {reason}."
        self.remarks.append(EditingRemark("editing", message, frame.start, place + 1))
        self._spill(place)

    def _check_number(self, number: str, frame: _Open, place: int) -> None:
        # the parser itself says which step a number means
        end, text = schedule(f"[a:b:{number}]", *self.calls)[0]
        if text != "a" or end < self.calls.total - 1:
            return
        message = f"The change at {_short(number)} is never reached: this pass ends before it."
        if self.calls.second is None and "." in number and 1 < float(number) <= 2:
            message = f"The change at {_short(number)} is only reached in the second pass of hires fix."
            if frame.segments == 2:
                message += f" For a weight, write (...:{_short(number)}) with round brackets."
        self.remarks.append(EditingRemark("editing", message, frame.start, place + 1))

    def _pop(self) -> None:
        self._frames.pop()
        if self._frames:
            self._frames[-1].add(None)

    def _spill(self, place: int) -> None:
        """The open brackets are plain text, because of what stands at this place."""
        if any(frame.separator == "|" for frame in self._frames):
            raise _Literal("a stray bracket or colon stands in an alternation", place)
        self._frames.clear()

    def _stray_bar(self, start: int) -> _Literal:
        in_choice = self.text.count("{", 0, start) > self.text.count("}", 0, start)
        return (_Choice if in_choice else _Literal)("a | stands outside of square brackets", start)


def _paired(tokens: list[str]) -> bytearray:
    """1 for each bracket that has a partner with nothing stray between them."""
    paired = bytearray(len(tokens))
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token in ("(", "["):
            opened.append(index)
        elif token in _PARTNER:
            if opened and tokens[opened[-1]] == _PARTNER[token]:
                paired[index] = paired[opened.pop()] = 1
            else:
                opened.clear()
    return paired


def _short(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
