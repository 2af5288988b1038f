"""The names that diffusers gives to the parts of a model, turned into those of the original checkpoints.

The order of a U-Net's blocks is read from the names themselves: which levels have how many residual blocks, and which
of them ends with a change of size. Pure functions; no tensor is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from modules.models.tensor_names import Shape

if TYPE_CHECKING:
    from torch import Tensor

Rules = tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]

VAE_PREFIXES = ("first_stage_model.", "vae.")


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


def _first(rules: Rules, name: str) -> str | None:
    """`name` by the first rule that fits it as a whole, or None."""
    for pattern, replacement in rules:
        match = pattern.fullmatch(name)
        if match:
            return match.expand(replacement) if isinstance(replacement, str) else replacement(match)
    return None


# -- U-Net --------------------------------------------------------------------------------------------------

_EMBEDDINGS = _rules(
    (r"conv_in\.(.*)", r"input_blocks.0.0.\1"),
    (r"time_embedding\.linear_1\.(.*)", r"time_embed.0.\1"),
    (r"time_embedding\.linear_2\.(.*)", r"time_embed.2.\1"),
    (r"(?:add|class)_embedding\.linear_1\.(.*)", r"label_emb.0.0.\1"),
    (r"(?:add|class)_embedding\.linear_2\.(.*)", r"label_emb.0.2.\1"),
    (r"class_embedding\.weight", "label_emb.weight"),
    (r"conv_norm_out\.(.*)", r"out.0.\1"),
    (r"conv_out\.(.*)", r"out.2.\1"),
)
_RESIDUAL = _rules(
    (r"norm1\.(.*)", r"in_layers.0.\1"),
    (r"conv1\.(.*)", r"in_layers.2.\1"),
    (r"time_emb_proj\.(.*)", r"emb_layers.1.\1"),
    (r"norm2\.(.*)", r"out_layers.0.\1"),
    (r"conv2\.(.*)", r"out_layers.3.\1"),
    (r"conv_shortcut\.(.*)", r"skip_connection.\1"),
)
_DOWN = re.compile(r"down_blocks\.(\d+)\.(resnets|attentions|downsamplers)\.(\d+)\.(.*)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)")
_UP = re.compile(r"up_blocks\.(\d+)\.(resnets|attentions|upsamplers)\.(\d+)\.(.*)")


def unet_names(names: Iterable[str]) -> dict[str, str]:
    """The U-Net's tensors: `{original name, without prefix: diffusers' name}`.

    Raises: KeyError: a tensor that no Stable Diffusion U-Net has; its argument is the name.
    """
    names = list(names)
    down = _first_blocks(names, _DOWN, "downsamplers")
    up = _first_blocks(names, _UP, None)
    middle_attention = any(name.startswith("mid_block.attentions.") for name in names)
    up_attention = {m.group(1) for name in names if (m := _UP.fullmatch(name)) and m.group(2) == "attentions"}

    def ours(name: str) -> str | None:
        if match := _DOWN.fullmatch(name):
            level, part, i, rest = match.groups()
            if part == "downsamplers":
                return f"input_blocks.{down[int(level) + 1]}.0.{_resample(rest, 'op')}"
            return _layer(f"input_blocks.{down[int(level)] + int(i) + 1}", part, rest)
        if match := _UP.fullmatch(name):
            level, part, i, rest = match.groups()
            if part == "upsamplers":
                place = 2 if level in up_attention else 1
                return f"output_blocks.{up[int(level) + 1] - 1}.{place}.{_resample(rest, 'conv')}"
            return _layer(f"output_blocks.{up[int(level)] + int(i)}", part, rest)
        if match := _MIDDLE.fullmatch(name):
            part, i, rest = match.groups()
            if part == "attentions":
                return f"middle_block.1.{rest}"
            place = int(i) * (2 if middle_attention else 1)
            inner = _first(_RESIDUAL, rest)
            return inner and f"middle_block.{place}.{inner}"
        return _first(_EMBEDDINGS, name)

    found: dict[str, str] = {}
    for name in names:
        new = ours(name)
        if new is None:
            raise KeyError(name)
        found[new] = name
    return found


def _first_blocks(names: Iterable[str], pattern: re.Pattern[str], extra: str | None) -> list[int]:
    """How many blocks stand before each level, and at the end the number of all; `extra` parts count as a block."""
    parts: dict[int, set[tuple[str, str]]] = {}
    for name in names:
        match = pattern.fullmatch(name)
        if match and match.group(2) in ("resnets", extra):
            parts.setdefault(int(match.group(1)), set()).add((match.group(2), match.group(3)))
    firsts = [0]
    for level in range(max(parts, default=-1) + 1):
        firsts.append(firsts[-1] + len(parts.get(level, ())))
    return firsts


def _layer(block: str, part: str, rest: str) -> str | None:
    """A name in a residual block or in the transformer behind it (whose inner names are the same)."""
    if part == "attentions":
        return f"{block}.1.{rest}"
    inner = _first(_RESIDUAL, rest)
    return inner and f"{block}.0.{inner}"


def _resample(rest: str, name: str) -> str:
    return re.sub(r"^conv\.", f"{name}.", rest)


# -- VAE ----------------------------------------------------------------------------------------------------

_VAE_ATTENTION = _rules(
    (r"group_norm\.(.*)", r"norm.\1"),
    (r"(?:to_q|query)\.(.*)", r"q.\1"),
    (r"(?:to_k|key)\.(.*)", r"k.\1"),
    (r"(?:to_v|value)\.(.*)", r"v.\1"),
    (r"(?:to_out\.0|proj_attn)\.(.*)", r"proj_out.\1"),
)
_VAE_LEVEL = re.compile(
    r"(encoder\.down|decoder\.up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.*)"
)
_VAE_MIDDLE = re.compile(r"(encoder|decoder)\.mid_block\.(resnets|attentions)\.(\d+)\.(.*)")
_VAE_SAME = re.compile(r"(?:quant_conv|post_quant_conv|(?:encoder|decoder)\.(?:conv_in|conv_out))\..*")
_VAE_NORM = re.compile(r"(encoder|decoder)\.conv_norm_out\.(.*)")
_VAE_ORIGINAL = re.compile(r"(?:encoder|decoder)\.(?:down|up|mid|norm_out)\..*")
_VAE_1X1 = re.compile(r"(?:encoder|decoder)\.mid\.attn_1\.(?:q|k|v|proj_out)\.weight")


def vae_names(shapes: Mapping[str, Shape] | Iterable[str]) -> dict[str, str]:
    """A VAE's tensors in either naming: `{original name, without prefix: name in the file}`.

    Tensors that belong to no VAE are left out, so {} means that there is none.
    """
    names = list(shapes)
    prefix = next((p for p in VAE_PREFIXES if any(name.startswith(p) for name in names)), "")
    bare = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
    levels = [int(m.group(2)) for name in bare if (m := _VAE_LEVEL.fullmatch(name)) and "up" in m.group(1)]
    last = max(levels, default=0)
    found = {}
    for name, source in bare.items():
        ours = _vae_name(name, last)
        if ours is not None:
            found[ours] = source
    return found if any(name.startswith(("encoder.", "decoder.")) for name in found) else {}


def _vae_name(name: str, last: int) -> str | None:
    """The original name; `last`: the number of diffusers' last level of the decoder, which is the original's first."""
    if _VAE_ORIGINAL.fullmatch(name) or _VAE_SAME.fullmatch(name):
        return name
    if match := _VAE_LEVEL.fullmatch(name):
        side, level, part, i, rest = match.groups()
        number = last - int(level) if side == "decoder.up" else int(level)
        if part == "resnets":
            return f"{side}.{number}.block.{i}.{rest.replace('conv_shortcut.', 'nin_shortcut.')}"
        return f"{side}.{number}.{part.removesuffix('rs')}.{rest}"
    if match := _VAE_MIDDLE.fullmatch(name):
        side, part, i, rest = match.groups()
        if part == "resnets":
            return f"{side}.mid.block_{int(i) + 1}.{rest.replace('conv_shortcut.', 'nin_shortcut.')}"
        inner = _first(_VAE_ATTENTION, rest)
        return inner and f"{side}.mid.attn_{int(i) + 1}.{inner}"
    if match := _VAE_NORM.fullmatch(name):
        return f"{match.group(1)}.norm_out.{match.group(2)}"
    return None


def vae_shape(name: str, shape: Shape) -> Shape:
    """The shape under the original name: the attention's linear layers `[C, C]` are convolutions `[C, C, 1, 1]`."""
    return (*shape, 1, 1) if len(shape) == 2 and _VAE_1X1.fullmatch(name) else shape


def to_original_vae(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A VAE's tensors in either naming, under the original names without prefix and in the original shapes."""
    names = vae_names(tensors)
    return {
        ours: tensors[theirs].reshape(vae_shape(ours, tuple(tensors[theirs].shape)))
        for ours, theirs in names.items()
    }


# -- text encoders ------------------------------------------------------------------------------------------


def text_encoder_names(names: Iterable[str]) -> dict[str, str]:
    """A CLIP text encoder's tensors: `{name with text_model. or text_projection.: name in the file}`."""
    own = ("text_model.", "text_projection.")
    return {name if name.startswith(own) else f"text_model.{name}": name for name in names}
