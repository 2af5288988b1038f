"""The order of callbacks: as they were registered, and what `metadata.ini` says.

[callbacks/<extension>/<script.py>/<category>] or [callbacks/<extension>/<script.py>/<category>/<name>]
Before, After = names of other callbacks of that form, or of extensions
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_rules: dict[str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]] = {}


def read_rules(extension: str, folder: Path) -> None:
    """Take in what an extension says of callbacks."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    _rules.pop(extension, None)
    try:
        parser.read_string((folder / "metadata.ini").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, configparser.Error):
        return  # the folder's own reader has noted it
    found = []
    for section in parser.sections():
        if section.startswith("callbacks/"):
            before, after = (_names(parser.get(section, key, fallback="")) for key in ("Before", "After"))
            found.append((section.removeprefix("callbacks/").lower(), before, after))
    if found:
        _rules[extension] = found


def forget_rules(extension: str) -> None:
    """The extension is gone."""
    _rules.pop(extension, None)


def ordered(items: Sequence[T], name_of: Callable[[T], str]) -> list[T]:
    """The items in their order, those first that others want before themselves. A circle counts for nothing.

    Args: name_of: `extension/script.py/category/name`.
    """
    rules = [rule for some in _rules.values() for rule in some]
    if not rules or len(items) < 2:
        return list(items)
    names = [name_of(item).lower() for item in items]
    first: list[set[int]] = [set() for _ in items]
    for section, before, after in rules:
        for place in _meant(section, names):
            first[place].update(other for name in after for other in _meant(name, names) if other != place)
            for name in before:
                for other in _meant(name, names):
                    if other != place:
                        first[other].add(place)
    done: dict[int, None] = {}

    def take(place: int, path: tuple[int, ...] = ()) -> None:
        if place in done or place in path:
            return
        for other in sorted(first[place]):
            take(other, (*path, place))
        done[place] = None

    for place in range(len(items)):
        take(place)
    return [items[place] for place in done]


def _meant(name: str, names: Sequence[str]) -> list[int]:
    return [place for place, full in enumerate(names) if full == name or full.startswith(f"{name}/")]


def _names(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in re.split(r"[,\s]+", text) if word)
