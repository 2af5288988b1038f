"""Networks without weights, to be given those of a file.

torch's `device("meta")` alone still runs the initialisation of every layer, and on that device the first random one
imports the whole of torch's compiler: more than a second before a program's first checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _WithoutInitialisation(TorchFunctionMode):
    """The functions of `torch.nn.init` leave their tensors as they are."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def uninitialised() -> Iterator[None]:
    """While this is open, networks are made on the meta device, which holds names and shapes only."""
    with torch.device("meta"), _WithoutInitialisation():
        yield
