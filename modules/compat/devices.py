"""`modules.devices` of the older UI: the device, its precision, and random numbers. torch is imported late."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modules.compat.house import house, is_open
from modules.compute import Compute, ComputeOptions, choose, give_back_memory

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    device: torch.device
    cpu: torch.device
    dtype: torch.dtype
    dtype_vae: torch.dtype
    dtype_unet: torch.dtype
    dtype_inference: torch.dtype

unet_needs_upcast = False
fp8 = False
force_fp16 = False
nv_rng: Any = None
"""The generator behind "NV" that `manual_seed` has made."""
_chosen: tuple[Any, Compute] | None = None
_DEVICES = (
    "device", "device_interrogate", "device_gfpgan", "device_esrgan", "device_codeformer", "device_vae"
)  # fmt: skip


class NansException(Exception):
    """A result holds no numbers."""


def _compute() -> Compute:
    """Where and how models compute: that of the loaded model, else what the flags say."""
    global _chosen
    if is_open() and (loaded := house().models.loaded) is not None:
        return loaded.compute
    options = _options()
    if _chosen is None or _chosen[0] != options:
        _chosen = (options, choose(options))
    return _chosen[1]


def _options() -> ComputeOptions:
    from modules.compat.shared_cmd_options import cmd_opts

    number = str(cmd_opts.device_id or "")
    return ComputeOptions(
        device=None if number.isdecimal() or not number else number,
        device_id=number if number.isdecimal() else None,
        precision=cmd_opts.precision if cmd_opts.precision in ("full", "half") else None,
        no_half=bool(cmd_opts.no_half),
        no_half_vae=bool(cmd_opts.no_half_vae),
        use_cpu=tuple(cmd_opts.use_cpu or ()),
    )


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name == "cpu":
        import torch

        return torch.device("cpu")
    if name in _DEVICES:
        compute = _compute()
        return compute.device_of("vae") if name == "device_vae" else compute.device
    if name in ("dtype", "dtype_unet", "dtype_inference"):
        return _compute().unet
    if name == "dtype_vae":
        return _compute().vae
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# -- which device -------------------------------------------------------------------------------------------


def get_optimal_device_name() -> str:
    """The best device there is, as torch names it."""
    return str(_compute().device)


def get_optimal_device() -> torch.device:
    """The best device there is."""
    return _compute().device


def get_device_for(task: str) -> torch.device:
    """Where a task computes; `--use-cpu` may name it."""
    import torch

    from modules.compat.shared_cmd_options import cmd_opts

    on_cpu = {str(name).lower() for name in cmd_opts.use_cpu or ()}
    return torch.device("cpu") if task.lower() in on_cpu or "all" in on_cpu else get_optimal_device()


def get_cuda_device_string() -> str:
    """The graphics card, as torch names it."""
    found = get_optimal_device()
    return str(found) if found.type == "cuda" else "cuda"


def get_cuda_device_id() -> int:
    """The number of the graphics card."""
    return get_optimal_device().index or 0


def has_mps() -> bool:
    """Whether the device is one of Apple's."""
    return get_optimal_device().type == "mps"


def has_xpu() -> bool:
    """Whether the device is one of Intel's: they are not used."""
    return False


def cuda_no_autocast(device_id: int | None = None) -> bool:
    """Whether the card is one that computes wrongly in half precision: not known here."""
    return False


# -- memory and precision -----------------------------------------------------------------------------------


def torch_gc() -> None:
    """Give memory that is not used any more back to the system."""
    give_back_memory()


def enable_tf32() -> None:
    """Nothing to do: the program decides it when it starts."""


def first_time_calculation() -> None:
    """Nothing to do: the first job warms the device up."""


def torch_npu_set_device() -> None:
    """Nothing to do: these devices are not used."""


def cond_cast_unet(input: Tensor) -> Tensor:
    """A tensor in the precision of the U-Net, where it has to be brought there."""
    return input.to(_compute().unet) if unet_needs_upcast else input


def cond_cast_float(input: Tensor) -> Tensor:
    """A tensor as float32, where it has to be."""
    return input.float() if unet_needs_upcast else input


def autocast(disable: bool = False) -> contextlib.AbstractContextManager[Any]:
    """Compute in the precision of the models; on a CPU and in full precision nothing has to be cast."""
    import torch

    compute = _compute()
    if disable or compute.device.type == "cpu" or compute.unet == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(compute.device.type, dtype=compute.unet)


def without_autocast(disable: bool = False) -> contextlib.AbstractContextManager[Any]:
    """Compute in the precision of the tensors, within `autocast` too."""
    import torch

    if disable:
        return contextlib.nullcontext()
    return torch.autocast(_compute().device.type, enabled=False)


@contextlib.contextmanager
def manual_cast(target_dtype: torch.dtype) -> Iterator[None]:
    """Compute in this precision."""
    import torch

    where = _compute().device.type
    if target_dtype == torch.float32 or where == "mps":
        yield
        return
    with torch.autocast(where, dtype=target_dtype):
        yield


def test_for_nans(x: Tensor, where: str) -> None:
    """Raises: NansException: the whole result of a U-Net ("unet") or VAE ("vae") is no numbers."""
    import torch

    from modules.compat.shared_cmd_options import cmd_opts

    if cmd_opts.disable_nan_check or not torch.isnan(x).all():
        return
    what, flag = ("the VAE", "--no-half-vae") if where == "vae" else ("the U-Net", "--no-half")
    raise NansException(
        f"All that {what} gave is no number (NaN). Start Easel with {flag} to compute in 32 bits."
    )


# -- random numbers -----------------------------------------------------------------------------------------


def _source() -> str:
    from modules.compat import shared

    return str(shared.opts.randn_source)


def manual_seed(seed: int) -> None:
    """Begin the random numbers of `randn_without_seed` and `randn_like` with a seed."""
    global nv_rng
    import torch

    if _source() == "NV":
        from modules.sampling.philox import PhiloxGenerator

        nv_rng = PhiloxGenerator(seed)
        return
    torch.manual_seed(seed)


def randn(seed: int, shape: Sequence[int], generator: Any = None) -> Tensor:
    """Normal numbers of a seed, on the device, from the source that the settings say.

    Args: generator: is used instead, where it is given: one of torch's, or one with a method `randn(shape)`.
    """
    manual_seed(seed)
    return randn_without_seed(shape, generator)


def randn_local(seed: int, shape: Sequence[int]) -> Tensor:
    """The same without a change of what the next random numbers are."""
    import torch

    if _source() == "NV":
        from modules.sampling.philox import PhiloxGenerator

        return torch.asarray(PhiloxGenerator(seed).randn(tuple(shape)), device=_compute().device)
    local = _device_of_noise()
    generator = torch.Generator(local).manual_seed(int(seed))
    return torch.randn(tuple(shape), device=local, generator=generator).to(_compute().device)


def randn_without_seed(shape: Sequence[int], generator: Any = None) -> Tensor:
    """The next normal numbers."""
    import torch

    where = _compute().device
    if _source() == "NV":
        source = generator or nv_rng or _begun()
        return torch.asarray(source.randn(tuple(shape)), device=where)
    local = _device_of_noise() if generator is None else generator.device
    return torch.randn(tuple(shape), device=local, generator=generator).to(where)


def randn_like(x: Tensor) -> Tensor:
    """The next normal numbers, in the form of a tensor."""
    return randn_without_seed(tuple(x.shape)).to(x.device, x.dtype)


def _begun() -> Any:
    manual_seed(0)
    return nv_rng


def _device_of_noise() -> torch.device:
    import torch

    where = _compute().device
    return where if _source() == "GPU" and where.type == "cuda" else torch.device("cpu")
