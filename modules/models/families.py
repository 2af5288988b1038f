"""The families of checkpoints, told apart by their keys and shapes: one small description each.

To add a family, add a `Family` to `FAMILIES`. The order counts: the first whose `fits` says yes is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor names and shapes of a checkpoint."""

UNET = "model.diffusion_model."
VAE = "first_stage_model."
SD1_TEXT = "cond_stage_model.transformer.text_model."
SD2_TEXT = "cond_stage_model.model."
SDXL_TEXT = "conditioner.embedders."
_CONTEXT = ".attn2.to_k.weight"


@dataclass(frozen=True)
class Family:
    """What the tensors alone don't say about a kind of checkpoint.

    Args:
        name: for people.
        fits: does a checkpoint with these shapes belong here?
        heads, head_channels: attention heads of the U-Net: their number, or the width of each.
        latent_scale: the VAE's latents are multiplied by this for the U-Net.
        text_prefixes: prefix of the text encoder's keys, the usual one first.
        supported: False: the family is only known by name, to say what a file is.
    """

    name: str
    fits: Callable[[Shapes], bool]
    heads: int | None = None
    head_channels: int | None = None
    latent_scale: float = 0.18215
    text_prefixes: tuple[str, ...] = ()
    text_head_width: int = 64
    supported: bool = True


def _has(*prefixes: str) -> Callable[[Shapes], bool]:
    return lambda shapes: all(any(name.startswith(prefix) for name in shapes) for prefix in prefixes)


def _input_channels(shapes: Shapes) -> int:
    return shapes.get(UNET + "input_blocks.0.0.weight", (0, 0))[1]


def _is_sd1(shapes: Shapes) -> bool:
    texts = _has(SD1_TEXT)(shapes) or _has("cond_stage_model.transformer.encoder.")(shapes)
    return texts and _input_channels(shapes) == 4


FAMILIES: tuple[Family, ...] = (
    Family(
        "Stable Diffusion 1",
        _is_sd1,
        heads=8,
        text_prefixes=(SD1_TEXT, "cond_stage_model.transformer."),
    ),
    Family("Stable Diffusion 1 for inpainting or editing", _has(UNET, SD1_TEXT), supported=False),
    Family("Stable Diffusion 2", _has(UNET, SD2_TEXT), supported=False),
    Family("Stable Diffusion XL", _has(UNET + "input_blocks.", SDXL_TEXT), supported=False),
    Family("Stable Diffusion 3", _has("model.diffusion_model.joint_blocks."), supported=False),
    Family("Flux", _has("double_blocks."), supported=False),
    Family("Flux", _has("model.diffusion_model.double_blocks."), supported=False),
)


def family_of(shapes: Shapes) -> Family | None:
    """The family of a checkpoint, or None where it is none that we know."""
    return next((family for family in FAMILIES if family.fits(shapes)), None)
