"""`modules.processing` of the older UI: `p` and requests, `Processed`, `process_images`."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.compat import house, processing
from modules.compat.processing import (
    Processed,
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    from_request,
    to_request,
)
from modules.faults import Fault, InvalidField
from modules.generation.options import FaceOptions, NoiseOptions, SamplingOptions, TextOptions
from modules.generation.requests import (
    HiresFix,
    ImageToImage,
    Mask,
    PictureOptions,
    Refiner,
    ScriptCall,
    TextToImage,
)
from modules.imaging.inputs import InputStore
from modules.prompts.styles import Style
from modules.settings.store import SettingsStore


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("data")
    made = SimpleNamespace(
        inputs=InputStore(folder / "inputs"),
        settings=SettingsStore(folder / "settings.json"),
        folders=SimpleNamespace(outputs=folder / "outputs"),
        styles=SimpleNamespace(all=lambda: [Style("ink", "{prompt}, ink", "photo")]),
        checkpoints=SimpleNamespace(find=lambda name: SimpleNamespace(filename=f"{name}.safetensors")),
        wildcards=None,
    )
    house.enter(made)  # type: ignore[arg-type]
    yield made
    house.enter(None)


def picture(colour: str = "red", size: tuple[int, int] = (16, 8), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


# -- the constructors --


def test_the_older_defaults() -> None:
    p = StableDiffusionProcessingTxt2Img()
    assert (p.steps, p.cfg_scale, p.width, p.height, p.n_iter, p.batch_size) == (50, 7.0, 512, 512, 1, 1)
    assert (p.seed, p.subseed, p.seed_resize_from_h, p.denoising_strength) == (-1, -1, -1, 0.75)
    assert (p.extra_generation_params, p.override_settings, p.styles) == ({}, {}, [])
    assert p.cached_c == [None, None] and p.cached_hr_uc == [None, None]
    image = StableDiffusionProcessingImg2Img(mask=picture(mode="L", colour="white"), mask_blur=9)
    assert image.mask is None and image.image_mask is not None
    assert (image.mask_blur_x, image.mask_blur_y, image.mask_blur) == (9, 9, 9)
    image.mask_blur_y = 2
    assert image.mask_blur is None
    image.mask_blur = 5
    assert (image.mask_blur_x, image.mask_blur_y) == (5, 5)


def test_a_copy_is_apart_from_its_original() -> None:
    p = StableDiffusionProcessingTxt2Img(prompt="a", sd_model="anything")
    other = copy.copy(p)
    other.prompt, other.seed = "b", 4
    assert (p.prompt, p.seed) == ("a", -1)
    assert copy.deepcopy(other).prompt == "b"


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError):
        StableDiffusionProcessing(no_such_field=1)  # type: ignore[call-arg]


# -- requests --

share = st.floats(0, 1)
common = {
    "prompt": st.text("ab [],:", max_size=10),
    "negative_prompt": st.text("ab", max_size=4),
    "seed": st.integers(0, 2**32),
    "steps": st.integers(1, 99),
    "sampler": st.sampled_from(["Euler a", "DDIM"]),
    "scheduler": st.sampled_from(["Automatic", "Karras"]),
    "cfg_scale": st.floats(1, 30),
    "width": st.integers(8, 2048),
    "height": st.integers(8, 2048),
    "batch_size": st.integers(1, 4),
    "batch_count": st.integers(1, 4),
    "tiling": st.booleans(),
    "checkpoint": st.sampled_from([None, "x.safetensors"]),
    "vae": st.sampled_from(["Automatic", "a.pt"]),
    "save": st.booleans(),
    "seeds": st.lists(st.integers(0, 99), max_size=5).map(tuple),
    "variation_seeds": st.lists(st.integers(0, 99), max_size=5).map(tuple),
    "refiner": st.none() | st.builds(Refiner, checkpoint=st.just("r"), switch_at=share),
    "extensions": st.just({"one": {"two": 3}}),
    "sampling": st.builds(
        SamplingOptions,
        eta=st.none() | share,
        s_churn=share,
        s_tmax=st.floats(0, 100),
        s_noise=share,
        skip_negative_below=share,
        rho=share,
    ),
    "noise": st.builds(
        NoiseOptions,
        source=st.sampled_from(["CPU", "NV"]),
        variation_seed=st.integers(0, 99),
        variation_strength=share,
        resize_from_width=st.sampled_from([0, 64]),
        resize_from_height=st.sampled_from([0, 64]),
    ),
    "text": st.builds(TextOptions, clip_skip=st.integers(1, 4), networks=st.booleans()),
}
hires_fix = st.builds(
    HiresFix,
    scale=st.floats(1, 4),
    width=st.integers(0, 64),
    upscaler=st.sampled_from(["Latent", "Lanczos"]),
    steps=st.integers(0, 9),
    denoising_strength=share,
    sampler=st.sampled_from([None, "Euler"]),
    prompt=st.sampled_from(["", "hires"]),
    checkpoint=st.sampled_from([None, "y"]),
    cfg_scale=st.none() | share,
)
EVERY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(request=st.builds(TextToImage, **common, hires=st.none() | hires_fix))
@EVERY
def test_text_to_image_there_and_back(services: Any, request: TextToImage) -> None:
    assert to_request(from_request(request)) == request


@given(
    data=st.fixed_dictionaries(
        {
            **common,
            "denoising_strength": share,
            "resize_mode": st.integers(0, 3),
            "image_cfg_scale": st.none() | share,
            "picture": st.builds(PictureOptions, noise_multiplier=share, extra_noise=share),
        }
    ),
    mask=st.none()
    | st.builds(
        Mask,
        blur_x=st.integers(0, 9),
        blur_y=st.integers(0, 9),
        invert=st.booleans(),
        content=st.sampled_from(["fill", "latent noise"]),
        only_masked=st.booleans(),
        padding=st.integers(0, 9),
        soft=st.booleans(),
    ),
    masked=st.booleans(),
)
@EVERY
def test_image_to_image_there_and_back(services: Any, data: Any, mask: Mask | None, masked: bool) -> None:
    names = tuple(services.inputs.keep(picture(colour)) for colour in ("red", "blue"))
    if mask is not None and masked:
        mask = replace(mask, image=services.inputs.keep(picture("white", mode="L")))
    request = ImageToImage(**data, mask=mask, init_images=names)
    assert to_request(from_request(request)) == request


def test_what_is_changed_in_p_is_changed_in_the_request(services: Any) -> None:
    name = services.inputs.keep(picture())
    request = ImageToImage(seed=3, steps=9, init_images=(name,), text=TextOptions(clip_skip=2))
    p = from_request(request)
    assert isinstance(p, StableDiffusionProcessingImg2Img) and p.init_images
    p.init_images[0].putpixel((0, 0), (0, 255, 0))
    p.prompt, p.styles, p.steps, p.s_tmax = "cat", ["ink", "gone"], 12, math.inf
    p.image_mask, p.inpaint_full_res = picture("white", mode="L"), False
    changed = to_request(p)
    assert isinstance(changed, ImageToImage) and changed.mask is not None
    assert (changed.prompt, changed.negative_prompt) == ("cat, ink", "photo")
    assert (changed.steps, changed.text.clip_skip, changed.sampling.s_tmax) == (12, 2, 0)
    assert changed.init_images != (name,)
    assert services.inputs.open(changed.init_images[0]).getpixel((0, 0)) == (0, 255, 0)
    assert changed.mask.image is not None and changed.mask.content == "fill"


def test_a_script_s_own_p_takes_the_rest_from_the_settings(services: Any) -> None:
    services.settings.update({"model.clip_skip": 3, "sampling.noise_source": "NV"})
    try:
        p = StableDiffusionProcessingTxt2Img(prompt="x", sampler_index="Euler", do_not_save_samples=True)
        p.override_settings = {"CLIP_stop_at_last_layers": 2, "sd_model_checkpoint": "other", "no_such": 1}
        request = to_request(p)
    finally:
        services.settings.update({"model.clip_skip": 1, "sampling.noise_source": "CPU"})
    assert isinstance(request, TextToImage) and request.hires is None
    assert (request.text.clip_skip, request.noise.source, request.sampler) == (2, "NV", "Euler")
    assert (request.checkpoint, request.save) == ("other.safetensors", False)


def test_overrides_change_only_what_they_name(services: Any) -> None:
    request = TextToImage(seed=1, checkpoint="mine", text=TextOptions(clip_skip=5, comma_backtrack=7))
    p = from_request(request)
    p.override_settings = {"CLIP_stop_at_last_layers": 2, "tiling": True, "emphasis": 17}
    p.tiling = None
    text = TextOptions(clip_skip=2, comma_backtrack=7)
    assert to_request(p) == replace(request, text=text, tiling=True)


def test_faces(services: Any) -> None:
    request = TextToImage(seed=1, faces=FaceOptions(restorer="GFPGAN", weight=0.2))
    p = from_request(request)
    assert p.restore_faces is True and to_request(p) == request
    p.restore_faces = False
    assert to_request(p).faces == FaceOptions(weight=0.2)
    assert from_request(TextToImage(seed=1)).restore_faces is False


def test_lists_of_prompts_make_just_so_many_pictures(services: Any) -> None:
    p = StableDiffusionProcessingTxt2Img(
        prompt=["a", "b", "c", "d", "e"], seed=[1, 2, 3, 5, 8], batch_size=3, n_iter=2
    )
    p.setup_prompts()
    p.setup_seeds()
    request = to_request(p)
    assert request.pictures == 5 and request.seeds == (1, 2, 3, 5, 8)
    assert p.all_negative_prompts == [""] * 5


def test_very_old_hires_sizes(services: Any) -> None:
    p = StableDiffusionProcessingTxt2Img(
        width=1024, height=768, firstphase_width=512, firstphase_height=384, enable_hr=True
    )
    request = to_request(p)
    assert isinstance(request, TextToImage) and request.hires is not None
    assert (request.width, request.height) == (512, 384)
    assert (request.hires.width, request.hires.height, request.hires.denoising_strength) == (1024, 768, 0.75)


def test_what_is_no_picture_is_named(services: Any) -> None:
    p = StableDiffusionProcessingImg2Img(init_images=["path.png"])
    with pytest.raises(InvalidField, match="str"):
        to_request(p)
    with pytest.raises(Fault, match="1 to"):
        to_request(StableDiffusionProcessingImg2Img())


def test_a_script_is_no_part_of_p(services: Any) -> None:
    request = TextToImage(seed=1, script=ScriptCall(name="x"))
    assert to_request(from_request(request)) == replace(request, script=None)


# -- Processed, infotext, small functions --


def test_processed_tells_what_was_made(services: Any) -> None:
    p = StableDiffusionProcessingTxt2Img(prompt="cat", seed=7, sampler_name="Euler", batch_size=2)
    p.sd_model_name, p.sd_model_hash = "m", "abc"
    p.setup_prompts()
    p.setup_seeds()
    p.comment("well")
    p.extra_generation_params = {
        "Mine": "a: b",
        "Each": ["one", "two"],
        "Called": lambda **k: k["all_seeds"][1],
    }
    processed = Processed(p, [picture(), picture()], 7, "info", infotexts=["1", "2"])
    assert (processed.prompt, processed.seed, processed.all_seeds) == ("cat", 7, [7, 8])
    assert processed.comments == "well\n" and processed.width == 512
    told = json.loads(processed.js())
    assert told["all_prompts"] == ["cat", "cat"] and told["infotexts"] == ["1", "2"]
    assert set(told) >= {"job_timestamp", "clip_skip", "sd_model_name", "index_of_first_image", "version"}
    text = processed.infotext(p, 1)
    assert text.startswith(
        "cat\nSteps: 50, Sampler: Euler, Schedule type: Automatic, CFG scale: 7.0, Seed: 8, "
    )
    assert "Size: 512x512, Model hash: abc, Model: m" in text
    assert 'Mine: "a: b", Each: two, Called: 8, Version: Easel' in text


def test_seeds_are_drawn_once() -> None:
    p = StableDiffusionProcessing(seed=-1, subseed="")
    processing.fix_seed(p)
    drawn = p.seed
    assert isinstance(drawn, int) and drawn >= 0 and p.subseed >= 0
    processing.fix_seed(p)
    assert p.seed == drawn
    assert processing.get_fixed_seed(5) == 5 and processing.get_fixed_seed(None) >= 0


def test_overlays_and_crops() -> None:
    over = Image.new("RGBA", (16, 8), (0, 0, 255, 0))
    over.paste((0, 0, 255, 255), (0, 0, 8, 8))
    laid, plain = processing.apply_overlay(picture(), None, over)
    assert (
        laid.mode == "RGB" and laid.getpixel((0, 0)) == (0, 0, 255) and laid.getpixel((15, 0)) == (255, 0, 0)
    )
    assert plain.getpixel((0, 0)) == (255, 0, 0)
    laid, _ = processing.apply_overlay(picture(), (8, 0, 8, 8), over)
    assert laid.size == (16, 8) and laid.getpixel((15, 7)) == (255, 0, 0)
    assert processing.create_binary_mask(Image.new("RGBA", (2, 2), (1, 1, 1, 200))).getpixel((0, 0)) == 255
    corrected = processing.apply_color_correction(
        processing.setup_color_correction(picture("blue")), picture()
    )
    assert corrected.size == (16, 8)


def test_random_tensors_are_the_noise_of_the_seeds() -> None:
    import torch

    noise = processing.create_random_tensors((4, 2, 3), [5, 6])
    assert noise.shape == (2, 4, 2, 3)
    assert torch.equal(noise[1:], processing.create_random_tensors((4, 2, 3), [6]))
    assert (processing.opt_C, processing.opt_f) == (4, 8)


def test_the_older_name_is_the_same_module() -> None:
    import modules.processing as older  # type: ignore[import-not-found,unused-ignore]

    assert older.StableDiffusionProcessing is StableDiffusionProcessing
    assert Path(older.__file__).name == "processing.py"
