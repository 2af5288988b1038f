"""What looks wrong in a prompt, as plain sentences with places in the text. Nothing here stops a picture.

Every check reads the text as the prompt language does (see `emphasis`, `editing`, `composition`, `tags`), once.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modules.prompts.composition import split_composition
from modules.prompts.editing_remarks import Calls, editing_remarks
from modules.prompts.tags import NetworkTag, extract_tags
from modules.prompts.templates import parse

MOST_WARNINGS = 50
"""Of one field; further ones are only counted."""
LARGEST_WEIGHT = 3.0

_TAG_OPENING = re.compile(r"<\w+:")
_LOST_TAG_OPENING = re.compile(r"\b(?:lora|lyco|hypernet):[^<>]{1,200}>")
_AND = re.compile(r"\bAND\b")
_MARK = re.compile(r"\\[()\[\]\\{}]|:\s*[+-]?[.\d]+\s*\)|[()\[\]{}]")
_PATTERN = frozenset("*?")
_OPENED_BY = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class PromptWarning:
    """One remark.

    Args:
        code: its kind: bracket, tag, network, wildcard, weight, part, editing, literal, choice, length or more.
        field: "prompt" or "negative_prompt".
        start, end: the place in that text, in characters; None where it has none.
    """

    code: str
    message: str
    field: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class KnownNames:
    """The names that a prompt may use, compared without case. Make it with `of`.

    Args:
        networks: folded names by kind of tag ("lora"); empty: nothing is known about any kind.
        wildcards: folded names; None: nothing is known.
    """

    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    wildcards: frozenset[str] | None = None

    @classmethod
    def of(cls, networks: Mapping[str, Iterable[str]], wildcards: Iterable[str] | None = None) -> KnownNames:
        """From names as they are written."""
        return cls(
            {kind: frozenset(name.casefold() for name in names) for kind, names in networks.items()},
            None if wildcards is None else frozenset(name.casefold() for name in wildcards),
        )

    def network(self, tag: NetworkTag) -> bool | None:
        """Whether a tag names something that is there; None where nothing is known about it."""
        if not self.networks:
            return None
        return tag.name.casefold() in self.networks.get(tag.kind, ())


@dataclass(frozen=True)
class PlacedText:
    """A text out of a field, and where its characters stand there.

    Args:
        removed: `(position, count)`: how many characters of the field were left out in front of the position
            (counted in the text that `start` belongs to), all together.
    """

    text: str
    field: str
    start: int = 0
    removed: tuple[tuple[int, int], ...] = ()

    def piece(self, start: int, end: int) -> PlacedText:
        """A part of the text."""
        return PlacedText(self.text[start:end], self.field, self.start + start, self.removed)

    def place(self, position: int) -> int:
        """Where a character of this text stands in the field."""
        position += self.start
        index = bisect_right(self.removed, (position, math.inf))
        return position + (self.removed[index - 1][1] if index else 0)

    def warning(self, code: str, message: str, start: int, end: int) -> PromptWarning:
        """A remark about `text[start:end]`."""
        first = self.place(start)
        return PromptWarning(
            code, message, self.field, first, self.place(end - 1) + 1 if end > start else first
        )


@dataclass(frozen=True)
class PlacedTag:
    """A network tag and its place in the prompt."""

    tag: NetworkTag
    start: int
    end: int


def take_tags(prompt: str, field: str = "prompt") -> tuple[PlacedText, list[PlacedTag]]:
    """`extract_tags` with places: the text that is left, and the tags."""
    tags: list[PlacedTag] = []
    kept: list[str] = []
    removed: list[tuple[int, int]] = []
    position = length = count = 0
    closing = -1
    for opening in _TAG_OPENING.finditer(prompt):
        start = opening.start()
        if start < position:
            continue
        if closing < opening.end():
            closing = prompt.find(">", opening.end())
        if closing < 0:
            break
        if closing == opening.end():
            continue
        kept.append(prompt[position:start])
        length += start - position
        position = closing + 1
        count += position - start
        removed.append((length, count))
        tags.append(PlacedTag(extract_tags(prompt[start:position])[1][0], start, position))
    kept.append(prompt[position:])
    return PlacedText("".join(kept), field, 0, tuple(removed)), tags


def split_parts(text: PlacedText) -> list[PlacedText]:
    """The pieces between the words `AND`, with the weights at their ends."""
    borders = [match.span() for match in _AND.finditer(text.text)]
    starts = [0, *(end for _, end in borders)]
    ends = [*(start for start, _ in borders), len(text.text)]
    return [text.piece(start, end) for start, end in zip(starts, ends, strict=True)]


def positive_remarks(
    prompt: str, text: PlacedText, tags: list[PlacedTag], calls: Calls, known: KnownNames
) -> Iterator[PromptWarning]:
    """Remarks about a prompt.

    Args:
        text, tags: what `take_tags` has found in it.
        calls: the model calls of the pass, as prompt editing counts them.
    """
    yield from _tag_remarks(tags, known)
    yield from _broken_tags(text)
    yield from _wildcard_remarks(text, known)
    yield from _unbalanced(text, "{}")
    parts = split_parts(text)
    for part in parts:
        yield from _part_remarks(part, alone=len(parts) == 1)
        head = part.piece(0, len(split_composition(part.text)[0].text))
        yield from _text_remarks(head, calls)


def negative_remarks(negative_prompt: str, calls: Calls, known: KnownNames) -> Iterator[PromptWarning]:
    """Remarks about a negative prompt."""
    text = PlacedText(negative_prompt, "negative_prompt")
    for tag in take_tags(negative_prompt, text.field)[1]:
        message = f"{_short(str(tag.tag))} has no effect here: networks are named in the prompt only."
        yield PromptWarning("tag", message, text.field, tag.start, tag.end)
    for word in _AND.finditer(negative_prompt):
        message = "AND has no meaning in the negative prompt; it is read as a word."
        yield text.warning("part", message, *word.span())
    yield from _wildcard_remarks(text, known)
    yield from _unbalanced(text, "{}")
    yield from _text_remarks(text, calls)


def limited(warnings: Iterable[PromptWarning], field: str) -> list[PromptWarning]:
    """The first `MOST_WARNINGS` by their place, and a line about the others."""
    found = sorted(warnings, key=lambda warning: (warning.start or 0, warning.end or 0))
    more = len(found) - MOST_WARNINGS
    if more <= 0:
        return found
    return [
        *found[:MOST_WARNINGS],
        PromptWarning("more", f"There are {more} more remarks like these.", field),
    ]


def _text_remarks(text: PlacedText, calls: Calls) -> Iterator[PromptWarning]:
    yield from _unbalanced(text, "()[]")
    for remark in editing_remarks(text.text, calls):
        yield text.warning(remark.code, remark.message, remark.start, remark.end)


def _tag_remarks(tags: list[PlacedTag], known: KnownNames) -> Iterator[PromptWarning]:
    for placed in tags:
        tag = placed.tag
        message = ""
        if not tag.name:
            message = f"{_short(str(tag))} names no network."
        elif known.networks and tag.kind not in known.networks:
            kinds = ", ".join(known.networks)
            message = f"Nothing here reads tags of the kind {_short(tag.kind)!r}; there are {kinds}."
        elif known.network(tag) is False:
            message = f"There is no {tag.kind} named {_short(tag.name)!r}."
        if message:
            yield PromptWarning("network", message, "prompt", placed.start, placed.end)


def _broken_tags(text: PlacedText) -> Iterator[PromptWarning]:
    for opening in _TAG_OPENING.finditer(text.text):
        if text.text[opening.end() : opening.end() + 1] != ">":
            message = f"{_short(opening.group())} is never closed with >, so it is read as text."
            yield text.warning("bracket", message, *opening.span())
            break
        message = f"{_short(opening.group())}> is empty, so it is read as text."
        yield text.warning("tag", message, opening.start(), opening.end() + 1)
    for lost in _LOST_TAG_OPENING.finditer(text.text):
        if text.text[lost.start() - 1 : lost.start()] != "<":
            message = f"{_short(lost.group())} begins without <, so it is read as text."
            yield text.warning("bracket", message, *lost.span())


def _wildcard_remarks(text: PlacedText, known: KnownNames) -> Iterator[PromptWarning]:
    names = known.wildcards
    if names is None or "__" not in text.text:
        return
    position = 0
    for name in parse(text.text, lambda name: name.casefold() in names or not _PATTERN.isdisjoint(name))[1]:
        start = text.text.find(f"__{name}__", position)
        position = start + len(name) + 2
        message = f"There is no wildcard named {_short(name)!r}."
        yield text.warning("wildcard", message, start, position + 2)


def _part_remarks(part: PlacedText, alone: bool) -> Iterator[PromptWarning]:
    """An empty part, and what its weight means."""
    ((head, weight),) = split_composition(part.text)
    start, end = len(head), len(part.text.rstrip())
    if not alone and not head.strip():
        yield part.warning("part", "This part between AND is empty.", 0, len(part.text))
    written = _short(part.text[start:end].strip())
    if end > start and alone:
        message = f"{written} at the end is read as the weight of the whole prompt, not as text."
        yield part.warning("part", message, start, end)
    elif weight == 0:
        yield part.warning("weight", "With the weight 0 this part has no effect.", start, end)
    elif abs(weight) > LARGEST_WEIGHT:
        message = f"The weight {weight:g} of this part is unusually large; between -3 and 3 is usual."
        yield part.warning("weight", message, start, end)


def _unbalanced(text: PlacedText, kinds: str) -> Iterator[PromptWarning]:
    """Brackets of these kinds without a partner; and, with round ones, their weights."""
    opened: dict[str, list[int]] = {"(": [], "[": [], "{": []}
    for mark in _MARK.finditer(text.text):
        token = mark.group()
        bracket = token[-1]
        if token[0] == "\\" or bracket not in kinds:
            continue
        if bracket in opened:
            opened[bracket].append(mark.start())
        elif not opened[_OPENED_BY[bracket]]:
            message = f"This {bracket} closes nothing, so it is read as text."
            yield text.warning("bracket", message, mark.end() - 1, mark.end())
        else:
            start = opened[_OPENED_BY[bracket]].pop()
            if token[0] == ":":
                yield from _weight_remarks(text, token[1:-1], start, mark.end())
    for bracket, starts in opened.items():
        effect = "it is read as text" if bracket == "{" else "it counts to the end of the text"
        for start in starts:
            message = f"This {bracket} is never closed, so {effect}."
            yield text.warning("bracket", message, start, start + 1)


def _weight_remarks(text: PlacedText, number: str, start: int, end: int) -> Iterator[PromptWarning]:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        message = f"{_short(number.strip())} is no number, so these brackets are read as text."
    elif weight == 0:
        message = "With the weight 0 these words have no effect of their own."
    elif abs(weight) > LARGEST_WEIGHT:
        message = f"The weight {weight:g} is unusually large; between -3 and 3 is usual."
    else:
        return
    yield text.warning("weight", message, start, end)


def _short(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
