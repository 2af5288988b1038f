"""Adds the changes of several networks to a weight, in fp32, rounded once at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from modules.networks.lora.deltas import change
from modules.networks.lora.file import LoraModule

_PLAIN = {"lora_up", "lora_down", "alpha", "scale"}


class Step(NamedTuple):
    """One change of a site (one module, or three that are changed together).

    Args:
        ranks: how many ranks of a LoRA to use, from the first; None: all.
        which: the place among the site's modules, or None for all of them together.
    """

    module: LoraModule
    multiplier: float
    ranks: int | None
    which: int | None


class Base(NamedTuple):
    """What a module has without networks."""

    weight: nn.Parameter
    bias: nn.Parameter | None


class Merge:
    """The weights of one site while networks are added to them.

    The matrices of plain LoRAs in a row are put side by side and added in one multiplication: three cost one pass
    over the weight.
    """

    def __init__(self, bases: Sequence[Base]) -> None:
        self._bases = bases
        self._weights = [base.weight.detach().float() for base in bases]
        self._biases: list[Tensor | None] = [
            None if base.bias is None else base.bias.detach().float() for base in bases
        ]
        self._ups: list[Tensor] = []
        self._downs: list[Tensor] = []

    def add(self, step: Step) -> None:
        """Add a network's change.

        Raises: RuntimeError: shapes that don't fit.
        """
        parts = step.module.parts_on(self._weights[0].device)
        if len(self._weights) == 1 and self._queue(step, parts):
            return
        self._flush()
        if len(self._weights) == 1 or step.which is not None:
            self._add(step, parts, (step.which or 0,))
        else:
            self._add(step, parts, range(len(self._weights)))

    def results(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The new weights and biases, in the base's dtype and memory format."""
        self._flush()
        for base, weight, bias in zip(self._bases, self._weights, self._biases, strict=True):
            yield _like(weight, base.weight), None if bias is None else bias.to(base.weight.dtype)

    def _add(self, step: Step, parts: dict[str, Tensor], modules: Sequence[int]) -> None:
        """Add a change to the weights of these modules, which lie below one another in one matrix."""
        module = step.module
        W = self._weights[modules[0]] if len(modules) == 1 else torch.cat([self._weights[i] for i in modules])
        weight, bias = change(module.kind, W, parts, module.scale, step.ranks)
        if weight is not None:
            for i, part in zip(modules, weight.chunk(len(modules)), strict=True):
                self._weights[i] = torch.add(self._weights[i], part, alpha=step.multiplier)
        if bias is not None:
            bias = bias.reshape(W.shape[0]) * step.multiplier
            for i, part in zip(modules, bias.chunk(len(modules)), strict=True):
                before = self._biases[i]
                self._biases[i] = part if before is None else before + part

    def _queue(self, step: Step, parts: dict[str, Tensor]) -> bool:
        """Keep a plain LoRA's matrices for `_flush`. False: it is no plain one, or doesn't fit."""
        if not parts.keys() <= _PLAIN:
            return False
        W, up, down = self._weights[0], parts["lora_up"].flatten(1), parts["lora_down"]
        fits = up.shape == (W.shape[0], down.shape[0]) and down.numel() == down.shape[0] * W.shape[1:].numel()
        if fits:
            self._ups.append(up[:, : step.ranks] * (step.multiplier * step.module.scale))
            self._downs.append(_rows(down.reshape(-1, *W.shape[1:])[: step.ranks], W))
        return fits

    def _flush(self) -> None:
        if not self._ups:
            return
        W = self._weights[0]
        merged = torch.addmm(_rows(W, W), torch.cat(self._ups, dim=1), torch.cat(self._downs))
        self._ups.clear()
        self._downs.clear()
        if _channels_last(W):
            merged = merged.view(W.shape[0], *W.shape[2:], W.shape[1]).permute(0, 3, 1, 2)
        self._weights[0] = merged.view(W.shape)


def _channels_last(W: Tensor) -> bool:
    return W.ndim == 4 and not W.is_contiguous() and W.is_contiguous(memory_format=torch.channels_last)


def _rows(tensor: Tensor, W: Tensor) -> Tensor:
    """A weight as a matrix `[rows, all else]`, its columns in the order in which they lie in the memory of `W`."""
    return (tensor.permute(0, 2, 3, 1) if _channels_last(W) else tensor).flatten(1)


def _like(tensor: Tensor, base: Tensor) -> Tensor:
    """A tensor in the dtype and with the strides of another of its shape."""
    if tensor.dtype == base.dtype:
        if tensor.stride() == base.stride():
            return tensor
        if tensor.is_contiguous() and base.is_contiguous():  # they differ in the strides of sides of 1 only
            return tensor.as_strided(base.shape, base.stride())
    return torch.empty_like(base, requires_grad=False).copy_(tensor)
