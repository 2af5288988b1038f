"""Small checkpoints of every family in their original layout, and the same weights in diffusers and transformers.

Names and shapes of a U-Net and a VAE come from our networks; diffusers' own conversion has to take each of them to a
place in the network that its published configuration describes. The text encoders' names are written by tables here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch
import transformers
from diffusers.loaders import single_file_utils
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.compute import choose
from modules.models.autoencoder import Autoencoder, AutoencoderConfig
from modules.models.catalogue import CheckpointCatalogue
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.loader import load
from modules.models.unet import UNet, UNetConfig
from tests.test_depth_and_image_encoders import ReferenceDepth, ReferenceTower, randomise

State = dict[str, Tensor]
Layout = Literal["transformers", "OpenCLIP"]

BOS, EOS = 49406, 49407
UNET, VAE = "model.diffusion_model.", "first_stage_model."
SMALL_VAE = AutoencoderConfig(channels=32, multipliers=(1, 1, 2, 2), residual_blocks=1)


@dataclass(frozen=True)
class Text:
    """A text encoder: where it lies, in whose layout, its shape, and what its family takes of it."""

    prefix: str
    layout: Layout
    width: int = 128
    layers: int = 3
    projection: int = 96
    penultimate: bool = False
    final_norm: bool = True
    pooled: bool = False
    pad: int = EOS


@dataclass(frozen=True)
class FamilyModel:
    """A small model of a family.

    Args:
        family: the name that it has to be recognised as.
        unet: its shape, in our words; reference: in the words of diffusers' published configurations.
        extra: tensors that mark it, or stand in such files besides.
        numbers: what SDXL is told in its vector.
    """

    id: str
    family: str
    unet: UNetConfig
    reference: dict[str, Any]
    texts: tuple[Text, ...]
    vae: AutoencoderConfig = SMALL_VAE
    prediction: str = "epsilon"
    betas: tuple[float, float] = (0.00085, 0.012)
    extra: State = field(default_factory=dict, hash=False)
    numbers: tuple[float, ...] = ()
    zero_terminal_snr: bool = False

    @cached_property
    def parts(self) -> Parts:
        return Parts(self)


# -- the families ---------------------------------------------------------------------------------------------------

CLIP_L = Text("cond_stage_model.transformer.text_model.", "transformers")
CLIP_H = Text("cond_stage_model.model.", "OpenCLIP", penultimate=True, pad=0)
XL_L = replace(
    CLIP_L,
    prefix="conditioner.embedders.0.transformer.text_model.",
    width=64,
    penultimate=True,
    final_norm=False,
)
XL_G = replace(
    CLIP_H, prefix="conditioner.embedders.1.model.", width=192, projection=160, final_norm=False, pooled=True
)
CROSS, PLAIN = "CrossAttn", ""


def blocks(*kinds: str) -> dict[str, Any]:
    return {
        "down_block_types": tuple(f"{kind}DownBlock2D" for kind in kinds),
        "up_block_types": tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
    }


SD1 = FamilyModel(
    "sd1",
    "Stable Diffusion 1",
    UNetConfig(
        channels=32,
        multipliers=(1, 2, 4, 4),
        input_depths=((1,), (1,), (1,), (0,)),
        output_depths=((1, 1), (1, 1), (1, 1), (0, 0)),
        context_width=128,
    ),
    {
        "block_out_channels": (32, 64, 128, 128),
        "layers_per_block": 1,
        "cross_attention_dim": 128,
        "attention_head_dim": 8,
    },
    (CLIP_L,),
    extra={"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]},
)
SD2 = FamilyModel(
    "sd2",
    "Stable Diffusion 2",
    replace(
        SD1.unet, channels=64, multipliers=(1, 2, 2, 2), heads=None, head_channels=64, linear_projections=True
    ),
    SD1.reference
    | {
        "block_out_channels": (64, 128, 128, 128),
        "attention_head_dim": (1, 2, 2, 2),
        "use_linear_projection": True,
    },
    (CLIP_H,),
    extra={"cond_stage_model.model.attn_mask": torch.full((77, 77), float("-inf")).triu(1)},
)
SDXL = FamilyModel(
    "sdxl",
    "Stable Diffusion XL",
    UNetConfig(
        channels=64,
        multipliers=(1, 2, 2),
        input_depths=((0,), (1,), (2,)),
        middle_depth=2,
        output_depths=((0, 0), (1, 1), (2, 2)),
        context_width=64 + 192,
        heads=None,
        head_channels=64,
        linear_projections=True,
        vector_width=160 + 6 * 256,
    ),
    {
        **blocks(PLAIN, CROSS, CROSS),
        "block_out_channels": (64, 128, 128),
        "layers_per_block": 1,
        "transformer_layers_per_block": (1, 1, 2),
        "cross_attention_dim": 64 + 192,
        "attention_head_dim": (1, 2, 2),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 160 + 6 * 256,
    },
    (XL_L, XL_G),
    replace(SMALL_VAE, scale=0.13025),
    numbers=(768.0, 1344.0, 8.0, 16.0, 1024.0, 1152.0),
)


def reading(base: FamilyModel, id: str, family: str, channels: int, **changes: Any) -> FamilyModel:
    """A model whose U-Net has other input channels."""
    unet, reference = replace(base.unet, in_channels=channels), base.reference | {"in_channels": channels}
    return replace(base, id=id, family=family, unet=unet, reference=reference, **changes)


def depth_network() -> ReferenceDepth:
    """MiDaS with random weights, always the same."""
    network = ReferenceDepth(32, [128, 128, 256], [2, 1, 2], 128, 4, 32)
    randomise(network, 1)
    network.scratch.output_conv[4].bias.fill_(4.0)
    return network


def image_tower() -> ReferenceTower:
    """CLIP's image encoder with random weights, always the same."""
    tower = ReferenceTower(128, 2, 3, 48, nn.GELU())
    randomise(tower, 2)
    return tower


def prefixed(prefix: str, network: nn.Module) -> State:
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


SD2_DEPTH = reading(
    SD2, "sd2-depth", "Stable Diffusion 2 for depth", 5, extra=prefixed("depth_model.model.", depth_network())
)
UNCLIP = replace(
    SD2,
    id="sd2-unclip",
    family="Stable Diffusion 2 unCLIP",
    unet=replace(SD2.unet, vector_width=2 * 48),
    reference=SD2.reference
    | {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 2 * 48},
    prediction="v",
    extra=prefixed("embedder.model.visual.", image_tower())
    | {
        "noise_augmentor.data_mean": torch.linspace(-1, 1, 48)[None],
        "noise_augmentor.data_std": torch.linspace(0.5, 2, 48)[None],
    },
)
UPSCALER = replace(
    SD2,
    id="sd2-x4",
    family="Stable Diffusion 2 x4 upscaler",
    unet=UNetConfig(
        in_channels=7,
        channels=32,
        multipliers=(1, 2, 2, 4),
        input_depths=((0,), (1,), (1,), (1,)),
        output_depths=((0, 0), (1, 1), (1, 1), (1, 1)),
        context_width=128,
        linear_projections=True,
        classes=1000,
        text_twice=(False, True, True, False),
    ),
    reference={
        **blocks(PLAIN, CROSS, CROSS, CROSS),
        "in_channels": 7,
        "block_out_channels": (32, 64, 64, 128),
        "layers_per_block": 1,
        "cross_attention_dim": 128,
        "attention_head_dim": 8,
        "only_cross_attention": (True, True, True, False),
        "use_linear_projection": True,
        "num_class_embeds": 1000,
    },
    vae=AutoencoderConfig(channels=32, multipliers=(1, 2, 2), residual_blocks=1, scale=0.08333),
    prediction="v",
    betas=(0.0001, 0.02),
)
REFINER = replace(
    SDXL,
    id="sdxl-refiner",
    family="Stable Diffusion XL refiner",
    unet=replace(
        SDXL.unet,
        multipliers=(1, 2, 2, 2),
        input_depths=((0,), (2,), (2,), (0,)),
        middle_depth=2,
        output_depths=((0, 0), (2, 2), (2, 2), (0, 0)),
        context_width=192,
        vector_width=160 + 5 * 256,
    ),
    reference=SDXL.reference
    | blocks(PLAIN, CROSS, CROSS, PLAIN)
    | {
        "block_out_channels": (64, 128, 128, 128),
        "transformer_layers_per_block": 2,
        "cross_attention_dim": 192,
        "attention_head_dim": (1, 2, 2, 2),
        "projection_class_embeddings_input_dim": 160 + 5 * 256,
    },
    texts=(replace(XL_G, prefix="conditioner.embedders.0.model."),),
    numbers=(768.0, 1344.0, 8.0, 16.0, 6.0),
)
SSD_1B = replace(
    SDXL,
    id="ssd-1b",
    unet=replace(
        SDXL.unet,
        input_depths=((0, 0), (1, 1), (2, 2)),
        middle_depth=0,
        middle_residual_blocks=1,
        output_depths=((0, 0, 0), (2, 1, 1), (2, 2, 3)),
    ),
    reference=SDXL.reference
    | {
        "layers_per_block": 2,
        "transformer_layers_per_block": [1, [1, 1], [2, 2]],
        "reverse_transformer_layers_per_block": [[2, 2, 3], [2, 1, 1], 1],
        "mid_block_type": "UNetMidBlock2D",
    },
)
WITHOUT_MIDDLE = replace(
    SDXL,
    id="sdxl-without-middle",
    unet=replace(SDXL.unet, middle_depth=0, middle_residual_blocks=0),
    reference=SDXL.reference | {"mid_block_type": None},
)
MARKS = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}

ALL = (
    SD1,
    reading(SD1, "sd1-inpainting", "Stable Diffusion 1 for inpainting", 9),
    reading(SD1, "instruct-pix2pix", "InstructPix2Pix", 8),
    SD2,
    reading(SD2, "sd2-inpainting", "Stable Diffusion 2 for inpainting", 9),
    SD2_DEPTH,
    UNCLIP,
    UPSCALER,
    SDXL,
    reading(SDXL, "sdxl-inpainting", "Stable Diffusion XL for inpainting", 9),
    reading(SDXL, "sdxl-edit", "Stable Diffusion XL for editing", 8),
    replace(SDXL, id="sdxl-v", prediction="v", extra=MARKS, zero_terminal_snr=True),
    REFINER,
    SSD_1B,
    WITHOUT_MIDDLE,
)


# -- weights --------------------------------------------------------------------------------------------------------


def shapes_of(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def random_weights(shapes: dict[str, torch.Size], seed: int) -> State:
    """Weights that keep the activations' size, biases and norms included."""
    generator = torch.Generator().manual_seed(seed)

    def weights(name: str, shape: torch.Size) -> Tensor:
        if len(shape) > 1:
            fan_in = 1 if "embedding" in name or "label_emb.weight" in name else shape[1:].numel()
            return torch.empty(shape).uniform_(-1, 1, generator=generator).mul_((3 / fan_in) ** 0.5)
        around = 1.0 if name.endswith("weight") else 0.0
        return torch.empty(shape).normal_(around, 0.1, generator=generator)

    return {name: weights(name, shape) for name, shape in shapes.items()}


def on_meta(make: Any, *arguments: Any, **keywords: Any) -> Any:
    with torch.device("meta"):
        return make(*arguments, **keywords)


def reference_unet(arguments: dict[str, Any], weights: State) -> Any:
    """diffusers' U-Net of this configuration with a checkpoint's weights (without prefix)."""
    unet = on_meta(diffusers.UNet2DConditionModel, **arguments)
    state = {UNET + name: weight for name, weight in weights.items()}
    unet.load_state_dict(single_file_utils.convert_ldm_unet_checkpoint(state, dict(unet.config)), assign=True)
    return unet.eval().requires_grad_(False)


def reference_vae(config: AutoencoderConfig, weights: State) -> Any:
    """diffusers' VAE with a checkpoint's weights (without prefix)."""
    levels = len(config.multipliers)
    vae = on_meta(
        diffusers.AutoencoderKL,
        block_out_channels=tuple(config.channels * m for m in config.multipliers),
        layers_per_block=config.residual_blocks,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        scaling_factor=config.scale,
    )
    state = {VAE + name: weight for name, weight in weights.items()}
    vae.load_state_dict(single_file_utils.convert_ldm_vae_checkpoint(state, dict(vae.config)), assign=True)
    return vae.eval().requires_grad_(False)


def reference_text(text: Text, seed: int) -> Any:
    """transformers' text encoder with random weights."""
    config = transformers.CLIPTextConfig(
        hidden_size=text.width,
        num_hidden_layers=text.layers,
        num_attention_heads=text.width // 64,
        intermediate_size=text.width * 2,
        hidden_act="quick_gelu" if text.layout == "transformers" else "gelu",
        projection_dim=text.projection,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return random_text_encoder(config, seed)


def random_text_encoder(config: Any, seed: int) -> Any:
    encoder = on_meta(transformers.CLIPTextModelWithProjection, config)
    encoder.load_state_dict(random_weights(shapes_of(encoder), seed), assign=True)
    for module in encoder.modules():
        if hasattr(module, "position_ids"):  # a buffer that is in no file
            module.position_ids = torch.arange(77)[None]
    return encoder.eval().requires_grad_(False)


def text_weights(encoder: Any) -> State:
    """The weights of transformers' text encoder, with `text_projection.` and the rest without any prefix."""
    return {name.removeprefix("text_model."): weight for name, weight in encoder.state_dict().items()}


_OPENCLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_OPENCLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def openclip_layout(weights: State, layers: int) -> State:
    """The same text encoder as OpenCLIP saves it."""
    state = {theirs: weights[name] for name, theirs in _OPENCLIP.items()}
    state |= {"text_projection": weights["text_projection.weight"].T, "logit_scale": torch.tensor(4.6)}
    for i in range(layers):
        for kind in ("weight", "bias"):
            layer, block = f"encoder.layers.{i}.", f"transformer.resblocks.{i}."
            qkv = [weights[f"{layer}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            state[f"{block}attn.in_proj_{kind}"] = torch.cat(qkv)
            state |= {
                f"{block}{theirs}.{kind}": weights[f"{layer}{name}.{kind}"]
                for name, theirs in _OPENCLIP_LAYER.items()
            }
    return state


class Parts:
    """The weights of a small model, and its references."""

    def __init__(self, model: FamilyModel) -> None:
        self.model = model
        self.unet_weights = random_weights(shapes_of(on_meta(UNet, model.unet)), 1)
        self.vae_weights = random_weights(shapes_of(on_meta(Autoencoder, model.vae)), 2)
        self.unet = reference_unet(model.reference, self.unet_weights)
        self.vae = reference_vae(model.vae, self.vae_weights)
        self.texts = [reference_text(text, 3 + i) for i, text in enumerate(model.texts)]

    def state(self) -> State:
        """The tensors of the checkpoint in their original layout."""
        state = {UNET + name: weight for name, weight in self.unet_weights.items()}
        state |= {VAE + name: weight for name, weight in self.vae_weights.items()}
        for text, encoder in zip(self.model.texts, self.texts, strict=True):
            weights = text_weights(encoder)
            if text.layout == "OpenCLIP":
                weights = openclip_layout(weights, text.layers)
            else:
                del weights["text_projection.weight"]  # OpenAI's is not in these files
            state |= {text.prefix + name: weight for name, weight in weights.items()}
        return state | self.model.extra

    def save_folder(self, folder: Path) -> Path:
        """Save it as a diffusers folder."""
        self.unet.save_pretrained(folder / "unet")
        self.vae.save_pretrained(folder / "vae")
        names = ["text_encoder_2" if text.pooled else "text_encoder" for text in self.model.texts]
        index = {name: ["library", "Class"] for name in ["unet", "vae", *names]}
        for name, text, encoder in zip(names, self.model.texts, self.texts, strict=True):
            saved = encoder
            if not text.pooled:
                config = transformers.CLIPTextConfig(**encoder.config.to_dict())
                shortened = text.penultimate and text.final_norm  # SD2: the last layer isn't stored
                config.num_hidden_layers -= int(shortened)
                saved = on_meta(transformers.CLIPTextModel, config)
                bare = text_weights(encoder)
                own = {name: bare[name.removeprefix("text_model.")] for name in saved.state_dict()}
                saved.load_state_dict(own, assign=True)
            saved.save_pretrained(folder / name)
        (folder / "model_index.json").write_text(json.dumps({"_class_name": "Pipeline", **index}))
        (folder / "scheduler").mkdir()
        words = {"epsilon": "epsilon", "v": "v_prediction"}[self.model.prediction]
        scheduler = {"prediction_type": words, "rescale_betas_zero_snr": self.model.zero_terminal_snr}
        (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
        return folder


def averaged(state: State) -> State:
    """As `LitEma` keeps the averages: without dots."""
    names = {name: "model_ema." + name.removeprefix("model.").replace(".", "") for name in state}
    unet = {names[name]: w for name, w in state.items() if name.startswith(UNET)}
    rest = {name: w for name, w in state.items() if not name.startswith(UNET)}
    return unet | rest | {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}


def slim(state: State) -> State:
    """The same checkpoint with few words: smaller, where nothing is encoded."""
    words = ("token_embedding.weight",)
    return {name: weight[:64] if name.endswith(words) else weight for name, weight in state.items()}


def write(path: Path, state: State, metadata: dict[str, str] | None = None) -> Path:
    """Write a .safetensors file."""
    save_file({name: weight.contiguous() for name, weight in state.items()}, path, metadata)
    return path


def loaded(path: Path) -> LatentDiffusion:
    """The model of a file or folder, loaded as the program does."""
    cache = path.parent / "cache.sqlite"
    checkpoint = CheckpointCatalogue((), cache, files=(path,)).all()[0]
    return load(checkpoint, choose("cpu"))


def noise_scheduler(name: str, betas: tuple[float, float], **more: object) -> Any:
    """A scheduler of diffusers, as the published configurations have it."""
    low, high = betas
    return getattr(diffusers, name)(beta_schedule="scaled_linear", beta_start=low, beta_end=high, **more)
