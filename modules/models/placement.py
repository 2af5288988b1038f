"""Which part of a model is on the device, and when: on a GPU with little memory the parts take turns.

`Compute.memory` says how:

- "normal": all parts stay on the device. A part that the store has moved off (a checkpoint that rests) comes back.
- "medium": one part is on the device, the others wait in the memory of the CPU. It stays there after its use, until
  another part is needed.
- "low": the same, and of the U-Net only the layer that computes: each comes when it is called, by hooks.

On a CPU all of this does nothing. Weights are replaced by copies, so whoever holds a `Parameter` of a part holds it
where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from modules.faults import NotPossibleNow
from modules.models.unet import UNet
from modules.models.unet_layers import SpatialTransformer

if TYPE_CHECKING:
    from modules.models.latent_diffusion import LatentDiffusion

Part = Literal["text", "unet", "vae", "depth", "image"]
PARTS: tuple[Part, ...] = ("text", "unet", "vae", "depth", "image")
Copy = Callable[[Tensor, torch.device], Tensor]
"""Makes a copy of a tensor on a device."""


def copy_to(tensor: Tensor, device: torch.device) -> Tensor:
    """The usual `Copy`; the memory layout stays."""
    return tensor.to(device)


@contextmanager
def placed(model: LatentDiffusion, part: Part, copy: Copy = copy_to) -> Iterator[None]:
    """While this is open, a part of the model can compute on its device. One part at a time.

    Raises: NotPossibleNow: the model was let go meanwhile.
    """
    compute = model.compute
    networks = networks_of(model, part)
    device = compute.device_of(part)
    if any(_is_empty(network, device) for network in networks):
        raise NotPossibleNow(f"{model.checkpoint.name} was unloaded meanwhile. Start the job again.")
    if not compute.takes_turns:
        for network in networks:
            _move(network, device, copy)
        yield
        return
    for other in PARTS:
        if other != part:
            for network in networks_of(model, other):
                _move(network, compute.home_of(other), copy)
    if compute.memory == "low" and part == "unet":
        with _layer_by_layer(model.unet, device, copy):
            yield
        return
    for network in networks:
        _move(network, device, copy)
    yield


def rest(model: LatentDiffusion, copy: Copy = copy_to) -> None:
    """Move all parts into the memory of the CPU; `placed` brings back what is needed."""
    for part in PARTS:
        for network in networks_of(model, part):
            _move(network, torch.device("cpu"), copy)


def empty(model: LatentDiffusion) -> None:
    """Give the memory of all parts back, whoever still holds the model. It can't be used any more."""
    for part in PARTS:
        for network in networks_of(model, part):
            _move(
                network, torch.device("meta"), lambda tensor, device: torch.empty_like(tensor, device=device)
            )


def networks_of(model: LatentDiffusion, part: Part) -> tuple[nn.Module, ...]:
    """The networks of a part; none where the model has no such part."""
    match part:
        case "text":
            return tuple(tower.encoder for tower in model.texts)
        case "unet":
            return (model.unet,)
        case "vae":
            return (model.vae,)
        case "depth":
            return () if model.depth is None else (model.depth.network,)
        case "image":
            return () if model.image_encoder is None else (model.image_encoder.network,)


def _is_empty(network: nn.Module, device: torch.device) -> bool:
    return device.type != "meta" and any(parameter.is_meta for parameter in network.parameters())


def _same(tensor: Tensor, device: torch.device) -> bool:
    """Whether a tensor is on a device; "cuda" is any card there is."""
    return tensor.device.type == device.type and device.index in (None, tensor.device.index)


_Slot = tuple[dict[str, Any], str, Tensor]
"""Where a module keeps a tensor, and the tensor."""


def _slots(module: nn.Module) -> list[_Slot]:
    """All parameters and buffers of a module and those inside it."""
    return [
        (kept, name, tensor)
        for each in module.modules()
        for kept in (each._parameters, each._buffers)
        for name, tensor in kept.items()
        if tensor is not None
    ]


def _move(network: nn.Module, device: torch.device, copy: Copy) -> None:
    """Have all weights on a device; those that are there already stay."""
    for slot in _slots(network):
        _replace(slot, device, copy)


def _replace(slot: _Slot, device: torch.device, copy: Copy) -> None:
    kept, name, tensor = slot
    if _same(tensor, device):
        return
    moved = copy(tensor.detach(), device)
    kept[name] = nn.Parameter(moved, requires_grad=False) if isinstance(tensor, nn.Parameter) else moved


# -- layer by layer -----------------------------------------------------------------------------------------


@contextmanager
def _layer_by_layer(unet: UNet, device: torch.device, copy: Copy) -> Iterator[None]:
    """Each layer's weights are copied to the device when it is called, and the copies dropped after it."""
    _move(unet, torch.device("cpu"), copy)
    with ExitStack() as stack:
        for layer in layers_of(unet):
            visit = _Visit(layer, device, copy)
            # the way out also takes a layer home that failed half-way
            stack.callback(visit.leave)
            stack.callback(layer.register_forward_pre_hook(partial(_enter, visit)).remove)
            stack.callback(layer.register_forward_hook(partial(_leave, visit)).remove)
        yield


def layers_of(unet: UNet) -> list[nn.Module]:
    """The modules that are called one after the other, and those that make keys and values of a text before."""
    layers = [unet.time_embed, *([] if unet.label_emb is None else [unet.label_emb])]
    for blocks in (*unet.input_blocks, unet.middle_block, *unet.output_blocks):
        layers += list(blocks.children())
    layers.append(unet.out)
    for transformer in (layer for layer in layers if isinstance(layer, SpatialTransformer)):
        for block in transformer.blocks():
            readers = (block.attn2, block.attn1) if block.reads_text_twice else (block.attn2,)
            layers += [projection for attention in readers for projection in (attention.to_k, attention.to_v)]
    return layers


class _Visit:
    """A layer's stay on the device: the weights at home are kept, so that the way back costs nothing."""

    def __init__(self, layer: nn.Module, device: torch.device, copy: Copy) -> None:
        self._layer = layer
        self._device = device
        self._copy = copy
        self._at_home: list[_Slot] = []

    def enter(self) -> None:
        """Copy the weights to the device."""
        self.leave()
        self._at_home = _slots(self._layer)
        for slot in self._at_home:
            _replace(slot, self._device, self._copy)

    def leave(self) -> None:
        """Put the weights at home back."""
        for kept, name, tensor in self._at_home:
            kept[name] = tensor
        self._at_home = []


def _enter(visit: _Visit, layer: nn.Module, inputs: object) -> None:
    visit.enter()


def _leave(visit: _Visit, layer: nn.Module, inputs: object, output: object) -> None:
    visit.leave()
