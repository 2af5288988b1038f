"""Several hooks as one."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from modules.generation.hook_chain import Chain
from modules.generation.hooks import GenerationHooks, PassInfo
from modules.generation.results import GeneratedImage
from tests.recording_hooks import LISTENING, REQUEST, Changing, Maker, Recording, same


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("models"))


def test_a_chain_hands_on_what_each_made(make: Maker) -> None:
    double = Changing(sampled=lambda latents, about: latents * 2)
    half = Changing(sampled=lambda latents, about: latents / 2)
    more = Changing(sampled=lambda latents, about: latents + 0.5)
    assert same(make(Chain(double, half)), make())
    assert same(make(Chain(double, more)), make(Changing(sampled=lambda latents, about: latents * 2 + 0.5)))
    one, other = Recording(), Recording()
    make(Chain(one, other))
    assert one.calls == other.calls and "predicted" in one.calls


def test_a_chain_listens_where_one_of_its_hooks_does(make: Maker) -> None:
    deaf, hooks = GenerationHooks(), Recording()
    assert not Chain(deaf, deaf).changes_decoded and Chain(deaf, hooks).changes_decoded
    for name in LISTENING:
        assert not getattr(Chain(deaf), name) and getattr(Chain(deaf, hooks), name)

    class Untouchable(GenerationHooks):
        def decoded(self, pixels: Tensor, about: PassInfo) -> Tensor:
            raise AssertionError

    make(Chain(Untouchable(), hooks))
    assert "decoded" in hooks.calls


def test_scripts_and_extra_pictures_of_a_chain() -> None:
    picture = GeneratedImage(Image.new("RGB", (8, 8)), 0, 1, 2, "", kind="extra")
    mine = Changing(run=lambda request, studio: iter([picture]), extra_pictures=lambda request: [picture])
    nobody = Changing(run=lambda request, studio: None)
    studio: Any = None
    answer = Chain(nobody, mine, Changing(run=pytest.fail)).run(REQUEST, studio)
    assert answer is not None and list(answer) == [picture]
    assert Chain(nobody).run(REQUEST, studio) is None
    assert list(Chain(mine, GenerationHooks(), mine).extra_pictures(REQUEST)) == [picture, picture]


def test_all_of_a_chain_are_told_the_end() -> None:
    told: list[str] = []

    def failing(request: Any, pictures: int) -> None:
        told.append("first")
        raise RuntimeError

    def second(request: Any, pictures: int) -> None:
        told.append("second")

    with pytest.raises(RuntimeError):
        Chain(Changing(after_generation=failing), Changing(after_generation=second)).after_generation(
            REQUEST, 1
        )
    assert told == ["first", "second"]


def test_a_chain_has_every_method() -> None:
    missing = {name for name in vars(GenerationHooks) if not name.startswith("_")} - set(vars(Chain))
    assert not missing
