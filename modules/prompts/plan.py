"""The plan of a prompt: all that it says, for one pass, before any model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.prompts.composition import split_composition
from modules.prompts.editing import Schedule, schedule
from modules.prompts.tags import NetworkTag, extract_tags


@dataclass(frozen=True)
class WeightedSchedule:
    """One `AND` part: its weight in the guidance and its texts over the steps."""

    weight: float
    schedule: Schedule


@dataclass(frozen=True)
class PromptPlan:
    """What a pass is conditioned on. Equal plans give equal conditioning: a plan may be a cache's key.

    Args:
        positive: the `AND` parts, at least one.
        negative: the texts of the negative prompt.
        tags: network tags of the positive prompt, in its order.
    """

    positive: tuple[WeightedSchedule, ...]
    negative: Schedule
    tags: tuple[NetworkTag, ...] = ()

    def texts(self) -> Iterator[str]:
        """Every different text of the plan: those of the positive prompt, then those of the negative."""
        schedules = (*(part.schedule for part in self.positive), self.negative)
        yield from dict.fromkeys(text for entries in schedules for _, text in entries)


def compile_prompt(
    prompt: str,
    negative_prompt: str,
    steps: int,
    *,
    hires_steps: int | None = None,
    use_old_scheduling: bool = False,
) -> PromptPlan:
    """Read a prompt and a negative prompt for one pass. Never raises.

    `AND` is not read in the negative prompt, and network tags are taken from the positive one only.

    Args:
        steps: steps of the (first) pass, or twice that for samplers that count two model calls a step.
        hires_steps: steps of the second pass, counted likewise; then the plan is that of the second pass.
        use_old_scheduling: see `schedule`.
    """

    def timeline(text: str) -> Schedule:
        return tuple(schedule(text, steps, hires_steps, use_old_scheduling))

    text, tags = extract_tags(prompt)
    positive = tuple(WeightedSchedule(part.weight, timeline(part.text)) for part in split_composition(text))
    return PromptPlan(positive, timeline(negative_prompt), tuple(tags))


def text_at(entries: Schedule, call_index: int) -> str:
    """The text that holds at a model call, counted from 0.

    It is the first entry with `call_index <= end_at_step`; past the last entry it is the first of all.
    """
    for end_at_step, text in entries:
        if call_index <= end_at_step:
            return text
    return entries[0][1]
