"""The form's values and the request that they describe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.faults import InvalidField
from modules.generation.options import NoiseOptions, SamplingOptions, TextOptions
from modules.generation.requests import HiresFix, ImageToImage, Mask, Refiner, TextToImage
from modules.imaging.frame import OutpaintFrame
from modules.pages.fields import FIELDS, KINDS, LATENT_UPSCALERS, Kind, fields_of
from modules.pages.form import component_of, from_request, kind_of, start_values, to_request
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


HIRES = HiresFix(
    width=768,
    height=0,
    upscaler="Lanczos",
    steps=12,
    denoising_strength=0.4,
    sampler="Euler",
    scheduler="Karras",
    prompt="more",
    negative_prompt="less",
    checkpoint="other.safetensors",
    cfg_scale=3.0,
)
FROM_PICTURE = ImageToImage(
    prompt="a house",
    seed=3,
    init_images=("a.png", "b.png"),
    denoising_strength=0.4,
    resize_mode=2,
    width=640,
    height=320,
    image_cfg_scale=1.2,
)
MASK = Mask(
    image="m.png", blur_x=7, blur_y=7, invert=True, content="fill", only_masked=True, padding=8, soft=True
)
REQUESTS = [
    FULL,
    TextToImage(),
    replace(FULL, sampling=SamplingOptions(eta=0.0)),
    replace(FULL, hires=HIRES, first_pass="f.png"),
    replace(FULL, hires=HiresFix()),
    replace(FULL, vae="None", refiner=Refiner(checkpoint="fine.safetensors", switch_at=0.6)),
    replace(
        FULL, hires=HIRES, vae="kl.safetensors", refiner=Refiner(checkpoint="fine.safetensors", switch_at=1)
    ),
    FROM_PICTURE,
    replace(FROM_PICTURE, vae="None", refiner=Refiner(checkpoint="fine.safetensors")),
    ImageToImage(init_images=("a.png",)),
    replace(FROM_PICTURE, mask=MASK),
    replace(FROM_PICTURE, resize_mode=0, mask=Mask(), frame=OutpaintFrame(left=64, bottom=8)),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_form_gives_the_request_that_it_was_filled_from(request_: TextToImage | ImageToImage) -> None:
    assert to_request(kind_of(request_), {**start_values(), **from_request(request_)}, Settings()) == request_


def test_a_fresh_form_describes_each_kind_as_it_is_by_itself() -> None:
    fresh = start_values()
    assert to_request("txt2img", fresh, Settings()) == TextToImage()
    carried = {"init_images": ["a.png"], "mask.image": "m.png"}
    assert to_request("img2img", {**fresh, **carried}, Settings()) == ImageToImage(init_images=("a.png",))
    inpaint = to_request("inpaint", {**fresh, **carried}, Settings())
    assert inpaint == ImageToImage(init_images=("a.png",), mask=Mask(image="m.png"))
    frame = {"frame": {"right": 64}, "outpaint.width": 576, "outpaint.height": 512}
    outpaint = to_request("outpaint", {**fresh, **carried, **frame}, Settings())
    assert isinstance(outpaint, ImageToImage)
    assert (outpaint.width, outpaint.denoising_strength, outpaint.frame) == (
        576,
        0.9,
        OutpaintFrame(right=64),
    )


@pytest.mark.parametrize(
    ("kind", "carried", "field"),
    [
        ("img2img", {}, "init_images"),
        ("img2img", {"init_images": "a.png"}, "init_images"),
        ("inpaint", {"init_images": ["a.png"]}, "mask"),
        ("outpaint", {"init_images": ["a.png"], "outpaint.width": 64, "outpaint.height": 64}, "outpaint"),
        ("outpaint", {"init_images": ["a.png"], "frame": {"left": 8}}, "width"),
    ],
)
def test_what_is_missing_of_a_picture_is_said(kind: Kind, carried: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_request(kind, {**start_values(), **carried}, Settings())
    assert caught.value.field == field


def test_the_latent_upscalers_are_those_that_there_are() -> None:
    from modules.generation import hires

    assert tuple(hires.LATENT_UPSCALERS) == LATENT_UPSCALERS


def test_what_the_form_leaves_open_comes_from_the_settings() -> None:
    settings = Settings(
        model=ModelSettings(clip_skip=2, emphasis="No norm", vae="None"),
        sampling=SamplingSettings(noise_source="NV", seed_delta=31337, s_noise=1.1),
        saving=SavingSettings(save=False),
    )
    request = to_request(
        "txt2img", {**start_values(), "text.clip_skip": None, "sampling.eta": None}, settings
    )
    assert request.vae == "None" and request.refiner is None
    assert request.text == TextOptions(clip_skip=2, emphasis="No norm")
    assert request.noise.source == "NV" and request.noise.seed_delta == 31337
    assert request.sampling.s_noise == 1.1 and request.sampling.eta is None
    assert request.save is False
    assert to_request("txt2img", {"text.clip_skip": 1}, settings).text.clip_skip == 1


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
        to_request("txt2img", {**from_request(TextToImage()), name: value}, Settings())
    assert caught.value.field == field
    assert component_of(field) == name


def test_whole_numbers_may_come_as_floats() -> None:
    assert (
        to_request(
            "txt2img", {**from_request(TextToImage()), "steps": 20.0, "seed": 4294967293.0}, Settings()
        ).steps
        == 20
    )


def test_names_and_ids_are_unique() -> None:
    assert len({field.name for field in FIELDS}) == len({field.elem_id for field in FIELDS}) == len(FIELDS)
    for kind in KINDS:
        of_kind = fields_of(kind)
        assert len({field.api_name for field in of_kind}) == len({f.place for f in of_kind}) == len(of_kind)


def test_a_checkpoint_keeps_its_file_name_when_its_hash_becomes_known() -> None:
    before = CheckpointChoice(title="folder/a.safetensors", name="folder/a")
    after = CheckpointChoice(title="folder/a.safetensors [0123456789]", name="folder/a")
    assert before.filename == after.filename == "folder/a.safetensors"
