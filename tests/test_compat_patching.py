"""Extensions that put functions of their own into the model, the denoiser and `p`: what they know is what they get."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from fastapi import FastAPI, HTTPException

from modules.compat import repositories
from modules.compat.older_run import OlderRun
from modules.compat.processing import StableDiffusionProcessingTxt2Img
from modules.compat.processing_requests import from_request
from modules.models.unet import UNet
from modules.models.unet_layers import BasicTransformerBlock, CrossAttention
from modules.settings.older_options import OVERRIDES
from tests.test_compat_generation import (  # noqa: F401 - fixtures are used by their names
    REQUEST,
    add,
    make,
    nobody_left,
    same,
    services,
    visible,
)

Services = Any


@pytest.fixture(autouse=True)
def empty_folders(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(services.folders, "extensions", tmp_path, raising=False)
    monkeypatch.setattr(services.folders, "embedding_folders", lambda: (tmp_path,), raising=False)


def differs(one: Any, other: Any) -> bool:
    return not same(one, other)


def test_a_forward_of_its_own_gets_the_text_itself(services: Services) -> None:  # noqa: F811
    shapes: list[tuple[int, ...]] = []
    plain = make(services)[0]
    unet = services.models.loaded.unet
    original = unet.forward

    def forward(x: Any, timesteps: Any = None, context: Any = None, y: Any = None, **kwargs: Any) -> Any:
        shapes.append(tuple(context.shape))
        return original(x, timesteps, context, y=y)

    unet.forward = forward
    try:
        again = make(services)[0]
        unet.forward = lambda *args, **kwargs: forward(*args, **kwargs) * 0.5
        assert differs(make(services)[0], plain)
    finally:
        del unet.forward
    assert same(again, plain) and same(make(services)[0], plain)
    assert shapes and all(len(shape) == 3 and shape[0] == 2 and shape[1] == 77 for shape in shapes)


def test_an_attention_of_its_own_gets_the_text_itself(services: Services) -> None:  # noqa: F811
    from modules.compat.sd_hijack_optimizations import scaled_dot_product_attention_forward as as_the_older_ui

    plain = make(services)[0]
    named = services.models.loaded.unet.named_modules()
    layers = [m for name, m in named if "attn2" in name and type(m).__name__ == "CrossAttention"]
    seen: list[tuple[int, ...]] = []

    def replacement(layer: Any) -> Any:
        def forward(x: Any, context: Any = None, mask: Any = None) -> Any:
            seen.append(tuple(context.shape))
            return as_the_older_ui(layer, x, context, mask)

        return forward

    for layer in layers:
        layer.forward = replacement(layer)
    try:
        again = make(services)[0]
    finally:
        for layer in layers:
            del layer.forward
    assert layers and seen and all(len(shape) == 3 and shape[1] == 77 for shape in seen)
    difference = torch.tensor(list(again.image.tobytes())).int() - torch.tensor(list(plain.image.tobytes()))
    assert difference.abs().max() <= 1


def test_a_unet_taken_apart_gives_the_same(services: Services) -> None:  # noqa: F811
    make(services)
    unet: UNet = services.models.loaded.unet
    util: Any = repositories
    x, t = torch.randn(2, 4, 8, 8), torch.tensor([3.0, 500.0])
    context = torch.randn(2, 77, unet.config.context_width)
    h = x.to(unet.dtype)
    with torch.no_grad():
        whole = unet(h, t, context.to(unet.dtype))
        told = unet.time_embed(util.timestep_embedding(t, unet.model_channels, repeat_only=False).to(h))
        skips = []
        for block in unet.input_blocks:
            h = block(h, told, context.to(unet.dtype))
            skips.append(h)
        h = unet.middle_block(h, told, context.to(unet.dtype))
        for block in unet.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), told, context.to(unet.dtype))
        assert torch.equal(unet.out(h), whole)


def test_predictions_combined_in_its_own_way(services: Services) -> None:  # noqa: F811
    plain = make(services)[0]
    steps: list[int] = []

    def before(self: Any, p: Any, **given: Any) -> None:
        denoiser = p.sampler.model_wrap_cfg
        usual = denoiser.combine_denoised

        def combine(x_out: Any, conds_list: Any, uncond: Any, cond_scale: float) -> Any:
            steps.append(denoiser.step)
            return usual(x_out, conds_list, uncond, cond_scale) * self.factor

        denoiser.combine_denoised = combine

    one = visible(process_before_every_sampling=before)
    one.factor = 1.0  # type: ignore[attr-defined]
    add(one)
    same_again = make(services)[0]
    assert steps == [0, 1]
    one.factor = 0.5  # type: ignore[attr-defined]
    changed = make(services)[0]
    assert differs(changed, plain)
    difference = [abs(a - b) for a, b in zip(same_again.image.tobytes(), plain.image.tobytes(), strict=True)]
    assert max(difference) <= 1


def test_a_class_patched_for_all(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    from modules.compat.sd_samplers_kdiffusion import CFGDenoiser

    plain = make(services)[0]
    add(visible(process=lambda self, p: None))
    monkeypatch.setattr(
        CFGDenoiser, "combine_denoised", lambda self, x_out, conds_list, uncond, cond_scale: x_out[-1:] * 0
    )
    assert differs(make(services)[0], plain)


def test_the_sampler_renamed_to_one_with_its_own_denoiser(services: Services) -> None:  # noqa: F811
    from modules.compat import sd_samplers, sd_samplers_common
    from modules.compat.sd_samplers_kdiffusion import CFGDenoiserKDiffusion

    calls: list[float] = []

    class Own(CFGDenoiserKDiffusion):
        def combine_denoised(self, x_out: Any, conds_list: Any, uncond: Any, cond_scale: float) -> Any:
            calls.append(cond_scale)
            return super().combine_denoised(x_out, conds_list, uncond, cond_scale) * 0.5

    def constructor(model: Any) -> Any:
        made = sd_samplers.all_samplers_map["Euler"].constructor(model)
        made.model_wrap_cfg = Own(made)
        return made

    def process_batch(self: Any, p: Any, **given: Any) -> None:
        data = sd_samplers_common.SamplerData("Euler_own", constructor, [], {})
        sd_samplers.all_samplers_map["Euler_own"] = data
        p.sampler_name = "Euler_own"

    plain = make(services)[0]
    add(visible(process_batch=process_batch))
    try:
        assert differs(make(services)[0], plain)
    finally:
        sd_samplers.all_samplers_map.pop("Euler_own", None)
    assert calls == [REQUEST.cfg_scale] * 2


def test_conds_and_noise_of_its_own(services: Services) -> None:  # noqa: F811
    seen: dict[str, Any] = {}

    def process(self: Any, p: Any) -> None:
        def setup_conds() -> None:
            from modules.compat import prompt_parser

            p.c = prompt_parser.get_multicond_learned_conditioning(p.sd_model, ["a dog"], p.steps)

        p.setup_conds = setup_conds

    def before(self: Any, p: Any, **given: Any) -> None:
        seen["noise"] = torch.equal(p.rng.next().cpu(), given["noise"].cpu())

    dog = make(services, prompt="a dog")[0]
    add(visible(process=process, process_before_every_sampling=before))
    assert make(services)[0].image.tobytes() == dog.image.tobytes()
    assert seen == {"noise": True}


def test_a_sample_of_its_own_is_told_of(services: Services) -> None:  # noqa: F811
    p = StableDiffusionProcessingTxt2Img(
        prompt="a", steps=2, width=64, height=48, sampler_name="Euler", seed=1
    )
    p.setup_prompts()
    p.setup_seeds()
    make(services)
    from modules.compat import prompt_parser

    c = prompt_parser.get_multicond_learned_conditioning(p.sd_model, ["a"], 2)
    uc = prompt_parser.get_learned_conditioning(p.sd_model, [""], 2)
    latents = p.sample(c, uc, [1], [2], 0.0, ["a"])
    assert tuple(latents.shape) == (1, 4, 6, 8)
    notes: list[Any] = []
    p.sample = lambda *args: None  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modules.compat.owners.note", lambda *args: notes.append(args))
        run = OlderRun(p, claimed=True)
        run.prepare()
        run.end()
    assert "p.sample has no effect" in notes[0][2]


def test_options_for_one_request(services: Services) -> None:  # noqa: F811
    from modules.compat import shared

    shared.opts.add_option("patching_word", shared.OptionInfo("usual", "A word"))
    seen: list[str] = []
    add(visible(process=lambda self, p: seen.append(shared.opts.patching_word)))
    extensions = {OVERRIDES: {"patching_word": "special"}}
    make(services, extensions=extensions)
    make(services)
    assert seen == ["special", "usual"]
    del shared.opts.data_labels["patching_word"]
    from dataclasses import replace

    p = from_request(replace(REQUEST, extensions=extensions))
    assert p.override_settings == {"patching_word": "special"}


def test_a_body_of_the_api_that_an_extension_carries_out(services: Services) -> None:  # noqa: F811
    from modules.compat.api import api, models

    seen: list[Any] = []
    ui = {"ui": lambda self, is_img2img: [gr.Number(1), gr.Textbox("a")]}
    add(visible(**ui, process=lambda self, p, *args: seen.append(args)))
    body = models.StableDiffusionTxt2ImgProcessingAPI(
        prompt="a cat", seed=11, steps=2, sampler_name="Euler", width=64, height=48
    )
    body.alwayson_scripts = {"mine": {"args": [5]}}
    answer = api.Api(FastAPI()).text2imgapi(body)
    assert seen == [(5, "a")] and json.loads(answer.info)["seed"] == 11
    picture = api.decode_base64_to_image((answer.images or [""])[0])
    plain = make(services)[0]
    assert picture.size == plain.image.size and picture.tobytes() == plain.image.tobytes()
    body.alwayson_scripts = {"nobody": {"args": []}}
    with pytest.raises(HTTPException, match="nobody"):
        api.Api(FastAPI()).text2imgapi(body)


def test_names_of_the_original_packages() -> None:
    repositories.install()
    attention, model = (
        import_module("ldm.modules.attention"),
        import_module("sgm.modules.diffusionmodules.openaimodel"),
    )
    assert attention.CrossAttention is CrossAttention and model.UNetModel is UNet
    assert attention.BasicTransformerBlock is BasicTransformerBlock
    for module, names in repositories.NAMES.items():
        for name in names:
            assert getattr(import_module(module), name) is not None
    with pytest.raises(AttributeError, match="nobody"):
        _ = attention.nobody
    with pytest.raises(ImportError):
        import_module("ldm.nobody")
    for name in [name for name in sys.modules if name.split(".")[0] in ("ldm", "sgm")]:
        del sys.modules[name]


def test_a_function_replaced_by_a_condition() -> None:
    from modules.compat.sd_hijack_utils import CondFunc

    class Holder:
        def add(self, a: int) -> int:
            return a + 1

    def doubled(old: Any, self: Any, a: int) -> int:
        return int(old(self, a)) * 2

    Holder.add = CondFunc(Holder.add, doubled, lambda old, self, a: a > 5)  # type: ignore[method-assign]
    assert Holder().add(1) == 2 and Holder().add(6) == 14
    CondFunc("package_of.nobody.function", doubled)  # nothing happens


def test_pictures_as_tensors_and_back() -> None:
    from PIL import Image

    from modules.compat import upscaler_utils

    picture = Image.effect_noise((8, 6), 50).convert("RGB")
    tensor = upscaler_utils.pil_image_to_torch_bgr(picture)
    assert tuple(tensor.shape) == (3, 6, 8)
    assert upscaler_utils.torch_bgr_to_pil_image(tensor).tobytes() == picture.tobytes()
    twice = torch.nn.Upsample(scale_factor=2)
    twice.weight = torch.nn.Parameter(torch.zeros(1))
    for size in (0, 4):
        larger = upscaler_utils.upscale_with_model(twice, picture, tile_size=size, tile_overlap=2)
        assert larger.size == (16, 12)
