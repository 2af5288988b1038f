"""Wildcards: `__name__` and `{a|b|c}` in a prompt, filled in by chance, the same for the same seed.

`__animals__` is a line of `animals.txt`, `__animals/cats__` one of `animals/cats.txt`, `__animals/*__` one of all
files below `animals`. In a file, blank lines and those that begin with `#` don't count; a line may hold further
wildcards, and a weight in front (`3::a fox`). The grammar is told in `templates`.
"""

from __future__ import annotations

import math
import os
import random
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from itertools import accumulate
from pathlib import Path

from modules.faults import InvalidField
from modules.prompts.templates import Choice, Name, Piece, Pieces, is_name, parse, weighted

MAX_CHARACTERS = 16_000
MAX_DEPTH = 20
MAX_FILLED_IN = 10_000

_MAYBE = re.compile(r"__[^\W_]|__[*?]|\{|\\\}")


@dataclass(frozen=True)
class _Lines:
    """The lines of one or several files, and their weights summed up from the first on."""

    texts: tuple[str, ...]
    sums: tuple[float, ...]

    @classmethod
    def of(cls, lines: Sequence[tuple[str, float]]) -> _Lines:
        kept = [line for line in lines if line[1] > 0]
        return cls(tuple(text for text, _ in kept), tuple(accumulate(weight for _, weight in kept)))

    def weighted(self) -> list[tuple[str, float]]:
        before = (0.0, *self.sums)
        return [(text, self.sums[i] - before[i]) for i, text in enumerate(self.texts)]


_State = tuple[int, int]


class Wildcards:
    """The wildcards of a folder. Safe to use from several threads; changed files are read again.

    Args: folder: with text files, in subfolders too. It need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._folders: dict[Path, int] | None = None
        self._files: dict[str, Path] = {}
        self._folded: dict[str, Path] = {}
        self._read: dict[Path, tuple[_State, _Lines]] = {}
        self._globs: dict[str, tuple[tuple[_Lines, ...], _Lines]] = {}

    def names(self) -> list[str]:
        """The names that can stand between underscores, sorted."""
        with self._lock:
            self._look()
            return list(self._files)

    def unknown(self, text: str) -> list[str]:
        """The names in a text that no file has (or one without a line): they stay as they are written."""
        return list(dict.fromkeys(parse(text, lambda name: self._lines(name) is not None)[1]))

    def expand(self, text: str, seed: int, field: str = "prompt") -> str:
        """The text with everything filled in.

        The same text, seed and files give the same result, in every version of Python. Wildcards that lead to
        themselves stop after 20 levels, as they are written.

        Args:
            seed: the picture's; give prompt and negative prompt different ones, or they choose alike.
            field: named in errors.

        Raises: InvalidField: the result is longer than 16,000 characters, or takes more than 10,000 wildcards.
        """
        if not has_wildcards(text):
            return text
        return _Expansion(self._lines, random.Random(seed), field).run(text)

    def _lines(self, name: str) -> _Lines | None:
        """The lines of a name or pattern; None where there are none."""
        with self._lock:
            self._look()
            path = self._files.get(name) or self._folded.get(name.casefold())
            lines = self._lines_of(path) if path else self._lines_of_all(name) if _is_glob(name) else None
        return lines if lines is not None and lines.texts else None

    def _look(self) -> None:
        """List the files again if a folder has changed."""
        if self._folders is not None and all(_time_of(path) == time for path, time in self._folders.items()):
            return
        self._folders, files = {self._folder: _time_of(self._folder)}, {}
        seen: set[str] = set()
        for place, folders, entries in os.walk(self._folder, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            self._folders[Path(place)] = _time_of(Path(place))
            for path in (Path(place, entry) for entry in entries if entry.lower().endswith(".txt")):
                name = path.relative_to(self._folder).with_suffix("").as_posix()
                if is_name(name) and name.isprintable():
                    files[name] = path
        self._files = {name: files[name] for name in sorted(files)}
        self._folded = {name.casefold(): path for name, path in self._files.items()}

    def _lines_of(self, path: Path) -> _Lines:
        try:
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size)
            known = self._read.get(path)
            if known is None or known[0] != state:
                known = self._read[path] = (state, _lines_in(path.read_bytes()))
        except OSError:
            return _Lines((), ())
        return known[1]

    def _lines_of_all(self, pattern: str) -> _Lines:
        matches = re.compile(translate(pattern.casefold())).match
        found = tuple(self._lines_of(path) for name, path in self._files.items() if matches(name.casefold()))
        known = self._globs.get(pattern)
        if known is None or known[0] != found:
            known = (found, _Lines.of([line for lines in found for line in lines.weighted()]))
            self._globs[pattern] = known
        return known[1]


def has_wildcards(text: str) -> bool:
    """Whether `expand` may change the text; a quick look. Where it says no, nothing is changed."""
    return _MAYBE.search(text) is not None


class _Expansion:
    """One text being filled in."""

    def __init__(self, lines: Callable[[str], _Lines | None], chance: random.Random, field: str) -> None:
        self._lines = lines
        self._chance = chance
        self._field = field
        self._filled_in = 0
        self._known: dict[str, _Lines | None] = {}

    def run(self, text: str) -> str:
        written: list[str] = []
        length = 0
        stack: list[tuple[Iterator[Piece], int]] = [(iter(self._parsed(text)), 0)]
        while stack:
            pieces, depth = stack[-1]
            for piece in pieces:
                if isinstance(piece, Name) and depth == MAX_DEPTH:
                    piece = str(piece)
                if not isinstance(piece, str):
                    stack.append(self._opened(piece, depth))
                    break
                written.append(piece)
                length += len(piece)
                if length > MAX_CHARACTERS:
                    raise self._fault(f"is longer than {MAX_CHARACTERS:,} characters")
            else:
                stack.pop()
        return "".join(written)

    def _opened(self, piece: Piece, depth: int) -> tuple[Iterator[Piece], int]:
        if isinstance(piece, Name):
            return iter(self._parsed(self._line(piece.name))), depth + 1
        if isinstance(piece, Choice):
            return self._chosen(piece, depth)
        return iter(piece), depth

    def _chosen(self, choice: Choice, depth: int) -> tuple[Iterator[Piece], int]:
        self._count()
        options, weights = choice.options, choice.weights
        count = choice.low + self._below(choice.high - choice.low + 1)
        if count > 1 and len(options) == 1 and len(options[0]) == 1 and depth < MAX_DEPTH:
            only = options[0][0]
            if isinstance(only, Name):  # several different lines of one wildcard
                lines = self._some(self._all(only.name), count)
                return iter(_joined([self._parsed(line) for line in lines], choice.joiner)), depth + 1
        sums = tuple(accumulate(weights))
        return iter(_joined([options[i] for i in self._indices(sums, count)], choice.joiner)), depth

    def _line(self, name: str) -> str:
        self._count()
        lines = self._all(name)
        return lines.texts[self._index(lines.sums)]

    def _some(self, lines: _Lines, count: int) -> list[str]:
        self._count(min(count, len(lines.texts)))
        return [lines.texts[index] for index in self._indices(lines.sums, count)]

    def _indices(self, sums: tuple[float, ...], count: int) -> list[int]:
        """Different indices, at most as many as have a weight, in the order of their choice."""
        if count == 1:
            return [self._index(sums)]
        chosen: dict[int, None] = {}
        for _ in range(4 * min(count, len(sums))):
            if len(chosen) == count:
                break
            chosen[self._index(sums)] = None
        if len(chosen) < count:
            chosen.update(dict.fromkeys(self._others(sums, chosen)[: count - len(chosen)]))
        return list(chosen)

    def _others(self, sums: tuple[float, ...], chosen: Container[int]) -> list[int]:
        """All further indices, in the order of their choice (Efraimidis and Spirakis 2006)."""
        keys = [
            (math.log(1.0 - self._chance.random()) / (total - before), index)
            for index, (before, total) in enumerate(zip((0.0, *sums), sums, strict=False))
            if total > before and index not in chosen
        ]
        return [index for _, index in sorted(keys, reverse=True)]

    def _index(self, sums: tuple[float, ...]) -> int:
        return min(bisect_right(sums, self._chance.random() * sums[-1]), len(sums) - 1)

    def _below(self, count: int) -> int:
        # Only random() gives the same numbers in every version of Python.
        return int(self._chance.random() * count) if count > 1 else 0

    def _parsed(self, text: str) -> Pieces:
        return parse(text, lambda name: self._find(name) is not None)[0]

    def _find(self, name: str) -> _Lines | None:
        if name not in self._known:
            self._known[name] = self._lines(name)
        return self._known[name]

    def _all(self, name: str) -> _Lines:
        lines = self._find(name)
        assert lines is not None  # the parser makes a Name only of what is known
        return lines

    def _count(self, choices: int = 1) -> None:
        self._filled_in += choices
        if self._filled_in > MAX_FILLED_IN:
            raise self._fault(f"takes more than {MAX_FILLED_IN:,} choices")

    def _fault(self, what: str) -> InvalidField:
        subject = self._field.replace("_", " ")
        return InvalidField(
            self._field, f"The {subject} {what} once its wildcards are filled in. Shorten it."
        )


def _joined(parts: list[Pieces], joiner: Pieces) -> Pieces:
    """The parts that say anything, with the joiner between them."""
    pieces: list[Piece] = []
    for part in parts:
        if part:
            pieces += [joiner, part] if pieces else [part]
    return pieces


def _lines_in(data: bytes) -> _Lines:
    """The lines of a file: UTF-8, or else what Windows' older editors write."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = (line.strip() for line in text.replace("\0", "").splitlines())
    found = [weighted(line) for line in lines if line and not line.startswith("#")]
    return _Lines.of([(line, 1.0 if weight is None else weight) for line, weight in found])


def _is_glob(name: str) -> bool:
    return "*" in name or "?" in name


def _time_of(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
