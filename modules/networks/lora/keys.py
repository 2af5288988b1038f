"""Where a key of a network file belongs: which module of which network, and which part of what is added there.

Keys come in dialects: `lora_unet_down_blocks_0_attentions_0_..._to_q.lora_up.weight` (kohya, diffusers' names),
`lora_unet_input_blocks_1_1_...` (the original names, SDXL), `unet.down_blocks.0...to_q.lora_A.weight` (peft),
`unet.down_blocks.0...attn1.processor.to_q_lora.up.weight` (early diffusers). With dots turned into underscores, a
module's name in any dialect is looked up in a table made from the modules that a model really has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn

from modules.models.unet import UNet, UNetConfig

_LORA = r"(?:\.\w+)?\.weight"  # peft writes the adapter's name before it: lora_A.default.weight
_PARTS = {
    "lora_up": rf"lora_up\.weight|lora_B{_LORA}|lora\.up\.weight|lora_linear_layer\.up\.weight",
    "lora_down": rf"lora_down\.weight|lora_A{_LORA}|lora\.down\.weight|lora_linear_layer\.down\.weight",
    "lora_mid": r"lora_mid\.weight",
    "dora_scale": rf"dora_scale|lora_magnitude_vector(?:{_LORA})?",
    **{name: rf"{name}\.weight" for name in ("a1", "a2", "b1", "b2")},
    **{f"hada_{name}": f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{name}": f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t1", "t2")},
    **{name: name for name in ("alpha", "scale", "on_input", "diff", "diff_b", "w_norm", "b_norm")},
    **{name: name for name in ("oft_blocks", "oft_diag", "rescale")},
}
PARTS = (*_PARTS, "weight")
"""The names of the parts: what `split_key` makes of a key's end. `weight` is IA3's vector."""

_KEY = re.compile(
    r"(?P<module>.+?)(?:"
    + "|".join(rf"[._](?P<{part}>{pattern})" for part, pattern in _PARTS.items())
    + r")$"
)
_IA3 = re.compile(r"(?P<module>(?:lora|lycoris)_[^.]+)\.weight$")
_BUNDLED = re.compile(
    r"bundle_emb\.(?P<name>.+?)\.(?:string_to_param\.)?(?P<part>\*|clip_l|clip_g|emb_params)$"
)

_UNET = -1
_PREFIXES: tuple[tuple[str, int], ...] = (
    ("lora_unet_", _UNET),
    ("oft_unet_", _UNET),
    ("lycoris_unet_", _UNET),
    ("lora_te1_", 0),
    ("lora_te2_", 1),
    ("lora_te_", 0),
    ("unet_", _UNET),
    ("text_encoder_2_", 1),
    ("text_encoder_", 0),
    ("model_diffusion_model_", _UNET),
    ("diffusion_model_", _UNET),
    ("lycoris_", _UNET),
    ("lycoris_", 0),
    ("", _UNET),
    ("", 0),
)
_WRAPPER = "base_model_model_"


class Place(NamedTuple):
    """Where a change goes.

    Args:
        encoder: the number of the text encoder, or None for the U-Net.
        modules: the module's name there; three where a matrix of queries, keys and values is cut in thirds.
    """

    encoder: int | None
    modules: tuple[str, ...]


def split_key(key: str) -> tuple[str, str] | None:
    """A key's module (as the file names it) and part (one of `PARTS`); None where it is no key of a network."""
    found = _KEY.match(key)
    if found:
        return found["module"], found.lastgroup or ""
    found = _IA3.match(key)
    return (found["module"], "weight") if found else None


def bundled_embedding(key: str) -> tuple[str, str] | None:
    """Name and part (`*`, `clip_l`, `clip_g`) of an embedding that comes inside a network file; None for others."""
    found = _BUNDLED.match(key)
    return (found["name"], found["part"]) if found else None


class ModuleNames:
    """All names under which network files know the modules of a model.

    Args:
        unet: a `UNet`, or None where only text encoders matter.
        text_encoders: in the model's order (SDXL: L, then G).
    """

    def __init__(self, unet: nn.Module | None, text_encoders: Sequence[nn.Module] = ()) -> None:
        self._names = {i: dict(_text_names(encoder, i)) for i, encoder in enumerate(text_encoders)}
        if unet is not None:
            config = unet.config if isinstance(unet, UNet) else None
            self._names[_UNET] = dict(_unet_names(unet, config))

    def find(self, module_key: str) -> Place | None:
        """The place that a file's name of a module means (see `split_key`), or None."""
        name = module_key.replace(".processor.", ".").replace(".", "_").removeprefix(_WRAPPER)
        for prefix, network in _PREFIXES:
            if not name.startswith(prefix):
                continue
            place = self._names.get(network, {}).get(name[len(prefix) :])
            if place is not None:
                return place
        return None


def _weighted(network: nn.Module) -> Iterator[str]:
    """The names of the modules that have a weight."""
    for name, module in network.named_modules():
        if isinstance(getattr(module, "weight", None), nn.Parameter):
            yield name


def _unet_names(unet: nn.Module, config: UNetConfig | None) -> Iterator[tuple[str, Place]]:
    renamed = diffusers_names(config) if config is not None else {}
    for name in _weighted(unet):
        place = Place(None, (name,))
        for known in (name, _in_diffusers(name, renamed)):
            if known is None:
                continue
            yield known.replace(".", "_"), place
            if known.endswith("to_out.0"):
                yield known.removesuffix(".0").replace(".", "_"), place


_IN_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
    "op": "conv",
}


def _in_diffusers(name: str, renamed: dict[str, str]) -> str | None:
    """A module's name in diffusers, from the names of the blocks; None where diffusers has no such module."""
    if name in renamed:
        return renamed[name]
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        block = renamed.get(".".join(parts[:cut]))
        if block is not None:
            rest = ".".join(parts[cut:])
            return f"{block}.{_IN_RESNET.get(rest, rest)}"
    return None


def diffusers_names(config: UNetConfig) -> dict[str, str]:
    """What diffusers calls the residual blocks, transformers and samplers of a U-Net, by our names of them."""
    names = {
        "input_blocks.0.0": "conv_in",
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "label_emb.0.0": "add_embedding.linear_1",
        "label_emb.0.2": "add_embedding.linear_2",
        "out.0": "conv_norm_out",
        "out.2": "conv_out",
        "middle_block.0": "mid_block.resnets.0",
        "middle_block.1": "mid_block.attentions.0" if config.middle_depth else "mid_block.resnets.1",
        "middle_block.2": "mid_block.resnets.1",
    }
    last = len(config.multipliers) - 1
    i = 1
    for level, depths in enumerate(config.input_depths):
        for block in range(len(depths)):
            names[f"input_blocks.{i}.0"] = f"down_blocks.{level}.resnets.{block}"
            names[f"input_blocks.{i}.1"] = f"down_blocks.{level}.attentions.{block}"
            i += 1
        if level < last:
            names[f"input_blocks.{i}.0"] = f"down_blocks.{level}.downsamplers.0"
            i += 1
    i = 0
    for level, depths in enumerate(reversed(config.output_depths)):
        for block, depth in enumerate(depths):
            names[f"output_blocks.{i}.0"] = f"up_blocks.{level}.resnets.{block}"
            if depth:
                names[f"output_blocks.{i}.1"] = f"up_blocks.{level}.attentions.{block}"
            if level < last and block == len(depths) - 1:
                names[f"output_blocks.{i}.{2 if depth else 1}"] = f"up_blocks.{level}.upsamplers.0"
            i += 1
    return names


_IN_OPENCLIP = {
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
}
_EARLY_DIFFUSERS = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
_LAYER = re.compile(r"model\.encoder\.layers\.(\d+)\.(.+)")


def _text_names(encoder: nn.Module, index: int) -> Iterator[tuple[str, Place]]:
    for name in _weighted(encoder):
        place = Place(index, (name,))
        inner = name.removeprefix("model.")
        for known in (f"text_model.{inner}", f"text_model.text_model.{inner}", inner):
            yield known.replace(".", "_"), place
        if inner == "final_layer_norm":
            yield from _openclip("ln_final", place)
        layer = _LAYER.match(name)
        if layer is None:
            continue
        block, rest = f"transformer.resblocks.{layer[1]}", layer[2]
        if rest in _IN_OPENCLIP:
            yield from _openclip(f"{block}.{_IN_OPENCLIP[rest]}", place)
        if rest == "self_attn.q_proj":
            attention = name.removesuffix(".q_proj")
            thirds = tuple(f"{attention}.{third}_proj" for third in "qkv")
            yield from _openclip(f"{block}.attn.in_proj", Place(index, thirds))
        if rest.startswith("self_attn."):
            early = f"text_model.encoder.layers.{layer[1]}.self_attn.{_EARLY_DIFFUSERS[rest[10:]]}"
            yield early.replace(".", "_"), place


def _openclip(name: str, place: Place) -> Iterator[tuple[str, Place]]:
    for start in ("", "model.", "text_model."):
        yield (start + name).replace(".", "_"), place
