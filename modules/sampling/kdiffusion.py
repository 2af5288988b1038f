"""k-diffusion's samplers, without the rest of that package.

`import k_diffusion` pulls in a training stack (wandb, clip, kornia, ...) that is neither needed nor installed; its
`utils` wants torchvision. The samplers in `k_diffusion.sampling` use a single function of all that,
`utils.append_dims`. So a package object without the `__init__` code, and a `utils` with that function, stand in.

Its samplers draw noise with `torch.randn_like`, which knows no seeds. The module's `torch` is therefore replaced by one
whose `randn_like` asks the source that `picture_noise` has set.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

_source: ContextVar[Callable[[], Tensor] | None] = ContextVar("picture_noise", default=None)
_lock = threading.Lock()


def append_dims(x: Tensor, target_dims: int) -> Tensor:
    """Add axes of length 1 at the end until `x` has `target_dims`."""
    if x.ndim > target_dims:
        raise ValueError(f"{x.ndim} dimensions are more than {target_dims}")
    return x[(...,) + (None,) * (target_dims - x.ndim)]


class _Torch(types.ModuleType):
    """`torch`, but for `randn_like`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def randn_like(x: Tensor, **options: Any) -> Tensor:
        source = _source.get()
        return torch.randn_like(x, **options) if source is None else source().to(x)


@contextmanager
def picture_noise(source: Callable[[], Tensor]) -> Iterator[None]:
    """While this is open, k-diffusion takes its noise from `source`."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@cache
def sampling() -> Any:
    """The module `k_diffusion.sampling`."""
    with _lock:
        spec = importlib.util.find_spec("k_diffusion")
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(
                "k-diffusion is not installed; start Easel with launch.py, which does that."
            )
        package: Any = types.ModuleType("k_diffusion")
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = spec
        package.utils = utils = types.ModuleType("k_diffusion.utils")
        utils.append_dims = append_dims  # type: ignore[attr-defined]
        sys.modules["k_diffusion"] = package
        sys.modules["k_diffusion.utils"] = utils
        # torchsde warns of roundings at the ends of the Brownian interval, which are harmless
        warnings.filterwarnings("ignore", message="Should have t[ab]", category=UserWarning)
        module = importlib.import_module("k_diffusion.sampling")
        module.torch = _Torch("torch")  # type: ignore[attr-defined]
        return module
