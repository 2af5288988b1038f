"""`modules.prompt_parser` of the older UI: how a prompt is read, in its plain lists."""

from __future__ import annotations

from collections.abc import Sequence

from modules.prompts.composition import split_composition
from modules.prompts.editing import schedule
from modules.prompts.emphasis import parse_emphasis


def parse_prompt_attention(text: str) -> list[list[str | float]]:
    """`[text, weight]` pairs; a break is `["BREAK", -1]`."""
    return [[str(span.text), span.weight] for span in parse_emphasis(text)]


def get_learned_conditioning_prompt_schedules(
    prompts: Sequence[str],
    base_steps: int,
    hires_steps: int | None = None,
    use_old_scheduling: bool = False,
) -> list[list[list[int | str]]]:
    """For each prompt its `[end_at_step, text]` pairs."""
    return [
        [[end, text] for end, text in schedule(prompt, base_steps, hires_steps, use_old_scheduling)]
        for prompt in prompts
    ]


def get_multicond_prompt_list(
    prompts: Sequence[str],
) -> tuple[list[list[tuple[int, float]]], list[str], dict[str, int]]:
    """Split prompts at AND.

    Returns:
        For each prompt its `(index, weight)` parts; the different texts that the indexes mean; each text's index.
    """
    indexes: dict[str, int] = {}
    parts = [
        [(indexes.setdefault(part.text, len(indexes)), part.weight) for part in split_composition(prompt)]
        for prompt in prompts
    ]
    return parts, list(indexes), indexes
