"""Our tokenizer against transformers' on thirty prompts of 1 to 300 words."""

from __future__ import annotations

import random

import pytest

from modules.models.tokenizer import BOS, EOS, _vocabulary, tokenize

TEXT = (
    "a photo of the cat, dog's 1girl masterpiece (best) quality: 8k ultra-detailed café naïve straße ΑΒΓ мир 日本 "
    "🙂 e.g. 3.14 don't it's we'll I've you're <lora> [x] \\( half-timbered house; sunset... !!! snow_flake #1 &c"
)


def prompts() -> list[str]:
    rng = random.Random(7)
    return [" ".join(rng.choices(TEXT.split(), k=count)) for count in range(1, 301, 10)]


def test_a_photo_of_a_cat() -> None:
    assert [BOS, *tokenize(["a photo of a cat"])[0], EOS] == [49406, 320, 1125, 539, 320, 2368, 49407]


@pytest.mark.parametrize("prompt", prompts(), ids=lambda prompt: f"{len(prompt.split())} words")
def test_tokens_are_those_of_transformers(prompt: str) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary, merges = _vocabulary()
    reference = transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)
    assert tokenize([prompt])[0] == reference(prompt, add_special_tokens=False).input_ids
