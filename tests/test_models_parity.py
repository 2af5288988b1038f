"""Our U-Net and VAE against `diffusers`, and our text encoder against `transformers`, on the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch
from torch import nn

from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers", reason="diffusers is the independent reference of this test")
single_file = pytest.importorskip("diffusers.loaders.single_file_utils")

TOLERANCE = 1e-4
Network = TypeVar("Network", bound=nn.Module)
SD15 = UNetConfig()
STARTER = UNetConfig(
    channels=64,
    multipliers=(1, 2, 3),
    input_depths=((0,), (1,), (1,)),
    output_depths=((0, 0), (1, 1), (1, 1)),
    context_width=128,
)
LAB = UNetConfig(
    channels=64,
    multipliers=(1, 2, 3),
    input_depths=((1,), (1,), (1,)),
    output_depths=((1, 1), (1, 1), (1, 1)),
    context_width=128,
)


def random_weights(module: nn.Module, seed: int) -> None:
    """Weights that keep the activations' size, biases and norms included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
                parameter.uniform_(-1, 1, generator=generator).mul_((3 / fan_in) ** 0.5)
            else:
                parameter.normal_(
                    1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.1, generator=generator
                )


def built(network: Callable[[], Network], seed: int) -> Network:
    """A network with random weights, without the time that its own first weights take."""
    with torch.device("meta"):
        module = network()
    module.to_empty(device="cpu")
    random_weights(module, seed)
    return module.eval()


def reference_unet(ours: UNet) -> Any:
    """diffusers' U-Net with the weights of ours (shared, not copied)."""
    config = ours.config
    with_text = [any(depths) for depths in config.input_depths]
    arguments = {
        "in_channels": config.in_channels,
        "out_channels": config.out_channels,
        "block_out_channels": tuple(config.channels * m for m in config.multipliers),
        "layers_per_block": len(config.input_depths[0]),
        "down_block_types": tuple("CrossAttnDownBlock2D" if text else "DownBlock2D" for text in with_text),
        "up_block_types": tuple(
            "CrossAttnUpBlock2D" if text else "UpBlock2D" for text in reversed(with_text)
        ),
        "cross_attention_dim": config.context_width,
        "attention_head_dim": config.heads,
    }
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**arguments)
    state = {f"model.diffusion_model.{name}": w for name, w in ours.state_dict().items()}
    converted = single_file.convert_ldm_unet_checkpoint(state, config=dict(unet.config))
    unet.load_state_dict(converted, assign=True)
    return unet.eval()


def reference_vae(ours: Autoencoder) -> Any:
    """diffusers' VAE with the weights of ours (shared, not copied)."""
    config = ours.config
    levels = len(config.multipliers)
    arguments = {
        "block_out_channels": tuple(config.channels * m for m in config.multipliers),
        "layers_per_block": config.residual_blocks,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "latent_channels": config.latent_channels,
    }
    with torch.device("meta"):
        vae = diffusers.AutoencoderKL(**arguments)
    state = {f"first_stage_model.{name}": w for name, w in ours.state_dict().items()}
    vae.load_state_dict(single_file.convert_ldm_vae_checkpoint(state, dict(vae.config)), assign=True)
    return vae.eval()


@pytest.mark.parametrize(
    ("config", "side"),
    [(STARTER, 16), (LAB, 24), (SD15, 8)],
    ids=["starter", "attention-everywhere", "full-size-sd15"],
)
@torch.inference_mode()
def test_unet_agrees_with_diffusers(config: UNetConfig, side: int) -> None:
    torch.manual_seed(0)
    ours = built(lambda: UNet(config), 1)
    x = torch.randn(2, config.in_channels, side, side + 8)
    timesteps = torch.tensor([3.0, 801.5])
    text = torch.randn(2, 77, config.context_width)
    expected = reference_unet(ours)(x, timesteps, text).sample
    assert expected.std() > 0.05
    assert (ours(x, timesteps, text) - expected).abs().max() < TOLERANCE
    assert (ours(x, timesteps, ours.project_context(text)) - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize(
    ("config", "side"),
    [
        (AutoencoderConfig(channels=32, multipliers=(1, 1, 2, 4), residual_blocks=1), 64),
        (AutoencoderConfig(), 64),
    ],
    ids=["starter", "full-size-sd15"],
)
@torch.inference_mode()
def test_vae_agrees_with_diffusers(config: AutoencoderConfig, side: int) -> None:
    torch.manual_seed(0)
    ours = built(lambda: Autoencoder(config), 2)
    reference = reference_vae(ours)
    pixels = torch.rand(1, 3, side, side + 16) * 2 - 1
    expected = reference.encode(pixels).latent_dist.mode() * config.scale
    assert (ours.encode(pixels) - expected).abs().max() < TOLERANCE
    latents = torch.randn(1, 4, 8, 10)
    expected = reference.decode(latents / config.scale).sample
    assert expected.std() > 0.05
    assert (ours.decode(latents) - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@torch.inference_mode()
def test_text_encoder_agrees_with_transformers(activation: str, layer: int) -> None:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = TextEncoderConfig(
        width=128, layers=4, heads=2, intermediate=512, activation=activation, vocabulary=49408, projection=96
    )
    torch.manual_seed(0)
    ours = TextEncoder(config).eval()
    random_weights(ours, 3)
    reference = CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=512,
            hidden_act=activation,
            projection_dim=96,
            bos_token_id=49406,
            eos_token_id=49407,
        )
    ).eval()
    names = reference.state_dict()
    prefix = next(name for name in names if name.endswith("final_layer_norm.bias"))[
        : -len("final_layer_norm.bias")
    ]
    state = {prefix + name: w for name, w in ours.model.state_dict().items()}
    reference.load_state_dict(state | {"text_projection.weight": ours.text_projection.weight}, strict=True)
    ids = torch.tensor([[49406, 320, 2368, 49407, *[49407] * 73], [49406, *range(1000, 1075), 49407]])
    expected = reference(ids, output_hidden_states=True)
    found = ours(ids, layer=layer, final_norm=False)
    assert found.pooled is not None
    assert (found.hidden - expected.hidden_states[-layer]).abs().max() < TOLERANCE
    assert (found.pooled - expected.text_embeds).abs().max() < TOLERANCE
