"""Wildcards: what is filled in, how often, and what stays as it is written."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.faults import InvalidField
from modules.prompts.wildcards import Wildcards, has_wildcards
from tests.growth import assert_linear

FILES = {
    "animals": "# our animals\n\nfox\n  owl  \nbear\n",
    "animals/cats": "tabby\nsiamese\n",
    "animals/Big Cats": "lion\n",
    "color": "red\nblue",
    "scene": "a __color__ {house|tree}",
    "rare": "0::never\n9::often\nonce",
    "loop": "x __loop__",
    "ping": "__pong__",
    "pong": "__ping__",
    "burst": "__burst__ __burst__",
    "empty": "# nothing\n\n",
    "braces": r"\{{a}",
    "weird(1)": "no name that can be written",
}


@pytest.fixture(scope="module")
def wildcards(tmp_path_factory: pytest.TempPathFactory) -> Wildcards:
    folder = tmp_path_factory.mktemp("wildcards")
    for name, text in FILES.items():
        file = folder / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return Wildcards(folder)


def outcomes(wildcards: Wildcards, text: str, seeds: int = 200) -> set[str]:
    return {wildcards.expand(text, seed) for seed in range(seeds)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a __animals__!", {"a fox!", "a owl!", "a bear!"}),
        ("__animals/cats__", {"tabby", "siamese"}),
        ("__Animals/CATS__", {"tabby", "siamese"}),
        ("__animals/big cats__", {"lion"}),
        ("__animals/*__", {"tabby", "siamese", "lion"}),
        ("__anim*__", {"fox", "owl", "bear", "tabby", "siamese", "lion"}),
        ("__c?lor__", {"red", "blue"}),
        ("(__color__:1.2)", {"(red:1.2)", "(blue:1.2)"}),
        ("__scene__", {"a red house", "a red tree", "a blue house", "a blue tree"}),
        ("__rare__", {"often", "once"}),
        ("{a|b|c}", {"a", "b", "c"}),
        ("{a|}x", {"ax", "x"}),
        ("{a|{b|c} d}", {"a", "b d", "c d"}),
        ("{__color__|green}", {"red", "blue", "green"}),
        ("{0::a|b}", {"b"}),
        ("{0::a|0::b}", {"a", "b"}),
        ("{2$$a|b|c}", {"a, b", "b, a", "a, c", "c, a", "b, c", "c, b"}),
        ("{2$$ and $$a | b}", {"a and b", "b and a"}),
        ("{1-2$$+$$a|b}", {"a", "b", "a+b", "b+a"}),
        ("{2-1$$+$$a|b}", {"a", "b", "a+b", "b+a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("{2$$a||}", {"a", ""}),
        ("{2$$0::a|b|c}", {"b, c", "c, b"}),
        ("{2$$__color__}", {"red, blue", "blue, red"}),
        ("{9$$ & $$__animals/cats__}", {"tabby & siamese", "siamese & tabby"}),
        ("{2$$ __empty__ $$a|b}", {"a __empty__ b", "b __empty__ a"}),
        ("{red [a|b]|blue}", {"red [a|b]", "blue"}),
        ("{a [b|c}", {"a [b", "c"}),
        ("[{a|b}:{c|d}:0.5]", {"[a:c:0.5]", "[a:d:0.5]", "[b:c:0.5]", "[b:d:0.5]"}),
        ("<lora:{x|y}:0.8>", {"<lora:x:0.8>", "<lora:y:0.8>"}),
        (r"\{a|b\}", {"{a|b}"}),
        (r"{\{a|b}", {"{a", "b"}),
        (r"{a\|b|c}", {r"a\|b", "c"}),
        (r"{\(a\)|b}", {r"\(a\)", "b"}),
        ("{a|b", {"{a|b"}),
        ("{{a|b}", {"{a", "{b"}),
        ("{x {a|b} y}", {"{x a y}", "{x b y}"}),
        ("___color___", {"_red_", "_blue_"}),
        ("__no__color__", {"__nored", "__noblue"}),
        ("__braces__", {"{{a}"}),
    ],
)
def test_what_is_filled_in(wildcards: Wildcards, text: Any, expected: Any) -> None:
    assert has_wildcards(text)
    assert outcomes(wildcards, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "a fox", "{a}", "{}", "{a {b} c}", "{$$}", "{a$$b}", "{prompt}", "[a|b]", "[a:b:0.5]", "(x:1.2)",
        "<lora:my__color__x:0.8>", "<lora:__color__:1>", "__nowhere__", "__empty__", "__ color __", "a__b",
        "____", "__*x__", "snake_case_name", r"\(a\)", "a\\", "{[a|b]}", "__init__.py", "a | b", "a|b}", "__../color__",
        "__/etc/passwd__", "__weird(1)__",
    ],
)  # fmt: skip
def test_what_stays_as_written(wildcards: Wildcards, text: str) -> None:
    assert outcomes(wildcards, text, 20) == {text}


def test_weights_are_shares(wildcards: Wildcards) -> None:
    counts = Counter(wildcards.expand("{3::a|1::b|.5::c}", seed) for seed in range(4500))
    for option, expected in (("a", 3000), ("b", 1000), ("c", 500)):
        assert abs(counts[option] - expected) < 150
    firsts = Counter(wildcards.expand("{2$$ $$8::a|1::b|1::c}", seed)[0] for seed in range(2000))
    assert abs(firsts["a"] - 1600) < 100
    lines = Counter(wildcards.expand("__rare__", seed) for seed in range(2000))
    assert abs(lines["often"] - 1800) < 80


def test_several_of_a_skewed_choice_are_all_different(wildcards: Wildcards) -> None:
    text = "{4$$ $$100000000::a|1::b|1::c|1::d}"
    assert {"".join(sorted(wildcards.expand(text, seed))).strip() for seed in range(50)} == {"abcd"}


def test_the_seed_decides(wildcards: Wildcards) -> None:
    text = "__animals__ {a|b|c|d|e} {2$$f|g|h|i} __animals/*__"
    assert all(wildcards.expand(text, seed) == wildcards.expand(text, seed) for seed in range(50))
    assert len(outcomes(wildcards, text)) > 150
    # Written down once: a picture's prompt must not change with a new version.
    assert [wildcards.expand("{a|b|c|d|e|f|g|h}{2$$i|j|k|l}", seed) for seed in (0, 1, 2**62)] == KEPT


KEPT = ["gl, j", "bl, j", "bk, j"]


def test_unknown_names(wildcards: Wildcards) -> None:
    text = "__color__ __nope__ {__no way__|__nope__} <lora:__x__:1> __empty__ __zoo/*__ __ a __"
    assert wildcards.unknown(text) == ["nope", "no way", "empty", "zoo/*"]
    assert wildcards.unknown("__no__color__") == ["no"]
    assert wildcards.unknown("__no__and__no__") == ["no"]


def test_names(wildcards: Wildcards, tmp_path: Path) -> None:
    names = [name for name in sorted(FILES) if "(" not in name]
    assert wildcards.names() == names
    missing = Wildcards(tmp_path / "missing")
    assert missing.names() == [] and missing.expand("__a__ {b}", 1) == "__a__ {b}"


def test_loops_end(wildcards: Wildcards) -> None:
    assert wildcards.expand("__loop__", 1) == "x " * 20 + "__loop__"
    assert wildcards.expand("__ping__", 1) == "__ping__"
    with pytest.raises(InvalidField, match="longer than 16,000"):
        wildcards.expand("__burst__", 1)
    with pytest.raises(InvalidField, match="takes more than 10,000 choices") as caught:
        wildcards.expand("{|}" * 10_001, 1, "negative_prompt")
    assert caught.value.field == "negative_prompt" and "\n" not in caught.value.message


def test_a_result_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * 2000)
    wildcards = Wildcards(tmp_path)
    assert len(wildcards.expand("__long__", 1)) == 9999
    with pytest.raises(InvalidField, match=r"^The prompt is longer than 16,000 characters once .*\.$"):
        wildcards.expand("__long__, __long__", 1)


def test_files_may_come_change_and_go(tmp_path: Path) -> None:
    wildcards = Wildcards(tmp_path / "wildcards")
    assert wildcards.expand("__a__", 1) == "__a__"
    (tmp_path / "wildcards" / "sub").mkdir(parents=True)
    file = tmp_path / "wildcards" / "sub" / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfone\r\n")
    assert wildcards.expand("__sub/a__ __sub/*__", 1) == "one one"
    file.write_bytes("zwei, süß".encode("cp1252"))
    os.utime(file, ns=(1, 1))
    assert wildcards.expand("__sub/a__ __*__", 1) == "zwei, süß zwei, süß"
    file.unlink()
    os.utime(file.parent, ns=(5, 5))
    assert wildcards.expand("__sub/a__", 1) == "__sub/a__" and wildcards.names() == []


def test_a_folder_that_holds_itself_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert Wildcards(tmp_path).names() == ["a"]


def test_large_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.txt").write_text("\n".join(f"line {n}" for n in range(10_000)))
    wildcards = Wildcards(tmp_path)
    assert wildcards.expand("__large__", 0)
    monkeypatch.setattr(Path, "read_text", lambda *args, **more: pytest.fail("it is read again"))
    monkeypatch.setattr(Path, "read_bytes", lambda *args, **more: pytest.fail("it is read again"))
    assert len({wildcards.expand("__large__", seed) for seed in range(1000)}) > 900
    assert wildcards.expand("{900$$ $$__large__}", 1).count("line") == 900


@pytest.mark.parametrize(
    "part", ["{", "}", "{a|", "{a|b}", "[", "{[", "|", "{2$$", "__", "__a", "__a__", "<a:", "\\", "$$", "_ "]
)
def test_time_is_linear(wildcards: Wildcards, part: str) -> None:
    def read(length: int) -> None:
        text = part * (length // len(part))
        wildcards.unknown(text)
        with contextlib.suppress(InvalidField):
            wildcards.expand("{|" + text, 1)

    assert_linear(read)
    with pytest.raises(InvalidField):
        wildcards.expand("{|" + part * (300_000 // len(part)), 1)


@settings(max_examples=300)
@given(st.text(r"{}|$[]_\<>:ab1-*, ", max_size=40), st.integers(0, 2**63))
def test_no_text_raises(tmp_path_factory: pytest.TempPathFactory, text: str, seed: int) -> None:
    wildcards = Wildcards(tmp_path_factory.getbasetemp() / "nothing")
    result = wildcards.expand(text, seed)
    assert result == wildcards.expand(text, seed)
    if not has_wildcards(text) or not set(text) & set("|$\\"):
        assert result == text


@given(st.text(st.characters(exclude_characters="{}\\_"), max_size=60), st.integers(0, 100))
def test_other_syntax_is_left_alone(tmp_path_factory: pytest.TempPathFactory, text: str, seed: int) -> None:
    wildcards = Wildcards(tmp_path_factory.getbasetemp() / "nothing")
    assert not has_wildcards(text) and wildcards.expand(text, seed) == text
    inside = text.replace("|", "").replace("$", "").replace("[", "").replace("]", "").replace("::", "")
    assert wildcards.expand(f"{{{inside}|{inside}}}", seed) == inside
