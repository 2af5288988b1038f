"""`modules.prompt_parser` of the older UI: how a prompt is read, in its plain lists, and how it is encoded."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from modules.prompts.composition import split_composition
from modules.prompts.editing import schedule
from modules.prompts.emphasis import parse_emphasis

if TYPE_CHECKING:
    from torch import Tensor

re_AND = re.compile(r"\bAND\b")
re_weight = re.compile(r"^((?:\s|.)*?)(?:\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+)))?\s*$")
re_break = re.compile(r"\s*\bBREAK\b\s*", re.DOTALL)
re_attention = re.compile(r"\\\(|\\\)|\\\[|\\]|\\\\|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|]|[^\\()\[\]:]+|:")


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


# -- encoded ------------------------------------------------------------------------------------------------


ScheduledPromptConditioning = namedtuple("ScheduledPromptConditioning", ["end_at_step", "cond"])
"""A text's conditioning `[tokens, width]` (SDXL: a dict of tensors) up to a step."""


class SdConditioning(list[str]):
    """Prompts with what SDXL is told of the picture.

    Args: copy_from: another such list, from which the rest is taken.
    """

    def __init__(
        self,
        prompts: Iterable[str],
        is_negative_prompt: bool = False,
        width: int | None = None,
        height: int | None = None,
        copy_from: Any = None,
    ) -> None:
        super().__init__()
        self.extend(prompts)
        other = prompts if copy_from is None else copy_from
        self.is_negative_prompt = is_negative_prompt or getattr(other, "is_negative_prompt", False)
        self.width = width or getattr(other, "width", None)
        self.height = height or getattr(other, "height", None)


class ComposableScheduledPromptConditioning(NamedTuple):
    """One part of a prompt with AND."""

    schedules: list[ScheduledPromptConditioning]
    weight: float = 1.0


class MulticondLearnedConditioning:
    """The conditioning of a batch. Args: shape: `(pictures,)`; batch: for each picture its parts."""

    def __init__(
        self, shape: tuple[int, ...], batch: list[list[ComposableScheduledPromptConditioning]]
    ) -> None:
        self.shape = shape
        self.batch = batch


class DictWithShape(dict[str, Any]):
    """SDXL's conditioning."""

    def __init__(self, x: dict[str, Any], shape: Any = None) -> None:
        super().__init__()
        self.update(x)

    @property
    def shape(self) -> Any:
        """That of the text's vectors."""
        return self["crossattn"].shape

    def to(self, *args: Any, **kwargs: Any) -> DictWithShape:
        """The same elsewhere."""
        return DictWithShape({name: value.to(*args, **kwargs) for name, value in self.items()})


def get_learned_conditioning(
    model: Any,
    prompts: Sequence[str],
    steps: int,
    hires_steps: int | None = None,
    use_old_scheduling: bool = False,
) -> list[list[ScheduledPromptConditioning]]:
    """For each prompt its conditioning over the steps. Args: model: with `get_learned_conditioning(texts)`."""
    known: dict[str, list[ScheduledPromptConditioning]] = {}
    for prompt in prompts:
        if prompt in known:
            continue
        entries = schedule(prompt, steps, hires_steps, use_old_scheduling)
        texts = SdConditioning([text for _, text in entries], copy_from=prompts)
        conds = model.get_learned_conditioning(texts)
        known[prompt] = [
            ScheduledPromptConditioning(end, _row(conds, number)) for number, (end, _) in enumerate(entries)
        ]
    return [known[prompt] for prompt in prompts]


def get_multicond_learned_conditioning(
    model: Any,
    prompts: Sequence[str],
    steps: int,
    hires_steps: int | None = None,
    use_old_scheduling: bool = False,
) -> MulticondLearnedConditioning:
    """The same, with the parts of prompts that have AND."""
    parts, texts, _ = get_multicond_prompt_list(prompts)
    wanted = SdConditioning(texts, copy_from=prompts)
    conds = get_learned_conditioning(model, wanted, steps, hires_steps, use_old_scheduling)
    batch = [
        [ComposableScheduledPromptConditioning(conds[number], weight) for number, weight in of_one]
        for of_one in parts
    ]
    return MulticondLearnedConditioning((len(prompts),), batch)


def _row(conds: Any, number: int) -> Any:
    if isinstance(conds, dict):
        return {name: value[number] for name, value in conds.items()}
    return conds[number]


def at_step(schedules: Sequence[ScheduledPromptConditioning], current_step: int) -> Any:
    """The conditioning that holds at a model call, counted from 0; past the end the first one."""
    return next((cond for end, cond in schedules if current_step <= end), schedules[0].cond)


def stack_conds(tensors: Sequence[Tensor]) -> Tensor:
    """Conditionings `[tokens, width]` as one `[B, tokens, width]`; shorter ones repeat their last vector."""
    import torch

    longest = max(len(each) for each in tensors)
    return torch.stack([torch.cat([each, each[-1:].repeat(longest - len(each), 1)]) for each in tensors])


def stack_any(conds: Sequence[Any]) -> Any:
    """The same for dicts of tensors too."""
    import torch

    if not isinstance(conds[0], dict):
        return stack_conds(conds)
    return DictWithShape(
        {
            name: stack_conds([each[name] for each in conds])
            if name == "crossattn"
            else torch.stack([each[name] for each in conds])
            for name in conds[0]
        }
    )


def reconstruct_cond_batch(c: Sequence[Sequence[ScheduledPromptConditioning]], current_step: int) -> Any:
    """The conditioning of a batch at a model call, `[B, tokens, width]`."""
    return stack_any([at_step(each, current_step) for each in c])


def reconstruct_multicond_batch(
    c: MulticondLearnedConditioning, current_step: int
) -> tuple[list[list[tuple[int, float]]], Any]:
    """For each picture its `(row, weight)` parts, and the rows `[parts, tokens, width]`."""
    rows: list[Any] = []
    pictures = []
    for parts in c.batch:
        places = []
        for part in parts:
            places.append((len(rows), part.weight))
            rows.append(at_step(part.schedules, current_step))
        pictures.append(places)
    return pictures, stack_any(rows)
