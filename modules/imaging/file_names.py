"""File names from patterns: `[seed]-[prompt_spaces]`, `[date]/[model_name]`, `[datetime<%H%M%S><Asia/Tokyo>]`.

The patterns are those of the older UI. What stands in brackets is a name that somebody has a value for, with
arguments in angle brackets; names that nobody knows stay as they are.
"""

from __future__ import annotations

import datetime as dates
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

MAX_PART = 128
_INVALID = re.compile(r'[#<>:"/\\|?*\x00-\x1f\x7f]')
_PATTERN = re.compile(r"(.*?)(?:\[([^\[\]]+)\]|$)", re.DOTALL)
_ARGUMENT = re.compile(r"(.*)<([^>]*)>$", re.DOTALL)
_WORDS = re.compile(r"[\s,.;:!?()\[\]{}]+")
# names that Windows keeps for devices, whatever the suffix
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)

Value = Callable[..., object]
Values = Mapping[str, Value]
"""What fills the brackets in, by the names in lower case; called with the arguments."""

SKIP = object()
"""A value: there is nothing to say, and the text in front of the brackets goes as well."""


def fill(pattern: str, values: Values) -> str:
    """The pattern filled in."""
    result = ""
    for text, name in _PATTERN.findall(pattern):
        if not name:
            result += text
            continue
        arguments: list[str] = []
        bare = name
        while match := _ARGUMENT.fullmatch(bare):
            bare = match.group(1)
            arguments.insert(0, match.group(2))
        function = values.get(bare.lower())
        value = f"[{name}]" if function is None else function(*arguments)
        if value is not SKIP:
            result += text + ("" if value is None else str(value))
    return result


def part_of_name(text: str, *, underscores: bool = True) -> str:
    """The text without what a file name can't hold, at most 128 characters.

    Args: underscores: put them in the place of spaces.
    """
    if underscores:
        text = text.replace(" ", "_")
    return _INVALID.sub("_", text).lstrip(" ")[:MAX_PART].rstrip(" .")


def inside_folder(path: str) -> tuple[str, ...]:
    """The parts of a relative path, such as a pattern gives, without those that would lead elsewhere."""
    parts = (_INVALID.sub("_", part).strip().rstrip(".") for part in path.replace("\\", "/").split("/"))
    return tuple(f"_{part}" if _DEVICES.match(part) else part for part in parts if part)


def now(*arguments: str, at: dates.datetime | None = None) -> str:
    """The time. Args: arguments: a format of `strftime`, and the name of a time zone; at: None is now."""
    zone = None
    if len(arguments) > 1 and arguments[1]:
        try:
            zone = ZoneInfo(arguments[1])
        except (ValueError, OSError):
            zone = None
    moment = dates.datetime.now(zone) if at is None else at.astimezone(zone)
    return part_of_name(moment.strftime((arguments and arguments[0]) or "%Y%m%d%H%M%S"), underscores=False)


def first_words(text: str, most: int) -> str:
    """The first words of a prompt."""
    words = [word for word in _WORDS.split(text) if word] or ["empty"]
    return part_of_name(" ".join(words[:most]), underscores=False)


def words_found(text: str, words: Sequence[str]) -> str:
    """Those of the words that are in a prompt; of `word|other`, the other where the word isn't."""
    lower, found = text.lower(), ""
    for each in words:
        expected, _, default = each.partition("|")
        found += expected if expected and expected.lower() in lower else default
    return part_of_name(found)


def digits(data: bytes, *arguments: str, length: int | None = None) -> str:
    """Digits of a SHA-256. Args: arguments: how many, as text; length: how many without that (None: all)."""
    text = arguments[0] if arguments else ""
    wanted = int(text) if text.isdecimal() and len(text) < 4 and int(text) else length
    return hashlib.sha256(data).hexdigest()[:wanted]
