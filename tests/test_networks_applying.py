"""Tags put to work: what is told of a change, also after a fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from modules.faults import NotPossibleNow, UnknownName
from modules.networks.applying import Applied, Networks
from modules.prompts.tags import NetworkTag, extract_tags


class Noting:
    """A kind of tag that notes what it has put on, and fails for the name "bad"."""

    def __init__(self, name: str) -> None:
        self.names: tuple[str, ...] = (name,)
        self.on: tuple[str, ...] = ()

    def check(self, tags: Sequence[NetworkTag]) -> None:
        for tag in tags:
            if tag.name == "nowhere":
                raise UnknownName("prompt", "There is no such file.")

    def set(self, model: Any, tags: Sequence[NetworkTag]) -> Applied:
        if any(tag.name == "bad" for tag in tags):
            raise NotPossibleNow("It can't be read.")
        before, self.on = self.on, tuple(tag.name for tag in tags)
        return Applied(text_changed=before != self.on)


MODEL = cast(Any, None)


def tags(prompt: str) -> list[NetworkTag]:
    return extract_tags(prompt)[1]


def test_each_kind_gets_its_own_tags_and_none_means_off() -> None:
    first, second = Noting("lora"), Noting("glow")
    networks = Networks([first, second])
    networks.set(MODEL, tags("<lora:a:1> x <glow:b> <lora:c>"))
    assert (first.on, second.on) == (("a", "c"), ("b",))
    assert any(each.text_changed for each in networks.set(MODEL, ()))
    assert (first.on, second.on) == ((), ())


def test_after_a_fault_all_is_off_and_the_next_is_told_of_it() -> None:
    first, second = Noting("lora"), Noting("glow")
    networks = Networks([first, second])
    networks.set(MODEL, tags("<lora:a>"))
    with pytest.raises(NotPossibleNow):
        networks.set(MODEL, tags("<lora:a> <glow:bad>"))
    assert (first.on, second.on) == ((), ())
    assert any(each.text_changed for each in networks.set(MODEL, ()))  # what was encoded with "a" is stale
    assert not any(each.text_changed for each in networks.set(MODEL, ()))


def test_kinds_can_be_added_and_unknown_ones_are_refused() -> None:
    networks = Networks([Noting("lora")])
    with pytest.raises(UnknownName, match="glow"):
        networks.check(tags("<glow:x>"))
    networks.add(Noting("glow"))
    networks.check(tags("<glow:x>"))
    with pytest.raises(UnknownName):
        networks.check(tags("<glow:nowhere>"))
