"""Prompt editing and alternation: the texts of a prompt over the steps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompts.editing import schedule
from tests.growth import assert_linear
from tests.reference import reference_json

PIECES = ["[", "]", "(", ")", ":", "|", "\\", "a", "b", " ", "\n", "3", "0.5", "-1", "1e0", "+.5", "1e999"]
PIECES += ["[a:b:3]", "[c|d]", "[:e:0.25]", ":2]", "[x:", "(q:1.2)"]
malformed = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@pytest.mark.parametrize(
    ("prompt", "entries"),
    [
        ("", [(10, "")]),
        ("a cat", [(10, "a cat")]),
        ("[a:b:3]", [(3, "a"), (10, "b")]),
        ("x [b:3] y", [(3, "x  y"), (10, "x b y")]),
        ("[a::3]", [(3, "a"), (10, "")]),
        ("[::3]", [(3, ""), (10, "")]),
        ("[:3]", [(3, ""), (10, "")]),
        ("[3:4]", [(4, ""), (10, "3")]),
        ("[a:b:0.3]", [(3, "a"), (10, "b")]),
        ("[a:b:1.0]", [(10, "a")]),
        ("[a:b:1]", [(1, "a"), (10, "b")]),
        ("[a:b:12]", [(10, "a")]),
        ("[a:b:-1]", [(10, "b")]),
        ("[a:b:-0.5]", [(10, "b")]),
        ("[a:b:1e0]", [(1, "a"), (10, "b")]),
        ("[a:b:3.e-1]", [(3, "a"), (10, "b")]),
        ("[a:b:1e999]", [(10, "a")]),
        ("[a:b:\n 3 ]", [(3, "a"), (10, "b")]),
        ("[[a:b:6]:c:3]", [(3, "a"), (6, "c"), (10, "c")]),
        ("[[a:b:2]|c]", [(1, "a"), (2, "c"), (3, "b"), (4, "c"), (5, "b"), (6, "c"), (7, "b"), (8, "c"), (9, "b"),
                         (10, "c")]),
        ("[(a:1.1):[b]:5]", [(5, "(a:1.1)"), (10, "[b]")]),
        (r"[a\]:b\|:4]", [(4, r"a\]"), (10, r"b\|")]),
    ],
)  # fmt: skip
def test_schedule(prompt: str, entries: list[tuple[int, str]]) -> None:
    assert schedule(prompt, 10) == entries


@pytest.mark.parametrize(
    ("prompt", "entries"),
    [
        ("[a:b] [c:2]", [(2, "[a:b] "), (4, "[a:b] c")]),
        ("[a:b:c:3] [c:2]", [(2, "[a:b:c:3] "), (4, "[a:b:c:3] c")]),
        ("([c:2]", [(2, "("), (4, "(c")]),
        ("[c:2]]", [(2, "]"), (4, "c]")]),
        ("[x (y] [c:2]", [(2, "[x (y] "), (4, "[x (y] c")]),
        ("(a:b:c [c:2])", [(2, "(a:b:c )"), (4, "(a:b:c c)")]),
        ("[x [y:z] w:3] [c:2]", [(2, "[x [y:z] w:3] "), (4, "[x [y:z] w:3] c")]),
        ("[a:b:1.2.3] [c:2]", [(2, "[a:b:1.2.3] "), (4, "[a:b:1.2.3] c")]),
        ("a: [c:2]", [(2, "a: "), (4, "a: c")]),
    ],
)
def test_stray_marks_are_text_outside_of_the_forms(prompt: str, entries: list[tuple[int, str]]) -> None:
    assert schedule(prompt, 4) == entries


@pytest.mark.parametrize(
    "prompt",
    [
        "x|y [c:2]",
        "(x|y) [c:2]",
        "[x|y:1] [c:2]",
        "[x|y [c:2]",
        "[x:y|z] [c:2]",
        "[c:2] \\",
        "[c:2] \\\n",
        "[a|b)",
    ],
)
def test_a_prompt_that_cannot_be_read_is_literal(prompt: str) -> None:
    assert schedule(prompt, 4) == [(4, prompt)]


@pytest.mark.parametrize(
    ("prompt", "entries"),
    [
        ("[a:b:5]", [(6, "b")]),
        ("[a:b:12]", [(2, "a"), (6, "b")]),
        ("[a:b:0.5]", [(6, "b")]),
        ("[a:b:1.0]", [(6, "b")]),
        ("[a:b:1.5]", [(3, "a"), (6, "b")]),
        ("[a:b:2.0]", [(6, "a")]),
    ],
)
def test_second_pass(prompt: str, entries: list[tuple[int, str]]) -> None:
    assert schedule(prompt, 10, hires_steps=6) == entries


def test_old_scheduling_counts_both_passes_alike() -> None:
    for hires_steps in (None, 6):
        assert schedule("[a:b:0.5]", 10, hires_steps, True) == [(5, "a"), (10, "b")]
        assert schedule("[a:b:1.0]", 10, hires_steps, True) == [(1, "a"), (10, "b")]


def test_reference_vectors() -> None:
    vectors = reference_json("prompts.json")
    for case in vectors["schedule"]:
        entries = schedule(case["prompt"], case["steps"])
        assert [list(entry) for entry in entries] == case["schedule"], case["prompt"]
    for case in vectors["schedule_hires"]:
        entries = schedule(case["prompt"], case["base_steps"], case["hires_steps"])
        assert [list(entry) for entry in entries] == case["hires_schedule"], case["prompt"]


@settings(max_examples=400, deadline=None)
@given(malformed, st.integers(1, 30), st.one_of(st.none(), st.integers(1, 30)), st.booleans())
def test_any_text_has_a_schedule(prompt: str, steps: int, hires_steps: int | None, old: bool) -> None:
    entries = schedule(prompt, steps, hires_steps, old)
    ends = [end for end, _ in entries]
    assert ends == sorted(set(ends)) and ends[0] >= 1
    assert ends[-1] == (steps if old or hires_steps is None else hires_steps)
    if "|" not in prompt and ":" not in prompt:
        assert entries == [(ends[-1], prompt)]


@given(st.lists(st.text(alphabet="ab (", max_size=4), min_size=2, max_size=5), st.integers(1, 12))
def test_alternation_goes_round(options: list[str], steps: int) -> None:
    options = [option.replace("(", "") for option in options]
    entries = schedule(f"x[{'|'.join(options)}]y", steps)
    assert entries == [(step, f"x{options[(step - 1) % len(options)]}y") for step in range(1, steps + 1)]


@pytest.mark.parametrize("unit", ["[", "(", "([", "]", "[]", "([)", "\\"])
def test_many_brackets_take_linear_time(unit: str) -> None:
    def read(length: int) -> None:
        prompt = unit * (length // len(unit))
        assert schedule(prompt, 20) == [(20, prompt)]

    assert_linear(read)
    read(1_000_000)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", ""), ("([", ""), ("(", ")"), ("[a:", ":3]"), ("[a|", "]"), ("[a:b:3]", ""), ("[a|b][a|b|c]", ""),
     ("[a:", "[c:d:3])"), ("[:", "")],
)  # fmt: skip
def test_long_prompts_take_linear_time(opening: str, closing: str) -> None:
    def read(length: int) -> None:
        count = length // len(opening + closing)
        assert schedule("[x:y:3]" + opening * count + closing * count, 20)[-1][0] == 20

    assert_linear(read)
    read(300_000)


def test_long_plain_text_is_made_once_and_not_at_each_step() -> None:
    entries = schedule("[a|b] " + "word " * 200_000, 150)
    assert len(entries) == 150
    assert len({id(text) for _, text in entries}) == 2
