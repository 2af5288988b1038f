"""Emphasis: spans and weights, exactly; any text; the way back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompts.emphasis import BREAK, Span, format_emphasis, is_break, parse_emphasis
from tests.growth import assert_linear
from tests.reference import reference_json

PIECES = ["(", ")", "[", "]", "\\", ":", "a", "b c", " ", "\n", "BREAK", " BREAK ", "BRE", "AK"]
PIECES += ["1.2", ":1.3)", ": .5 )", ":-1)", ":0)", ":1.2.3)", "<lora:x:1>", "ж"]
malformed = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@pytest.mark.parametrize(
    ("prompt", "spans"),
    [
        ("", [("", 1.0)]),
        ("()", [("", 1.0)]),
        ("a cat", [("a cat", 1.0)]),
        ("(a)", [("a", 1.1)]),
        ("((a))", [("a", 1.1 * 1.1)]),
        ("[a]", [("a", 1 / 1.1)]),
        ("(a:1.3) b", [("a", 1.3), (" b", 1.0)]),
        ("(a:-1)", [("a", -1.0)]),
        ("(a :+.5 )", [("a ", 0.5)]),
        ("[a:1.3]", [("a:1.3", 1 / 1.1)]),
        ("a:1.3)", [("a:1.3)", 1.0)]),
        ("a (b", [("a ", 1.0), ("b", 1.1)]),
        ("a) b]", [("a) b]", 1.0)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.1 * (1 / 1.1)), (" c", 1 / 1.1)]),
        (r"\(a\) \\ \b", [(r"(a) \ b", 1.0)]),
        ("x BREAK y", [("x", 1.0), ("BREAK", -1.0), ("y", 1.0)]),
        ("(x BREAK y:1.2)", [("x", 1.2), ("BREAK", -1.2), ("y", 1.2)]),
        ("BREAKFAST", [("BREAKFAST", 1.0)]),
    ],
)
def test_spans(prompt: str, spans: list[tuple[str, float]]) -> None:
    assert parse_emphasis(prompt) == spans


@pytest.mark.parametrize(
    ("prompt", "spans"),
    [
        ("(a:1.2.3)", [("(a:1.2.3)", 1.0)]),
        ("(hmm:...)", [("(hmm:...)", 1.0)]),
        ("((a:1.2.3))", [("(a:1.2.3)", 1.1)]),
        ("(x (b) :1.2.3) c", [("(x ", 1.0), ("b", 1.1), (" :1.2.3) c", 1.0)]),
        (f"(a:{'9' * 400})", [(f"(a:{'9' * 400})", 1.0)]),
    ],
)
def test_a_bracket_with_no_readable_weight_is_text(prompt: str, spans: list[tuple[str, float]]) -> None:
    assert parse_emphasis(prompt) == spans


def test_reference_vectors() -> None:
    for case in reference_json("prompts.json")["attention"]:
        assert [list(span) for span in parse_emphasis(case["prompt"])] == case["parsed"], case["prompt"]


def test_break_is_told_from_the_word() -> None:
    assert [is_break(span) for span in parse_emphasis("a BREAK (b BREAK c:0.5)")] == [
        False, True, False, False, True, False,
    ]  # fmt: skip
    (word,) = parse_emphasis("(BRE\\AK:-1)")
    assert word == ("BREAK", -1.0) and not is_break(word)
    assert is_break(["BREAK", -1]) and is_break(Span(BREAK, -1.3))


@pytest.mark.parametrize(
    ("prompt", "written"),
    [
        ("a (b) [c]", "a (b:1.1)( :1.0)(c:0.9090909090909091)"),
        ("((a", "(a:1.2100000000000002)"),
        ("x) BREAK y", "x\\) BREAK y"),
    ],
)
def test_format(prompt: str, written: str) -> None:
    spans = parse_emphasis(prompt)
    assert format_emphasis(spans) == written.replace("( :1.0)", " ")
    assert parse_emphasis(written.replace("( :1.0)", " ")) == spans


@settings(max_examples=400, deadline=None)
@given(malformed)
def test_any_text_parses_and_comes_back(prompt: str) -> None:
    spans = parse_emphasis(prompt)
    assert spans and all(math.isfinite(span.weight) for span in spans)
    again = parse_emphasis(format_emphasis(spans))
    assert again == spans
    assert [is_break(span) for span in again] == [is_break(span) for span in spans]


@given(
    st.text(alphabet=st.characters(exclude_characters="\\()[]"), min_size=1).filter(
        lambda t: "BREAK" not in t
    )
)
def test_text_without_brackets_is_itself(text: str) -> None:
    assert parse_emphasis(text) == [(text, 1.0)]


@pytest.mark.parametrize("unit", ["(", "[", ")", "()", "(["])
def test_many_brackets_take_linear_time(unit: str) -> None:
    def read(length: int) -> None:
        prompt = unit * (length // len(unit))
        assert parse_emphasis(prompt) == [(prompt if unit == ")" else "", 1.0)]

    assert_linear(read)
    read(1_000_000)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("(a", ")"), ("(a", ""), ("(a:1.2.3)", ""), ("(", ":1.2.3)"), ("\\", ""), (" ", ""), ("BREAK ", ""),
     ("(a)", ""), (": 1", "")],
)  # fmt: skip
def test_long_prompts_take_linear_time(opening: str, closing: str) -> None:
    def read(length: int) -> None:
        count = length // len(opening + closing)
        spans = parse_emphasis(opening * count + closing * count)
        assert all(math.isfinite(span.weight) for span in spans)

    assert_linear(read)
    read(500_000)
