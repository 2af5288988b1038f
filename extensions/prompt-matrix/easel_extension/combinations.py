"""The parts of a prompt and their combinations. Combination `n` has part `i` (from 0) where bit `i` of `n` is set."""

from __future__ import annotations

from modules.imaging.annotated_grid import Text

_PAIRS = {"[": "]", "{": "}"}


def parts_of(prompt: str) -> list[str]:
    """What stands between the bars; the first holds for all pictures, the others are variable.

    A bar within `[a|b]` (which alternates from step to step) or `{a|b}` (a choice) belongs to that, where the
    brackets have both ends.
    """
    parts, opened, start = [], [], 0
    closed = _closed(prompt)
    for place, character in enumerate(prompt):
        if place in closed:
            opened.append(closed[place])
        elif opened and place == opened[-1]:
            opened.pop()
        elif character == "|" and not opened:
            parts.append(prompt[start:place])
            start = place + 1
    parts.append(prompt[start:])
    first, rest = parts[0].strip(), [part.strip().strip(",").strip() for part in parts[1:]]
    return [first, *(part for part in rest if part)]


def _closed(prompt: str) -> dict[int, int]:
    """Where brackets that are closed begin and end; those behind a backslash are none."""
    pairs: dict[int, int] = {}
    waiting: list[tuple[str, int]] = []
    for place, character in enumerate(prompt):
        if place and prompt[place - 1] == "\\":
            continue
        if character in _PAIRS:
            waiting.append((_PAIRS[character], place))
        elif waiting and character == waiting[-1][0]:
            pairs[waiting.pop()[1]] = place
    return pairs


def combined(parts: list[str], number: int, delimiter: str, variable_first: bool) -> str:
    """The prompt of a combination."""
    chosen = [part for i, part in enumerate(parts[1:]) if number >> i & 1]
    ordered = [*chosen, parts[0]] if variable_first else [parts[0], *chosen]
    return delimiter.join(part for part in ordered if part)


def heads(variable: list[str]) -> tuple[list[list[Text]], list[list[Text]]]:
    """The heads of columns and rows: the first half of the parts makes columns, the second rows."""
    half = (len(variable) + 1) // 2
    return _heads(variable[:half]), _heads(variable[half:])


def _heads(parts: list[str]) -> list[list[Text]]:
    return [
        [Text(part, bool(number >> i & 1)) for i, part in enumerate(parts)]
        for number in range(1 << len(parts))
    ]
