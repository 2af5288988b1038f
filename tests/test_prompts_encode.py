"""Texts to text conditioning: chunks, weights, means, and what is remembered."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modules.models.latent_diffusion import TextTower
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.tokenizer import BOS, EOS, tokenize
from modules.prompts.encode import EncodingSettings, PromptEncoder

CONFIG = TextEncoderConfig(width=64, layers=3, heads=1, intermediate=128)
PLAIN = EncodingSettings()


class Counting(TextEncoder):
    """A text encoder that counts the rows it encodes."""

    rows = 0

    def forward(self, ids: Tensor, *args: object, **options: object):
        self.rows += len(ids)
        return super().forward(ids, *args, **options)  # type: ignore[arg-type]


@pytest.fixture
def network() -> Counting:
    torch.manual_seed(4)
    return Counting(CONFIG).eval()


@pytest.fixture
def encoder(network: Counting) -> PromptEncoder:
    tower = TextTower(network, layer=None, final_norm=True, pad=EOS, pooled=False)
    return PromptEncoder((tower,), torch.device("cpu"))


def encoded(encoder: PromptEncoder, texts: tuple[str, ...], settings: EncodingSettings) -> list[Tensor]:
    """The vectors of each text, `[1, tokens, width]`."""
    return [conditioning.tokens for conditioning in encoder.encode(texts, settings)]


def plain(network: TextEncoder, text: str, layer: int = 1) -> Tensor:
    """One chunk without weights, `[77, width]`."""
    ids = [BOS, *tokenize([text])[0]]
    with torch.inference_mode():
        return network(torch.tensor([ids + [EOS] * (77 - len(ids))]), layer=layer).hidden[0]


def test_a_plain_text_is_what_the_network_says(encoder: PromptEncoder, network: Counting) -> None:
    found = encoded(encoder, ("a red house",), PLAIN)
    assert found[0].shape == (1, 77, 64)
    assert torch.allclose(found[0][0], plain(network, "a red house"), atol=1e-6)


def test_clip_skip_takes_an_earlier_layer(encoder: PromptEncoder, network: Counting) -> None:
    found = encoded(encoder, ("a red house",), EncodingSettings(clip_skip=2))[0][0]
    assert torch.allclose(found, plain(network, "a red house", layer=2), atol=1e-6)
    assert not torch.allclose(found, plain(network, "a red house"), atol=1e-3)


def test_original_emphasis_multiplies_and_restores_the_mean(
    encoder: PromptEncoder, network: Counting
) -> None:
    base = plain(network, "a red house")
    weighted = base.clone()
    weighted[2] *= 1.5  # BOS, a, red
    expected = weighted * (base.mean() / weighted.mean())
    assert torch.allclose(encoded(encoder, ("a (red:1.5) house",), PLAIN)[0][0], expected, atol=1e-5)
    no_norm = encoded(encoder, ("a (red:1.5) house",), EncodingSettings(emphasis="No norm"))[0][0]
    assert torch.allclose(no_norm, weighted, atol=1e-5)
    ignored = encoded(encoder, ("a (red:1.5) house",), EncodingSettings(emphasis="Ignore"))[0][0]
    assert torch.allclose(ignored, base, atol=1e-6)
    literal = encoded(encoder, ("a (red:1.5) house",), EncodingSettings(emphasis="None"))[0][0]
    assert torch.allclose(literal, plain(network, "a (red:1.5) house"), atol=1e-6)


def test_the_mean_is_taken_over_all_texts_of_a_schedule(encoder: PromptEncoder, network: Counting) -> None:
    """Twice the same text counts twice, as in the schedule."""
    texts = ("a (red:1.5) house", "a cat", "a cat")
    bases = [plain(network, text) for text in ("a red house", "a cat", "a cat")]
    weighted = [base.clone() for base in bases]
    weighted[0][2] *= 1.5
    factor = torch.stack(bases).mean() / torch.stack(weighted).mean()
    for found, expected in zip(encoded(encoder, texts, PLAIN), weighted, strict=True):
        assert torch.allclose(found[0], expected * factor, atol=1e-5)


def test_texts_of_a_schedule_are_equally_long(encoder: PromptEncoder, network: Counting) -> None:
    long, short = encoded(encoder, ("a cat, " * 40, "a cat"), PLAIN)
    assert long.shape == short.shape == (1, 154, 64)
    assert torch.allclose(short[0, 77:], plain(network, ""), atol=1e-6)


def test_the_same_text_costs_nothing_and_a_changed_part_only_itself(
    encoder: PromptEncoder, network: Counting
) -> None:
    parts = [("a red house",), ("a green tree",)]
    for part in parts:
        encoded(encoder, part, PLAIN)
    before = network.rows
    for part in parts:
        encoded(encoder, part, PLAIN)
    assert network.rows == before
    for part in (("a red house",), ("a yellow tree",)):
        encoded(encoder, part, PLAIN)
    assert network.rows == before + 1


def test_other_settings_are_encoded_anew(encoder: PromptEncoder, network: Counting) -> None:
    encoded(encoder, ("a cat",), PLAIN)
    before = network.rows
    encoded(encoder, ("a cat",), EncodingSettings(clip_skip=2))
    assert network.rows > before
