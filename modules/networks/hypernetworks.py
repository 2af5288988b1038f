"""Hypernetworks: small networks that change the context of every attention of the U-Net.

Where the context `c` has a width that the hypernetwork has, keys are made of `c + multiplier * f_k(c)` and values of
`c + multiplier * f_v(c)`; in self-attention too, where the context is the picture itself.
Source: the technique has no paper; it was found by NovelAI in 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from modules.faults import BadFile
from modules.models.unet import UNet
from modules.models.unet_layers import CrossAttention
from modules.networks.hypernetwork_files import HypernetworkFile, build_network


class Hypernetwork(nn.Module):
    """The networks of a file for the context widths that a model has.

    Args: widths: of the model's contexts.

    Raises: BadFile: the file has none of these widths.
    """

    def __init__(
        self,
        file: HypernetworkFile,
        widths: Sequence[int],
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.file = file
        common = sorted(set(file.layers) & set(widths))
        if not common:
            found, wanted = _words(file.layers), _words(widths)
            raise BadFile(
                file.path,
                f"it is for another kind of model: its widths are {found}, and the model's {wanted}.",
            )
        self.networks = nn.ModuleDict(
            {
                str(width): nn.ModuleList(
                    build_network(file, width, weights, device, dtype) for weights in file.layers[width]
                )
                for width in common
            }
        )

    def has(self, width: int) -> bool:
        """Whether it changes contexts of this width."""
        return str(width) in self.networks

    def forward(self, context: Tensor, for_values: bool) -> Tensor:
        """What is added to a context `[B, M, width]`, of the same shape."""
        pair = self.networks[str(context.shape[-1])]
        assert isinstance(pair, nn.ModuleList)
        return pair[int(for_values)](context)


class HypernetworkUse(NamedTuple):
    """A hypernetwork and how strongly it acts."""

    hypernetwork: Hypernetwork
    multiplier: float


class _Chain:
    """Several hypernetworks, each on the result of the one before; keys and values apart. A `ContextAdapter`."""

    def __init__(self, uses: Sequence[HypernetworkUse]) -> None:
        self._uses = tuple(uses)

    def __call__(self, context: Tensor) -> tuple[Tensor, Tensor]:
        keys = values = context
        for hypernetwork, multiplier in self._uses:
            keys = keys + multiplier * hypernetwork(keys, for_values=False)
            values = values + multiplier * hypernetwork(values, for_values=True)
        return keys, values


class HypernetworkAdapter:
    """Puts hypernetworks on a U-Net and takes them off again.

    They take the type and place that the U-Net's weights have when they are set. What `UNet.project_context` made of a
    text before is no longer right afterwards.
    """

    def __init__(self, unet: UNet) -> None:
        self._unet = unet
        self._hypernetworks: list[Hypernetwork] = []

    @property
    def active(self) -> bool:
        """Whether any is on."""
        return bool(self._hypernetworks)

    def set(self, uses: Sequence[tuple[HypernetworkFile, float]]) -> None:
        """Have these and no others act, in this order, each with its multiplier; () takes them off.

        Raises: BadFile: one doesn't fit the model; everything stays as it was then.
        """
        attentions = [module for module in self._unet.modules() if isinstance(module, CrossAttention)]
        widths = {attention.to_k.in_features for attention in attentions}
        acting = [
            HypernetworkUse(self._hypernetwork(file, sorted(widths)), multiplier)
            for file, multiplier in uses
            if multiplier
        ]
        chains = {}
        for width in widths:
            fitting = [use for use in acting if use.hypernetwork.has(width)]
            chains[width] = _Chain(fitting) if fitting else None
        for attention in attentions:
            attention.context_adapter = chains[attention.to_k.in_features]
        self._hypernetworks = [use.hypernetwork for use in acting]

    def _hypernetwork(self, file: HypernetworkFile, widths: Sequence[int]) -> Hypernetwork:
        """The one that is on already for this file, or a new one."""
        weight = next(self._unet.parameters())
        for hypernetwork in self._hypernetworks:
            if hypernetwork.file is file:
                return hypernetwork.to(weight.device, weight.dtype)
        return Hypernetwork(file, widths, weight.device, weight.dtype)


def _words(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
