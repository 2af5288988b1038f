"""What is typed into an axis's field: words apart by commas, and ranges of numbers.

1, 5, 10            three values
"a, b", c           a value in quotes may hold commas
1-5                 1, 2, 3, 4, 5
1-5 (+2)            1, 3, 5
10-5 (-3)           10, 7
1-10 [5]            five values from 1 to 10: 1, 3, 5, 7, 10
0-1 (+0.25)         0, 0.25, 0.5, 0.75, 1
"""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

MOST = 1000
_NUMBER = r"([+-]?\s*(?:\d+(?:\.\d*)?|\.\d+))"
_RANGE = re.compile(
    rf"\s*{_NUMBER}\s*-\s*{_NUMBER}(?:\s*\(\s*{_NUMBER}\s*\)|\s*\[\s*(\d+)\s*\])?\s*",
)


def words(text: str) -> list[str]:
    """The values of a field: apart by commas or lines; quotes keep a comma within a value."""
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [word.strip() for row in rows for word in row if word.strip()]


def joined(values: list[str]) -> str:
    """The field's text for these values: `words(joined(values)) == values`."""
    return ", ".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',"') else value


def whole_numbers(word: str) -> list[int]:
    """The numbers of a word. Raises: ValueError with the end of the sentence."""
    found = _RANGE.fullmatch(word)
    if found is None:
        return [_whole(word)]
    numbers = _numbers(word, found)
    if found[4] is None and any(number != number.to_integral_value() for number in numbers):
        raise ValueError(f"{word!r} holds numbers that are not whole")
    return [int(number) for number in numbers]


def numbers(word: str) -> list[float]:
    """The numbers of a word. Raises: ValueError with the end of the sentence."""
    found = _RANGE.fullmatch(word)
    if found is not None:
        return [float(number) for number in _numbers(word, found)]
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None
    if value != value or abs(value) == float("inf"):
        raise ValueError(f"{word!r} is no number")
    return [value]


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{word!r} is no whole number") from None


def _numbers(word: str, found: re.Match[str]) -> list[Decimal]:
    """Decimals, so that steps of 0.1 end where they should."""
    first, last = (Decimal(found[i].replace(" ", "")) for i in (1, 2))
    if found[4] is not None:
        count = int(found[4])
        if not 1 <= count <= MOST:
            raise ValueError(f"{word!r} asks for {count:,} values, and 1 to {MOST:,} are possible")
        return [first + (last - first) * i / max(count - 1, 1) for i in range(count)]
    step = Decimal(1 if last >= first else -1) if found[3] is None else Decimal(found[3].replace(" ", ""))
    if step == 0 or (last - first) / step < 0:
        raise ValueError(f"{word!r} never comes to its end; give a step in that direction")
    count = int((last - first) / step) + 1
    if count > MOST:
        raise ValueError(f"{word!r} means {count:,} values, and {MOST:,} are possible")
    return [first + step * i for i in range(count)]
