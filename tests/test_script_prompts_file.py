"""Prompts from file: lines, flags and seeds."""

from __future__ import annotations

from typing import Any

import pytest

from modules.faults import Fault, InvalidField
from modules.generation.requests import ImageToImage, TextToImage
from tests import script_support
from tests.script_support import Fake

MODULE = script_support.extension("prompts-from-file")
FILE = script_support.script("prompts-from-file", "Prompts from file or textbox")
lines = script_support.part(MODULE, "lines")
REQUEST = TextToImage(prompt="drawn", negative_prompt="grey", seed=7, width=32, height=32)


def made(text: str, request: Any = REQUEST, **values: Any) -> list[Any]:
    fake = Fake()
    pictures = fake.run(FILE, request, prompt_txt=text, **values)
    assert fake.expected == [len(pictures)]
    return fake.requests


def test_the_order_of_the_controls_is_what_programs_send() -> None:
    names = ["checkbox_iterate", "checkbox_iterate_batch", "prompt_position", "prompt_txt"]
    assert list(FILE.defaults) == names


def test_plain_lines_and_their_place() -> None:
    text = "a fox\n\n  a wolf -- with a dash \n"
    assert [one.prompt for one in made(text)] == ["a fox drawn", "a wolf -- with a dash drawn"]
    assert made(text, prompt_position="end")[0].prompt == "drawn a fox"
    assert made("x", TextToImage(width=32, height=32))[0].prompt == "x"
    assert {(one.seed, one.negative_prompt) for one in made(text)} == {(7, "grey")}


def test_flags() -> None:
    (one,) = made(
        '--prompt "a \\"red\\" fox (old:1.2) \\(c\\)" --negative_prompt blurry, bad --steps 20 --width 64 --height 48 '
        '--seed 5 --cfg_scale 3.5 --sampler_name "DPM++ 2M Karras" --batch_size 2 --n_iter 3 --subseed 9 '
        "--subseed_strength 0.25 --tiling true --do_not_save_samples true --sd_model other --restore_faces true"
    )
    assert one.prompt == 'a "red" fox (old:1.2) \\(c\\) drawn' and one.negative_prompt == "blurry, bad grey"
    assert (one.steps, one.width, one.height, one.seed, one.cfg_scale) == (20, 64, 48, 5, 3.5)
    assert (one.sampler, one.scheduler, one.batch_size, one.batch_count) == ("DPM++ 2M", "Karras", 2, 3)
    assert (one.noise.variation_seed, one.noise.variation_strength, one.tiling) == (9, 0.25, True)
    assert (one.save, one.checkpoint, one.faces.restorer) == (False, "other", "CodeFormer")


def test_words_without_quotes_and_in_single_ones() -> None:
    (one,) = made("--prompt the fox's den --steps 5 --negative-prompt 'a b' c")
    assert one.prompt == "the fox's den drawn" and one.steps == 5 and one.negative_prompt == "a b c grey"


def test_seeds() -> None:
    text = "a\n--prompt b --n_iter 2\n--prompt c\n--prompt d --seed 100\ne"
    assert [one.seed for one in made(text)] == [7, 7, 7, 100, 7]
    assert [one.seed for one in made(text, checkbox_iterate=True)] == [7, 8, 10, 100, 12]
    random = TextToImage(width=32, height=32)
    same = {one.seed for one in made("a\nb\nc", random, checkbox_iterate_batch=True)}
    assert len(same) == 1 and min(same) >= 0
    assert len({one.seed for one in made("a\nb\nc", random)}) == 3


def test_denoising_strength() -> None:
    request = ImageToImage(init_images=("0",), width=32, height=32)
    assert made("--denoising_strength 0.2", request)[0].denoising_strength == 0.2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--prompt a --stepz 3", "line 2: there is no flag --stepz"),
        ("--steps many", "line 2, --steps: 'many' is no whole number"),
        ("--steps 0", "line 2: Steps must be a whole number"),
        ("--sampler_name Nonsense", "line 2, --sampler_name: Sampler not found"),
        ("--sampler_index 999", "no sampler number 999"),
        ('--prompt "a fox', "line 2: a quote is not closed"),
        ("--steps", "line 2: --steps has no value"),
        ("--steps 3 4", "line 2: '4' belongs to no flag"),
        ("--tiling perhaps", "neither true nor false"),
        ("--outpath_samples /tmp", "line 2: --outpath_samples can't be used"),
        ("--denoising_strength 0.2", "needs a picture or hires fix"),
    ],
)
def test_a_wrong_line_is_named_before_anything_is_made(line: str, said: str) -> None:
    fake = Fake()
    with pytest.raises(Fault, match=said):
        fake.run(FILE, REQUEST, prompt_txt=f"fine\n{line}\nfine")
    assert not fake.requests


def test_nothing_typed_and_stopping() -> None:
    with pytest.raises(InvalidField, match="no line"):
        made(" \n ")
    with pytest.raises(InvalidField, match="start or end"):
        made("a", prompt_position="middle")
    assert len(Fake(stop_after=2).run(FILE, REQUEST, prompt_txt="a\nb\nc")) == 2
