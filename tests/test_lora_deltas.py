"""Each type of the LoRA family against its formula, computed here value by value or in another way."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from modules.networks.lora.deltas import Change, change, rotations, scale_of, type_of

SHAPES = pytest.mark.parametrize(
    "shape", [(12, 8), (12, 8, 1, 1), (12, 8, 3, 3)], ids=["linear", "conv1x1", "conv3x3"]
)
R = 4


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


GENERATOR = torch.Generator()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    GENERATOR.manual_seed(0)


def apply(W: Tensor, parts: dict[str, Tensor], ranks: int | None = None, name: str | None = None) -> Change:
    kind = type_of(parts)
    assert kind is not None
    assert name is None or kind.name == name
    return change(kind, W, parts, scale_of(kind, parts), ranks)


def close(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def outer_products(up: Tensor, down: Tensor, ranks: int) -> Tensor:
    """The sum of one outer product per rank."""
    delta = torch.zeros(up.shape[0], *down.shape[1:])
    for o, r in itertools.product(range(up.shape[0]), range(ranks)):
        delta[o] += up[o, r].flatten() * down[r]
    return delta


@SHAPES
def test_lora(shape: tuple[int, ...]) -> None:
    out, inputs, *kernel = shape
    up, down = rand(out, R, *(1,) * len(kernel)), rand(R, inputs, *kernel)
    parts = {"lora_up": up, "lora_down": down, "alpha": torch.tensor(2.0)}
    W = rand(*shape)
    expected = outer_products(up, down, R)
    close(apply(W, parts, name="LoRA").weight, expected * 2 / R)
    close(apply(W, {**parts, "scale": torch.tensor(0.3)}).weight, expected * 0.3)
    del parts["alpha"]
    close(apply(W, parts).weight, expected)
    first_two = outer_products(up, down, 2)
    close(apply(W, parts, ranks=2).weight, first_two)
    close(apply(W, {**parts, "alpha": torch.tensor(2.0)}, ranks=2).weight, first_two * 2 / R)


def test_linear_lora_on_a_convolution_and_back() -> None:
    up, down = rand(12, R), rand(R, 8)
    close(apply(rand(12, 8, 1, 1), {"lora_up": up, "lora_down": down}).weight, (up @ down)[:, :, None, None])
    parts = {"lora_up": up[:, :, None, None], "lora_down": down[:, :, None, None]}
    close(apply(rand(12, 8), parts).weight, up @ down)


def test_lora_with_a_kernel_between() -> None:
    """CP decomposition: a 1x1 convolution, a 3x3 one, a 1x1 one, as one convolution."""
    up, mid, down = rand(12, R, 1, 1), rand(R, R, 3, 3), rand(R, 8, 1, 1)
    x = rand(1, 8, 6, 6)
    step = torch.conv2d(torch.conv2d(torch.conv2d(x, down), mid, padding=1), up)
    delta = apply(rand(12, 8, 3, 3), {"lora_up": up, "lora_mid": mid, "lora_down": down}).weight
    assert delta is not None
    torch.testing.assert_close(torch.conv2d(x, delta, padding=1), step, atol=1e-4, rtol=1e-5)


@SHAPES
def test_loha(shape: tuple[int, ...]) -> None:
    out, inputs, *kernel = shape
    columns = inputs * torch.Size(kernel).numel()
    parts = {
        f"hada_w{n}_{s}": rand(*size) for n in "12" for s, size in (("a", (out, R)), ("b", (R, columns)))
    }
    expected = torch.empty(out, columns)
    for o, c in itertools.product(range(out), range(columns)):
        one, two = (
            sum(parts[f"hada_w{n}_a"][o, r] * parts[f"hada_w{n}_b"][r, c] for r in range(R)) for n in "12"
        )
        expected[o, c] = one * two
    found = apply(rand(*shape), {**parts, "alpha": torch.tensor(1.0)}, name="LoHa").weight
    close(found, expected.reshape(shape) / R)


def test_loha_with_cores() -> None:
    parts = {f"hada_w{n}_a": rand(R, 12) for n in "12"} | {f"hada_w{n}_b": rand(R, 8) for n in "12"}
    parts |= {f"hada_t{n}": rand(R, R, 3, 3) for n in "12"}
    factors = []
    for n in "12":
        core, a, b = parts[f"hada_t{n}"], parts[f"hada_w{n}_a"], parts[f"hada_w{n}_b"]
        factors.append(torch.einsum("ijkl,jr,ip->prkl", core, b, a))
    close(apply(rand(12, 8, 3, 3), parts).weight, factors[0] * factors[1])


@SHAPES
@pytest.mark.parametrize("low_rank", [(), (1,), (2,), (1, 2)])
def test_lokr(shape: tuple[int, ...], low_rank: tuple[int, ...]) -> None:
    _, _, *kernel = shape
    area = torch.Size(kernel).numel()
    a1, b1, a2, b2 = rand(3, 2), rand(2, 2), rand(4, 2), rand(2, 4 * area)
    w1 = a1 @ b1
    w2 = (a2 @ b2).reshape(4, 4, *kernel)
    parts: dict[str, Tensor] = {"alpha": torch.tensor(3.0)}
    parts |= {"lokr_w1_a": a1, "lokr_w1_b": b1} if 1 in low_rank else {"lokr_w1": w1}
    parts |= {"lokr_w2_a": a2, "lokr_w2_b": b2} if 2 in low_rank else {"lokr_w2": w2}
    expected = torch.empty(shape)
    for i, j, k, m in itertools.product(range(3), range(2), range(4), range(4)):
        expected[4 * i + k, 4 * j + m] = w1[i, j] * w2[k, m]
    close(apply(rand(*shape), parts, name="LoKr").weight, expected * (3 / 2 if low_rank else 1))


def test_lokr_with_a_core() -> None:
    w1, a, b, core = rand(3, 2), rand(R, 4), rand(R, 4), rand(R, R, 3, 3)
    w2 = torch.einsum("ijkl,jr,ip->prkl", core, b, a)
    expected = torch.empty(12, 8, 3, 3)
    for i, j, k, m in itertools.product(range(3), range(2), range(4), range(4)):
        expected[4 * i + k, 4 * j + m] = w1[i, j] * w2[k, m]
    parts = {"lokr_w1": w1, "lokr_w2_a": a, "lokr_w2_b": b, "lokr_t2": core}
    close(apply(rand(12, 8, 3, 3), parts).weight, expected)


@SHAPES
def test_ia3(shape: tuple[int, ...]) -> None:
    W = rand(*shape)
    along_out, along_in = rand(12), rand(8)
    outputs = apply(W, {"weight": along_out, "on_input": torch.tensor(False)}, name="IA3").weight
    close(outputs, torch.stack([W[o] * along_out[o] for o in range(12)]))
    inputs = apply(W, {"weight": along_in[None], "on_input": torch.tensor(True)}).weight
    close(inputs, torch.stack([W[:, i] * along_in[i] for i in range(8)], dim=1))


@SHAPES
def test_full_and_its_alpha_that_counts_for_nothing(shape: tuple[int, ...]) -> None:
    diff, bias = rand(*shape), rand(12)
    found = apply(rand(*shape), {"diff": diff, "diff_b": bias, "alpha": torch.tensor(7.0)}, name="full")
    close(found.weight, diff)
    close(found.bias, bias)


def test_norm_and_bias_alone() -> None:
    found = apply(rand(12), {"w_norm": (w := rand(12)), "b_norm": (b := rand(12))}, name="norm")
    close(found.weight, w)
    close(found.bias, b)
    alone = apply(rand(12, 8), {"diff_b": b})
    assert alone.weight is None
    close(alone.bias, b)


def test_glora() -> None:
    W = rand(12, 8)
    parts = {"a1": rand(R, 8), "a2": rand(8, R), "b1": rand(R, 8), "b2": rand(12, R)}
    found = apply(W, parts, name="GLoRA").weight
    close(found, parts["b2"] @ parts["b1"] + W @ (parts["a2"] @ parts["a1"]))


@SHAPES
@pytest.mark.parametrize("alpha", [None, 0.0, 0.01, 100.0])
def test_oft(shape: tuple[int, ...], alpha: float | None) -> None:
    W = rand(*shape)
    blocks = rand(3, 4, 4)
    Q = blocks - blocks.transpose(1, 2)
    if alpha:
        Q = Q * min(1.0, alpha * 12 / Q.norm().item())
    eye = torch.eye(4)
    rotated = torch.empty_like(W)
    for k in range(3):
        turn = (eye + Q[k]) @ torch.inverse(eye - Q[k])
        torch.testing.assert_close(turn @ turn.T, eye, atol=1e-5, rtol=0)
        for m in range(4):
            rotated[4 * k + m] = sum(turn[n, m] * W[4 * k + n] for n in range(4))
    parts = {"oft_blocks": blocks} | ({} if alpha is None else {"alpha": torch.tensor(alpha)})
    close(apply(W, parts, name="OFT").weight, rotated - W)
    turns = (eye + Q) @ torch.inverse(eye - Q)
    close(apply(W, {"oft_diag": turns}, name="OFT").weight, rotated - W)


@SHAPES
def test_boft(shape: tuple[int, ...]) -> None:
    """Three factors of two blocks of four: the rows that meet are 2, 4, ... apart."""
    W = rand(16, *shape[1:])
    blocks = 0.1 * rand(2, 4, 4, 4)
    rescale = rand(16, 1)
    turns = rotations(blocks, 0.0)
    rows = W.flatten(1).clone()
    for i in range(2):
        half = 2**i * 2
        order = [c * 2 * half + g * half + k for c in range(8 // half) for k in range(half) for g in range(2)]
        after = torch.empty_like(rows)
        for block in range(4):
            members = order[4 * block : 4 * block + 4]
            after[members] = turns[i, block] @ rows[members]
        rows = after
    close(apply(W, {"oft_blocks": blocks}, name="OFT").weight, rows.reshape(W.shape) - W)
    scaled = apply(W, {"oft_blocks": blocks, "rescale": rescale}).weight
    close(scaled, (rows * rescale).reshape(W.shape) - W)


@SHAPES
@pytest.mark.parametrize("axis", [0, 1])
def test_dora(shape: tuple[int, ...], axis: int) -> None:
    out, inputs, *kernel = shape
    W, up, down = rand(*shape), rand(out, R), rand(R, inputs, *kernel)
    parts = {"lora_up": up, "lora_down": down, "alpha": torch.tensor(2.0)}
    V = W + 2 / R * (up @ down.flatten(1)).reshape(shape)
    magnitude = [1] * len(shape)
    magnitude[axis] = shape[axis]
    s = rand(*magnitude)
    size = V.square().sum(dim=tuple(d for d in range(len(shape)) if d != axis), keepdim=True).sqrt()
    close(apply(W, {**parts, "dora_scale": s}).weight, V * s / size - W)
    if axis == 0:
        close(apply(W, {**parts, "dora_scale": s.flatten()}).weight, V * s / size - W)


def test_extra_inputs_of_an_inpainting_model_get_no_change() -> None:
    diff = rand(12, 4, 3, 3)
    found = apply(rand(12, 9, 3, 3), {"diff": diff}).weight
    assert found is not None
    close(found[:, :4], diff)
    assert not found[:, 4:].any()


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((12, 8), {"lora_up": rand(12, R), "lora_down": rand(R, 9)}),
        ((12, 8), {"lora_up": rand(12, R), "lora_down": rand(R + 1, 8)}),
        ((12, 8), {"diff": rand(12)}),
        ((12, 8), {"weight": rand(1)}),
        ((12, 8), {"oft_blocks": rand(5, 4, 4)}),
        ((12, 8), {"lokr_w1": rand(3, 3), "lokr_w2": rand(4, 4)}),
        ((12, 8), {"lora_up": rand(12, R), "lora_down": rand(R, 8), "dora_scale": rand(1, 5)}),
    ],
)
def test_shapes_that_do_not_fit_are_errors(shape: tuple[int, ...], parts: dict[str, Tensor]) -> None:
    with pytest.raises(RuntimeError):
        apply(rand(*shape), parts)
