"""What people type to find a picture again: `fox -snow "red house" seed:5 model:starter size:512x512 since:2026-11-01`.

Words must be in the prompt, words behind a minus must not. `name:value` asks for what the recipe says under that
name, and for some things more (see `_ASKED`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from modules.imaging.infotext import parse

if TYPE_CHECKING:
    from modules.jobs.pictures import Picture

MAX_CHARACTERS = 500
Column = Literal["seed", "width", "height"]
_TERM = re.compile(r'(?P<without>-?)(?:(?P<name>[^\W\d]\w*):)?(?P<value>"[^"]*"?|[^\s"]+)')
_ALIASES = {
    "cfg": "cfg scale",
    "denoising": "denoising strength",
    "hash": "model hash",
    "schedule": "schedule type",
    "scheduler": "schedule type",
}


@dataclass(frozen=True)
class _Facts:
    """What is known of one picture, in lower case."""

    picture: Picture
    prompt: str
    negative: str
    recipe: dict[str, str]


@dataclass(frozen=True)
class _Term:
    name: str
    value: str
    without: bool

    @property
    def is_in_the_text(self) -> bool:
        """A recipe that this holds for has the value somewhere, letter by letter."""
        if self.without or not self.value.isascii() or set(self.value) & {'"', "\\"}:
            return False
        if self.name in ("", "lora", "negative"):
            return True
        return self.name not in _ASKED and not _is_number(self.value)

    def holds(self, facts: _Facts) -> bool:
        return self._is_there(facts) != self.without

    def _is_there(self, facts: _Facts) -> bool:
        if not self.name:
            return self.value in facts.prompt
        if ask := _ASKED.get(self.name):
            return ask(facts, self.value)
        said = facts.recipe.get(_ALIASES.get(self.name, self.name.replace("_", " ")))
        if said is None:
            return f"{self.name}:{self.value}" in facts.prompt
        return _same_number(said, self.value) if _is_number(said) else self.value in said


class PictureSearch:
    """A search; false where there is nothing to look for. Every text is one."""

    def __init__(self, text: str) -> None:
        found = _TERM.finditer(text[:MAX_CHARACTERS].casefold())
        terms = (
            _Term(match["name"] or "", match["value"].strip('"'), bool(match["without"])) for match in found
        )
        self._terms = tuple(term for term in terms if term.value not in ("", "-"))

    def __bool__(self) -> bool:
        return bool(self._terms)

    @property
    def needles(self) -> list[str]:
        """Texts (ASCII, lower case) that the recipe of every picture that is found holds somewhere."""
        return [term.value for term in self._terms if term.is_in_the_text]

    @property
    def numbers(self) -> list[tuple[Column, int]]:
        """What every picture that is found has: its seed, its width, its height (with two seeds, none is)."""
        asked = [number for term in self._terms if not term.without for number in _numbers(term)]
        return [(column, int(digits)) for column, digits in asked if digits.isdecimal() and len(digits) < 19]

    def matches(self, picture: Picture) -> bool:
        """Whether the picture is one of those."""
        prompt, negative, recipe = parse(picture.infotext)
        lower = {name.casefold(): value.casefold() for name, value in recipe.items()}
        facts = _Facts(picture, prompt.casefold(), negative.casefold(), lower)
        return all(term.holds(facts) for term in self._terms)


def _numbers(term: _Term) -> list[tuple[Column, str]]:
    if term.name == "seed":
        return [("seed", term.value)]
    width, _, height = term.value.replace("×", "x").partition("x")
    return [("width", width), ("height", height)] if term.name == "size" else []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _same_number(said: str, asked: str) -> bool:
    return _is_number(asked) and float(said) == float(asked)


def _size(facts: _Facts, value: str) -> bool:
    return value.replace("×", "x") == f"{facts.picture.width}x{facts.picture.height}"


def _day(value: str) -> date | None:
    """`2026-11-01`, `today`, `yesterday`."""
    today = datetime.now().date()
    if value in ("today", "yesterday"):
        return today - timedelta(days=value == "yesterday")
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _since(facts: _Facts, value: str) -> bool:
    day = _day(value)
    return day is not None and _made(facts) >= day


def _until(facts: _Facts, value: str) -> bool:
    day = _day(value)
    return day is not None and _made(facts) <= day


def _made(facts: _Facts) -> date:
    return datetime.fromtimestamp(facts.picture.created).date()


_ASKED: dict[str, Callable[[_Facts, str], bool]] = {
    "file": lambda facts, value: value in facts.picture.path.casefold(),
    "in": lambda facts, value: facts.picture.path.casefold().startswith(f"{value}/"),
    "lora": lambda facts, value: f"<lora:{value}" in facts.prompt,
    "negative": lambda facts, value: value in facts.negative,
    "seed": lambda facts, value: value == str(facts.picture.seed),
    "since": _since,
    "size": _size,
    "until": _until,
}
