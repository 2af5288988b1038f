"""Styles: named pieces of prompt and negative prompt, put into a prompt and found in it again.

Where they are kept is the business of `style_book`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modules.faults import InvalidField

PLACEHOLDER = "{prompt}"
MAX_CHARACTERS = 16_000


@dataclass(frozen=True)
class Style:
    """One style.

    Args:
        name: what the user calls it.
        prompt, negative_prompt: with `{prompt}` in it, the text around a prompt; else the text behind it.
    """

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def apply(prompt: str, styles: Iterable[Style]) -> str:
    """The prompt with the styles' prompts, in order: around it, or behind it after a comma.

    Raises: InvalidField: that is longer than 16,000 characters.
    """
    for style in styles:
        prompt = _merged(prompt, style.prompt, "prompt")
    return prompt


def apply_negative(negative_prompt: str, styles: Iterable[Style]) -> str:
    """The negative prompt with the styles' negative prompts; see `apply`."""
    for style in styles:
        negative_prompt = _merged(negative_prompt, style.negative_prompt, "negative_prompt")
    return negative_prompt


def _merged(prompt: str, text: str, field: str) -> str:
    places = text.count(PLACEHOLDER)
    # Placeholders multiply, so the length is looked at before there is a text of that length.
    longer = places * (len(prompt) - len(PLACEHOLDER)) if places else len(prompt)
    if len(text) + longer > MAX_CHARACTERS:
        subject = field.replace("_", " ")
        limit = f"{MAX_CHARACTERS:,} characters"
        raise InvalidField(field, f"With its styles the {subject} is longer than {limit}. Use fewer of them.")
    if places:
        return text.replace(PLACEHOLDER, prompt)
    return ", ".join(part for part in (prompt.strip(), text.strip()) if part)


def recognise(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[list[str], str, str]:
    """The reverse of `apply` and `apply_negative`: which styles a pasted prompt holds, and what it is without.

    A style is found where both its texts are; of several that fit, the one with the most text is taken, and
    none twice. White space at the ends doesn't count. What comes back gives the same texts when applied
    again; where styles can be told apart it is what they were applied to.

    Args: styles: the known ones, a `StyleBook` for instance.

    Returns: the names, in the order in which they were applied; the prompt and the negative prompt.
    """
    left = [style for style in styles if _weight(style)]
    left.sort(key=_weight, reverse=True)
    names: list[str] = []
    while True:
        for index, style in enumerate(left):
            inner = _taken_out(prompt, style.prompt)
            inner_negative = None if inner is None else _taken_out(negative_prompt, style.negative_prompt)
            if inner is not None and inner_negative is not None:
                prompt, negative_prompt = inner, inner_negative
                names.insert(0, style.name)
                del left[index]
                break
        else:
            return names, prompt, negative_prompt


def _weight(style: Style) -> int:
    """How many characters of its own a style has."""
    texts = (style.prompt, style.negative_prompt)
    return sum(len(text.replace(PLACEHOLDER, "").strip()) for text in texts)


def _taken_out(whole: str, text: str) -> str | None:
    """The prompt that together with a style's `text` makes `whole`; None: none."""
    text = text.strip()
    if not text:
        return whole
    whole = whole.strip()
    if PLACEHOLDER in text:
        return _between(whole, text)
    if whole == text:
        return ""
    return whole[: -len(text) - 2] if whole.endswith(", " + text) else None


def _between(whole: str, text: str) -> str | None:
    """The text that stands in the placeholder's place, all of its places."""
    before, *others = text.split(PLACEHOLDER)
    if whole == text.replace(PLACEHOLDER, "").strip():
        return ""
    length, rest = divmod(len(whole) - len(before) - sum(map(len, others)), len(others))
    if length < 1 or rest:
        return None
    inner = whole[len(before) : len(before) + length]
    return inner if text.replace(PLACEHOLDER, inner) == whole else None
