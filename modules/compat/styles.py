"""`modules.styles` of the older UI: the user's styles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from modules.compat.house import house, is_open
from modules.faults import UnknownName
from modules.prompts.style_book import StyleBook
from modules.prompts.styles import Style, apply, apply_negative, recognise


class PromptStyle(NamedTuple):
    """A style. Args: path: its file."""

    name: str
    prompt: str | None
    negative_prompt: str | None
    path: str | None = None


def merge_prompts(style_prompt: str, prompt: str) -> str:
    """A prompt with a style's text: around it where that has `{prompt}`, else behind it."""
    return apply(prompt, [Style("", style_prompt or "")])


def apply_styles_to_prompt(prompt: str, styles: Sequence[str]) -> str:
    """A prompt with several styles' texts."""
    return apply(prompt, [Style("", text or "") for text in styles])


class StyleDatabase:
    """The styles by name. The user's own files, or those that are named.

    Args:
        paths: files with styles; none: those of the running program.
        styles: what is there, each time as the files are now; changes of it are written by `save_styles`.
    """

    def __init__(self, paths: Sequence[str | Path] = ()) -> None:
        self._paths = tuple(Path(path) for path in paths)
        self._own: StyleBook | None = None
        self._seen: dict[str, PromptStyle] = {}
        self._given: dict[str, PromptStyle] = {}
        self.no_style = PromptStyle("None", "", "", None)

    def _book(self) -> StyleBook | None:
        if not self._paths:
            return house().styles if is_open() else None
        if self._own is None:
            self._own = StyleBook(self._paths)
        return self._own

    @property
    def styles(self) -> dict[str, PromptStyle]:
        """All styles by name. The same object while the files stay the same, so it can be added to."""
        book = self._book()
        entries = book.entries() if book is not None else []
        found = {s.name: PromptStyle(s.name, s.prompt, s.negative_prompt, str(path)) for s, path in entries}
        if found != self._seen:
            self._seen, self._given = found, dict(found)
        return self._given

    @property
    def default_path(self) -> Path | None:
        """The file for new styles."""
        book = self._book()
        return book.files()[0] if book is not None else None

    @property
    def all_styles_files(self) -> list[Path]:
        """All files with styles."""
        book = self._book()
        return book.files() if book is not None else []

    def reload(self) -> None:
        """Forget what was added and not saved. The files are always read as they are."""
        self._seen = {}

    def get_style_prompts(self, styles: Sequence[str]) -> list[str]:
        """The prompts of the styles with these names; "" for one that isn't there."""
        return [self._get(name).prompt or "" for name in styles]

    def get_negative_style_prompts(self, styles: Sequence[str]) -> list[str]:
        """The negative prompts of the styles with these names."""
        return [self._get(name).negative_prompt or "" for name in styles]

    def apply_styles_to_prompt(self, prompt: str, styles: Sequence[str]) -> str:
        """A prompt with the styles of these names."""
        return apply(prompt, [_style(self._get(name)) for name in styles])

    def apply_negative_styles_to_prompt(self, prompt: str, styles: Sequence[str]) -> str:
        """A negative prompt with the styles of these names."""
        return apply_negative(prompt, [_style(self._get(name)) for name in styles])

    def extract_styles_from_prompt(self, prompt: str, negative_prompt: str) -> tuple[list[str], str, str]:
        """Which styles a prompt holds; then the prompt and the negative prompt without them."""
        return recognise(prompt, negative_prompt, [_style(one) for one in self.styles.values()])

    def save_styles(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write what was added, changed or taken away since; `path` is not heeded, each style has its file.

        Raises: InvalidField: a name or text that can't be kept; NotPossibleNow: a file can't be written.
        """
        book, wanted, before = self._book(), dict(self._given), dict(self._seen)
        if book is None:
            return
        for name, style in wanted.items():
            if before.get(name) != style:
                book.put(_style(style))
        for name in before.keys() - wanted.keys():
            try:
                book.remove(name)
            except UnknownName:
                continue
        self._seen = {}

    def _get(self, name: str) -> PromptStyle:
        return self.styles.get(name, self.no_style)


def _style(style: PromptStyle) -> Style:
    return Style(style.name, style.prompt or "", style.negative_prompt or "")
