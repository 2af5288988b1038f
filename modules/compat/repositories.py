"""`ldm` and `sgm`: the packages that the older UI brings along, as far as extensions name classes of theirs.

Their classes are our networks' own, so that `isinstance(module, ldm.modules.attention.CrossAttention)` finds what is
there. An installed package of that name goes first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from modules.faults import NotSupported

_LAYERS, _UNET = "modules.models.unet_layers", "modules.models.unet"
_VAE, _MODEL = "modules.models.autoencoder", "modules.compat.sd_model_object"

_ATTENTION = {
    "CrossAttention": (_LAYERS, "CrossAttention"),
    "MemoryEfficientCrossAttention": (_LAYERS, "CrossAttention"),
    "BasicTransformerBlock": (_LAYERS, "BasicTransformerBlock"),
    "SpatialTransformer": (_LAYERS, "SpatialTransformer"),
    "FeedForward": (_LAYERS, "FeedForward"),
    "GEGLU": (_LAYERS, "GEGLU"),
    "default": (__name__, "default"),
    "exists": (__name__, "exists"),
}
_UNET_MODEL = {
    "UNetModel": (_UNET, "UNet"),
    "TimestepEmbedSequential": (_UNET, "TimestepEmbedSequential"),
    "ResBlock": (_LAYERS, "ResBlock"),
    "Downsample": (_LAYERS, "Downsample"),
    "Upsample": (_LAYERS, "Upsample"),
    "SpatialTransformer": (_LAYERS, "SpatialTransformer"),
    "timestep_embedding": (__name__, "timestep_embedding"),
}
_AUTOENCODER = {
    "Encoder": (_VAE, "Encoder"),
    "Decoder": (_VAE, "Decoder"),
    "AttnBlock": (_VAE, "AttnBlock"),
    "ResnetBlock": (_VAE, "ResnetBlock"),
    "nonlinearity": (__name__, "nonlinearity"),
}
_UTIL = {
    "default": (__name__, "default"),
    "exists": (__name__, "exists"),
    "instantiate_from_config": (__name__, "instantiate_from_config"),
}

NAMES: dict[str, dict[str, tuple[str, str]]] = {}
"""What each module has: a name, and the module and name that it stands for."""
for _top in ("ldm", "sgm"):
    NAMES |= {
        f"{_top}.modules.attention": _ATTENTION,
        f"{_top}.modules.diffusionmodules.openaimodel": _UNET_MODEL,
        f"{_top}.modules.diffusionmodules.model": _AUTOENCODER,
        f"{_top}.modules.diffusionmodules.util": {"timestep_embedding": (__name__, "timestep_embedding")},
        f"{_top}.util": _UTIL,
    }
NAMES["ldm.models.diffusion.ddpm"] = {"LatentDiffusion": (_MODEL, "SdModel")}
NAMES["ldm.models.autoencoder"] = {"AutoencoderKL": (_MODEL, "FirstStage")}
NAMES["sgm.models.diffusion"] = {"DiffusionEngine": (_MODEL, "SdModel")}
PACKAGES = {name.rsplit(".", depth)[0] for name in NAMES for depth in range(1, name.count(".") + 1)}


class _Repositories(MetaPathFinder, Loader):
    """Finds the packages above, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder`."""
        if fullname not in NAMES and fullname not in PACKAGES:
            return None
        return ModuleSpec(fullname, self, is_package=fullname in PACKAGES)

    def exec_module(self, module: ModuleType) -> None:
        """See `Loader`: what a module has is looked up when somebody asks."""
        names = NAMES.get(module.__name__, {})

        def look_up(name: str) -> Any:
            if name not in names:
                raise AttributeError(
                    f"Easel has no {module.__name__}.{name}: its networks are its own, and only part of the "
                    "original package's names stand for them."
                )
            place, own = names[name]
            return getattr(import_module(place), own)

        module.__getattr__ = look_up  # type: ignore[method-assign]


def install() -> None:
    """Have the packages be found, behind those that are installed."""
    if not any(isinstance(finder, _Repositories) for finder in sys.meta_path):
        sys.meta_path.append(_Repositories())


def exists(value: Any) -> bool:
    """Whether it is something."""
    return value is not None


def default(value: Any, other: Any) -> Any:
    """The value, or where it is None the other, which may be a function."""
    if value is not None:
        return value
    make: Callable[[], Any] | None = other if callable(other) else None
    return other if make is None else make()


def nonlinearity(x: Any) -> Any:
    """SiLU."""
    from torch.nn import functional

    return functional.silu(x)


def timestep_embedding(
    timesteps: Any, dim: int, max_period: float = 10_000, repeat_only: bool = False
) -> Any:
    """Timesteps `[B]` as `[B, dim]`; `repeat_only`: each as it is, so often."""
    from modules.models.unet_layers import timestep_embedding as embedding

    return timesteps[:, None].repeat(1, dim) if repeat_only else embedding(timesteps, dim, max_period)


def instantiate_from_config(config: Any) -> NoReturn:
    """Raises: NotSupported: always."""
    raise NotSupported("Easel makes no networks of configurations: its checkpoints say what they are.")
