"""A kind of network tag: `<calm:0.2>` makes the U-Net's last layer weaker by a fifth. Shows `networks`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from modules.faults import InvalidField
from modules.models.latent_diffusion import LatentDiffusion
from modules.networks.applying import Applied, TagKind
from modules.plugins.hooks import Me, hookimpl
from modules.prompts.tags import NetworkTag


class Calm:
    names = ("calm",)

    def __init__(self) -> None:
        self._put: tuple[torch.nn.Parameter, torch.Tensor] | None = None

    def check(self, tags: Sequence[NetworkTag]) -> None:
        for tag in tags:
            self._amount(tag)

    def set(self, model: LatentDiffusion, tags: Sequence[NetworkTag]) -> Applied:
        if self._put is not None:
            weight, before = self._put
            weight.data.copy_(before)
            self._put = None
        if not tags:
            return Applied()
        weight = model.unet.out[-1].weight
        self._put = (weight, weight.detach().clone())
        with torch.no_grad():
            weight.mul_(1 - self._amount(tags[-1]))
        return Applied(infotext={"Calm": tags[-1].name})

    @staticmethod
    def _amount(tag: NetworkTag) -> float:
        try:
            amount = float(tag.name)
        except ValueError:
            amount = -1.0
        if not 0 <= amount <= 1:
            raise InvalidField("prompt", f"{tag}: write a number from 0 to 1, such as <calm:0.2>.")
        return amount


@hookimpl
def networks(me: Me) -> list[TagKind]:
    return [Calm()]
