"""Files of upscalers and face restorers as models, through spandrel, which knows the architecture by the names."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from modules.faults import BadFile, NotSupported
from modules.models.checkpoint_file import read_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from modules.compute import Compute

log = logging.getLogger(__name__)

SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")

_TORCHVISION = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
_PREFIXES = ("module.", "netG.", "params_ema.", "params.")
_lock = threading.Lock()


def spandrel() -> ModuleType:
    """The package spandrel, with the architectures of `spandrel_extra_arches` where that is installed.

    Raises: NotSupported: it isn't installed, or can't be imported.
    """
    with _lock:
        if (known := sys.modules.get("spandrel")) is not None:
            return known
        try:
            with _torchvision_or_stand_in():
                import spandrel as package  # type: ignore[import-untyped]
        except Exception as error:
            raise NotSupported(
                f"Models from files need the package spandrel, which can't be imported here ({error}). "
                "Install it with: pip install --no-deps spandrel==0.4.2"
            ) from error
        try:
            import spandrel_extra_arches  # type: ignore[import-not-found]

            spandrel_extra_arches.install()
        except ImportError:
            pass
        return package


@contextmanager
def _torchvision_or_stand_in() -> Iterator[None]:
    """Importing spandrel takes three names of torchvision, for two architectures out of about forty.

    torchvision must fit torch's build exactly, and where it doesn't (or isn't there) its import fails. Then three
    small modules stand in for it, for as long as spandrel is being imported and no longer. `normalize` does what the
    real one does; `rotate` is used only by LaMa, an inpainting model, which is no upscaler, and says so.
    """
    before = {name for name in sys.modules if name.split(".")[0] == "torchvision"}
    try:
        if importlib.util.find_spec("torchvision") is None:
            raise ModuleNotFoundError("torchvision")
        import torchvision.transforms.functional  # type: ignore[import-not-found]  # noqa: F401
    except Exception as error:  # a wrong build fails with RuntimeError, OSError, AttributeError, ...
        log.debug("torchvision can't be imported (%s); spandrel is imported without it.", error)
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision" and n not in before]:
            del sys.modules[name]
    else:
        yield
        return
    for name in _TORCHVISION:
        sys.modules[name] = _stand_in(name)
    try:
        yield
    finally:
        for name in _TORCHVISION:
            sys.modules.pop(name, None)


class _InterpolationMode(Enum):
    BILINEAR = "bilinear"


def _normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """`(tensor - mean) / std` for each channel of `[..., C, H, W]`."""
    import torch

    middle = torch.as_tensor(mean, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
    spread = torch.as_tensor(std, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
    return tensor.sub_(middle).div_(spread) if inplace else (tensor - middle) / spread


def _rotate(*_: object, **__: object) -> None:
    raise NotSupported("This model needs the package torchvision, which is not installed (or doesn't work).")


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    if name.endswith(".functional"):
        module.__dict__.update(InterpolationMode=_InterpolationMode, rotate=_rotate, normalize=_normalize)
    return module


def state_dict_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a model's file under the names of its architecture.

    The file is read by our own reader, which runs no code of a pickle, and takes averaged weights before others.

    Raises: BadFile.
    """
    tensors = read_tensors(path)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: tensor for name, tensor in tensors.items()}
    return tensors


def load_model(path: Path, compute: Compute) -> Any:
    """The model in a file: a `spandrel.ImageModelDescriptor` on the device, in half precision where that is safe.

    Raises:
        BadFile: it can't be read, or holds no model of a known architecture from pictures to pictures.
        NotSupported: spandrel can't be imported.
    """
    import torch

    package = spandrel()
    tensors = state_dict_of(path)
    try:
        # The classes fill their layers with random numbers first; pictures' noise mustn't depend on that.
        with torch.random.fork_rng(devices=[]):
            model = package.ModelLoader("cpu").load_from_state_dict(tensors)
    except package.UnsupportedModelError as error:
        reason = "its architecture is not known. It must be one that spandrel knows (ESRGAN, SwinIR, DAT, HAT, ...)."
        raise BadFile(path, reason) from error
    except (RuntimeError, KeyError, ValueError, AssertionError, IndexError, TypeError) as error:
        log.warning("%s: %s", path, error)
        raise BadFile(path, "its tensors don't fit together. Download it again.") from error
    if not isinstance(model, package.ImageModelDescriptor):
        raise BadFile(path, f"it is a model for {model.purpose.lower()}, which needs a mask.")
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    return model.to(compute.device, _dtype(model, compute)).eval()


def _dtype(model: Any, compute: Compute) -> torch.dtype:
    import torch

    if compute.device.type != "cuda":
        return torch.float32
    if model.supports_half:
        return torch.float16
    if model.supports_bfloat16 and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32


def out_of_memory(error: BaseException) -> bool:
    """Whether this is torch's way to say that memory is short, on a GPU or not."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
