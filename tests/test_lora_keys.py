"""The names of network files: every module of the U-Nets and text encoders is found in every dialect."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.unet import UNet, UNetConfig
from modules.networks.lora.keys import ModuleNames, Place, bundled_embedding, split_key

SD1 = UNetConfig(channels=32, heads=8, context_width=48)
SD2 = UNetConfig(channels=32, heads=None, head_channels=16, context_width=48, linear_projections=True)
SDXL = UNetConfig(
    channels=32,
    multipliers=(1, 2, 4),
    input_depths=((0, 0), (2, 2), (3, 3)),
    middle_depth=3,
    output_depths=((0, 0, 0), (2, 2, 2), (3, 3, 3)),
    context_width=48,
    heads=None,
    head_channels=16,
    linear_projections=True,
    vector_width=6 * 8 + 16,
)
TEXT = TextEncoderConfig(width=32, layers=3, heads=2, intermediate=64, vocabulary=16, projection=24)
CONFIGS = pytest.mark.parametrize("config", [SD1, SD2, SDXL], ids=["sd1", "sd2", "sdxl"])


def diffusers_unet(ours: UNet) -> Any:
    """The same network in diffusers, with the weights of ours by its own conversion."""
    diffusers = pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    config = ours.config
    widths = [config.channels * m for m in config.multipliers]
    with_text = [bool(depths[0]) for depths in config.input_depths]
    arguments: dict[str, Any] = {
        "block_out_channels": tuple(widths),
        "layers_per_block": 2,
        "down_block_types": tuple("CrossAttnDownBlock2D" if text else "DownBlock2D" for text in with_text),
        "up_block_types": tuple("CrossAttnUpBlock2D" if t else "UpBlock2D" for t in reversed(with_text)),
        "cross_attention_dim": config.context_width,
        "attention_head_dim": tuple(config.heads_for(width) for width in widths),
        "use_linear_projection": config.linear_projections,
        "transformer_layers_per_block": tuple(max(depths[0], 1) for depths in config.input_depths),
    }
    if config.vector_width is not None:
        arguments |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": config.vector_width,
        }
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**arguments)
    state = {f"model.diffusion_model.{name}": w for name, w in ours.state_dict().items()}
    unet.load_state_dict(convert_ldm_unet_checkpoint(state, config=dict(unet.config)), assign=True)
    return unet


def weighted(network: nn.Module) -> dict[str, torch.Tensor]:
    """The weights by the names of their modules."""
    return {
        name: m.weight
        for name, m in network.named_modules()
        if isinstance(getattr(m, "weight", None), nn.Parameter)
    }


@CONFIGS
def test_every_module_is_found_in_both_dialects(config: UNetConfig) -> None:
    torch.manual_seed(0)
    unet = UNet(config)
    for parameter in unet.parameters():  # norms too are told apart
        nn.init.normal_(parameter)
    names = ModuleNames(unet)
    ours = weighted(unet)
    for name in ours:
        underscored = name.replace(".", "_")
        assert names.find(f"lora_unet_{underscored}") == Place(None, (name,))
        assert names.find(f"oft_unet_{underscored}") == Place(None, (name,))
        assert names.find(f"diffusion_model.{name}") == Place(None, (name,))

    theirs = weighted(diffusers_unet(unet))
    assert len(theirs) == len(ours)
    found = set()
    for name, weight in theirs.items():
        for key in (
            f"lora_unet_{name.replace('.', '_')}",
            f"lycoris_{name.replace('.', '_')}",
            f"unet.{name}",
            f"base_model.model.{name}",
        ):
            place = names.find(key)
            assert place is not None, key
            module = place.modules[0]
            assert torch.equal(ours[module].flatten(), weight.flatten()), (key, module)
            found.add(module)
    assert found == set(ours)


def test_early_diffusers_names_of_attention() -> None:
    names = ModuleNames(UNet(SD1), [TextEncoder(TEXT)])
    block = "down_blocks.0.attentions.1.transformer_blocks.0.attn2"
    for part, module in (("to_q", "to_q"), ("to_out", "to_out.0")):
        key = split_key(f"unet.{block}.processor.{part}_lora.up.weight")
        assert key == (f"unet.{block}.processor.{part}", "lora_up")
        assert names.find(key[0]) == Place(None, (f"input_blocks.2.1.transformer_blocks.0.attn2.{module}",))
    early = split_key("text_encoder.text_model.encoder.layers.1.self_attn.to_v_lora.down.weight")
    assert early is not None and early[1] == "lora_down"
    assert names.find(early[0]) == Place(0, ("model.encoder.layers.1.self_attn.v_proj",))


def test_text_encoders() -> None:
    names = ModuleNames(None, [TextEncoder(TEXT), TextEncoder(TEXT)])
    for name in weighted(TextEncoder(TEXT)):
        theirs = name.replace("model.", "text_model.", 1)
        underscored = theirs.replace(".", "_")
        for key, index in (
            (f"lora_te_{underscored}", 0),
            (f"lora_te1_{underscored}", 0),
            (f"lora_te2_{underscored}", 1),
            (f"text_encoder.{theirs}", 0),
            (f"text_encoder_2.{theirs}", 1),
            (f"base_model.model.text_encoder_2.{theirs}", 1),
        ):
            assert names.find(key) == Place(index, (name,)), key
    assert names.find("lora_te2_text_projection") == Place(1, ("text_projection",))
    assert ModuleNames(None, [TextEncoder(TEXT)]).find("lora_te2_text_projection") is None


@pytest.mark.parametrize("start", ["", "model_", "text_model_"])
def test_openclip_names(start: str) -> None:
    names = ModuleNames(None, [TextEncoder(TEXT)])
    block = f"lora_te_{start}transformer_resblocks_2_"
    layer = "model.encoder.layers.2."
    for theirs, ours in (
        ("mlp_c_fc", "mlp.fc1"),
        ("mlp_c_proj", "mlp.fc2"),
        ("attn_out_proj", "self_attn.out_proj"),
        ("ln_1", "layer_norm1"),
        ("ln_2", "layer_norm2"),
    ):
        assert names.find(block + theirs) == Place(0, (layer + ours,))
    thirds = tuple(f"{layer}self_attn.{third}_proj" for third in "qkv")
    assert names.find(f"{block}attn_in_proj") == Place(0, thirds)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("lora_unet_mid_block_x.lora_up.weight", ("lora_unet_mid_block_x", "lora_up")),
        ("lora_unet_mid_block_x.alpha", ("lora_unet_mid_block_x", "alpha")),
        ("lora_unet_mid_block_x.weight", ("lora_unet_mid_block_x", "weight")),
        ("lora_unet_x.lokr_w2_b", ("lora_unet_x", "lokr_w2_b")),
        ("lora_unet_x.lokr_w2", ("lora_unet_x", "lokr_w2")),
        ("unet.a.to_k.lora_A.weight", ("unet.a.to_k", "lora_down")),
        ("unet.a.to_k.lora_B.default.weight", ("unet.a.to_k", "lora_up")),
        ("unet.a.to_k.lora.down.weight", ("unet.a.to_k", "lora_down")),
        ("unet.a.to_k.lora_magnitude_vector.weight", ("unet.a.to_k", "dora_scale")),
        ("text_encoder.q_proj.lora_linear_layer.up.weight", ("text_encoder.q_proj", "lora_up")),
        ("oft_unet_x.oft_blocks", ("oft_unet_x", "oft_blocks")),
        ("lora_unet_x.diff_b", ("lora_unet_x", "diff_b")),
        ("lora_unet_x.a1.weight", ("lora_unet_x", "a1")),
        ("model.diffusion_model.input_blocks.0.0.weight", None),
        ("first_stage_model.encoder.conv_in.bias", None),
    ],
)
def test_keys_are_split(key: str, expected: tuple[str, str] | None) -> None:
    assert split_key(key) == expected


def test_bundled_embeddings() -> None:
    assert bundled_embedding("bundle_emb.my.style.string_to_param.*") == ("my.style", "*")
    assert bundled_embedding("bundle_emb.style.clip_g") == ("style", "clip_g")
    assert bundled_embedding("lora_unet_x.alpha") is None
