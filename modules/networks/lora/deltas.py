"""What each type of the LoRA family adds to a weight: one small pure function per type, and the table of types.

All of them work on fp32 tensors. `W` is the weight as it is now: `[out, in]` of a linear layer or
`[out, in, kh, kw]` of a convolution. A returned change has as many values as `W`; `change` gives it the shape of `W`.

Sources: Hu et al., "LoRA" (2021); Yeh et al., "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to
Model Evaluation" (2024: LoCon, LoHa, LoKr); Liu et al., IA3 (2022); Chavan et al., "One-for-All" (2023: GLoRA);
Qiu et al., OFT (2023); Liu et al., BOFT (2024); Liu et al., "DoRA" (2024).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Parts = Mapping[str, Tensor]
"""The tensors of one module by the names of `keys.PARTS`."""
SCALARS = ("alpha", "scale", "on_input")


class Change(NamedTuple):
    """What is added, at a multiplier of 1: to the weight (in its shape), and to the bias."""

    weight: Tensor | None
    bias: Tensor | None


def lora(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """LoRA, LoCon: `up @ down`; with `lora_mid` the kernel stands between them (CP decomposition).

    Args: ranks: how many ranks to use, from the first; None: all of them.
    """
    up, down = parts["lora_up"].flatten(1), parts["lora_down"]
    if "lora_mid" in parts:
        return torch.einsum("nmkl,in,mj->ijkl", parts["lora_mid"], up, down.flatten(1))
    return up[:, :ranks] @ down.flatten(1)[:ranks]


def _with_core(core: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Tucker decomposition: a core `[r, r, kh, kw]` with `a` `[r, out]` and `b` `[r, in]` on its first two axes."""
    return torch.einsum("ijkl,ir,js->rskl", core, a, b)


def loha(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """LoHa: the product, value by value, of two low-rank matrices."""
    factors = []
    for n in "12":
        a, b = parts[f"hada_w{n}_a"], parts[f"hada_w{n}_b"]
        core = parts.get(f"hada_t{n}")
        factors.append(a @ b.flatten(1) if core is None else _with_core(core, a, b))
    return factors[0] * factors[1]


def lokr(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """LoKr: a Kronecker product of two matrices, each whole or of low rank; the second may have a kernel."""
    first, second = (_kronecker_factor(parts, n) for n in "12")
    second = second.reshape(second.shape[0], W.shape[1] // first.shape[1], *W.shape[2:]).contiguous()
    return torch.kron(first.reshape(*first.shape[:2], *(1,) * (W.ndim - 2)), second)


def _kronecker_factor(parts: Parts, n: str) -> Tensor:
    whole = parts.get(f"lokr_w{n}")
    if whole is not None:
        return whole
    a, b, core = parts[f"lokr_w{n}_a"], parts[f"lokr_w{n}_b"], parts.get(f"lokr_t{n}")
    return a @ b.flatten(1) if core is None else _with_core(core, a, b)


def ia3(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """IA3: each output (or each input, where `on_input`) is multiplied."""
    axis = 1 if "on_input" in parts and parts["on_input"].item() else 0
    shape = [1] * W.ndim
    shape[axis] = W.shape[axis]
    return W * parts["weight"].reshape(shape)


def full(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """Full: the difference itself."""
    return parts["diff"]


def norm(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """Norm: the difference of a norm layer's weight."""
    return parts["w_norm"]


def glora(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """GLoRA: a low-rank matrix, and one that depends on the weight."""
    a1, a2, b1, b2 = (parts[name].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    return b2 @ b1 + ((W.flatten(1) @ a2) @ a1)


def rotations(blocks: Tensor, limit: float) -> Tensor:
    """Orthogonal matrices from any square ones `[..., n, n]`, by Cayley's transform.

    Args: limit: the greatest norm of all skew-symmetric parts together; 0: none.
    """
    skew = blocks - blocks.transpose(-1, -2)
    if limit:
        size = skew.norm()
        skew = skew * ((size.clamp(max=limit) + 1e-8) / (size + 1e-8))
    eye = torch.eye(skew.shape[-1], device=skew.device)
    return (eye + skew) @ torch.linalg.inv(eye - skew)


def oft(W: Tensor, parts: Parts, ranks: int | None = None) -> Tensor:
    """OFT and BOFT: the output rows are rotated in groups; BOFT does it several times, grouping them differently."""
    if "oft_diag" in parts:
        R = parts["oft_diag"]
    else:
        alpha = parts["alpha"].item() if "alpha" in parts else 0.0
        R = rotations(parts["oft_blocks"], alpha * W.shape[0])
    rows = W.flatten(1)
    if R.ndim == 4:
        for i, factor in enumerate(R):
            rows = _butterfly(rows, factor, 2**i * (factor.shape[-1] // 2))
    else:
        rows = (R.transpose(1, 2) @ rows.reshape(*R.shape[:2], -1)).flatten(0, 1)
    if "rescale" in parts:
        rows = rows * parts["rescale"].reshape(-1, 1)
    return rows.reshape(W.shape) - W


def _butterfly(rows: Tensor, factor: Tensor, half: int) -> Tensor:
    """One factor of BOFT: rows that are `half` apart become neighbours, are rotated in groups, and go back."""
    paired = rows.reshape(-1, 2, half, rows.shape[1]).transpose(1, 2)
    turned = factor @ paired.reshape(*factor.shape[:2], -1)
    return turned.reshape(paired.shape).transpose(1, 2).reshape(rows.shape)


def dora(W: Tensor, delta: Tensor, magnitude: Tensor) -> Tensor:
    """DoRA: the direction of `W + delta` with a magnitude of its own, as the difference from `W`.

    The magnitude is that of each input channel (`[1, in, ...]`, as LyCORIS first had it), else of each output.
    """
    V = W + delta
    axis = 1 if magnitude.ndim > 1 and magnitude.shape[0] == 1 and W.shape[0] > 1 else 0
    shape = [1] * W.ndim
    shape[axis] = W.shape[axis]
    size = V.transpose(0, axis).flatten(1).norm(dim=1).clamp(min=torch.finfo(V.dtype).tiny)
    return V * (magnitude.flatten() / size).reshape(shape) - W


@dataclass(frozen=True)
class NetworkType:
    """One type of module.

    Args:
        name: for people.
        needs: each of these must be there, in one of the given ways ("a|b": part a or part b; "a+b": both).
        delta: its function.
        rank: the parts whose rows are the rank that `alpha` is divided by; the last one that is there counts.
    """

    name: str
    needs: tuple[str, ...]
    delta: Callable[[Tensor, Parts, int | None], Tensor]
    rank: tuple[str, ...] = ()

    def fits(self, parts: Parts) -> bool:
        """Whether a module with these parts is of this type."""
        return all(
            any(all(part in parts for part in way.split("+")) for way in need.split("|"))
            for need in self.needs
        )

    def begun(self, parts: Parts) -> bool:
        """Whether a part of this type is there."""
        return any(part in parts for need in self.needs for part in need.replace("+", "|").split("|"))


TYPES: tuple[NetworkType, ...] = (
    NetworkType("LoRA", ("lora_up", "lora_down"), lora, ("lora_down",)),
    NetworkType("LoHa", ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), loha, ("hada_w1_b",)),
    NetworkType(
        "LoKr",
        ("lokr_w1|lokr_w1_a+lokr_w1_b", "lokr_w2|lokr_w2_a+lokr_w2_b"),
        lokr,
        ("lokr_w1_b", "lokr_w2_b"),
    ),
    NetworkType("OFT", ("oft_blocks|oft_diag",), oft),
    NetworkType("GLoRA", ("a1", "a2", "b1", "b2"), glora),
    NetworkType("full", ("diff",), full),
    NetworkType("norm", ("w_norm",), norm),
    NetworkType("IA3", ("weight",), ia3),
    NetworkType("bias", ("diff_b|b_norm",), lambda W, parts, ranks: torch.zeros_like(W)),
)
"""To add a type, add a line; the first that fits is taken."""


def type_of(parts: Parts) -> NetworkType | None:
    """The type of a module with these parts, or None."""
    return next((kind for kind in TYPES if kind.fits(parts)), None)


def scale_of(kind: NetworkType, parts: Parts) -> float:
    """What the type's function is multiplied by: the module's `scale`, else `alpha / rank`, else 1."""
    if "scale" in parts:
        return float(parts["scale"].item())
    ranks = [parts[name].shape[0] for name in kind.rank if name in parts]
    return float(parts["alpha"].item()) / ranks[-1] if ranks and ranks[-1] and "alpha" in parts else 1.0


def change(kind: NetworkType, W: Tensor, parts: Parts, scale: float, ranks: int | None = None) -> Change:
    """What a module adds to the weight `W` and to the bias, at a multiplier of 1.

    Args: scale: see `scale_of`; ranks: for LoRA: how many ranks to use, from the first ("dyn").

    Raises: RuntimeError: a tensor's shape doesn't fit the others or `W`.
    """
    bias = parts.get("diff_b", parts.get("b_norm"))
    if kind.name == "bias":
        return Change(None, bias)
    delta = shaped(kind.delta(W, parts, ranks), W)
    if scale != 1.0:
        delta = delta * scale
    if "dora_scale" in parts:
        delta = dora(W, delta, parts["dora_scale"])
    return Change(delta, bias)


def shaped(delta: Tensor, W: Tensor) -> Tensor:
    """A change in the shape of `W`.

    The first convolution of an inpainting model has more inputs than that of the model that a network was made for:
    those get no change.
    """
    if W.ndim == 4 and W.shape[1] in (5, 8, 9) and delta.numel() == W.numel() // W.shape[1] * 4:
        delta = delta.reshape(W.shape[0], 4, *W.shape[2:])
        return F.pad(delta, (0, 0, 0, 0, 0, W.shape[1] - 4))
    return delta.reshape(W.shape)
