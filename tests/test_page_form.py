"""The form's values and the request that they describe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.faults import InvalidField
from modules.generation.options import NoiseOptions, SamplingOptions, TextOptions
from modules.generation.requests import TextToImage
from modules.pages.form import FIELDS, component_of, from_request, to_request
from modules.pages.services import CheckpointChoice
from modules.settings.model import ModelSettings, SamplingSettings, SavingSettings, Settings

FULL = TextToImage(
    prompt="a (red:1.2) house",
    negative_prompt="trees",
    seed=4711,
    steps=31,
    sampler="Euler a",
    scheduler="Karras",
    cfg_scale=5.5,
    width=384,
    height=640,
    batch_size=3,
    batch_count=2,
    sampling=SamplingOptions(eta=0.5),
    noise=NoiseOptions(
        variation_seed=12, variation_strength=0.25, resize_from_width=128, resize_from_height=64
    ),
    text=TextOptions(clip_skip=2),
)


@pytest.mark.parametrize("request_", [FULL, TextToImage(), replace(FULL, sampling=SamplingOptions(eta=0.0))])
def test_the_form_gives_the_request_that_it_was_filled_from(request_: TextToImage) -> None:
    assert to_request(from_request(request_), Settings()) == request_


def test_what_the_form_leaves_open_comes_from_the_settings() -> None:
    settings = Settings(
        model=ModelSettings(clip_skip=2, emphasis="No norm"),
        sampling=SamplingSettings(noise_source="NV", seed_delta=31337, s_noise=1.1),
        saving=SavingSettings(save=False),
    )
    request = to_request(
        {**from_request(TextToImage()), "text.clip_skip": None, "sampling.eta": None}, settings
    )
    assert request.text == TextOptions(clip_skip=2, emphasis="No norm")
    assert request.noise.source == "NV" and request.noise.seed_delta == 31337
    assert request.sampling.s_noise == 1.1 and request.sampling.eta is None
    assert request.save is False
    assert to_request({"text.clip_skip": 1}, settings).text.clip_skip == 1


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("width", None, "width"),
        ("batch_count", 0, "n_iter"),
        ("steps", 20.5, "steps"),
        ("cfg_scale", "x", "cfg_scale"),
    ],
)
def test_a_bad_value_names_its_field(name: str, value: object, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_request({**from_request(TextToImage()), name: value}, Settings())
    assert caught.value.field == field
    assert component_of(field) == name


def test_whole_numbers_may_come_as_floats() -> None:
    assert (
        to_request({**from_request(TextToImage()), "steps": 20.0, "seed": 4294967293.0}, Settings()).steps
        == 20
    )


def test_names_and_ids_are_unique() -> None:
    assert len({field.name for field in FIELDS}) == len({field.elem_id for field in FIELDS}) == len(FIELDS)
    assert len({field.api_name for field in FIELDS}) == len(FIELDS)


def test_a_checkpoint_keeps_its_file_name_when_its_hash_becomes_known() -> None:
    before = CheckpointChoice(title="folder/a.safetensors", name="folder/a")
    after = CheckpointChoice(title="folder/a.safetensors [0123456789]", name="folder/a")
    assert before.filename == after.filename == "folder/a.safetensors"
