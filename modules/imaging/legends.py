"""Texts beside pictures: broken into lines, made smaller until they fit, and drawn.

The letters are those of Pillow's own font, so that a grid looks the same on every machine; a text that it has no
letters for gets the first font of the system that has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

INK, FAINT = "#1f2429", "#8d969f"
_SMALLEST = 0.55
"""How small letters may become to make a text fit, as a share of their proper size; then it is cut off."""
_LEAST = 9
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "malgun.ttf",
)
_NO_CHARACTER = "\U000fffff"
_LEADING = 1.3


class Words(Protocol):
    """A text that may be struck through; see `annotated_grid.Text`."""

    @property
    def text(self) -> str:
        """What is written."""

    @property
    def active(self) -> bool:
        """False: it is struck through."""


@dataclass(frozen=True)
class Rules:
    """How texts are set.

    Args: size: of the letters in pixels, if there is room for them.
    """

    size: int
    align: Literal["left", "centre", "right"]


@dataclass(frozen=True)
class Line:
    """A line that fits; `active` as in `Words`."""

    text: str
    active: bool


@dataclass(frozen=True)
class Legend:
    """Blocks of lines in one size of letters.

    Args: width, height: of the largest block, in pixels.
    """

    blocks: list[list[Line]]
    size: int
    width: int
    height: int
    align: Literal["left", "centre", "right"] = "centre"

    def draw(
        self, draw: ImageDraw, number: int, x: int, y: int, width: int, height: int, *, stands: bool = False
    ) -> None:
        """Draw a block into a field, in the middle of its height; `stands`: at its bottom."""
        lines = self.blocks[number]
        step = self.size * _LEADING
        free = height - step * len(lines)
        top = y + (free if stands else free / 2)
        for i, line in enumerate(lines):
            font = font_for(line.text, self.size)
            length = font.getlength(line.text)
            left = x + {"left": 0.0, "centre": (width - length) / 2, "right": width - length}[self.align]
            middle = top + (i + 0.5) * step
            draw.text((left, middle), line.text, INK if line.active else FAINT, font, anchor="lm")
            if not line.active:
                thick = max(1, self.size // 14)
                draw.line((left, middle, left + length, middle), FAINT, thick)


def laid_out(heads: Sequence[Sequence[Words]], bounds: Sequence[tuple[float, float]], rules: Rules) -> Legend:
    """The heads in letters of one size, in which each fits into its bounds.

    Args: bounds: width and height of each head, in pixels.
    """
    smallest = min(max(_LEAST, math.ceil(rules.size * _SMALLEST)), rules.size)
    for size in range(rules.size, smallest - 1, -1):
        blocks = [_broken(one, width, size) for one, (width, _) in zip(heads, bounds, strict=True)]
        fits = all(
            len(block) * size * _LEADING <= height and not split
            for (block, split), (_, height) in zip(blocks, bounds, strict=True)
        )
        if fits or size == smallest:
            break
    cut = [
        _cut(block, int(max(height, 0) / (size * _LEADING)), width, size)
        for (block, _), (width, height) in zip(blocks, bounds, strict=True)
    ]
    lines = [line for block in cut for line in block]
    width = max((font_for(line.text, size).getlength(line.text) for line in lines), default=0.0)
    height = max(len(block) for block in cut) * size * _LEADING
    return Legend(cut, size, math.ceil(width), math.ceil(height), rules.align)


def _broken(texts: Sequence[Words], width: float, size: int) -> tuple[list[Line], bool]:
    """The texts in lines, and whether a word had to be taken apart for it."""
    lines: list[Line] = []
    split = False
    for words in texts:
        for paragraph in words.text.splitlines() or [""]:
            now = ""
            for word in paragraph.split():
                longer = f"{now} {word}" if now else word
                if _length(longer, size) <= width:
                    now = longer
                    continue
                if now:
                    lines.append(Line(now, words.active))
                while _length(word, size) > width and len(word) > 1:
                    count = _fitting(word, width, size)
                    lines.append(Line(word[:count], words.active))
                    word, split = word[count:], True
                now = word
            lines.append(Line(now, words.active))
    while lines and not lines[-1].text:
        lines.pop()
    return lines, split


def _fitting(word: str, width: float, size: int) -> int:
    """How many letters of a word have room, at least one; rather to a joint in it than in between."""
    count = max(1, next((n for n in range(len(word), 0, -1) if _length(word[:n], size) <= width), 1))
    joint = max(word.rfind(mark, 0, count) for mark in "-_/.,:+") + 1
    return joint if joint >= count / 2 else count


def _cut(lines: list[Line], most: int, width: float, size: int) -> list[Line]:
    """The first lines; what is missing is told by three dots."""
    most = max(most, 1)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    text = last.text
    while text and _length(text + "…", size) > width:
        text = text[:-1]
    return [*lines[: most - 1], Line(text.rstrip() + "…", last.active)]


def _length(text: str, size: int) -> float:
    return font_for(text, size).getlength(text)


def font_for(text: str, size: int) -> Font:
    """A font of this size that has the letters of the text, as far as there is one."""
    own = _own_font(size)
    strange = frozenset(c for c in text if ord(c) > 126 and not _has(None, c))
    if not strange:
        return own
    for name in _SYSTEM_FONTS:
        if _system_font(name, size) is not None and all(_has(name, c) for c in strange):
            return _system_font(name, size) or own
    return _system_font("DejaVuSans.ttf", size) or own


@cache
def _has(name: str | None, character: str) -> bool:
    """Whether a font has a letter of its own for this character."""
    font = _own_font(20) if name is None else _system_font(name, 20)
    if font is None:
        return False
    missing, shown = font.getmask(_NO_CHARACTER), font.getmask(character)
    return (shown.size, bytes(shown)) != (missing.size, bytes(missing))


@cache
def _own_font(size: int) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def _system_font(name: str, size: int) -> FreeTypeFont | None:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
