"""MiDaS' names of the DPT-hybrid depth network, turned into those of transformers, and its sizes.

Checkpoints of Stable Diffusion 2 for depth keep the network under `depth_model.model.*` with the names that MiDaS and
timm gave: `pretrained.model.*` is a vision transformer on top of a ResNet (BiT), `scratch.*` joins their features.

Source: Ranftl et al., "Vision Transformers for Dense Prediction" (2021).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from transformers import DPTConfig

PATCH = 16
"""Pixels on a side of one token of the transformer."""
HEAD_WIDTH = 64
"""Channels of one attention head: 12 heads at the published width of 768."""

_VIT = r"pretrained\.model\."
_RESNET = _VIT + r"patch_embed\.backbone\."
_RESNET_TO = "dpt.embeddings.backbone.bit."
_POST = r"pretrained\.act_postprocess"
_UNIT = r"scratch\.refinenet(\d)\.resConfUnit(\d)\.conv(\d)\."

# The beginning of a name, and what stands in its place; the rest (weight, bias, a block's parts) stays.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_VIT + r"cls_token$", "dpt.embeddings.cls_token"),
        (_VIT + r"pos_embed$", "dpt.embeddings.position_embeddings"),
        (_VIT + r"patch_embed\.proj\.", "dpt.embeddings.projection."),
        (_RESNET + r"stem\.conv\.", _RESNET_TO + "embedder.convolution."),
        (_RESNET + r"stem\.norm\.", _RESNET_TO + "embedder.norm."),
        (_RESNET + r"stages\.(\d+)\.blocks\.(\d+)\.", _RESNET_TO + r"encoder.stages.\1.layers.\2."),
        (_VIT + r"blocks\.(\d+)\.norm1\.", r"dpt.encoder.layer.\1.layernorm_before."),
        (_VIT + r"blocks\.(\d+)\.norm2\.", r"dpt.encoder.layer.\1.layernorm_after."),
        (_VIT + r"blocks\.(\d+)\.attn\.qkv\.", r"dpt.encoder.layer.\1.attention.attention.qkv."),
        (_VIT + r"blocks\.(\d+)\.attn\.proj\.", r"dpt.encoder.layer.\1.attention.output.dense."),
        (_VIT + r"blocks\.(\d+)\.mlp\.fc1\.", r"dpt.encoder.layer.\1.intermediate.dense."),
        (_VIT + r"blocks\.(\d+)\.mlp\.fc2\.", r"dpt.encoder.layer.\1.output.dense."),
        (_VIT + r"norm\.", "dpt.layernorm."),
        # Levels 3 and 4 come from the transformer; 1 and 2 are the ResNet's and have no weights here.
        (_POST + r"3\.0\.project\.0\.", "neck.reassemble_stage.readout_projects.2.0."),
        (_POST + r"4\.0\.project\.0\.", "neck.reassemble_stage.readout_projects.3.0."),
        (_POST + r"3\.3\.", "neck.reassemble_stage.layers.2.projection."),
        (_POST + r"4\.3\.", "neck.reassemble_stage.layers.3.projection."),
        (_POST + r"4\.4\.", "neck.reassemble_stage.layers.3.resize."),
        (r"scratch\.output_conv\.", "head.head."),
    )
)
_OURS = re.compile(r"(?:dpt|neck|head)\.")


def to_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's weights under transformers' names.

    Args:
        tensors: names of MiDaS, with or without `model.` before them, or already those of transformers (a `diffusers`
            folder's `depth_estimator`). Names that belong to no part of the network, such as timm's classifier, are
            left out.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        new = name if _OURS.match(name) else _rename(name.removeprefix("model."))
        if new is None:
            continue
        if ".qkv." in new:  # three linear layers in one, stacked over their outputs
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[new.replace(".qkv.", f".{part}.")] = rows.contiguous()
        else:
            renamed[new] = tensor
    return renamed


def _rename(name: str) -> str | None:
    for pattern, replacement in _RULES:
        if pattern.match(name):
            return pattern.sub(replacement, name, count=1)
    if found := re.match(r"scratch\.layer(\d)_rn\.", name):
        return f"neck.convs.{int(found[1]) - 1}.{name[found.end() :]}"
    # MiDaS counts the fusion blocks from the finest level, transformers from the coarsest, where they begin.
    if found := re.match(_UNIT, name):
        layer = f"neck.fusion_stage.layers.{4 - int(found[1])}"
        return f"{layer}.residual_layer{found[2]}.convolution{found[3]}.{name[found.end() :]}"
    if found := re.match(r"scratch\.refinenet(\d)\.out_conv\.", name):
        return f"neck.fusion_stage.layers.{4 - int(found[1])}.projection.{name[found.end() :]}"
    return None


def output_layers(layers: int) -> tuple[int, int]:
    """The two transformer layers that the depth is read from, counted from 0: of 12 the ninth and the last."""
    return layers * 3 // 4 - 1, layers - 1


def network_config(weights: Mapping[str, Tensor]) -> DPTConfig:
    """The network's sizes from its weights under transformers' names.

    Raises: KeyError: tensors are missing.
    """
    from transformers import DPTConfig

    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    width = shapes["dpt.embeddings.cls_token"][-1]
    layers = _count(shapes, r"dpt\.encoder\.layer\.(\d+)\.")
    grid = round((shapes["dpt.embeddings.position_embeddings"][1] - 1) ** 0.5)
    stages = [f"{_RESNET_TO}encoder.stages.{i}.layers." for i in range(3)]
    channels = [shapes[f"{stage}0.conv3.weight"][0] for stage in stages]
    resnet = {
        "model_type": "bit",
        "embedding_size": shapes[f"{_RESNET_TO}embedder.convolution.weight"][0],
        "hidden_sizes": channels,
        "depths": [_count(shapes, re.escape(stage) + r"(\d+)\.") for stage in stages],
        "layer_type": "bottleneck",
        "global_padding": "same",
        "embedding_dynamic_padding": True,
        "out_features": ["stage1", "stage2", "stage3"],
    }
    return DPTConfig(
        is_hybrid=True,
        backbone_config=resnet,
        backbone_featmap_shape=[1, channels[-1], grid, grid],
        backbone_out_indices=[0, 1, *output_layers(layers)],
        image_size=grid * PATCH,
        patch_size=PATCH,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // HEAD_WIDTH),
        intermediate_size=shapes["dpt.encoder.layer.0.intermediate.dense.weight"][0],
        layer_norm_eps=1e-6,  # timm's; transformers' own default is 1e-12
        readout_type="project",
        neck_hidden_sizes=[shapes[f"neck.convs.{i}.weight"][1] for i in range(4)],
        fusion_hidden_size=shapes["neck.convs.0.weight"][0],
    )


def _count(names: Mapping[str, object], pattern: str) -> int:
    """How many different numbers stand in the group of `pattern` at the beginning of the names."""
    return len({found[1] for name in names if (found := re.match(pattern, name))})
