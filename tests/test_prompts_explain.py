"""How a prompt is explained: the same reading as a picture's, the remarks, and that no text is too odd."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.models.tokenizer import token_text, tokenize
from modules.prompts.chunks import EmbeddingIndex, EmbeddingRef, TokenVocabulary, chunk_prompt, token_count
from modules.prompts.editing import _Parser, _Unreadable, schedule
from modules.prompts.editing_remarks import Calls, editing_remarks
from modules.prompts.emphasis import parse_emphasis
from modules.prompts.explain import explain
from modules.prompts.explanation import Explanation
from modules.prompts.plan import compile_prompt, text_at
from modules.prompts.remarks import MOST_WARNINGS, KnownNames, take_tags
from modules.prompts.tags import extract_tags
from tests.growth import assert_linear

KNOWN = KnownNames.of({"lora": ["Brush", "ink"], "hypernet": ["soft"]}, ["animals", "more/birds"])
SD1 = TokenVocabulary()
malformed = st.lists(
    st.sampled_from(
        [*"()[]{}<>:|\\.5 _\n", "a", "cat", "0.5", "7", "AND", "BREAK", "<lora:", "__", "🐈", "1e3"]
    ),
    max_size=40,
).map("".join)


def read(prompt: str, negative_prompt: str = "", steps: int = 20, **more: Any) -> Explanation:
    arguments: dict[str, Any] = {"known": KNOWN, "vocabulary": SD1, **more}
    return explain(prompt, negative_prompt, steps, tokenize=tokenize, token_text=token_text, **arguments)


def remarks(prompt: str, negative_prompt: str = "", **more: Any) -> list[tuple[str, str]]:
    """The code of each remark and the text that it is about."""
    explanation = read(prompt, negative_prompt, **more)
    return [
        (w.code, (prompt if w.field == "prompt" else negative_prompt)[w.start : w.end])
        for w in explanation.warnings
    ]


def test_parts_texts_and_tokens() -> None:
    explanation = read("a (cat:1.5) [day:night:0.5] AND photography:0.6", "blurry")
    first, second = explanation.parts
    assert [(e.from_step, e.to_step, e.text) for e in first.schedule] == [
        (1, 11, "a (cat:1.5) day"),
        (12, 20, "a (cat:1.5) night"),
    ]
    assert (first.weight, second.weight) == (1.0, 0.6)
    (chunk,) = first.texts[0].chunks
    assert [(t.text, t.weight, t.is_embedding) for t in chunk.tokens] == [
        ("a", 1.0, False),
        ("cat", 1.5, False),
        ("day", 1.0, False),
    ]
    assert (explanation.used, explanation.limit) == (3, 75)
    assert [t.text for t in explanation.negative.texts[0].chunks[0].tokens] == ["blurry"]
    assert explanation.warnings == ()


def test_the_pieces_of_a_word() -> None:
    tokens = read("supercalifragilistic").parts[0].texts[0].chunks[0].tokens
    assert len(tokens) > 1
    assert "".join(token.text for token in tokens) == "supercalifragilistic"
    assert [token.ends_word for token in tokens] == [False] * (len(tokens) - 1) + [True]


def test_chunks_and_embeddings() -> None:
    index = EmbeddingIndex([(tokenize(["mystyle"])[0], EmbeddingRef("mystyle", 8))])
    explanation = read("a (mystyle:1.2) BREAK b", find_embedding=index.find)
    reading = explanation.parts[0].texts[0]
    assert [chunk.used for chunk in reading.chunks] == [9, 1]
    assert (reading.used, reading.limit) == (76, 150)
    embedding = reading.chunks[0].tokens[1]
    assert (embedding.text, embedding.weight, embedding.is_embedding, embedding.places) == (
        "mystyle",
        1.2,
        True,
        8,
    )


@pytest.mark.parametrize("vocabulary", [SD1, TokenVocabulary(pad=0)])
def test_what_pads_is_not_shown(vocabulary: TokenVocabulary) -> None:
    # token 0 is the exclamation mark, which is also what SD2 pads with
    reading = read("oh !", vocabulary=vocabulary).parts[0].texts[0]
    assert [token.text for token in reading.chunks[0].tokens] == ["oh", "!"]


def test_two_calls_a_step() -> None:
    entries = read("[a|b]", steps=2, calls_a_step=2).parts[0].schedule
    assert [(e.from_step, e.to_step, e.text) for e in entries] == [(1, 1, "a"), (2, 2, "b"), (2, 2, "a")]


def test_second_pass() -> None:
    entries = read("[a:b:1.5]", steps=10, hires_steps=8).parts[0].schedule
    assert [(e.from_step, e.to_step, e.text) for e in entries] == [(1, 5, "a"), (6, 8, "b")]
    assert remarks("[a:b:1.5]", steps=10, hires_steps=8) == []
    assert remarks("[a:b:1.5]") == [("editing", "[a:b:1.5]")]


def test_tags() -> None:
    tags = read("x <lora:brush:0.8:te=0><lora:oil:1> <hypernet:soft>").tags
    assert [(t.kind, t.name, t.arguments, t.named, t.known) for t in tags] == [
        ("lora", "brush", ("0.8",), (("te", "0"),), True),
        ("lora", "oil", ("1",), (), False),
        ("hypernet", "soft", (), (), True),
    ]
    assert read("<lora:oil:1>", known=KnownNames()).tags[0].known is None


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a photo of (a cat:1.2), [b|c], \\(f\\)", []),
        ("a photo of {d|e} and {2$$f|g}", []),
        ("{d|e} [b|c]", [("choice", "|")]),
        ("a (b", [("bracket", "(")]),
        ("<lora:ink:1> [b", [("bracket", "[")]),
        ("a) b]", [("bracket", ")"), ("bracket", "]")]),
        ("a {b", [("bracket", "{")]),
        ("(a AND b)", [("bracket", "("), ("bracket", ")")]),
        ("<lora:ink", [("bracket", "<lora:")]),
        ("a lora:ink:1>", [("bracket", "lora:ink:1>")]),
        ("<lora:>", [("tag", "<lora:>")]),
        ("<lora:oil:1> <loar:ink>", [("network", "<lora:oil:1>"), ("network", "<loar:ink>")]),
        ("__animals__ __more/*__ __fish__", [("wildcard", "__fish__")]),
        ("(a:0) (b:9) (c:1.2.3) (d:-2)", [("weight", "(a:0)"), ("weight", "(b:9)"), ("weight", "(c:1.2.3)")]),
        ("a AND b:0 AND c:4", [("weight", ":0"), ("weight", ":4")]),
        ("a AND  AND b", [("part", "  ")]),
        ("ratio 16:9", [("part", ":9")]),
        ("[a:b:30] [c:0.5]", [("editing", "[a:b:30]")]),
        ("[a:b:18] [c:d:19]", [("editing", "[c:d:19]")]),
        ("[a:b:c]", [("editing", "[a:b:c]")]),
        ("[a:b:c:5]", [("editing", "[a:b:c:5]")]),
        ("x [a|b:c:5]", [("literal", ":")]),
        ("[a:b:5] | c", [("literal", "|")]),
        ("[a:b:5] (c|d)", [("literal", "|")]),
        ("[a:b:5] \\", [("literal", "\\")]),
        ("🐈 <lora:ink:1> [a:b:c]", [("editing", "[a:b:c]")]),
    ],
)
def test_remarks_and_their_places(prompt: str, expected: list[tuple[str, str]]) -> None:
    assert remarks(prompt) == expected


def test_remarks_of_the_negative_prompt() -> None:
    assert remarks("", "a AND <lora:ink:1> (b") == [
        ("part", "AND"),
        ("tag", "<lora:ink:1>"),
        ("bracket", "("),
    ]


def test_weights_from_many_brackets() -> None:
    (warning,) = read("(" * 13 + "cat" + ")" * 13).warnings
    assert warning.code == "weight" and "'cat'" in warning.message and "3.45" in warning.message


def test_each_remark_is_one_sentence() -> None:
    odd = "(a [b:c:30] <lora:oil:1> __fish__ (c:0) x) AND AND y:9 lora:z>"
    for warning in read(odd, odd).warnings:
        assert warning.message[0].isprintable() and warning.message.endswith(".")
        assert "\n" not in warning.message and len(warning.message) < 160


def test_there_are_not_too_many_remarks() -> None:
    warnings = read(")" * 5000).warnings
    assert len(warnings) == MOST_WARNINGS + 1
    assert warnings[-1].message == f"There are {5000 - MOST_WARNINGS} more remarks like these."


def test_as_json() -> None:
    described = read("🐈🐈 <lora:ink:1> (b", "").describe()
    # places count as JavaScript does: each cat is two
    assert [(w["start"], w["end"]) for w in described["warnings"]] == [(18, 19)]
    assert (described["tags"][0]["start"], described["tags"][0]["end"]) == (5, 17)
    assert described["parts"][0]["schedule"] == [
        {"from_step": 1, "to_step": 20, "text": "🐈🐈  (b", "reading": 0}
    ]
    assert set(described) == {
        "steps", "calls_a_step", "used", "limit", "parts", "negative", "tags", "warnings"
    }  # fmt: skip


@given(malformed, malformed, st.integers(1, 12), st.sampled_from([1, 2]), st.sampled_from([None, 1, 7]))
@settings(max_examples=300, deadline=None)
def test_it_says_what_the_picture_is_made_of(
    prompt: str, negative_prompt: str, steps: int, calls_a_step: int, hires_steps: int | None
) -> None:
    explanation = read(prompt, negative_prompt, steps, calls_a_step=calls_a_step, hires_steps=hires_steps)
    second = None if hires_steps is None else hires_steps * calls_a_step
    plan = compile_prompt(prompt, negative_prompt, steps * calls_a_step, hires_steps=second)
    total = (hires_steps or steps) * calls_a_step
    schedules = [*(part.schedule for part in plan.positive), plan.negative]
    for part, entries in zip((*explanation.parts, explanation.negative), schedules, strict=True):
        for call in range(total):
            step = call // calls_a_step + 1
            told = [e.text for e in part.schedule if e.from_step <= step <= e.to_step]
            assert text_at(entries, call) in told
            assert len(told) <= calls_a_step
        assert all(a.text != b.text for a, b in zip(part.schedule, part.schedule[1:], strict=False))
        for reading in part.texts:
            spans = parse_emphasis(reading.text)
            assert (reading.used, reading.limit) == token_count(spans, tokenize, vocabulary=SD1)
            weights = [w for c in chunk_prompt(spans, tokenize, vocabulary=SD1) for w in c.weights]
            assert {t.weight for c in reading.chunks for t in c.tokens} <= set(weights)
    assert [part.weight for part in explanation.parts] == [part.weight for part in plan.positive]
    for warning in explanation.warnings:
        text = prompt if warning.field == "prompt" else negative_prompt
        if warning.start is not None and warning.end is not None:
            assert 0 <= warning.start <= warning.end <= len(text)
    assert isinstance(explanation.describe(), dict)


@given(malformed)
def test_tags_have_the_right_places(prompt: str) -> None:
    text, tags = extract_tags(prompt)
    placed_text, placed = take_tags(prompt)
    assert placed_text.text == text
    assert [tag.tag for tag in placed] == tags
    assert all(prompt[tag.start] == "<" and prompt[tag.end - 1] == ">" for tag in placed)
    assert all(prompt[placed_text.place(i)] == character for i, character in enumerate(text))


@given(malformed)
@settings(max_examples=500)
def test_literal_exactly_where_the_grammar_gives_up(text: str) -> None:
    said = [remark for remark in editing_remarks(text, Calls(10)) if remark.code in ("literal", "choice")]
    parser, unreadable = _Parser(), False
    try:
        parser.parse(text)
    except _Unreadable:
        unreadable = True
    if said:
        assert unreadable
        assert schedule(text, 10) == [(10, text)]
    elif unreadable:
        without = "[" not in text or not (":" in text or "|" in text)
        assert without or "|" not in text


@given(st.text(), st.text())
@settings(deadline=None)
def test_any_text_is_explained(prompt: str, negative_prompt: str) -> None:
    assert read(prompt, negative_prompt).limit >= 75


@pytest.mark.parametrize(
    "piece",
    [
        *["(", "[", ")", "{", "<", "[a:b:1]", "[a|b]", "[a:b:c]", "<lora:", "<lora:x:1>", "lora:", "AND ", "__a__"],
        *["__", "\\", "(a:1", "[a:(b|", "🐈", "(a:" + " " * 50, "<a:>", "word "],
    ],
)  # fmt: skip
def test_time_grows_with_the_length(piece: str) -> None:
    def explain(length: int) -> None:
        text = piece * (length // len(piece))
        read(text, text)

    assert_linear(explain)
