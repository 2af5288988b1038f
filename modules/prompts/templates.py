r"""Templates: the grammar of `__name__` and `{a|b|c}`, read into pieces that `wildcards` chooses from.

    name        "__" file name "__"                                   a line of a file; "*" and "?" for several
    choice      "{" option ("|" option)+ "}"                          one of them
    several     "{" count "$$" [joiner "$$"] option ("|" option)* "}" some of them, all different
    count       "2" or "1-3"
    option      [weight "::"] text

Anything may stand in an option, other choices too. Braces with neither `|` nor a count are plain text, and so
is a `|` that belongs to square brackets (`[a|b]` is prompt editing), and names in a tag without a choice
(`<lora:my__name__x:1>`). `\{` and `\}` are plain braces; every other backslash stays, with what follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Union

DEFAULT_JOINER = ", "

_NAME = r"(?:[^\W_]|[*?])(?:[^\\\s_{}|<>\[\]():$,\"]|_(?!_)|[ ](?=[^\s_])){0,200}"
_TOKEN = re.compile(
    rf"\\.|<\w+:[^<>{{}}|\\]*>|__(?P<name>{_NAME})__|[{{}}|\[\]]|[^\\<_{{}}|\[\]]+|.", re.DOTALL
)
_WHOLE_NAME = re.compile(_NAME)
_COUNT = re.compile(r"\s*([0-9]{1,4})(?:\s*-\s*([0-9]{1,4}))?\s*\$\$")
_WEIGHT = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})::")


@dataclass(frozen=True, slots=True)
class Name:
    """`__name__`."""

    name: str

    def __str__(self) -> str:
        return f"__{self.name}__"


@dataclass(frozen=True, slots=True)
class Choice:
    """`{2-3$$ and $$5::a|b|c}`.

    Args:
        options: what each says; weights: how often each is chosen, against the others.
        low, high: how many are taken; joiner: what stands between them.
    """

    options: tuple[Pieces, ...]
    weights: tuple[float, ...]
    low: int = 1
    high: int = 1
    joiner: Pieces = (DEFAULT_JOINER,)


Piece = Union[str, Name, Choice, "Sequence[Piece]"]
Pieces = Sequence[Piece]


@dataclass(slots=True)
class _Frame:
    """An open brace: what it holds so far, and where its bars are, those within square brackets left out."""

    pieces: list[Piece] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)
    squares: list[int] = field(default_factory=list)

    def add(self, token: str) -> None:
        if token == "|":
            self.bars.append(len(self.pieces))
        elif token == "[":
            self.squares.append(len(self.bars))
        elif token == "]" and self.squares:
            del self.bars[self.squares.pop() :]
        self.pieces.append(token)

    def closed(self) -> Piece:
        """The choice; plain pieces where it is none."""
        segments = _split(self.pieces, self.bars)
        first = segments[0]
        count = _COUNT.match(first[0]) if first and isinstance(first[0], str) else None
        if count is None:
            if not self.bars:
                return ["{", *self.pieces, "}"]
            return Choice(*_options(segments))
        low, high = sorted((int(count.group(1)), int(count.group(2) or count.group(1))))
        assert isinstance(first[0], str)
        joiner, segments[0] = _joiner([first[0][count.end() :], *first[1:]])
        options, weights = _options([_stripped(segment) for segment in segments])
        return Choice(options, weights, low, high, joiner)


def is_name(text: str) -> bool:
    """Whether `text` can stand between underscores."""
    return _WHOLE_NAME.fullmatch(text) is not None


def parse(text: str, known: Callable[[str], bool]) -> tuple[Pieces, list[str]]:
    """Read a template. Never raises; time grows with the length of the text.

    Args: known: whether there is such a name; one that isn't known is plain text.

    Returns: the pieces, and the names that were not known.
    """
    tokens, unknown = _tokens(text, known)
    frames = [_Frame()]
    for token, paired in zip(tokens, _paired_braces(tokens), strict=True):
        if isinstance(token, Name):
            frames[-1].pieces.append(token)
        elif not paired:
            frames[-1].add(token[1] if token in (r"\{", r"\}") else token)
        elif token == "{":
            frames.append(_Frame())
        else:
            piece = frames.pop().closed()
            frames[-1].pieces.append(piece)
    return frames[0].pieces, unknown


def _tokens(text: str, known: Callable[[str], bool]) -> tuple[list[str | Name], list[str]]:
    """The known names and everything between them, and the names that are not known."""
    tokens: list[str | Name] = []
    unknown: list[str] = []
    position = closing = 0
    while match := _TOKEN.match(text, position):
        token, position = match.group(), match.end()
        name = match.group("name") if token.startswith("__") else None
        if name is None:
            tokens.append(token)
        elif known(name):
            tokens.append(Name(name))
        else:
            if match.start() >= closing:
                unknown.append(name)
            closing = position
            position -= 2  # its last underscores may be the first ones of a known name
            tokens.append(token[:-2])
    return tokens, unknown


def _paired_braces(tokens: list[str | Name]) -> bytearray:
    """1 for each brace that has a partner, else 0."""
    paired = bytearray(len(tokens))
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token == "{":
            opened.append(index)
        elif token == "}" and opened:
            paired[index] = paired[opened.pop()] = 1
    return paired


def _split(pieces: list[Piece], bars: list[int]) -> list[list[Piece]]:
    starts = [0, *(bar + 1 for bar in bars)]
    return [pieces[start:end] for start, end in zip(starts, [*bars, len(pieces)], strict=True)]


def _joiner(pieces: list[Piece]) -> tuple[Pieces, list[Piece]]:
    """What stands before the second `$$`, and the first option."""
    for index, piece in enumerate(pieces):
        if isinstance(piece, str) and "$$" in piece:
            before, _, after = piece.partition("$$")
            return [*pieces[:index], before], [after, *pieces[index + 1 :]]
    return (DEFAULT_JOINER,), pieces


def _stripped(pieces: list[Piece]) -> list[Piece]:
    """Pieces without white space at their ends."""
    pieces = [piece for piece in pieces if piece != ""]
    if pieces and isinstance(pieces[0], str):
        pieces[0] = pieces[0].lstrip()
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] = pieces[-1].rstrip()
    return [piece for piece in pieces if piece != ""]


def _options(segments: list[list[Piece]]) -> tuple[tuple[Pieces, ...], tuple[float, ...]]:
    """The options and their weights, all 1 if all are 0."""
    options: list[Pieces] = []
    weights: list[float] = []
    for segment in segments:
        text, weight = weighted(segment[0]) if segment and isinstance(segment[0], str) else ("", None)
        options.append(segment if weight is None else [text, *segment[1:]])
        weights.append(1.0 if weight is None else weight)
    return tuple(options), tuple(weights) if any(weights) else (1.0,) * len(weights)


def weighted(text: str) -> tuple[str, float | None]:
    """A text without its weight (`3::`) at the front, and the weight; None: there is none."""
    found = _WEIGHT.match(text)
    return (text[found.end() :], float(found.group(1))) if found else (text, None)
