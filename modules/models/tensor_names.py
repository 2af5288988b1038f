"""The names of a checkpoint's tensors: out of whatever they were saved in, back to the original ones.

Pure functions on names and nested containers; nothing is read here and nothing knows torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Shape = tuple[int, ...]

UNET = "model.diffusion_model."
EMA = "model_ema."

_MAX_TENSORS = 500_000
_MAX_NAME = 1000

# Where trainers put the weights among other things, the first that is there counts.
_WEIGHTS = (
    "state_dict",
    "model_state_dict",
    "params_ema",
    "params",
    "model",
    "module",
    "ema",
    "state_dict_ema",
    "model_ema",
)


def weights_in(tree: Any, is_tensor: Callable[[Any], bool]) -> dict[str, Any]:
    """The tensors in a tree of containers, by name; those of the model, where it stands among other things.

    What is nested deeper gets dotted names: `{"a": {"b": [tensor]}}` gives `a.b.0`.

    Args: tree: without circles, as `pickle_file` gives it; is_tensor: is a leaf one?

    Raises: ValueError: there are more tensors, or longer names, than any model has.
    """
    while isinstance(tree, Mapping):
        inner = next((tree[key] for key in _WEIGHTS if _holds_tensors(tree.get(key), is_tensor)), None)
        if inner is None:
            break
        tree = inner
    found: dict[str, Any] = {}
    for name, tensor in _flat(tree, "", is_tensor):
        if len(found) == _MAX_TENSORS:
            raise ValueError("too many tensors")
        found[name] = tensor
    return found


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _holds_tensors(value: Any, is_tensor: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and any(
        is_tensor(child) or _holds_tensors(child, is_tensor) for _, child in _children(value)
    )


def _flat(value: Any, prefix: str, is_tensor: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:
    for key, child in _children(value):
        if len(prefix) > _MAX_NAME or (isinstance(key, str | bytes) and len(key) > _MAX_NAME):
            raise ValueError("too long a name")
        if is_tensor(child):
            yield f"{prefix}{key}", child
        else:
            yield from _flat(child, f"{prefix}{key}.", is_tensor)


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """The names that count, each with its name in the file: `{our name: name in the file}`.

    Prefixes of wrappers go (`module.`, `_orig_mod.`, a second `model.`). A file whose U-Net is only there as an
    averaged copy (`model_ema.*`) has it under the plain names; where both are there, the plain one counts and the copy
    is left out.
    """
    found = {name.replace("_orig_mod.", ""): name for name in names}
    wrapper = _wrapper(found)
    if wrapper:
        found = {name.removeprefix(wrapper): source for name, source in found.items()}
    averaged = {name: source for name, source in found.items() if name.startswith(EMA)}
    if not averaged:
        return found
    plain = {name: source for name, source in found.items() if name not in averaged}
    if any(name.startswith(UNET) for name in plain):
        return plain
    dotted = ((dotted_ema_name(name), source) for name, source in averaged.items())
    return {name: source for name, source in dotted if name is not None} | plain


def _wrapper(names: Iterable[str]) -> str:
    """The prefix that something put before all names of a model, or ""."""
    names = list(names)
    for mark in (UNET, EMA):
        if any(name.startswith(mark) for name in names):
            return ""
        for name in names:
            before, found, _ = name.partition("." + mark)
            if found:
                return before + "."
    for prefix in ("module.", "state_dict."):
        if names and all(name.startswith(prefix) for name in names):
            return prefix
    return ""


_PARAMETER = r"(?P<parameter>weight|bias)"
_LAYER = (
    r"(?P<layer>|in_layers\d|emb_layers\d|out_layers\d|skip_connection|op|conv|norm|proj_in|proj_out"
    r"|transformer_blocks\d+(?:attn[12](?:to_[qkv]|to_out0)|norm[123]|ff(?:net0proj|net2)))"
)
_EMA_PATTERNS = (
    # a block has at most ten layers, so the last digit is the layer and those before it are the block
    re.compile(rf"(?P<block>input_blocks|output_blocks)(?P<number>\d+)(?P<place>\d){_LAYER}{_PARAMETER}"),
    re.compile(rf"(?P<block>middle_block)(?P<place>\d){_LAYER}{_PARAMETER}"),
    re.compile(rf"(?P<block>label_emb)(?P<number>0)(?P<place>\d){_PARAMETER}"),
    re.compile(rf"(?P<block>time_embed|out)(?P<place>\d){_PARAMETER}"),
    re.compile(rf"(?P<block>label_emb){_PARAMETER}"),
)
_LAYER_DOTS = (
    (re.compile(r"^(in_layers|emb_layers|out_layers)(\d)$"), r"\1.\2"),
    (re.compile(r"^transformer_blocks(\d+)(attn[12]|norm[123]|ff)"), r"transformer_blocks.\1.\2."),
    (re.compile(r"\.to_out0$"), ".to_out.0"),
    (re.compile(r"\.net0proj$"), ".net.0.proj"),
    (re.compile(r"\.net2$"), ".net.2"),
)


def dotted_ema_name(name: str) -> str | None:
    """The plain name of an averaged tensor of the U-Net, or None if it is none.

    The averaged copies were stored without dots: `model_ema.diffusion_modelinput_blocks10in_layers0weight` is
    `model.diffusion_model.input_blocks.1.0.in_layers.0.weight`.
    """
    bare = name.removeprefix(EMA)
    if bare.startswith(UNET):  # a copy that kept its dots
        return bare
    if bare.startswith("diffusion_model."):
        return "model." + bare
    bare = bare.removeprefix("diffusion_model")
    for pattern in _EMA_PATTERNS:
        match = pattern.fullmatch(bare)
        if match:
            parts = match.groupdict()
            layer = parts.get("layer") or ""
            for dots, replacement in _LAYER_DOTS:
                layer = dots.sub(replacement, layer)
            wanted = (parts["block"], parts.get("number"), parts.get("place"), layer, parts["parameter"])
            return UNET + ".".join(part.strip(".") for part in wanted if part)
    return None
