"""One generation with its `p`: what the scripts make of it before it begins, batch by batch, and at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from modules.compat import house, script_calls
from modules.compat.older_runs import runs
from modules.compat.processing_objects import StableDiffusionProcessing, StableDiffusionProcessingTxt2Img
from modules.compat.processing_requests import DEFAULT_SAMPLER, to_request
from modules.faults import NotSupported
from modules.generation.prompting import Prompts, expanded
from modules.settings.older_options import SETTINGS

if TYPE_CHECKING:
    from modules.compat.processed import Processed
    from modules.generation.hooks import PassInfo
    from modules.generation.requests import GenerationRequest
    from modules.generation.results import GeneratedImage

log = logging.getLogger(__name__)

__all__ = ["MARK", "OlderRun", "Promise", "runs"]

MARK = "modules.processing"
"""Under this name a request says, in `extensions`, which run or which `p` it is carried out with."""


class Promise:
    """A `p` that somebody has put into the queue and waits for. Args: processed: what was made, once it is there."""

    def __init__(self, p: StableDiffusionProcessing) -> None:
        self.p = p
        self.processed: Processed | None = None


class OlderRun:
    """The state of one generation.

    Args:
        p: changed by scripts as it goes on.
        claimed: somebody waits for the `Processed` of this `p` and makes it.
        promise: of whoever waits for it elsewhere.
    """

    def __init__(self, p: StableDiffusionProcessing, claimed: bool, promise: Promise | None = None) -> None:
        self.p = p
        self.claimed = claimed
        self.promise = promise
        self._held = ExitStack()
        self.request: GenerationRequest
        """What is carried out, from `prepare` on."""
        self.images: list[GeneratedImage] = []
        self.texts: dict[int, Prompts] = {}
        """What each picture's prompts are now, wildcards filled in."""
        self._filled: dict[int, Prompts] = {}
        self._begun: set[int] = set()
        self._worked_on: set[range] = set()
        self._to_encode: dict[int, Prompts] = {}

    # -- before the first picture --

    def prepare(self) -> GenerationRequest:
        """Have the scripts look at `p`, and make the request that it describes then.

        Raises: Fault: a script's, or `p` can't be carried out.
        """
        try:
            return self._prepared()
        except BaseException:
            self.end()
            raise

    def _prepared(self) -> GenerationRequest:
        p = self.p
        if not p.scripts_setup_complete:
            script_calls.call(p, "setup")
            p.scripts_setup_complete = True
        script_calls.call(p, "before_process")
        self._held.enter_context(_options_of(p))
        p.sampler_name = p.sampler_name or DEFAULT_SAMPLER
        p.scheduler = p.scheduler or "Automatic"
        p.setup_prompts()
        p.setup_seeds()
        p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
        second = (
            list(getattr(p, "all_hr_prompts", None) or []),
            list(getattr(p, "all_hr_negative_prompts", None) or []),
        )
        script_calls.call(p, "process")
        _take_second_prompts(p, *second)
        self._fill_lists()
        _warn_of_sample(p)
        self.request = to_request(p)
        if script_calls.scripts_with(p, "before_process_batch"):
            self._begin_batch(0)
            # what they changed for the first batch, which often is the only one, is heeded as a whole
            self.request = to_request(p)
        return self.request

    def _fill_lists(self) -> None:
        """A seed for each prompt, where scripts gave more prompts than there were."""
        p = self.p
        count = p.total_pictures
        for name, step in (("all_seeds", p.subseed_strength == 0), ("all_subseeds", True)):
            values: list[int] = getattr(p, name) or [0]
            values += [values[-1] + step * (n + 1) for n in range(count - len(values))]
            setattr(p, name, values[:count])
        negatives = p.all_negative_prompts or [""]
        negatives += [negatives[-1]] * (count - len(negatives))
        p.all_negative_prompts = negatives

    # -- batches --

    def prompts(self, given: Prompts, number: int) -> Prompts:
        """The prompts of a picture: what scripts made of them, else those that the program has."""
        batch = self._batch_of(number)
        if batch not in self._begun:
            self._begin_batch(batch)
        text = self.texts.get(number, given)
        untouched = text == self._filled.get(number)
        return given if untouched and self._is_request_prompt(number) else text

    def _batch_of(self, number: int) -> int:
        return number // self.request.batch_size

    def _is_request_prompt(self, number: int) -> bool:
        p = self.p
        assert p.all_prompts is not None and p.all_negative_prompts is not None
        own = (p.all_prompts[number], p.all_negative_prompts[number])
        return own == (self.request.prompt, self.request.negative_prompt)

    def _begin_batch(self, batch: int) -> None:
        """`before_process_batch`: it may change the prompts, and in the first batch all else."""
        p, size = self.p, self.request.batch_size
        self._begun.add(batch)
        assert p.all_prompts is not None and p.all_negative_prompts is not None
        numbers = range(batch * size, min((batch + 1) * size, len(p.all_prompts)))
        wildcards = house.house().wildcards if house.is_open() else None
        for number in numbers:
            own = Prompts(p.all_prompts[number], p.all_negative_prompts[number])
            self._filled[number] = self.texts[number] = expanded(own, self.request, wildcards, number)
        self._show(numbers)
        named = {"prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}
        script_calls.call(p, "before_process_batch", batch_number=batch, **named)
        self._take_texts(numbers, self.texts)
        for name in ("seeds", "subseeds"):
            changed, values = getattr(p, name), getattr(p, f"all_{name}")
            if changed is not None and len(changed) == len(numbers):
                values[numbers.start : numbers.stop] = [int(seed) for seed in changed]

    def _show(self, numbers: range) -> None:
        """Set in `p` what belongs to the batch at work."""
        p = self.p
        p.iteration = self._batch_of(numbers.start)
        texts = [self.texts[number] for number in numbers]
        p.prompts = [text.prompt for text in texts]
        p.negative_prompts = [text.negative_prompt for text in texts]
        p.seeds = (p.all_seeds or [])[numbers.start : numbers.stop]
        p.subseeds = (p.all_subseeds or [])[numbers.start : numbers.stop]
        for name in ("hr_prompts", "hr_negative_prompts"):
            if isinstance(p, StableDiffusionProcessingTxt2Img):
                setattr(p, name, (getattr(p, f"all_{name}") or [])[numbers.start : numbers.stop])

    def _take_texts(self, numbers: range, into: dict[int, Prompts]) -> bool:
        """Note the prompts that scripts left in `p`; whether they changed.

        Raises: NotSupported: another number of prompts.
        """
        prompts, negatives = self.p.prompts or [], self.p.negative_prompts or []
        if len(prompts) != len(numbers) or len(negatives) != len(numbers):
            raise NotSupported(
                f"A script left {len(prompts)} prompts in p.prompts where the batch has {len(numbers)} pictures."
            )
        before = [into.get(number) for number in numbers]
        after = [Prompts(*both) for both in zip(prompts, negatives, strict=True)]
        into.update(zip(numbers, after, strict=True))
        return before != after

    def work_on(self, about: PassInfo) -> None:
        """A pass begins, its networks are applied: the scripts' last moment before the prompts are encoded."""
        p, numbers = self.p, about.numbers
        self._show(numbers)
        p.width, p.height = (p.width, p.height) if about.stage == "second" else (about.width, about.height)
        p.is_hr_pass = about.stage == "second"
        if about.stage == "second" or numbers in self._worked_on:
            return
        self._worked_on.add(numbers)
        self._without_tags()
        before = (list(p.prompts or []), list(p.negative_prompts or []))
        named = {
            "batch_number": p.iteration,
            "prompts": p.prompts,
            "seeds": p.seeds,
            "subseeds": p.subseeds,
        }
        script_calls.call(
            p, "after_extra_networks_activate", **named, extra_network_data=p.extra_network_data
        )
        script_calls.call(p, "process_batch", **named)
        if (p.prompts, p.negative_prompts) != before:
            self._take_texts(numbers, self._to_encode)

    def _without_tags(self) -> None:
        """`p.prompts` without network tags, which are in `p.extra_network_data`, as scripts expect them here."""
        try:
            self.p.parse_extra_network_prompts()
        except (ImportError, AttributeError):
            from modules.prompts.tags import extract_tags

            self.p.prompts = [extract_tags(prompt)[0] for prompt in self.p.prompts or []]
            self.p.extra_network_data = {}

    def to_encode(self, given: Prompts, about: PassInfo) -> Prompts:
        """The prompts that a pass is steered by, with what `process_batch` changed."""
        if about.stage == "second":
            return given
        return self._to_encode.get(about.numbers.start, given)

    # -- the end --

    def end(self) -> None:
        """All is done, or was interrupted, or failed."""
        self._held.close()

    def changed_text(self, number: int) -> bool:
        """Whether scripts made other prompts for a picture than the request says."""
        return not self._is_request_prompt(number) or self.texts.get(number) != self._filled.get(number)

    @property
    def last_stage(self) -> str:
        """The pass after which a batch is done."""
        return "second" if getattr(self.request, "hires", None) is not None else "first"


@contextmanager
def _options_of(p: StableDiffusionProcessing) -> Iterator[None]:
    """Within it, options that only extensions know are as `p.override_settings` says; ours go into the request."""
    wanted = {name: value for name, value in (p.override_settings or {}).items() if name not in SETTINGS}
    if not wanted or not house.is_open():
        yield
        return
    from modules.compat import shared

    data: Any = shared.opts.data
    before = {name: data.get(name) for name in wanted}
    data.update(wanted)
    try:
        yield
    finally:
        if p.override_settings_restore_afterwards:
            data.update(before)


def _warn_of_sample(p: StableDiffusionProcessing) -> None:
    """Say that the one method of `p` that can't be replaced was replaced."""
    if "sample" in vars(p):
        from modules.compat import owners
        from modules.compat.sampling_tables import owner_of

        what = (
            "An own p.sample has no effect: the program samples by itself. Scripts' hooks and callbacks do."
        )
        owners.note(owner_of(vars(p)["sample"]), "p.sample", what)


def _take_second_prompts(
    p: StableDiffusionProcessing, prompts: list[str], negative_prompts: list[str]
) -> None:
    """What scripts made of the second pass's prompts: one for all pictures; none where they are the first pass's."""
    if not isinstance(p, StableDiffusionProcessingTxt2Img) or not p.enable_hr:
        return
    for before, name, firsts in (
        (prompts, "prompt", p.all_prompts),
        (negative_prompts, "negative_prompt", p.all_negative_prompts),
    ):
        now: list[str] = getattr(p, f"all_hr_{name}s") or []
        if not now or now == before:
            continue
        if len(set(now)) > 1 and now != firsts:
            log.warning("All pictures get the same %s in their second pass.", name.replace("_", " "))
        setattr(p, f"hr_{name}", "" if now == firsts else now[0])
