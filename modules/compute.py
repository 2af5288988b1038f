"""Which device computes, in which precision, and what is where when memory is short."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["full", "half", "autocast"]
Memory = Literal["normal", "medium", "low"]
_WHOLE_MODEL = {"all", "sd", "unet"}
"""Names after --use-cpu that put the whole model on the CPU."""


@dataclass(frozen=True)
class ComputeOptions:
    """What the user wants of the device; see the flags of the command line.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps"; None: the best there is.
        device_id: the number of the graphics card, where `device` is None.
        precision: "full": float32 everywhere; "half": half precision everywhere, on a CPU too; "autocast" and None:
            what is exact and fast enough on this device.
        no_half: float32 everywhere; no_half_vae: float32 in the VAE.
        use_cpu: parts that are computed on the CPU: "all", "sd" or "unet" (the whole model), "vae". Other names are
            those of upscalers and the like, which have no device of their own.
        memory: "medium": the parts of a model take turns on the device; "low": so do the U-Net's layers.
        medium_for_xl: "medium" for SDXL (--medvram-sdxl).
        channels_last: the memory layout of convolutions; None: what is fastest.
        nan_check: look for NaN in results (off with --disable-nan-check).
    """

    device: str | None = None
    device_id: str | None = None
    precision: Precision | None = None
    no_half: bool = False
    no_half_vae: bool = False
    use_cpu: tuple[str, ...] = ()
    memory: Memory = "normal"
    medium_for_xl: bool = False
    channels_last: bool | None = None
    nan_check: bool = True


@dataclass(frozen=True)
class Compute:
    """The device and the precision of each part of a model.

    Args:
        device: where latents are, and where the parts compute.
        unet, vae, text: the dtypes of the weights.
        memory: which parts may be on the device together; see `models.placement`.
        vae_device: where the VAE computes, if that is another device.
        medium_for_xl: SDXL has `memory` "medium".
        channels_last: the memory layout of convolutions.
        nan_check: look for NaN in results.
    """

    device: torch.device
    unet: torch.dtype
    vae: torch.dtype
    text: torch.dtype
    memory: Memory = "normal"
    vae_device: torch.device | None = None
    medium_for_xl: bool = False
    channels_last: bool = True
    nan_check: bool = True

    def device_of(self, part: str) -> torch.device:
        """Where a part of a model computes: "text", "unet", "vae", "depth", "image"."""
        return self.vae_device if part == "vae" and self.vae_device is not None else self.device

    def home_of(self, part: str) -> torch.device:
        """Where a part of a model waits for its use, and is loaded to: its device, or the memory of the CPU."""
        import torch

        return torch.device("cpu") if self.takes_turns else self.device_of(part)

    @property
    def takes_turns(self) -> bool:
        """Whether the parts of a model wait in the memory of the CPU for their turn on the device."""
        return self.memory != "normal" and self.device.type != "cpu"

    def of_family(self, xl: bool) -> Compute:
        """The same for a checkpoint of a family; xl: it is of SDXL's size."""
        return (
            replace(self, memory="medium") if xl and self.medium_for_xl and self.memory == "normal" else self
        )


def choose(options: ComputeOptions | str | None = None) -> Compute:
    """The best device there is, or the one that is asked for, with half precision where it is exact and fast enough.

    On a CPU everything is float32: without AVX-512 or AMX bfloat16 is slower there, and its pictures differ visibly.
    On a GPU the U-Net and the text encoders are float16, nearer to float32 than bfloat16. The VAE of many checkpoints
    overflows in float16, so it is bfloat16 where the GPU has that (and doesn't just imitate it), else float32.

    Args: options: what the user wants, or a device alone.
    """
    import torch

    if not isinstance(options, ComputeOptions):
        options = ComputeOptions(device=options)
    where = torch.device(_device_name(options))
    full = options.no_half or options.precision == "full"
    half = (where.type != "cpu" and where.type != "mps") or options.precision == "half"
    model = vae = torch.float32
    if half and not full:
        model = torch.bfloat16 if where.type == "cpu" else torch.float16
        has_bfloat16 = where.type == "cpu" or (
            where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        )
        vae = torch.bfloat16 if has_bfloat16 else torch.float32
    vae_on_cpu = "vae" in _names(options) and where.type != "cpu"
    return Compute(
        device=where,
        unet=model,
        vae=torch.float32 if options.no_half_vae or vae_on_cpu else vae,
        text=model,
        memory=options.memory,
        vae_device=torch.device("cpu") if vae_on_cpu else None,
        medium_for_xl=options.medium_for_xl,
        channels_last=options.channels_last is not False,
        nan_check=options.nan_check,
    )


def _names(options: ComputeOptions) -> set[str]:
    return {name.lower() for name in options.use_cpu}


def _device_name(options: ComputeOptions) -> str:
    import torch

    if _names(options) & _WHOLE_MODEL:
        return "cpu"
    if options.device is not None:
        return options.device
    if torch.cuda.is_available():
        return f"cuda:{options.device_id}" if options.device_id else "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class HostCopy:
    """A tensor on its way to the CPU. Nobody waits for the device before the copy is asked for.

    Args: tensor: on any device; it may be forgotten at once.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        import torch

        self._event: torch.cuda.Event | None = None
        if tensor.device.type != "cuda":
            self._copy = tensor.cpu()
            return
        self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._copy.copy_(tensor, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record(torch.cuda.current_stream(tensor.device))

    def wait(self) -> torch.Tensor:
        """The copy, once it is there. From any thread."""
        if self._event is not None:
            self._event.synchronize()
        return self._copy


# -- memory -------------------------------------------------------------------------------------------------


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory is short, on any device: on a CPU torch raises a plain RuntimeError."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def free_memory(device: torch.device) -> int | None:
    """How many bytes are free on a device (with what torch keeps there unused); None: nobody knows."""
    import psutil
    import torch

    if device.type == "cpu":
        return int(psutil.virtual_memory().available)
    if device.type != "cuda":
        return None
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def give_back_memory() -> None:
    """Return what is not used any more to the system: from Python, from the GPU's cache, from the C library's heap."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = _heap_trimmer()
    if trim is not None:
        trim(0)


def _heap_trimmer() -> Callable[[int], int] | None:
    """The C library's `malloc_trim` (glibc keeps freed memory in its arenas); None on other systems."""
    if sys.platform != "linux":
        return None
    import ctypes

    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
