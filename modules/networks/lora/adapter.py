"""Puts networks of the LoRA family into a model's weights, and takes them out again without a trace.

The weights of the modules that a network touches are replaced by new ones (base + change); the base weights are kept
and put back as they were, the very same tensors. Merging costs nothing in any step, and makes the same pictures as the
older UI. The other way, three low-rank products in every call, costs 5 to 9 % of each step of an SD1.5-size model
(benchmarks/networks.py, ranks 8 and 32 on two CPU cores), where merging takes 0.2 to 0.5 seconds once.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from modules.faults import BadFile
from modules.networks.lora.block_weights import block_weight
from modules.networks.lora.deltas import change
from modules.networks.lora.file import LoraFile, Match, match
from modules.networks.lora.keys import ModuleNames, Place
from modules.networks.lora.merge import Base, Merge, Step


@dataclass(frozen=True)
class LoraUse:
    """A network file and how strongly it is used.

    Args:
        text_weight, unet_weight: multiplier in the text encoders and in the U-Net.
        dyn: how many ranks of a LoRA to use, from the first; None: all.
        blocks: weights of the U-Net's blocks (see `block_weights`).
    """

    file: LoraFile
    text_weight: float = 1.0
    unet_weight: float = 1.0
    dyn: int | None = None
    blocks: tuple[float, ...] | None = None

    def multiplier(self, place: Place) -> float:
        """How strongly it acts on the module of a place."""
        if place.encoder is not None:
            return self.text_weight * block_weight(self.blocks, None)
        return self.unet_weight * block_weight(self.blocks, place.modules[0])


_Site = tuple[nn.Module, ...]
"""Modules that are changed together: one, or three where a network has queries, keys and values in one matrix."""


class LoraAdapter:
    """The networks in the weights of one loaded model. For one thread at a time.

    While networks are in, the touched modules have other `Parameter` objects than without.

    Args:
        unet, text_encoders: of the model, which has no networks in its weights yet.
        family: the kind of model, for messages.
    """

    def __init__(
        self, unet: nn.Module, text_encoders: Sequence[nn.Module], family: str = "this model"
    ) -> None:
        self._family = family
        self._modules = {
            encoder: dict(network.named_modules())
            for encoder, network in ((None, unet), *enumerate(text_encoders))
        }
        self._names = ModuleNames(unet, text_encoders)
        self._matches: weakref.WeakKeyDictionary[LoraFile, Match] = weakref.WeakKeyDictionary()
        self._uses: tuple[LoraUse, ...] = ()
        self._base: dict[nn.Module, Base] = {}

    @property
    def active(self) -> tuple[LoraUse, ...]:
        """The networks that are in the weights now."""
        return self._uses

    def match(self, file: LoraFile) -> Match:
        """Where a file's modules go in this model; found once per file.

        Raises: BadFile: it is for another kind of model.
        """
        found = self._matches.get(file)
        if found is None:
            found = self._matches[file] = match(file, self._names, self._family)
        return found

    def set(self, uses: Sequence[LoraUse]) -> None:
        """Make the weights base + these networks, in this order; () makes them the base, bit for bit.

        The same uses again cost nothing. If it fails, the networks are as before.

        Raises: BadFile: a file is for another kind of model, or its shapes don't fit.
        """
        wanted = tuple(uses)
        if wanted == self._uses:
            return
        steps = self._steps(wanted)
        before = self._uses
        self._take_out()
        try:
            self._put_in(steps)
        except BaseException:
            # The old weights were let go first, so that there are never three copies; they are made again.
            self._take_out()
            self._put_in(self._steps(before))
            self._uses = before
            raise
        self._uses = wanted

    def _steps(self, uses: tuple[LoraUse, ...]) -> dict[_Site, list[tuple[LoraFile, Step]]]:
        """What is done to each site, in the order of the uses."""
        placed = [
            (use, place, module, multiplier)
            for use in uses
            for place, module in self.match(use.file).modules
            if (multiplier := use.multiplier(place))
        ]
        together: dict[nn.Module, _Site] = {}
        for _, place, _, _ in placed:
            if len(place.modules) > 1:
                site = self._site(place)
                together |= dict.fromkeys(site, site)
        steps: dict[_Site, list[tuple[LoraFile, Step]]] = {}
        for use, place, module, multiplier in placed:
            site = self._site(place)
            which = None
            if len(site) == 1 and site[0] in together:
                member = site[0]
                site = together[member]
                which = site.index(member)
            step = Step(module, multiplier, use.dyn, which)
            steps.setdefault(site, []).append((use.file, step))
        return steps

    def _site(self, place: Place) -> _Site:
        modules = self._modules[place.encoder]
        return tuple(modules[name] for name in place.modules)

    @torch.no_grad()
    def _put_in(self, steps: dict[_Site, list[tuple[LoraFile, Step]]]) -> None:
        for site, of_site in steps.items():
            bases = [_base(module) for module in site]
            merged = Merge(bases)
            for file, step in of_site:
                try:
                    merged.add(step)
                except (RuntimeError, ValueError, IndexError) as error:
                    raise _explained(error, file, step, bases, self._family) from error
            for module, base, (weight, bias) in zip(site, bases, merged.results(), strict=True):
                self._base[module] = base
                module.register_parameter("weight", nn.Parameter(weight, requires_grad=False))
                if bias is not None:
                    module.register_parameter("bias", nn.Parameter(bias, requires_grad=False))

    @torch.no_grad()
    def _take_out(self) -> None:
        for module, base in self._base.items():
            weight = _base(module).weight
            if (weight.device, weight.dtype) != (base.weight.device, base.weight.dtype):
                # The model was moved while networks were in it.
                for parameter in base:
                    if parameter is not None:
                        parameter.data = parameter.data.to(weight.device, weight.dtype)
            module.register_parameter("weight", base.weight)
            if hasattr(module, "bias"):
                module.register_parameter("bias", base.bias)
        self._base.clear()
        self._uses = ()


def _parameter(module: nn.Module, name: str) -> nn.Parameter | None:
    parameter = getattr(module, name, None)
    return parameter if isinstance(parameter, nn.Parameter) else None


def _base(module: nn.Module) -> Base:
    weight = _parameter(module, "weight")
    assert weight is not None
    return Base(weight, _parameter(module, "bias"))


def _explained(error: Exception, file: LoraFile, step: Step, bases: Sequence[Base], family: str) -> Exception:
    """What went wrong, if the file's shapes are to blame; else the error itself (no memory, say)."""
    meta = torch.device("meta")
    shapes = [base.weight.detach().to(device=meta, dtype=torch.float32) for base in bases]
    W = torch.cat(shapes) if step.which is None else shapes[step.which]
    module = step.module
    try:
        _, bias = change(module.kind, W, module.parts_on(meta), 1.0)
        if bias is not None:
            bias.reshape(W.shape[0])
    except (RuntimeError, ValueError, IndexError):
        made_for = f" ({file.made_for})" if file.made_for else ""
        return BadFile(
            file.path,
            f"it is for another kind of model{made_for}: {module.key} doesn't fit {family}, "
            f"where the weight has the shape {list(W.shape)}.",
        )
    return error
