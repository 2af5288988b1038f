"""Compiles the U-Net's blocks with `torch.compile`, beside the work: no picture waits for it.

Regional: residual blocks and transformers are compiled one kind at a time, and blocks of one shape share the result. A
block runs as it is until its compiled form has been made for just this shape of input, in a thread of its own; torch
keeps compiled code on the disk, so that the next start of the program is quick. An adapter that is put in and taken out
again: the network's weights and classes stay as they are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modules.models.unet_layers import ResBlock, SpatialTransformer

log = logging.getLogger(__name__)

REGIONS = (ResBlock, SpatialTransformer)
MAX_SHAPES = 256
"""Compiled forms of one class's `forward`: for each width, size and batch. torch's own limit, 8, is soon reached."""
Compile = Callable[[Callable[..., Tensor]], Callable[..., Tensor]]


def can_compile(device: torch.device) -> bool:
    """Whether there is what torch's compiler needs: Triton for a GPU, a C++ compiler for a CPU."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        return bool(has_triton())
    if device.type != "cpu":
        return False
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        return bool(get_cpp_compiler())
    except InvalidCxxCompiler:
        return False


class CompiledBlocks:
    """Compiled forms of a network's blocks, one for each shape of their input.

    Args: compile: makes a compiled function of one; None: `torch.compile`.
    """

    def __init__(self, network: nn.Module, compile: Compile | None = None) -> None:
        self.network = network
        self._blocks = [block for block in network.modules() if isinstance(block, REGIONS)]
        self._compile = compile or _compiled
        self._ready: set[Hashable] = set()
        self._begun: set[Hashable] = set()
        self._failed = False
        self._paused = 0
        self._lock = threading.Lock()
        # torch's limits belong to the thread that compiles
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="compiler", initializer=_raise_limits)
        self._functions: dict[nn.Module, Callable[..., Tensor]] = {}
        self._kinds: dict[nn.Module, Hashable] = {block: _kind(block) for block in self._blocks}

    @property
    def ready(self) -> int:
        """How many shapes of blocks are compiled."""
        return len(self._ready)

    @property
    def waiting(self) -> int:
        """How many are still to be made."""
        return 0 if self._failed else len(self._begun) - len(self._ready)

    def attach(self) -> None:
        """Put the compiled forms in the place of the blocks' `forward`, as far as they are ready."""
        for block in self._blocks:
            self._functions.setdefault(block, self._compile(block.forward))
            block.__dict__["forward"] = _Chooser(self, block, block.forward)

    def detach(self) -> None:
        """Leave the blocks as they were, and begin nothing more."""
        for block in self._blocks:
            block.__dict__.pop("forward", None)
        self._maker.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While this is open, all blocks run as they are: for what compiled code knows nothing of (tiling)."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def function(self, block: nn.Module, inputs: tuple[Any, ...]) -> Callable[..., Tensor] | None:
        """The compiled form for these inputs; None where there is none yet, which is then begun."""
        if self._paused or self._failed:
            return None
        key = (self._kinds[block], _signature(inputs))
        if key in self._ready:
            return self._functions[block]
        with self._lock:
            if key not in self._begun:
                self._begun.add(key)
                likeness = _map_tensors(inputs, torch.empty_like)
                self._maker.submit(self._make, key, block, likeness)
        return None

    def _make(self, key: Hashable, block: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Compile by calling once. In the compiler's thread."""
        try:
            with torch.inference_mode():
                self._functions[block](*inputs)
        except Exception as error:  # whatever the compiler can't do, the block itself can
            if not self._failed:
                log.warning("The U-Net can't be compiled here and runs as it is: %s", str(error)[:500])
            self._failed = True
            return
        self._ready.add(key)


class _Chooser:
    """A block's `forward`: compiled where that is ready, else as it is."""

    def __init__(self, owner: CompiledBlocks, block: nn.Module, plain: Callable[..., Tensor]) -> None:
        self._owner = owner
        self._block = block
        self._plain = plain

    def __call__(self, *inputs: Any) -> Tensor:
        return (self._owner.function(self._block, inputs) or self._plain)(*inputs)


def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    compiled: Callable[..., Tensor] = torch.compile(function, dynamic=False)
    return compiled


def _raise_limits() -> None:
    import torch._dynamo

    torch._dynamo.config.recompile_limit = MAX_SHAPES
    torch._dynamo.config.accumulated_recompile_limit = 4 * MAX_SHAPES


def _kind(block: nn.Module) -> Hashable:
    """What blocks have in common that share compiled code: their class and the shapes of their weights."""
    weights = tuple((name, tuple(each.shape), each.dtype) for name, each in block.named_parameters())
    return type(block), weights


def _signature(value: Any) -> Any:
    """The shapes, strides and kinds of all tensors in the inputs."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.stride(), value.dtype, value.device
    if isinstance(value, (list, tuple)):
        return tuple(_signature(each) for each in value)
    return value


def _map_tensors(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_map_tensors(each, function) for each in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_map_tensors(each, function) for each in value)
    return value
