"""The names that text encoders have in checkpoint files, and what they are called here.

OpenAI's CLIP lies there under transformers' names, which are ours too; OpenCLIP's models have their own: queries, keys
and values stand in one matrix, and the projection is stored the other way round.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from torch import Tensor

from modules.models.families import Shapes, TextRules

_OPENCLIP_NAMES = (
    ("token_embedding.", "model.embeddings.token_embedding."),
    ("ln_final.", "model.final_layer_norm."),
)
_OPENCLIP_LAYER_NAMES = (
    ("ln_1.", "layer_norm1."),
    ("ln_2.", "layer_norm2."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
    ("attn.out_proj.", "self_attn.out_proj."),
)


class Origin(NamedTuple):
    """Where a weight of ours comes from.

    Args:
        name: the tensor in the file.
        third: 0, 1, 2: only that third of its rows; None: all of it.
        transposed: it is stored the other way round.
    """

    name: str
    third: int | None = None
    transposed: bool = False

    def shape(self, shapes: Shapes) -> tuple[int, ...]:
        """The shape that `take` gives."""
        shape = shapes[self.name]
        if self.third is not None:
            return (shape[0] // 3, *shape[1:])
        return shape[::-1] if self.transposed else shape

    def take(self, tensor: Tensor) -> Tensor:
        """Our weight out of the file's tensor."""
        if self.third is not None:
            return tensor.chunk(3)[self.third]
        return tensor.T if self.transposed else tensor


Origins = dict[str, Origin]


class FoundText(NamedTuple):
    """A text encoder in a file: its weights by the names of `TextEncoder`, and whether the layout is OpenCLIP's."""

    origins: Origins
    openclip: bool


def find_text(shapes: Shapes, rules: TextRules) -> FoundText:
    """The text encoder that the rules describe.

    Raises: KeyError: it isn't there.
    """
    for prefix in rules.prefixes:
        if f"{prefix}token_embedding.weight" in shapes:
            return FoundText(_openclip(shapes, prefix), True)
        if f"{prefix}embeddings.token_embedding.weight" in shapes:
            return FoundText(_clip(shapes, prefix), False)
    raise KeyError(rules.prefixes[0])


def _clip(shapes: Shapes, prefix: str) -> Origins:
    origins = {
        f"model.{name[len(prefix) :]}": Origin(name)
        for name in shapes
        if name.startswith((f"{prefix}embeddings.", f"{prefix}encoder.", f"{prefix}final_layer_norm."))
    }
    projection = f"{prefix.removesuffix('text_model.')}text_projection.weight"
    if projection in shapes:
        origins["text_projection.weight"] = Origin(projection)
    return origins


def _openclip(shapes: Shapes, prefix: str) -> Origins:
    origins: Origins = {}
    for full in shapes:
        if full.startswith(prefix):
            origins.update(_openclip_name(full, full[len(prefix) :]))
    return origins


def _openclip_name(full: str, name: str) -> Origins:
    if name == "positional_embedding":
        return {"model.embeddings.position_embedding.weight": Origin(full)}
    if name == "text_projection":
        return {"text_projection.weight": Origin(full, transposed=True)}
    for theirs, ours in _OPENCLIP_NAMES:
        if name.startswith(theirs):
            return {ours + name[len(theirs) :]: Origin(full)}
    layer = re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)", name)
    if layer is None:
        return {}
    ours, rest = f"model.encoder.layers.{layer.group(1)}.", layer.group(2)
    if rest.startswith("attn.in_proj_"):
        kind = rest.removeprefix("attn.in_proj_")
        return {f"{ours}self_attn.{part}_proj.{kind}": Origin(full, third=i) for i, part in enumerate("qkv")}
    for theirs, own in _OPENCLIP_LAYER_NAMES:
        if rest.startswith(theirs):
            return {ours + own + rest[len(theirs) :]: Origin(full)}
    return {}
