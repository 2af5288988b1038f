"""Chunks of 75: borders, commas, breaks, embeddings, padding, counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modules.prompts.chunks import (
    Chunk,
    EmbeddingIndex,
    EmbeddingRef,
    TokenVocabulary,
    chunk_prompt,
    token_count,
)
from modules.prompts.emphasis import Span, parse_emphasis

SD1 = TokenVocabulary()
SD2 = TokenVocabulary(pad=0)
COMMA = 267


def tokenize(texts: list[str]) -> list[list[int]]:
    """A toy vocabulary: "," is the comma, "7" is token 7."""
    return [[COMMA if word == "," else int(word) for word in text.split()] for text in texts]


def words(count: int, first: int = 1) -> str:
    return " ".join(str(number) for number in range(first, first + count))


def chunks_of(prompt: str, **options: object) -> list[Chunk]:
    options.setdefault("vocabulary", SD1)
    return chunk_prompt(parse_emphasis(prompt), tokenize, **options)  # type: ignore[arg-type]


def places(chunk: Chunk) -> list[int]:
    """The tokens of a chunk without BOS, EOS and padding."""
    inner = list(chunk.ids[1:])
    return inner[: inner.index(SD1.eos)]


def test_an_empty_prompt_is_one_chunk() -> None:
    (chunk,) = chunks_of("")
    assert chunk.ids == (49406, *[49407] * 76)
    assert chunk.weights == (1.0,) * 77
    assert chunks_of("", vocabulary=SD2)[0].ids == (49406, 49407, *[0] * 75)


def test_weights_stand_at_their_tokens() -> None:
    (chunk,) = chunks_of("1 (2 3:1.5) 4")
    assert chunk.ids[:6] == (49406, 1, 2, 3, 4, 49407)
    assert chunk.weights[:6] == (1.0, 1.0, 1.5, 1.5, 1.0, 1.0)


def test_75_tokens_fill_a_chunk_and_76_start_another() -> None:
    (chunk,) = chunks_of(words(75))
    assert chunk.ids == (49406, *range(1, 76), 49407)
    first, second = chunks_of(words(76))
    assert places(first) == list(range(1, 76)) and places(second) == [76]
    assert chunks_of(words(75), vocabulary=SD2)[0].ids[-2:] == (75, 49407)


def test_what_follows_a_near_comma_moves_on() -> None:
    prompt = f"{words(60)} , {words(20, 100)}"
    first, second = chunks_of(prompt)
    assert places(first) == [*range(1, 61), COMMA]
    assert places(second) == list(range(100, 120))
    first, second = chunks_of(prompt, comma_backtrack=0)
    assert len(places(first)) == 75 and places(second) == list(range(114, 120))


def test_a_comma_may_be_20_tokens_back_and_no_more() -> None:
    near = chunks_of(f"{words(55)} , {words(30, 100)}")
    assert [len(places(chunk)) for chunk in near] == [56, 30]
    far = chunks_of(f"{words(54)} , {words(30, 100)}")
    assert [len(places(chunk)) for chunk in far] == [75, 10]


def test_a_comma_in_the_way_starts_the_next_chunk() -> None:
    first, second = chunks_of(f"{words(60)} , {words(14, 100)} , 5")
    assert len(places(first)) == 75
    assert places(second) == [COMMA, 5]


def test_weights_move_with_their_tokens() -> None:
    first, second = chunks_of(f"{words(70)} , 100 (101 102 103 104 105:1.4)")
    assert places(second) == [100, 101, 102, 103, 104, 105]
    assert second.weights[:8] == (1.0, 1.0, 1.4, 1.4, 1.4, 1.4, 1.4, 1.0)
    assert set(first.weights) == {1.0}


def test_break_ends_a_chunk_at_any_weight() -> None:
    for prompt in ("1 BREAK 2", "(1 BREAK 2:1.3)", "(1 BREAK 2:-2)"):
        assert [places(chunk) for chunk in chunks_of(prompt)] == [[1], [2]]
    assert [places(chunk) for chunk in chunks_of("BREAK 2")] == [[], [2]]
    assert [places(chunk) for chunk in chunks_of("1 BREAK")] == [[1]]


def test_an_embedding_is_not_split() -> None:
    index = EmbeddingIndex([([7], EmbeddingRef("short", 1)), ([7, 8], EmbeddingRef("style", 4))])
    (chunk,) = chunks_of("1 (7 8:1.2) 9", find_embedding=index.find)
    assert chunk.ids[:8] == (49406, 1, 0, 0, 0, 0, 9, 49407)
    assert chunk.weights[1:7] == (1.0, 1.2, 1.2, 1.2, 1.2, 1.0)
    assert chunk.vectors == ((2, EmbeddingRef("style", 4)),)
    first, second = chunks_of(f"{words(72, 100)} 7 8 9", find_embedding=index.find)
    assert len(places(first)) == 72 and first.vectors == ()
    assert second.vectors == ((1, EmbeddingRef("style", 4)),) and second.ids[5] == 9


def test_an_embedding_moves_on_with_its_phrase() -> None:
    index = EmbeddingIndex([([7], EmbeddingRef("style", 3))])
    first, second = chunks_of(f"{words(70, 100)} , 7 5 6", find_embedding=index.find)
    assert len(places(first)) == 71 and first.vectors == ()
    assert second.ids[:7] == (49406, 0, 0, 0, 5, 6, 49407)
    assert second.vectors == ((1, EmbeddingRef("style", 3)),)


def test_an_embedding_longer_than_a_chunk_fills_one() -> None:
    index = EmbeddingIndex([([7], EmbeddingRef("huge", 90))])
    first, second, third = chunks_of("1 7 2", find_embedding=index.find)
    assert len(first.ids) == len(second.ids) == len(third.ids) == 77
    assert second.vectors == ((1, EmbeddingRef("huge", 90)),)


def test_counts() -> None:
    def count(prompt: str) -> tuple[int, int]:
        return token_count(parse_emphasis(prompt), tokenize, vocabulary=SD1)

    assert count("") == (0, 75)
    assert count(words(75)) == (75, 75)
    assert count(words(76)) == (76, 150)
    assert count("1 BREAK 2") == (76, 150)
    assert count(f"{words(60)} , {words(20, 100)}") == (95, 150)


@given(st.lists(st.sampled_from(["1", "2", ",", "7 8", "BREAK"]), max_size=300), st.integers(0, 30))
def test_nothing_is_lost(tokens: list[str], backtrack: int) -> None:
    index = EmbeddingIndex([([7, 8], EmbeddingRef("style", 5))])
    spans = parse_emphasis(" ".join(tokens))
    chunks = chunk_prompt(
        spans, tokenize, vocabulary=SD1, find_embedding=index.find, comma_backtrack=backtrack
    )
    assert all(len(chunk.ids) == len(chunk.weights) == 77 for chunk in chunks)
    expected = [token for token in " ".join(tokens).replace("7 8", "0 0 0 0 0").split() if token != "BREAK"]
    assert [token for chunk in chunks for token in places(chunk)] == tokenize([" ".join(expected)])[0]
    for chunk in chunks:
        assert all(chunk.ids[start : start + 5] == (0,) * 5 for start, _ in chunk.vectors)
    used, limit = token_count(
        spans, tokenize, vocabulary=SD1, find_embedding=index.find, comma_backtrack=backtrack
    )
    assert limit == 75 * len(chunks) and used <= limit


def test_plain_spans_take_brackets_literally() -> None:
    seen: list[str] = []

    def record(texts: list[str]) -> list[list[int]]:
        seen.extend(texts)
        return [[1] for _ in texts]

    chunk_prompt([Span("(a:1.2) BREAK b", 1.0)], record, vocabulary=SD1)
    assert seen == ["(a:1.2) BREAK b"]
