"""Composition, network tags and the plan of a whole prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompts.composition import Part, split_composition
from modules.prompts.plan import PromptPlan, WeightedSchedule, compile_prompt, text_at
from modules.prompts.tags import NetworkTag, extract_tags, extract_tags_of_all
from tests.growth import assert_linear
from tests.reference import reference_json


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("", [("", 1.0)]),
        ("a cat ", [("a cat", 1.0)]),
        ("a cat : 1.2 ", [("a cat", 1.2)]),
        ("a AND b :0.6 AND c:-0.3", [("a", 1.0), (" b", 0.6), (" c", -0.3)]),
        ("a:.5 AND b:2.", [("a", 0.5), (" b", 2.0)]),
        ("a:1.2:1.3", [("a:1.2", 1.3)]),
        ("a:1.2.3", [("a:1.2.3", 1.0)]),
        ("a:- 1", [("a:- 1", 1.0)]),
        ("a:1e3", [("a:1e3", 1.0)]),
        ("(a:1.2)", [("(a:1.2)", 1.0)]),
        ("SAND and BAND", [("SAND and BAND", 1.0)]),
        ("a\nAND\nb", [("a", 1.0), ("\nb", 1.0)]),
        ("a:" + "9" * 400, [("a:" + "9" * 400, 1.0)]),
    ],
)
def test_composition(prompt: str, parts: list[tuple[str, float]]) -> None:
    assert split_composition(prompt) == [Part(*part) for part in parts]


def test_composition_reference_vectors() -> None:
    for case in reference_json("prompts.json")["composition"]:
        assert [list(part) for part in split_composition(case["prompt"])] == case["parts"], case["prompt"]


def test_tags_leave_the_prompt() -> None:
    text, tags = extract_tags("a <lora:x:0.8:te=0:dyn=8>cat<hypernet:h> <b> <:c> <lora:>")
    assert text == "a cat <b> <:c> <lora:>"
    assert tags == [
        NetworkTag("lora", ("x", "0.8"), (("te", "0"), ("dyn", "8"))),
        NetworkTag("hypernet", ("h",)),
    ]
    assert [str(tag) for tag in tags] == ["<lora:x:0.8:te=0:dyn=8>", "<hypernet:h>"]
    assert extract_tags("<a:<lora:x:1>") == ("", [NetworkTag("a", ("<lora", "x", "1"))])
    assert extract_tags("<lora:x=y=z:1>")[1] == [NetworkTag("lora", ("x=y=z", "1"))]
    assert extract_tags("<lora:open") == ("<lora:open", [])


def test_arguments_of_a_tag() -> None:
    (tag,) = extract_tags("<lora:x:0.8:0.5:te=0.1>")[1]
    assert tag.name == "x"
    assert tag.argument("te", 1) == "0.1"
    assert tag.argument("unet", 2) == "0.5"
    assert tag.argument("dyn", 3, "none") == "none"
    assert NetworkTag("lora").name == ""


def test_tags_of_a_batch() -> None:
    assert extract_tags_of_all(["<lora:x>a", "b"]) == (["a", "b"], [[NetworkTag("lora", ("x",))], []])


@given(st.text(alphabet="<>:=ab \n"))
def test_no_tag_stays_behind_unread(prompt: str) -> None:
    text, tags = extract_tags(prompt)
    assert len(text) + sum(len(str(tag)) for tag in tags) == len(prompt)


@pytest.mark.parametrize("unit", ["<a:", "<a:>", "<"])
def test_many_open_tags_take_linear_time(unit: str) -> None:
    def read(length: int) -> None:
        prompt = unit * (length // len(unit))
        assert extract_tags(prompt) == (prompt, [])

    assert_linear(read)
    read(1_000_000)


def test_plan() -> None:
    plan = compile_prompt("<lora:x:1>[a:b:2] AND c :0.5", "d AND [e:f:0.5] <lora:y>", 4)
    assert plan == PromptPlan(
        positive=(
            WeightedSchedule(1.0, ((2, "a"), (4, "b"))),
            WeightedSchedule(0.5, ((4, " c"),)),
        ),
        negative=((2, "d AND e <lora:y>"), (4, "d AND f <lora:y>")),
        tags=(NetworkTag("lora", ("x", "1")),),
    )
    assert len({plan, compile_prompt("<lora:x:1>[a:b:2] AND c :0.5", "d AND [e:f:0.5] <lora:y>", 4)}) == 1
    assert list(plan.texts()) == ["a", "b", " c", "d AND e <lora:y>", "d AND f <lora:y>"]


def test_plan_of_the_second_pass() -> None:
    plan = compile_prompt("[a:b:1.5]", "n:1.2", 10, hires_steps=4)
    assert plan.positive[0].schedule == ((2, "a"), (4, "b"))
    assert plan.negative == ((4, "n:1.2"),)


def test_text_at_a_call() -> None:
    entries = ((2, "a"), (4, "b"))
    assert [text_at(entries, call) for call in range(7)] == ["a", "a", "a", "b", "b", "a", "a"]


@given(st.text(), st.text(), st.integers(1, 20))
def test_any_prompts_have_a_plan(prompt: str, negative: str, steps: int) -> None:
    plan = compile_prompt(prompt, negative, steps)
    assert plan.positive and plan.negative[-1][0] == steps
    assert hash(plan) == hash(compile_prompt(prompt, negative, steps))
