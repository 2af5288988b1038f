"""CLIP's byte-pair tokenizer, from the vocabulary that ships with the program.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021). The
vocabulary file `clip_vocabulary/bpe_simple_vocab_16e6.txt.gz` is OpenAI's, under the MIT licence.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer as _Tokenizer

VOCABULARY_FILE = Path(__file__).with_name("clip_vocabulary") / "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2
BOS, EOS = 49406, 49407
_WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def _byte_characters() -> list[str]:
    """The printable characters that stand for the 256 bytes, in the vocabulary's order."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = len([b for b in range(256) if b not in printable])
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(others)]


@cache
def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    lines = gzip.decompress(VOCABULARY_FILE.read_bytes()).decode("utf-8").split("\n")
    pairs = (line.split() for line in lines[1 : MERGES + 1])
    merges = [(first, second) for first, second in pairs]
    characters = _byte_characters()
    words = characters + [c + "</w>" for c in characters] + [a + b for a, b in merges]
    return {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}, merges


@cache
def _backend() -> _Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    vocabulary, merges = _vocabulary()
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def tokenize(texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without the begin and end tokens, of any length.

    `tokenize(["a photo of a cat"]) == [[320, 1125, 539, 320, 2368]]`
    """
    return [encoding.ids for encoding in _backend().encode_batch(list(texts), add_special_tokens=False)]


def token_text(token: int) -> str:
    """How a token is written (for showing how a prompt is read)."""
    return _backend().decode([token]) or (_backend().id_to_token(token) or "")
