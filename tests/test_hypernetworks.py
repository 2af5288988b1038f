"""Hypernetworks: their files, the networks in them, and what they do to attention."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.faults import BadFile
from modules.models.unet import UNet
from modules.models.unet_layers import CrossAttention
from modules.networks.hypernetwork_files import (
    HypernetworkFile,
    build_network,
    make_activation,
    parse_hypernetwork,
    read_hypernetwork,
)
from modules.networks.hypernetworks import HypernetworkAdapter
from tests.reference import reference
from tests.tiny_model import UNET

WIDTH = 8
PATH = Path("style.pt")


def random_weights(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights for `network`, put into it; named as in a file."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return {f"linear.{name}": tensor.clone() for name, tensor in network.state_dict().items()}


def trained(
    structure: tuple[float, ...],
    activation: Callable[[], nn.Module] | None,
    *,
    layer_norm: bool = False,
    activate_output: bool = False,
    dropout: tuple[float, ...] | None = None,
    width: int = WIDTH,
) -> nn.Sequential:
    """The network as training builds it, with everything that is counted in the names of its weights."""
    layers: list[nn.Module] = []
    for i in range(len(structure) - 1):
        outer = int(width * structure[i + 1])
        layers.append(nn.Linear(int(width * structure[i]), outer))
        if activation is not None and (activate_output or i < len(structure) - 2):
            layers.append(activation())
        if layer_norm:
            layers.append(nn.LayerNorm(outer))
        if dropout is not None and dropout[i + 1] > 0:
            layers.append(nn.Dropout(dropout[i + 1]))
    return nn.Sequential(*layers).eval()


def small(width: int = WIDTH, seed: int = 0) -> dict[str, Tensor]:
    return random_weights(trained((1, 2, 1), None, width=width), seed)


def plain_file(widths: tuple[int, ...], seed: int = 0, name: str = "style.pt") -> HypernetworkFile:
    """A [1, 2, 1] file without activation."""
    data = {width: [small(width, seed + width), small(width, seed + width + 1)] for width in widths}
    return parse_hypernetwork(data, Path(name))


def by_hand(weights: Mapping[str, Tensor], context: Tensor) -> Tensor:
    inner = F.linear(context, weights["linear.0.weight"], weights["linear.0.bias"])
    return F.linear(inner, weights["linear.1.weight"], weights["linear.1.bias"])


# -- the networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", [(1, 2, 1), (1, 2, 4, 1), (1, 1.5, 1.5, 1), (1, 1)])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("activate_output", [False, True])
@pytest.mark.parametrize("with_dropout", [False, True])
@pytest.mark.parametrize(
    ("activation", "kind"), [("linear", None), ("relu", nn.ReLU), ("swish", nn.Hardswish)]
)
def test_networks_are_those_of_training(
    structure: tuple[float, ...],
    layer_norm: bool,
    activate_output: bool,
    with_dropout: bool,
    activation: str,
    kind: Callable[[], nn.Module] | None,
) -> None:
    dropout = (0.0, *[0.3] * (len(structure) - 2), 0.0) if with_dropout else None
    keys = trained(structure, kind, layer_norm=layer_norm, activate_output=activate_output, dropout=dropout)
    weights = random_weights(keys, 1)
    data = {
        WIDTH: [weights, weights],
        "layer_structure": list(structure),
        "activation_func": activation,
        "is_layer_norm": layer_norm,
        "activate_output": activate_output,
        "use_dropout": with_dropout,
        "dropout_structure": list(dropout) if dropout else None,
    }
    file = parse_hypernetwork(data, PATH)
    x = torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(build_network(file, WIDTH, file.layers[WIDTH][0])(x), keys(x))
    assert (file.structure, file.activation, file.is_layer_norm) == (structure, activation, layer_norm)
    assert (file.activate_output, file.use_dropout, file.dropout_structure) == (
        activate_output,
        with_dropout,
        dropout,
    )


def test_dropout_after_the_last_layer_is_counted_and_off() -> None:
    network = trained((1, 2, 1), nn.ELU, layer_norm=True, dropout=(0, 0.5, 0.5))
    weights = random_weights(network, 2)
    assert "linear.4.weight" in weights
    file = parse_hypernetwork(
        {WIDTH: [weights, weights], "activation_func": "elu", "activate_output": False}, PATH
    )
    x = torch.randn(1, 3, WIDTH)
    built = build_network(file, WIDTH, weights)
    torch.testing.assert_close(built(x), network(x))
    assert not any(parameter.requires_grad for parameter in built.parameters())
    assert not built.training


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("leakyrelu", nn.LeakyReLU),
        ("tanh", nn.Tanh),
        ("sigmoid", nn.Sigmoid),
        ("elu", nn.ELU),
        ("hardswish", nn.Hardswish),
        ("silu", nn.SiLU),
        ("gelu", nn.GELU),
        ("mish", nn.Mish),
        ("softplus", nn.Softplus),
        ("logsigmoid", nn.LogSigmoid),
        ("hardtanh", nn.Hardtanh),
        ("ReLU6", nn.ReLU6),
    ],
)
def test_activations(name: str, kind: type[nn.Module]) -> None:
    assert type(make_activation(name.lower(), PATH)) is kind
    weights = small()
    moved = {key.replace("linear.1", "linear.2"): value for key, value in weights.items()}
    file = parse_hypernetwork({WIDTH: [moved, moved], "activation_func": name}, PATH)
    x = torch.randn(2, 3, WIDTH)
    wanted = nn.Sequential(nn.Linear(WIDTH, 16), kind(), nn.Linear(16, WIDTH), kind())
    wanted.load_state_dict({key.removeprefix("linear."): value for key, value in moved.items()})
    torch.testing.assert_close(build_network(file, WIDTH, moved)(x), wanted(x))


def test_an_activation_with_a_weight_of_its_own() -> None:
    network = trained((1, 2, 1), nn.PReLU, layer_norm=True, activate_output=True)
    weights = random_weights(network, 4)
    file = parse_hypernetwork({WIDTH: [weights, weights], "activation_func": "prelu"}, PATH)
    x = torch.randn(1, 3, WIDTH)
    torch.testing.assert_close(build_network(file, WIDTH, weights)(x), network(x))


# -- files --------------------------------------------------------------------------------------------------


def test_defaults_of_old_files() -> None:
    file = parse_hypernetwork({WIDTH: [small(), small()]}, PATH)
    assert list(file.structure) == [1, 2, 1]
    assert file.activation == "linear"
    assert file.activate_output
    assert not file.is_layer_norm
    assert not file.use_dropout
    assert file.name == "style"
    assert not any((file.step, file.checkpoint_hash, file.checkpoint_name))


def test_very_old_names() -> None:
    weights = small()
    old = {key.replace("linear.0", "linear1").replace("linear.1", "linear2"): t for key, t in weights.items()}
    assert "linear1.weight" in old
    file = parse_hypernetwork({WIDTH: [old, old]}, PATH)
    x = torch.randn(2, 3, WIDTH)
    torch.testing.assert_close(build_network(file, WIDTH, file.layers[WIDTH][0])(x), by_hand(weights, x))


def test_the_reference_file() -> None:
    path = reference() / "pictures" / "networks" / "hypernetworks" / "hn-norm.pt"
    file = read_hypernetwork(path)
    assert sorted(file.layers) == [64, 128]
    assert (file.name, file.step, file.checkpoint_name) == ("hn-norm", 10, "lab")
    assert list(file.structure) == [1, 1.5, 1.5, 1]
    assert file.activation == "swish"
    assert file.is_layer_norm
    assert list(file.dropout_structure or ()) == [0, 0.2, 0.2, 0]
    x = torch.randn(1, 3, 128)
    for weights in file.layers[128]:
        wanted = trained(
            (1, 1.5, 1.5, 1),
            nn.Hardswish,
            layer_norm=True,
            activate_output=True,
            dropout=(0, 0.2, 0.2, 0),
            width=128,
        )
        wanted.load_state_dict({key.removeprefix("linear."): value for key, value in weights.items()})
        torch.testing.assert_close(build_network(file, 128, weights)(x), wanted(x))


def test_saved_and_read(tmp_path: Path) -> None:
    path = tmp_path / "夜 [style].pt"
    torch.save(
        {WIDTH: (small(), small()), "step": 7, "sd_checkpoint": "abc", "layer_structure": [1, 2, 1]}, path
    )
    file = read_hypernetwork(path)
    assert (file.name, file.step, file.checkpoint_hash) == ("夜 [style]", 7, "abc")
    torch.testing.assert_close(file.layers[WIDTH][1]["linear.1.bias"], small()["linear.1.bias"])


def changed(name: str, tensor: object) -> dict[str, object]:
    weights: dict[str, object] = {**small(), name: tensor}
    if tensor is None:
        del weights[name]
    return weights


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([1, 2], "it holds no hypernetwork"),
        ({"step": 3}, "it holds no hypernetwork"),
        ({WIDTH: small()}, "one network for keys and one for values"),
        ({WIDTH: [small()]}, "one network for keys and one for values"),
        ({WIDTH: [{}, small()]}, "has no weights"),
        ({WIDTH: [3, small()]}, "has no weights"),
        ({WIDTH: [small(), changed("linear.0.weight", "text")]}, "linear.0.weight is no tensor"),
        ({WIDTH: [small(), changed("linear.0.bias", None)]}, "linear.0.bias is missing"),
        ({WIDTH: [small(), changed("linear.0.weight", None)]}, "begin with a linear layer"),
        ({WIDTH: [small(), changed("linear.1.weight", None)]}, "has the shape [16, 8], not [8, 8]"),
        ({WIDTH: [small(), changed("linear.1.bias", torch.zeros(3))]}, "has the shape [3], not [8]"),
        ({WIDTH: [small(), changed("linear.1.bias", torch.full((8,), torch.nan))]}, "infinite or no numbers"),
        ({WIDTH: [small(), changed("conv.weight", torch.zeros(3))]}, "isn't known here: conv.weight"),
        ({4: [small(), small()]}, "linear.0.weight has the shape [16, 8], not [16, 4]"),
        ({WIDTH: [small(), small()], "activation_func": "glu"}, "can't be used here: 'glu'"),
        ({WIDTH: [small(), small()], "activation_func": "os.system"}, "can't be used here: 'os.system'"),
        ({WIDTH: [small(), small()], "activation_func": "softmax"}, "can't be used here"),
    ],
)
def test_malformed_files(data: object, reason: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse_hypernetwork(data, PATH)
    assert caught.value.message.startswith("style.pt can't be used: ")
    assert reason in caught.value.message


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read"):
        read_hypernetwork(tmp_path / "none.pt")
    (tmp_path / "empty.pt").touch()
    with pytest.raises(BadFile, match="the file is empty"):
        read_hypernetwork(tmp_path / "empty.pt")


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_hostile_pickle_is_refused(tmp_path: Path) -> None:
    torch.save({WIDTH: [small(), small()], "x": Hostile(tmp_path / "victim")}, tmp_path / "bad.pt")
    with pytest.raises(BadFile):
        read_hypernetwork(tmp_path / "bad.pt")
    assert not (tmp_path / "victim").exists()


# -- attention ----------------------------------------------------------------------------------------------

TEXT = UNET.context_width  # 64, which is the width of the second level's self-attention too


@pytest.fixture(scope="module")
def unet() -> UNet:
    torch.manual_seed(0)
    return UNet(UNET).eval().requires_grad_(False)


@pytest.fixture
def adapter(unet: UNet):
    adapter = HypernetworkAdapter(unet)
    yield adapter
    adapter.set(())


def attentions(unet: UNet) -> dict[str, CrossAttention]:
    return {name: module for name, module in unet.named_modules() if isinstance(module, CrossAttention)}


def test_keys_and_values_are_made_of_the_changed_context(unet: UNet, adapter: HypernetworkAdapter) -> None:
    first, second = plain_file((TEXT,), 1), plain_file((TEXT,), 5)
    adapter.set([(first, 0.8), (second, -0.5)])
    assert adapter.active
    text = torch.randn(2, 7, TEXT, generator=torch.Generator().manual_seed(1))
    attention = next(module for name, module in attentions(unet).items() if name.endswith("attn2"))
    wanted = []
    for i in range(2):
        one = text + 0.8 * by_hand(first.layers[TEXT][i], text)
        wanted.append(one - 0.5 * by_hand(second.layers[TEXT][i], one))
    got = attention.project(text)
    torch.testing.assert_close(got.keys.transpose(1, 2).flatten(2), attention.to_k(wanted[0]))
    torch.testing.assert_close(got.values.transpose(1, 2).flatten(2), attention.to_v(wanted[1]))

    x = torch.randn(2, 4, attention.to_q.in_features)
    q, k, v = (
        projected.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for projected in (attention.to_q(x), attention.to_k(wanted[0]), attention.to_v(wanted[1]))
    )
    attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attention(x, text), attention.to_out(attended))


def test_only_where_the_width_is_the_files(adapter: HypernetworkAdapter, unet: UNet) -> None:
    adapter.set([(plain_file((TEXT, 4)), 1.0)])
    for attention in attentions(unet).values():
        assert (attention.context_adapter is not None) == (attention.to_k.in_features == TEXT)
    assert any(name.endswith("attn1") and a.context_adapter for name, a in attentions(unet).items())


def test_self_attention_too() -> None:
    """A file with a width that only self-attention has changes that and leaves the text alone."""
    torch.manual_seed(0)
    unet = UNet(replace(UNET, context_width=48)).eval().requires_grad_(False)
    file = plain_file((64,))
    x, times, text = torch.randn(1, 4, 8, 8), torch.tensor([500.0]), torch.randn(1, 77, 48)
    plain = unet(x, times, text)
    projected = unet.project_context(text)
    HypernetworkAdapter(unet).set([(file, 1.0)])
    assert all(
        bool(attention.context_adapter) == name.endswith("attn1")
        for name, attention in attentions(unet).items()
    )
    again = unet.project_context(text)
    for name, blocks in projected.items():
        torch.testing.assert_close(again[name], blocks)
    changed_output = unet(x, times, again)
    assert (changed_output - plain).abs().max() > 1e-4
    attention = next(a for name, a in attentions(unet).items() if name.endswith("attn1"))
    hidden = torch.randn(1, 5, 64)
    keys = hidden + by_hand(file.layers[64][0], hidden)
    values = hidden + by_hand(file.layers[64][1], hidden)
    torch.testing.assert_close(
        attention.project(hidden).keys.transpose(1, 2).flatten(2), attention.to_k(keys)
    )
    torch.testing.assert_close(
        attention.project(hidden).values.transpose(1, 2).flatten(2), attention.to_v(values)
    )


def test_the_unet_comes_back_as_it_was(unet: UNet, adapter: HypernetworkAdapter) -> None:
    x, times, text = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 500.0]), torch.randn(2, 77, TEXT)
    names = list(unet.state_dict())
    plain = unet(x, times, text)
    adapter.set([(plain_file((TEXT,)), 0.7)])
    with_it = unet(x, times, text)
    assert (with_it - plain).abs().max() > 1e-4
    torch.testing.assert_close(unet(x, times, unet.project_context(text)), with_it)
    assert list(unet.state_dict()) == names
    adapter.set([(plain_file((TEXT,)), 0.0)])
    assert not adapter.active
    assert torch.equal(unet(x, times, text), plain)
    adapter.set([(plain_file((TEXT,)), 0.7)])
    adapter.set(())
    assert torch.equal(unet(x, times, text), plain)


def test_a_file_for_another_model_changes_nothing(unet: UNet, adapter: HypernetworkAdapter) -> None:
    adapter.set([(plain_file((TEXT,)), 1.0)])
    before = [attention.context_adapter for attention in attentions(unet).values()]
    with pytest.raises(BadFile) as caught:
        adapter.set([(plain_file((TEXT,)), 0.5), (plain_file((4, 10), name="odd.pt"), 1.0)])
    assert caught.value.message == (
        "odd.pt can't be used: it is for another kind of model: its widths are 4, 10, and the model's 64."
    )
    assert [attention.context_adapter for attention in attentions(unet).values()] == before
    assert adapter.active


def test_a_network_that_is_on_is_not_built_again(unet: UNet, adapter: HypernetworkAdapter) -> None:
    file = plain_file((TEXT,))
    adapter.set([(file, 1.0)])
    first = adapter._hypernetworks
    adapter.set([(file, 0.5)])
    assert adapter._hypernetworks[0] is first[0]
    text = torch.randn(1, 3, TEXT)
    attention = next(module for name, module in attentions(unet).items() if name.endswith("attn2"))
    wanted = attention.to_k(text + 0.5 * by_hand(file.layers[TEXT][0], text))
    torch.testing.assert_close(attention.project(text).keys.transpose(1, 2).flatten(2), wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_take_the_type_of_the_unet(dtype: torch.dtype) -> None:
    unet = UNet(UNET).to(dtype).eval().requires_grad_(False)
    file = plain_file((TEXT,))
    HypernetworkAdapter(unet).set([(file, 1.0)])
    output = unet(
        torch.randn(1, 4, 8, 8, dtype=dtype), torch.tensor([5.0]), torch.randn(1, 77, TEXT, dtype=dtype)
    )
    assert output.dtype == dtype
    assert bool(output.isfinite().all())
    assert file.layers[TEXT][0]["linear.0.weight"].dtype == torch.float32
