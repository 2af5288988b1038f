"""Reads hypernetwork files: small networks that change the context of attention.

Format: a pickle. An integer key is a context width, with the weights for keys and for values under it. In these,
`linear.N.weight` counts all layers: Linear, activation, layer norm, dropout; very old files say `linear1`, `linear2`.
Beside them: `layer_structure`, `activation_func`, `is_layer_norm`, `activate_output`, `dropout_structure`, ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modules.faults import BadFile
from modules.models.pickle_file import read_pickle
from modules.networks.file_size import size_of

Weights = Mapping[str, Tensor]
"""The weights of one small network, by names like `linear.0.weight`."""

SUFFIXES = (".pt",)
DEFAULT_STRUCTURE = (1.0, 2.0, 1.0)
_NAME = re.compile(r"linear\.(\d+)\.(weight|bias)")
_OLD_NAME = re.compile(r"linear(\d+)\.(weight|bias)")
_NOTHING = torch.empty(0)
# They need arguments, change the width, or mix the pictures of a batch.
_UNFIT_ACTIVATIONS = (
    "glu",
    "multiheadattention",
    "threshold",
    "softmax",
    "softmin",
    "logsoftmax",
    "softmax2d",
)


@dataclass(frozen=True)
class HypernetworkFile:
    """What is in a hypernetwork's file.

    Args:
        name: the file's name without suffix.
        layers: weights for keys and weights for values, by the width of the context that they change.
        structure: widths of the layers, as multiples of the context's: (1, 2, 1).
        activation: a name of torch's in lower case ("relu"), "swish" (Hardswish) or "linear" (none).
        is_layer_norm: a layer norm follows each activation.
        activate_output: there is an activation after the last layer too.
        use_dropout, dropout_structure: dropout in training; in use it is off.
        step: of its training; checkpoint_hash, checkpoint_name: what it was trained on.
    """

    name: str
    path: Path
    layers: Mapping[int, tuple[Weights, Weights]]
    structure: tuple[float, ...] = DEFAULT_STRUCTURE
    activation: str = "linear"
    is_layer_norm: bool = False
    activate_output: bool = True
    use_dropout: bool = False
    dropout_structure: tuple[float, ...] | None = None
    step: int | None = None
    checkpoint_hash: str | None = None
    checkpoint_name: str | None = None


def read_hypernetwork(path: Path) -> HypernetworkFile:
    """The hypernetwork in a `.pt` file.

    Raises: BadFile: it holds none, or one that can't be used.
    """
    size_of(path)
    return parse_hypernetwork(read_pickle(path), path)


def parse_hypernetwork(data: object, path: Path) -> HypernetworkFile:
    """The hypernetwork in the contents of a file.

    Raises: BadFile: it is nothing of this kind.
    """
    if not isinstance(data, Mapping):
        raise BadFile(path, "it holds no hypernetwork.")
    structure = _numbers(data.get("layer_structure")) or DEFAULT_STRUCTURE
    activation = str(data.get("activation_func") or "linear").lower()
    make_activation(activation, path)
    layers = {}
    for key, value in data.items():
        width = _width(key)
        if width is None:
            continue
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise BadFile(path, f"for the width {width} it hasn't one network for keys and one for values.")
        keys, values = (_weights(weights, path) for weights in value)
        layers[width] = (keys, values)
    if not layers:
        raise BadFile(path, "it holds no hypernetwork.")
    found = HypernetworkFile(
        name=path.stem,
        path=path,
        layers=layers,
        structure=structure,
        activation=activation,
        is_layer_norm=bool(data.get("is_layer_norm", False)),
        activate_output=bool(data.get("activate_output", True)),
        use_dropout=bool(data.get("use_dropout", False)),
        dropout_structure=_numbers(data.get("dropout_structure")),
        step=_integer(data.get("step")),
        checkpoint_hash=_text(data.get("sd_checkpoint")),
        checkpoint_name=_text(data.get("sd_checkpoint_name")),
    )
    for width, pair in layers.items():
        for weights in pair:
            build_network(found, width, weights, device=torch.device("meta"))
    return found


def make_activation(name: str, path: Path) -> nn.Module | None:
    """The activation of this name; None is none.

    Raises: BadFile: there is no such activation.
    """
    if name in ("linear", "none"):
        return None
    from torch.nn.modules import activation

    kinds = {kind.lower(): kind for kind in activation.__all__}
    kind = "Hardswish" if name == "swish" else kinds.get(name)
    if kind is None or name in _UNFIT_ACTIVATIONS:
        raise BadFile(path, f"it has an activation that can't be used here: {name!r}.")
    return getattr(activation, kind)()


def build_network(
    file: HypernetworkFile,
    width: int,
    weights: Weights,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Sequential:
    """One of the file's networks, `[..., width]` -> `[..., width]`, without gradients and dropout.

    The widths are those of the weights. Of the numbers in the names only the order counts: one without weights is an
    activation or a dropout, and where activations stand is known.

    Args: device: "meta" looks at the shapes and copies nothing.

    Raises: BadFile: the weights don't fit together.
    """
    path, layers = file.path, nn.Sequential()
    numbers = sorted({int(name.split(".")[1]) for name in weights})
    linear = [number for number in numbers if weights.get(f"linear.{number}.weight", _NOTHING).ndim == 2]
    if not linear or numbers[0] != linear[0]:
        raise BadFile(path, f"for the width {width} it doesn't begin with a linear layer.")
    inner = width
    for i, number in enumerate(linear):
        last = i == len(linear) - 1
        end = numbers[-1] + 1 if last else linear[i + 1]
        outer = width if last else len(weights[f"linear.{number}.weight"])
        layers.append(_filled(nn.Linear(inner, outer, device="meta"), number, weights, path, device, dtype))
        activation = None if last and not file.activate_output else make_activation(file.activation, path)
        followers = [other for other in numbers if number < other < end]
        if isinstance(activation, nn.PReLU) and followers:
            _filled(activation, followers.pop(0), weights, path, device, dtype)
        if activation is not None:
            layers.append(activation)
        if len(followers) > 1:
            raise BadFile(path, f"there are too many layers after linear.{number}.")
        for other in followers:
            layers.append(_filled(nn.LayerNorm(outer, device="meta"), other, weights, path, device, dtype))
        inner = outer
    return layers.eval().requires_grad_(False)


def _filled(
    layer: nn.Module,
    number: int,
    weights: Weights,
    path: Path,
    device: torch.device | None,
    dtype: torch.dtype | None,
) -> nn.Module:
    """A layer with the file's weights in it."""
    for name, empty in list(layer.named_parameters()):
        tensor = weights.get(f"linear.{number}.{name}")
        if tensor is None:
            raise BadFile(path, f"linear.{number}.{name} is missing.")
        if tensor.shape != empty.shape:
            found, wanted = list(tensor.shape), list(empty.shape)
            raise BadFile(path, f"linear.{number}.{name} has the shape {found}, not {wanted}.")
        setattr(layer, name, nn.Parameter(tensor.to(device, dtype), requires_grad=False))
    return layer


def _weights(weights: object, path: Path) -> Weights:
    """The weights of one network, with the names of very old files made new."""
    if not isinstance(weights, Mapping) or not weights:
        raise BadFile(path, "one of its networks has no weights.")
    named: dict[str, Tensor] = {}
    for key, tensor in weights.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise BadFile(path, f"{key} is no tensor of numbers.")
        if not bool(tensor.isfinite().all()):
            raise BadFile(path, f"some numbers in {key} are infinite or no numbers (NaN).")
        if old := _OLD_NAME.fullmatch(str(key)):
            key = f"linear.{int(old[1]) - 1}.{old[2]}"
        elif not _NAME.fullmatch(str(key)):
            raise BadFile(path, f"it has a layer that isn't known here: {key}.")
        named[str(key)] = tensor.detach()
    return named


def _width(key: object) -> int | None:
    """A key that is a context width; others name settings."""
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    return int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 6 else None


def _numbers(value: object) -> tuple[float, ...] | None:
    if not isinstance(value, (list, tuple)) or not value:
        return None
    return tuple(float(number) for number in value if isinstance(number, (int, float)))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
