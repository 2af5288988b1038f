"""Reads the shapes of the networks from a checkpoint's tensors; the family's rules fill in the rest."""

from __future__ import annotations

import re

from modules.models.autoencoder import AutoencoderConfig
from modules.models.families import Family, Shapes, TextRules
from modules.models.text_encoder import TextEncoderConfig
from modules.models.unet import UNetConfig


def _count(shapes: Shapes, pattern: str) -> int:
    """How many different numbers stand in the group of `pattern` over all names, from 0 on without gaps."""
    match = re.compile(pattern).match
    found = {int(m.group(1)) for name in shapes if (m := match(name))}
    return len(found) if found == set(range(len(found))) else 0


def _transformer_depth(shapes: Shapes, block: str) -> int:
    return _count(shapes, re.escape(block) + r"\.1\.transformer_blocks\.(\d+)\.")


def unet_config(shapes: Shapes, family: Family) -> UNetConfig:
    """The U-Net's shape from its tensors' names (without prefix) and shapes.

    Raises: KeyError, IndexError: tensors are missing.
    """
    channels, in_channels = shapes["input_blocks.0.0.weight"][:2]
    blocks = _count(shapes, r"input_blocks\.(\d+)\.")
    multipliers: list[int] = []
    depths: list[tuple[int, ...]] = []
    level: list[int] = []
    width = channels
    for i in range(1, blocks):
        name = f"input_blocks.{i}"
        if f"{name}.0.op.weight" in shapes:
            multipliers.append(width // channels)
            depths.append(tuple(level))
            level = []
            continue
        width = shapes[f"{name}.0.out_layers.3.weight"][0]
        level.append(_transformer_depth(shapes, name))
    multipliers.append(width // channels)
    depths.append(tuple(level))

    outputs: list[tuple[int, ...]] = []
    i = 0
    for level_depths in reversed(depths):
        count = len(level_depths) + 1
        outputs.insert(0, tuple(_transformer_depth(shapes, f"output_blocks.{i + k}") for k in range(count)))
        i += count

    contexts = [shape[1] for name, shape in shapes.items() if name.endswith(".attn2.to_k.weight")]
    projections = [len(shape) for name, shape in shapes.items() if name.endswith(".1.proj_in.weight")]
    return UNetConfig(
        in_channels=in_channels,
        out_channels=shapes["out.2.weight"][0],
        channels=channels,
        multipliers=tuple(multipliers),
        input_depths=tuple(depths),
        middle_depth=_transformer_depth(shapes, "middle_block"),
        output_depths=tuple(outputs),
        context_width=contexts[0],
        heads=family.heads,
        head_channels=family.head_channels,
        linear_projections=bool(projections) and projections[0] == 2,
        vector_width=shapes["label_emb.0.0.weight"][1] if "label_emb.0.0.weight" in shapes else None,
        classes=shapes["label_emb.weight"][0] if "label_emb.weight" in shapes else None,
        text_twice=_text_twice(shapes, blocks, contexts[0]),
        middle_residual_blocks=sum(f"middle_block.{i}.in_layers.2.weight" in shapes for i in range(3)),
    )


def _text_twice(shapes: Shapes, blocks: int, context_width: int) -> tuple[bool, ...]:
    """Per level: whether the first attention's keys are of the text. Where that can't be told, they are not."""
    levels = [False]
    for i in range(1, blocks):
        if f"input_blocks.{i}.0.op.weight" in shapes:
            levels.append(False)
        keys = shapes.get(f"input_blocks.{i}.1.transformer_blocks.0.attn1.to_k.weight")
        if keys is not None and keys[1] != keys[0] and keys[1] == context_width:
            levels[-1] = True
    return tuple(levels) if any(levels) else ()


def autoencoder_config(shapes: Shapes, scale: float) -> AutoencoderConfig:
    """The VAE's shape from its tensors' names (without prefix) and shapes.

    Args: scale: the factor between its latents and the U-Net's.

    Raises: KeyError: tensors are missing.
    """
    channels = shapes["encoder.conv_in.weight"][0]
    levels = _count(shapes, r"encoder\.down\.(\d+)\.")
    widths = [shapes[f"encoder.down.{i}.block.0.conv1.weight"][0] for i in range(levels)]
    return AutoencoderConfig(
        channels=channels,
        multipliers=tuple(width // channels for width in widths),
        residual_blocks=_count(shapes, r"encoder\.down\.0\.block\.(\d+)\."),
        latent_channels=shapes["post_quant_conv.weight"][0],
        scale=scale,
    )


TEXT_HEAD_WIDTH = 64


def text_encoder_config(shapes: Shapes, rules: TextRules) -> TextEncoderConfig:
    """The CLIP text encoder's shape from its tensors' names (as in `TextEncoder`) and shapes.

    Raises: KeyError: tensors are missing.
    """
    vocabulary, width = shapes["model.embeddings.token_embedding.weight"]
    return TextEncoderConfig(
        width=width,
        layers=_count(shapes, r"model\.encoder\.layers\.(\d+)\."),
        heads=max(1, width // TEXT_HEAD_WIDTH),
        intermediate=shapes["model.encoder.layers.0.mlp.fc1.weight"][0],
        activation="quick_gelu" if rules.openai else "gelu",
        vocabulary=vocabulary,
        positions=shapes["model.embeddings.position_embedding.weight"][0],
        projection=shapes["text_projection.weight"][0] if rules.pooled else None,
    )
