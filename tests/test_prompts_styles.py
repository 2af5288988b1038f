"""Styles: put into prompts, found in them again, kept in the older UI's files."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.faults import BadFile, InvalidField, NotPossibleNow, UnknownName
from modules.prompts import style_book
from modules.prompts.style_book import StyleBook, read_styles, styles_as_csv
from modules.prompts.styles import Style, apply, apply_negative, recognise

BOM = b"\xef\xbb\xbf"
OIL = Style("Oil", "oil painting of {prompt}, thick paint", "photo")
SHARP = Style("Sharp", "sharp focus, 50mm", "blurry")
MOOD = Style("Mood", "mood", "")


@pytest.mark.parametrize(
    ("prompt", "texts", "result"),
    [
        ("a fox", [], "a fox"),
        ("a fox", ["snow"], "a fox, snow"),
        ("a fox", ["snow", "dusk"], "a fox, snow, dusk"),
        ("", ["snow"], "snow"),
        ("a fox", [""], "a fox"),
        ("a fox ", [" snow "], "a fox, snow"),
        ("a fox", ["oil of {prompt}, thick"], "oil of a fox, thick"),
        ("a fox", ["snow", "oil of {prompt}!"], "oil of a fox, snow!"),
        ("a fox", ["oil of {prompt}!", "snow"], "oil of a fox!, snow"),
        ("a fox", ["{prompt} AND {prompt} :0.5"], "a fox AND a fox :0.5"),
        ("{prompt}", ["oil of {prompt}"], "oil of {prompt}"),
    ],
)
def test_apply(prompt: Any, texts: Any, result: Any) -> None:
    assert apply(prompt, [Style("x", text, "no") for text in texts]) == result
    assert apply_negative(prompt, [Style("x", "no", text) for text in texts]) == result


def test_a_prompt_cant_grow_without_end() -> None:
    style = Style("Long", "{prompt}" * 1000, "x" * 15_000)
    assert len(apply("x" * 16, [style])) == 16_000
    for use, field in ((apply, "prompt"), (apply_negative, "negative_prompt")):
        with pytest.raises(InvalidField, match="16,000 characters") as caught:
            use("x" * 15_000, [style] * 100)
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("prompt", "negative", "result"),
    [
        ("a fox, sharp focus, 50mm", "blurry", (["Sharp"], "a fox", "")),
        ("a fox, sharp focus, 50mm", "", ([], "a fox, sharp focus, 50mm", "")),
        ("a fox", "blurry", ([], "a fox", "blurry")),
        (" sharp focus, 50mm\n", "trees, blurry ", (["Sharp"], "", "trees")),
        ("oil painting of a fox, thick paint", "photo", (["Oil"], "a fox", "")),
        ("oil painting of , thick paint", "photo", (["Oil"], "", "")),
        (
            "oil painting of a fox, thick paint, sharp focus, 50mm",
            "photo, blurry",
            (["Oil", "Sharp"], "a fox", ""),
        ),
        ("oil painting of a fox, mood, thick paint", "photo", (["Mood", "Oil"], "a fox", "")),
        ("a fox, mood, mood", "", (["Mood"], "a fox, mood", "")),
        ("a fox, sharp focus, 50mm,", "blurry", ([], "a fox, sharp focus, 50mm,", "blurry")),
        ("", "", ([], "", "")),
    ],
)
def test_recognise(prompt: Any, negative: Any, result: Any) -> None:
    styles = [OIL, SHARP, MOOD, Style("-----"), Style("All", "{prompt}", " {prompt} ")]
    assert recognise(prompt, negative, styles) == result


def test_the_longer_style_is_found_first() -> None:
    styles = [Style("Short", "dusk"), Style("Long", "snow, dusk"), Style("Twice", "{prompt} and {prompt}")]
    assert recognise("a fox, snow, dusk", "", styles) == (["Long"], "a fox", "")
    assert recognise("a fox and a fox", "", styles) == (["Twice"], "a fox", "")
    assert recognise("a fox and a dog", "", styles) == ([], "a fox and a dog", "")


def words(alphabet: str) -> st.SearchStrategy[str]:
    """Texts as people write them, in words that no other text uses."""
    word = st.text(alphabet, min_size=1, max_size=4)
    return st.lists(word, min_size=1, max_size=4).map(" ".join)


@st.composite
def wardrobes(draw: st.DrawFn) -> list[Style]:
    """Styles whose texts have no word in common, and that can't change places unseen."""
    count = draw(st.integers(0, 4))
    styles = []
    for index, alphabet in enumerate(("cd", "ef", "gh", "kl")[:count]):
        prompt, negative = draw(words(alphabet)), draw(words(alphabet.upper()))
        around = draw(st.booleans())
        styles.append(Style(str(index), f"{prompt} {{prompt}} {prompt}" if around else prompt, negative))
    return styles


@given(words("ab,"), words("yz"), wardrobes(), st.data())
def test_recognise_is_the_reverse_of_apply(prompt: Any, negative: Any, styles: Any, data: Any) -> None:
    worn = data.draw(st.permutations(styles))[: data.draw(st.integers(0, len(styles)))]
    pasted = apply(prompt, worn), apply_negative(negative, worn)
    names, *texts = recognise(*pasted, styles)
    assert names == [style.name for style in worn]
    assert texts == [prompt, negative]


any_text = st.text("ab ,{}|\n\"'" + "é", max_size=8) | st.sampled_from(["{prompt}", "a{prompt}", "a, b"])


@given(any_text, any_text, st.lists(st.builds(Style, st.text("xyz", min_size=1), any_text, any_text)))
def test_what_is_recognised_gives_the_same_texts_again(prompt: Any, negative: Any, styles: Any) -> None:
    styles = list({style.name: style for style in styles}.values())
    names, bare, bare_negative = recognise(prompt, negative, styles)
    worn = [next(style for style in styles if style.name == name) for name in names]
    assert apply(bare, worn).strip() == prompt.strip()
    assert apply_negative(bare_negative, worn).strip() == negative.strip()


CSV = 'name,prompt,negative_prompt\r\nOil,"oil, ""thick""\nsecond line",photo\r\nÄrger,é,\r\n'


@pytest.mark.parametrize("data", [CSV.encode(), BOM + CSV.encode(), CSV.replace("\r\n", "\n").encode()])
def test_a_file_of_the_older_ui_is_read(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "styles.csv"
    file.write_bytes(data)
    assert read_styles(file) == [Style("Oil", 'oil, "thick"\nsecond line', "photo"), Style("Ärger", "é")]


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("", []),
        ("name,prompt,negative_prompt\n", []),
        ("name,text\nA,old\n", [Style("A", "old")]),
        ("name,text,negative_prompt\nA,old,bad\n", [Style("A", "old", "bad")]),
        ("negative_prompt,name\nbad,A\n", [Style("A", "", "bad")]),
        ("name,prompt,negative_prompt\nA\nB,b\n", [Style("A"), Style("B", "b")]),
        ("name,prompt,negative_prompt\nC,c,d,further\n\n,nameless,\n", [Style("C", "c", "d")]),
        ("name,prompt\nA,1\nB,2\nA,3\n", [Style("A", "3"), Style("B", "2")]),
        ('name,prompt\nA,"x\r\ny"\n', [Style("A", "x\ny")]),
    ],
)  # fmt: skip
def test_odd_files_are_read(tmp_path: Path, text: str, styles: Any) -> None:
    file = tmp_path / "styles.csv"
    file.write_bytes(text.encode())
    assert read_styles(file) == styles


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"PK,text\nA,b\n", "first line"),
        (b'name\n"' + b"x" * 200_000 + b'"', "CSV"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "styles.csv"
    file.write_bytes(data)
    with pytest.raises(BadFile, match=words):
        read_styles(file)


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)


@given(st.lists(st.builds(Style, st.integers().map(str), plain, plain), unique_by=lambda style: style.name))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, styles: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "round.csv"
    file.write_bytes(styles_as_csv(styles))
    assert file.read_bytes().startswith(BOM + b"name,prompt,negative_prompt\r\n")
    assert read_styles(file) == styles


def test_styles_are_added_changed_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "styles.csv"
    book = StyleBook([file])
    assert book.all() == [] and book.files() == [file]
    assert book.put(Style(" Oil ", "a\r\nb", "c")) == (Style("Oil", "a\nb", "c"), file)
    book.put(SHARP)
    assert book.put(Style("Oil", "new"))[1] == file
    assert list(book) == [Style("Oil", "new"), SHARP] == read_styles(file)
    assert [style.name for style in read_styles(tmp_path / "styles.csv.bak")] == ["Oil", "Sharp"]
    book.remove("Oil")
    assert book.all() == read_styles(file) == [SHARP]
    with pytest.raises(UnknownName, match="no style named 'Oil'"):
        book.remove("Oil")


def test_find(tmp_path: Path) -> None:
    book = StyleBook([tmp_path / "styles.csv"])
    book.put(OIL)
    book.put(SHARP)
    assert book.find(["Sharp", "None", "", "Oil"]) == [SHARP, OIL]
    with pytest.raises(UnknownName, match="no style named 'Oli'") as caught:
        book.find(["Sharp", "Oli"])
    assert caught.value.field == "styles"
    book.put(Style("None", "nothing"))
    assert book.find(["None"]) == [Style("None", "nothing")]


def test_several_files(tmp_path: Path) -> None:
    first, one, two = (tmp_path / name for name in ("own.csv", "pack_1.csv", "pack_2.csv"))
    one.write_bytes(styles_as_csv([Style("A", "one"), Style("B", "one")]))
    two.write_bytes(styles_as_csv([Style("B", "two"), Style("C", "two")]))
    (tmp_path / "pack_3.csv.bak").write_bytes(styles_as_csv([Style("D")]))
    book = StyleBook([first, tmp_path / "pack_*"])
    assert book.files() == [first, one, two]
    assert [(style.name, style.prompt, path) for style, path in book.entries()] == [
        ("A", "one", one),
        ("B", "two", two),
        ("C", "two", two),
    ]
    assert book.put(Style("New"))[1] == first and book.put(Style("B", "changed"))[1] == two
    assert read_styles(one)[1] == Style("B", "one") and read_styles(two)[0] == Style("B", "changed")
    book.remove("B")
    assert [style.name for style in book] == ["New", "A", "C"]
    assert StyleBook([tmp_path / "none" / "*.csv"]).files() == [tmp_path / "none" / "styles.csv"]


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "styles.csv"
    book = StyleBook([file])
    book.put(OIL)
    file.write_bytes(styles_as_csv([SHARP]))
    os.utime(file, ns=(1, 1))
    assert book.all() == [SHARP]
    book.put(MOOD)
    assert read_styles(file) == [SHARP, MOOD]
    file.unlink()
    assert book.all() == []


def test_a_broken_file_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "styles.csv"
    book = StyleBook([file])
    for number, broken in enumerate((b"\xff\xff", b"\xfe\xfe\xfe")):
        file.write_bytes(broken)
        assert book.all() == [] and "styles.csv can't be used: it is not UTF-8 text." in caplog.text
        assert file.read_bytes() == broken
        book.put(OIL)
        aside = tmp_path / ("styles.csv.broken" + ("" if number == 0 else "2"))
        assert aside.read_bytes() == broken and read_styles(file) == [OIL]


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style("  "), "name"),
        (Style("a\nb"), "name"),
        (Style("a" * 201), "name"),
        (Style("\ud800"), "name"),
        (Style("a", "\0"), "prompt"),
        (Style("a", "", "x" * 16_001), "negative_prompt"),
    ],
)
def test_a_style_that_cant_be_kept_is_refused(tmp_path: Path, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        StyleBook([tmp_path / "styles.csv"]).put(style)
    assert caught.value.field == field and list(tmp_path.iterdir()) == []


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "styles.csv"
    book = StyleBook([file])
    book.put(OIL)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(style_book, "write_atomically", full)
    with pytest.raises(NotPossibleNow, match=r"styles\.csv can't be written: No space left on device"):
        book.put(SHARP)
    assert book.all() == [OIL] == read_styles(file)


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    book = StyleBook([tmp_path / "styles.csv"])
    threads = [threading.Thread(target=book.put, args=(Style(str(n)),)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {style.name for style in StyleBook([tmp_path / "styles.csv"])} == {str(n) for n in range(16)}
