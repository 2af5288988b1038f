"""The families at their published sizes: every tensor has a place in diffusers' network of the published configuration.

Most is done on the meta device, which holds names and shapes only. What fits into a few gigabytes is computed too.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
import torch

pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
pytest.importorskip("transformers")

import transformers

from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.conditioning import Conditioning
from modules.models.detection import autoencoder_config, text_encoder_config, unet_config
from modules.models.families import FAMILIES, Shapes, TextRules, family_of
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.text_layouts import Origins, find_text
from modules.models.unet import UNet, UNetConfig
from tests import family_models
from tests.family_models import (
    CLIP_H,
    CLIP_L,
    CROSS,
    EOS,
    PLAIN,
    UNET,
    VAE,
    XL_G,
    XL_L,
    FamilyModel,
    State,
    Text,
    blocks,
    on_meta,
    openclip_layout,
    random_text_encoder,
    random_weights,
    reference_unet,
    reference_vae,
    shapes_of,
    text_weights,
)

TOLERANCE = 1e-4

L = replace(CLIP_L, width=768, layers=12, projection=768)
H = replace(CLIP_H, width=1024, layers=24, projection=1024)
FULL_XL_L = replace(XL_L, width=768, layers=12, projection=768)
FULL_XL_G = replace(XL_G, width=1280, layers=32, projection=1280)

SD1 = FamilyModel(
    "sd1", "Stable Diffusion 1", UNetConfig(), {"cross_attention_dim": 768}, (L,), AutoencoderConfig()
)
SD2 = FamilyModel(
    "sd2",
    "Stable Diffusion 2",
    UNetConfig(context_width=1024, heads=None, head_channels=64, linear_projections=True),
    {
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    (H,),
    AutoencoderConfig(),
)
UPSCALER = replace(
    SD2,
    id="sd2-x4",
    family="Stable Diffusion 2 x4 upscaler",
    unet=UNetConfig(
        in_channels=7,
        channels=256,
        multipliers=(1, 2, 2, 4),
        input_depths=((0, 0), (1, 1), (1, 1), (1, 1)),
        output_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        context_width=1024,
        linear_projections=True,
        classes=1000,
        text_twice=(False, True, True, False),
    ),
    reference={
        **blocks(PLAIN, CROSS, CROSS, CROSS),
        "in_channels": 7,
        "block_out_channels": (256, 512, 512, 1024),
        "cross_attention_dim": 1024,
        "attention_head_dim": 8,
        "only_cross_attention": (True, True, True, False),
        "use_linear_projection": True,
        "num_class_embeds": 1000,
    },
    vae=AutoencoderConfig(multipliers=(1, 2, 4), scale=0.08333),
)
SDXL = FamilyModel(
    "sdxl",
    "Stable Diffusion XL",
    UNetConfig(
        multipliers=(1, 2, 4),
        input_depths=((0, 0), (2, 2), (10, 10)),
        middle_depth=10,
        output_depths=((0, 0, 0), (2, 2, 2), (10, 10, 10)),
        context_width=2048,
        heads=None,
        head_channels=64,
        linear_projections=True,
        vector_width=2816,
    ),
    {
        **blocks(PLAIN, CROSS, CROSS),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    (FULL_XL_L, FULL_XL_G),
    AutoencoderConfig(scale=0.13025),
)
REFINER = replace(
    SDXL,
    id="sdxl-refiner",
    family="Stable Diffusion XL refiner",
    unet=replace(
        SDXL.unet,
        channels=384,
        multipliers=(1, 2, 4, 4),
        input_depths=((0, 0), (4, 4), (4, 4), (0, 0)),
        middle_depth=4,
        output_depths=((0, 0, 0), (4, 4, 4), (4, 4, 4), (0, 0, 0)),
        context_width=1280,
        vector_width=2560,
    ),
    reference=SDXL.reference
    | blocks(PLAIN, CROSS, CROSS, PLAIN)
    | {
        "block_out_channels": (384, 768, 1536, 1536),
        "transformer_layers_per_block": 4,
        "cross_attention_dim": 1280,
        "attention_head_dim": (6, 12, 24, 24),
        "projection_class_embeddings_input_dim": 2560,
    },
    texts=(replace(FULL_XL_G, prefix="conditioner.embedders.0.model."),),
)
SSD_1B = replace(
    SDXL,
    id="ssd-1b",
    unet=replace(
        SDXL.unet,
        input_depths=((0, 0), (2, 2), (4, 4)),
        middle_depth=0,
        middle_residual_blocks=1,
        output_depths=((0, 0, 0), (2, 1, 1), (4, 4, 10)),
    ),
    reference=SDXL.reference
    | {
        "transformer_layers_per_block": [1, [2, 2], [4, 4]],
        "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 1],
        "mid_block_type": "UNetMidBlock2D",
    },
)


def unclip(images: int) -> FamilyModel:
    """Stable Diffusion 2.1 unCLIP for images embedded by OpenCLIP's H (1024) or OpenAI's L (768)."""
    reference = {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 2 * images}
    return replace(
        SD2,
        id=f"sd2-unclip-{images}",
        family="Stable Diffusion 2 unCLIP",
        unet=replace(SD2.unet, vector_width=2 * images),
        reference=SD2.reference | reference,
    )


reading = family_models.reading
MILLIONS = {
    "sd1": 859.5,
    "sd2": 865.9,
    "sd2-x4": 473.4,
    "sdxl": 2567.5,
}
"""Parameters of the U-Nets, as they were published."""

ALL = (
    SD1,
    reading(SD1, "sd1-inpainting", "Stable Diffusion 1 for inpainting", 9),
    reading(SD1, "instruct-pix2pix", "InstructPix2Pix", 8),
    SD2,
    reading(SD2, "sd2-inpainting", "Stable Diffusion 2 for inpainting", 9),
    reading(SD2, "sd2-depth", "Stable Diffusion 2 for depth", 5),
    unclip(1024),
    unclip(768),
    UPSCALER,
    SDXL,
    reading(SDXL, "sdxl-inpainting", "Stable Diffusion XL for inpainting", 9),
    reading(SDXL, "sdxl-edit", "Stable Diffusion XL for editing", 8),
    REFINER,
    SSD_1B,
)


def text_config(text: Text) -> Any:
    return transformers.CLIPTextConfig(
        hidden_size=text.width,
        num_hidden_layers=text.layers,
        num_attention_heads={768: 12, 1024: 16, 1280: 20}[text.width],
        intermediate_size=text.width * 4,
        hidden_act="quick_gelu" if text.layout == "transformers" else "gelu",
        projection_dim=text.projection,
        bos_token_id=49406,
        eos_token_id=EOS,
    )


def text_state(text: Text, encoder: Any) -> State:
    weights = text_weights(encoder)
    if text.layout == "OpenCLIP":
        weights = openclip_layout(weights, text.layers)
    else:
        del weights["text_projection.weight"]
    return {text.prefix + name: weight for name, weight in weights.items()}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
def test_every_tensor_has_its_place(model: FamilyModel) -> None:
    unet, vae = on_meta(UNet, model.unet).state_dict(), on_meta(Autoencoder, model.vae).state_dict()
    reference_unet(model.reference, unet)  # loads strictly: all names and all shapes
    reference_vae(model.vae, vae)
    state = {UNET + name: weight for name, weight in unet.items()}
    state |= {VAE + name: weight for name, weight in vae.items()}
    for text in model.texts:
        state |= text_state(text, on_meta(transformers.CLIPTextModelWithProjection, text_config(text)))
    shapes = {name: tuple(weight.shape) for name, weight in state.items()}

    family = family_of(shapes)
    assert family is not None and family.name == model.family
    assert unet_config({name: tuple(w.shape) for name, w in unet.items()}, family) == model.unet
    found = autoencoder_config({name: tuple(w.shape) for name, w in vae.items()}, family.latent_scale)
    assert found == model.vae
    for text, rules in zip(model.texts, family.text, strict=True):
        check_text(text, rules, shapes)
    if model.id in MILLIONS:
        assert sum(w.numel() for w in unet.values()) / 1e6 == pytest.approx(MILLIONS[model.id], abs=0.1)


def check_text(text: Text, rules: TextRules, shapes: Shapes) -> None:
    origins = find_text(shapes, rules).origins
    config = text_encoder_config(_shapes(origins, shapes), rules)
    assert set(origins) >= set(on_meta(TextEncoder, config).state_dict())
    assert config == TextEncoderConfig(
        width=text.width,
        layers=text.layers,
        heads=text_config(text).num_attention_heads,
        intermediate=text.width * 4,
        activation=text_config(text).hidden_act,
        projection=text.projection if text.pooled else None,
    )


def _shapes(origins: Origins, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {name: origin.shape(shapes) for name, origin in origins.items()}


@pytest.mark.slow
@pytest.mark.parametrize("model", [SD2, UPSCALER], ids=lambda model: model.id)
@torch.inference_mode()
def test_unet_computes_what_diffusers_computes(model: FamilyModel) -> None:
    ours = on_meta(UNet, model.unet)
    weights = random_weights(shapes_of(ours), 1)
    ours.load_state_dict(weights, assign=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, model.unet.in_channels, 8, 8, generator=generator)
    time, text = torch.tensor([801.5]), torch.randn(1, 77, 1024, generator=generator)
    level = torch.tensor([20]) if model.unet.classes else None
    expected = reference_unet(model.reference, weights)(x, time, text, class_labels=level).sample
    assert expected.std() > 0.05
    assert (ours.eval()(x, time, text, level) - expected).abs().max() < TOLERANCE


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("EASEL_TEST_LARGE"), reason="needs 12 GB: set EASEL_TEST_LARGE=1")
@torch.inference_mode()
def test_sdxl_unet_computes_what_diffusers_computes() -> None:
    ours = on_meta(UNet, SDXL.unet)
    weights = random_weights(shapes_of(ours), 1)
    ours.load_state_dict(weights, assign=True)
    generator = torch.Generator().manual_seed(0)
    x, text = torch.randn(1, 4, 16, 16, generator=generator), torch.randn(1, 77, 2048, generator=generator)
    pooled, numbers = torch.randn(1, 1280, generator=generator), torch.tensor([[128.0, 128, 0, 0, 128, 128]])
    time = torch.tensor([801.5])
    vector = Conditioning(text, pooled).with_numbers(numbers[0].tolist()).vector
    told = {"text_embeds": pooled, "time_ids": numbers}
    expected = reference_unet(SDXL.reference, weights)(x, time, text, added_cond_kwargs=told).sample
    assert expected.std() > 0.05
    assert (ours.eval()(x, time, text, vector) - expected).abs().max() < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("text", [H, FULL_XL_G], ids=["H", "G"])
@torch.inference_mode()
def test_text_encoder_computes_what_transformers_computes(text: Text) -> None:
    encoder = random_text_encoder(text_config(text), 2)
    families = ("Stable Diffusion 2", "Stable Diffusion XL")
    of_all = [rules for family in FAMILIES if family.name in families for rules in family.text]
    rules = next(rules for rules in of_all if text.prefix in rules.prefixes)
    state = text_state(text, encoder)
    shapes = {name: tuple(weight.shape) for name, weight in state.items()}
    origins = find_text(shapes, rules).origins
    ours = on_meta(TextEncoder, text_encoder_config(_shapes(origins, shapes), rules))
    ours.load_state_dict(
        {name: origins[name].take(state[origins[name].name]) for name in ours.state_dict()}, assign=True
    )
    ids = torch.tensor([[49406, 320, 2368, EOS] + [0] * 73])
    expected = encoder.eval()(ids, output_hidden_states=True)
    found = ours.eval()(ids, layer=2, final_norm=False)
    assert (found.hidden - expected.hidden_states[-2]).abs().max() < TOLERANCE
    if text.pooled:
        assert found.pooled is not None
        assert (found.pooled - expected.text_embeds).abs().max() < TOLERANCE
