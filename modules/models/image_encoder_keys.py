"""CLIP's names of its image tower, turned into those of transformers, and the tower's sizes.

OpenAI's and OpenCLIP's models have the same names (`visual.transformer.resblocks.*`); checkpoints of Stable
Diffusion 2.1 unCLIP keep the tower under `embedder.model.visual.*`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from transformers import CLIPVisionConfig

OPENAI_WIDTH = 1024
"""OpenAI's ViT-L, the only one of the towers in use with the approximate GELU; OpenCLIP's H has 1280 channels."""
HEADS = {1024: 16, 1280: 16, 1664: 16}
"""Attention heads of the published towers by width (L, H, G); all others have 64 channels a head."""

_TOP = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",  # transformers' spelling
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
}
_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def to_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tower's weights under transformers' names.

    Args:
        tensors: names of CLIP with anything before `visual.`, or of transformers with anything before
            `vision_model.` and `visual_projection.`. Other names (a text tower's) are left out.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if found := re.search(r"(?:^|\.)(?:vision_model|visual_projection)\.", name):
            renamed[name[found.start() :].lstrip(".")] = tensor
        elif found := re.search(r"(?:^|\.)visual\.", name):
            renamed |= _renamed(name[found.end() :], tensor)
    return renamed


def _renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """One tensor of CLIP, its name without `visual.`, as none, one or three of transformers."""
    if name in _TOP:
        return {_TOP[name]: tensor}
    if name == "proj":  # multiplied from the right there, a linear layer here
        return {"visual_projection.weight": tensor.T.contiguous()}
    if not (found := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)", name)):
        return {}
    layer, kind = f"vision_model.encoder.layers.{found[1]}", found[3]
    if found[2] == "attn.in_proj":  # three linear layers in one, stacked over their outputs
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{layer}.self_attn.{part}_proj.{kind}": rows.contiguous() for part, rows in parts}
    return {f"{layer}.{_BLOCK[found[2]]}.{kind}": tensor} if found[2] in _BLOCK else {}


def tower_config(weights: Mapping[str, Tensor]) -> CLIPVisionConfig:
    """The tower's sizes from its weights under transformers' names.

    Raises: KeyError: tensors are missing.
    """
    from transformers import CLIPVisionConfig

    patches = weights["vision_model.embeddings.patch_embedding.weight"]
    positions = weights["vision_model.embeddings.position_embedding.weight"].shape[0]
    width, patch = patches.shape[0], patches.shape[-1]
    layers = {found[1] for name in weights if (found := re.search(r"\.encoder\.layers\.(\d+)\.", name))}
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=weights["vision_model.encoder.layers.0.mlp.fc1.weight"].shape[0],
        projection_dim=weights["visual_projection.weight"].shape[0],
        num_hidden_layers=len(layers),
        num_attention_heads=HEADS.get(width, max(1, width // 64)),
        image_size=round((positions - 1) ** 0.5) * patch,
        patch_size=patch,
        hidden_act="quick_gelu" if width == OPENAI_WIDTH else "gelu",
    )
