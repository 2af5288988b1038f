"""The families of checkpoints, told apart by their keys and shapes: one small description each.

To add a family, add a `Family` to `FAMILIES`. The order counts: the first whose `fits` says yes is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor names and shapes of a checkpoint."""

Prediction = Literal["epsilon", "v"]
"""What a U-Net predicts: the noise, or the velocity (Salimans & Ho, "Progressive Distillation", 2022)."""

PictureInput = Literal["none", "inpainting", "edit", "depth", "upscale"]
"""What a U-Net reads besides the noisy latent, in channels of its own."""

VectorInput = Literal["none", "sizes", "aesthetic", "image", "noise level"]
"""What a U-Net's extra conditioning vector says."""

UNET = "model.diffusion_model."
VAE = "first_stage_model."
DEPTH = "depth_model."
IMAGE_ENCODER = "embedder."
NOISE_AUGMENTOR = "noise_augmentor."
_SD1_TEXT = ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.")
_SD2_TEXT = ("cond_stage_model.model.", *_SD1_TEXT)


def _sdxl_text(place: int) -> tuple[str, ...]:
    embedder = f"conditioner.embedders.{place}."
    return (f"{embedder}model.", f"{embedder}transformer.text_model.", f"{embedder}transformer.")


@dataclass(frozen=True)
class TextRules:
    """Where one text encoder of a family lies in the checkpoint, and how it is read.

    Args:
        prefixes: where its tensors may be, the usual place first.
        layer: which layer's output is taken, counted from the end; None: "CLIP skip" decides.
        final_norm: whether the final layer norm is applied to it.
        openai: OpenAI's CLIP (approximate GELU, padded with the end token), not OpenCLIP (GELU, padded with 0).
        pooled: whether its pooled, projected output is part of the conditioning.
    """

    prefixes: tuple[str, ...]
    layer: int | None = None
    final_norm: bool = True
    openai: bool = True
    pooled: bool = False


@dataclass(frozen=True)
class Family:
    """What the tensors alone don't say about a kind of checkpoint.

    Args:
        name: for people.
        fits: does a checkpoint with these shapes belong here?
        heads, head_channels: attention heads of the U-Net: their number, or the width of each.
        latent_scale: the VAE's latents are multiplied by this for the U-Net.
        prediction: what the U-Net predicts where the file doesn't say; None: a probe tells (see `probe.py`).
        betas: first and last beta of the noise schedule, where the file holds none.
        text: its text encoders, in the order in which their vectors are joined.
        zero_empty_negative: an empty negative prompt is conditioning of zeros.
        supported: False: the family is only known by name, to say what a file is.
    """

    name: str
    fits: Callable[[Shapes], bool]
    heads: int | None = None
    head_channels: int | None = None
    latent_scale: float = 0.18215
    prediction: Prediction | None = "epsilon"
    betas: tuple[float, float] = (0.00085, 0.012)
    text: tuple[TextRules, ...] = ()
    picture: PictureInput = "none"
    vector: VectorInput = "none"
    zero_empty_negative: bool = False
    supported: bool = True


def _has(*prefixes: str) -> Callable[[Shapes], bool]:
    return lambda shapes: all(any(name.startswith(prefix) for name in shapes) for prefix in prefixes)


def _has_text(shapes: Shapes, rules: TextRules) -> bool:
    return _has_one(shapes, rules.prefixes)


def _has_one(shapes: Shapes, prefixes: tuple[str, ...]) -> bool:
    return any(name.startswith(prefixes) for name in shapes)


def _input_channels(shapes: Shapes) -> int:
    return shapes.get(UNET + "input_blocks.0.0.weight", (0, 0))[1]


_CLIP_L = TextRules(_SD1_TEXT)
_CLIP_H = TextRules(_SD2_TEXT, layer=2, openai=False)
_SDXL_L = TextRules(_sdxl_text(0)[1:], layer=2, final_norm=False)
_SDXL_G = TextRules(_sdxl_text(1), layer=2, final_norm=False, openai=False, pooled=True)
_REFINER_G = TextRules(_sdxl_text(0), layer=2, final_norm=False, openai=False, pooled=True)


def _linear_projections(shapes: Shapes) -> bool:
    """SD2's U-Net has linear layers around its transformers where SD1's has convolutions."""
    projections = [
        len(s) for n, s in shapes.items() if n.startswith(UNET) and n.endswith(".1.proj_in.weight")
    ]
    return bool(projections) and projections[0] == 2


def _sd1(channels: int) -> Callable[[Shapes], bool]:
    return lambda shapes: (
        _has_one(shapes, _SD1_TEXT)
        and not _linear_projections(shapes)
        and _input_channels(shapes) == channels
        and UNET + "label_emb.0.0.weight" not in shapes
    )


def _sd2(channels: int, extra: str | None = None) -> Callable[[Shapes], bool]:
    return lambda shapes: (
        _has_one(shapes, _SD2_TEXT)
        and _linear_projections(shapes)
        and _input_channels(shapes) == channels
        and (extra is None or _has(extra)(shapes))
        and (extra is not None or UNET + "label_emb.0.0.weight" not in shapes)
    )


def _sdxl(channels: int) -> Callable[[Shapes], bool]:
    return lambda shapes: (
        _has_text(shapes, _SDXL_L) and _has_text(shapes, _SDXL_G) and _input_channels(shapes) == channels
    )


def _is_refiner(shapes: Shapes) -> bool:
    return _has_text(shapes, _REFINER_G) and not _has_text(shapes, _SDXL_G) and _input_channels(shapes) == 4


_SD1 = Family("Stable Diffusion 1", _sd1(4), heads=8, text=(_CLIP_L,))
_SD2 = Family("Stable Diffusion 2", _sd2(4), head_channels=64, prediction=None, text=(_CLIP_H,))
_SDXL = Family(
    "Stable Diffusion XL",
    _sdxl(4),
    head_channels=64,
    latent_scale=0.13025,
    text=(_SDXL_L, _SDXL_G),
    vector="sizes",
    zero_empty_negative=True,
)

FAMILIES: tuple[Family, ...] = (
    Family("CosXL", _has("edm_vpred.sigma_max"), supported=False),
    Family("Playground 2.5", _has("edm_mean", UNET), supported=False),
    _SD1,
    replace(_SD1, name="Stable Diffusion 1 for inpainting", fits=_sd1(9), picture="inpainting"),
    replace(_SD1, name="InstructPix2Pix", fits=_sd1(8), picture="edit"),
    replace(
        _SD2,
        name="Stable Diffusion 2 for depth",
        fits=_sd2(5),
        prediction="epsilon",
        picture="depth",
    ),
    replace(
        _SD2,
        name="Stable Diffusion 2 for inpainting",
        fits=_sd2(9),
        prediction="epsilon",
        picture="inpainting",
    ),
    replace(
        _SD2,
        name="Stable Diffusion 2 unCLIP",
        fits=_sd2(4, UNET + "label_emb.0.0."),
        prediction="v",
        vector="image",
    ),
    replace(
        _SD2,
        name="Stable Diffusion 2 x4 upscaler",
        fits=_sd2(7, UNET + "label_emb.weight"),
        heads=8,
        head_channels=None,
        latent_scale=0.08333,
        prediction="v",
        betas=(0.0001, 0.02),
        picture="upscale",
        vector="noise level",
    ),
    _SD2,
    _SDXL,
    replace(_SDXL, name="Stable Diffusion XL for inpainting", fits=_sdxl(9), picture="inpainting"),
    replace(_SDXL, name="Stable Diffusion XL for editing", fits=_sdxl(8), picture="edit"),
    replace(
        _SDXL,
        name="Stable Diffusion XL refiner",
        fits=_is_refiner,
        text=(_REFINER_G,),
        vector="aesthetic",
    ),
    Family("Stable Diffusion 3", _has("model.diffusion_model.joint_blocks."), supported=False),
    Family("Flux", _has("double_blocks."), supported=False),
    Family("Flux", _has("model.diffusion_model.double_blocks."), supported=False),
    Family("Stable Cascade", _has("down_blocks.", "clip_txt_mapper."), supported=False),
    Family("Stable Cascade", _has("model.diffusion_model.clip_txt_mapper."), supported=False),
    Family("PixArt", _has("model.diffusion_model.y_embedder."), supported=False),
    Family("Hunyuan-DiT", _has("model.diffusion_model.text_embedding_padding"), supported=False),
    Family("AuraFlow", _has("model.double_layers."), supported=False),
    Family("Kandinsky", _has("add_embedding.image_norm."), supported=False),
    Family("LoRA (it belongs into models/Lora)", _has("lora_unet_"), supported=False),
    Family("LoRA (it belongs into models/Lora)", _has("lora_te_"), supported=False),
    Family("VAE (it belongs into models/VAE)", _has("decoder.mid", "encoder.mid"), supported=False),
    Family("ControlNet (it belongs into models/ControlNet)", _has("control_model."), supported=False),
)


def family_of(shapes: Shapes) -> Family | None:
    """The family of a checkpoint, or None where it is none that we know."""
    return next((family for family in FAMILIES if family.fits(shapes)), None)
