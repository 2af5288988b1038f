"""A seed for each picture, where they do not simply count up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from modules.faults import InvalidField
from modules.generation.options import NoiseOptions, TextOptions
from modules.generation.requests import ScriptCall, TextToImage
from modules.generation.serialization import from_json, to_json
from modules.imaging.infotext import parse
from tests.recording_hooks import REQUEST, Maker, values


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("models"))


def test_each_picture_has_its_own_seed(make: Maker) -> None:
    seeds = (40, 7, 40)
    pictures = make(seeds=seeds, batch_count=2, prompt="a __animal__")
    assert [picture.seed for picture in pictures] == [40, 7, 40, 40]  # in turns, where they are too few
    for picture in pictures:
        assert parse(picture.infotext)[2]["Seed"] == str(picture.seed)
        (alone,) = make(seed=picture.seed, batch_size=1, prompt="a __animal__")
        assert np.abs(values(picture) - values(alone)).max() <= 1
        assert picture.infotext == alone.infotext
    assert np.abs(values(pictures[0]) - values(pictures[2])).max() <= 1


def test_each_picture_has_its_own_variation_seed(make: Maker) -> None:
    noise = NoiseOptions(variation_strength=0.5, variation_seed=1)
    pictures = make(seeds=(3,), variation_seeds=(8, 9), noise=noise)
    assert [(each.seed, each.variation_seed) for each in pictures] == [(3, 8), (3, 9)]
    (alone,) = make(seed=3, batch_size=1, noise=replace(noise, variation_seed=9))
    assert np.abs(values(pictures[1]) - values(alone)).max() <= 1


def test_wildcards_follow_the_list_of_seeds(make: Maker) -> None:
    text = TextOptions(wildcards=True)
    pictures = make(seeds=(1, 1, 1, 1), batch_size=4, prompt="__animal__", text=text)
    assert len({picture.infotext for picture in pictures}) == 1


def test_seeds_and_scripts_survive_the_queue() -> None:
    request = replace(
        REQUEST,
        seeds=(1, 2**40),
        variation_seeds=(3,),
        script=ScriptCall(name="Grid", values={"0": [1, "a"]}),
    )
    assert from_json(json.loads(json.dumps(to_json(request)))) == request
    stored = to_json(REQUEST)
    for name in ("seeds", "variation_seeds", "script"):  # as an older queue has it
        del stored[name]
    assert from_json(json.loads(json.dumps(stored))) == REQUEST


@pytest.mark.parametrize("name", ["seeds", "variation_seeds"])
def test_seeds_that_are_none(name: str) -> None:
    for wrong in (-1, 2**63, 1.5):
        with pytest.raises(InvalidField) as error:
            TextToImage(**{name: (1, wrong)})  # type: ignore[arg-type]
        assert error.value.field == name
