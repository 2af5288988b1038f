"""Latents to pictures and back through a model's VAE, whatever it takes: more precision, or tiles.

A half-precision VAE that overflows (NaN) is brought to bfloat16, then to float32, and stays there. Where memory is
short the picture is made of overlapping tiles that are blended into each other. Group norms see only their tile, so
this is not exactly the same picture; the whole one is always tried first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.compute import HostCopy, give_back_memory, is_out_of_memory
from modules.faults import BadFile, NotPossibleNow
from modules.models.placement import Copy, copy_to, placed

if TYPE_CHECKING:
    from modules.models.autoencoder import Autoencoder
    from modules.models.latent_diffusion import LatentDiffusion

log = logging.getLogger(__name__)

TILES = ((64, 16), (32, 8), (16, 4))
"""Side and overlap of the tiles in latent cells, in the order in which they are tried."""
_ONE_USER = threading.RLock()
"""Pictures are finished in a thread of their own, where the VAE may be given more precision to decode again."""
_MORE_PRECISION = {torch.float16: torch.bfloat16, torch.bfloat16: torch.float32}

Network = Callable[[Tensor], Tensor]
"""`[1, C, h, w]` -> `[1, C', h', w']`."""


@torch.inference_mode()
def decode(model: LatentDiffusion, latent: Tensor, copy: Copy = copy_to) -> Tensor:
    """One scaled latent `[4, h, w]` to a picture `[3, H, W]`, about -1..1 (not clipped), float32 on the CPU.

    Raises: NotPossibleNow: the VAE gives no picture, or memory is too short even for tiles.
    """
    ratio = Fraction(model.vae.config.downscale)
    with _ONE_USER, placed(model, "vae", copy):
        return _run(model, lambda vae: vae.decode, latent[None], ratio).cpu()[0]


class Decoding:
    """A picture that the VAE was told to make: a GPU is at work on it while the program goes on.

    Args: model, latent: as for `decode`.

    Raises: NotPossibleNow: memory is too short even for tiles.
    """

    @torch.inference_mode()
    def __init__(self, model: LatentDiffusion, latent: Tensor) -> None:
        self._model, self._latent = model, latent
        ratio = Fraction(model.vae.config.downscale)
        with _ONE_USER, placed(model, "vae", copy_to):
            self._copy = HostCopy(_fitting(model, model.vae.decode, latent[None], ratio))
        # where its parts take turns on the device, another thread could not bring the VAE there to decode again
        self._decoded = None if model.compute.memory == "normal" else self._checked()

    def wait(self) -> Tensor:
        """What `decode` gives. From any thread.

        Raises: NotPossibleNow: see `decode`.
        """
        return self._checked() if self._decoded is None else self._decoded

    def _checked(self) -> Tensor:
        decoded = self._copy.wait()[0]
        if self._model.compute.nan_check and not bool(decoded.isfinite().all()):
            return decode(self._model, self._latent)  # which finds out why, or takes more precision
        return decoded


@torch.inference_mode()
def encode(model: LatentDiffusion, pixels: Tensor, copy: Copy = copy_to) -> Tensor:
    """Pictures `[B, 3, H, W]` in -1..1 to scaled latents `[B, 4, h, w]`, one by one; float32 on the model's device.

    Raises: NotPossibleNow: see `decode`.
    """
    ratio = Fraction(1, model.vae.config.downscale)
    with _ONE_USER, placed(model, "vae", copy):
        latents = [_run(model, lambda vae: vae.encode, one[None], ratio) for one in pixels]
    return torch.cat(latents).to(model.compute.device)


def check_latents(model: LatentDiffusion, latents: Tensor) -> None:
    """Stop before noise or black is decoded: the U-Net's result holds NaN.

    Args: latents: `[B, 4, h, w]`.

    Raises: NotPossibleNow.
    """
    if not model.compute.nan_check or bool(latents.isfinite().all()):
        return
    if model.compute.unet == torch.float32:
        advice = "Lower the CFG scale or the weights of the networks, or use another sampler or checkpoint."
    else:
        advice = "Start with --no-half, or use another checkpoint."
    raise NotPossibleNow(f"The U-Net gave no picture (NaN). {advice}")


# -- precision ----------------------------------------------------------------------------------------------


def _run(
    model: LatentDiffusion, method: Callable[[Autoencoder], Network], x: Tensor, ratio: Fraction
) -> Tensor:
    """The VAE's result for `[1, C, h, w]`, with as much precision as it needs."""
    if not model.compute.nan_check:
        return _fitting(model, method(model.vae), x, ratio)
    if not bool(x.isfinite().all()):
        raise NotPossibleNow(
            "What was to go through the VAE holds NaN. Start with --no-half, or use another VAE."
        )
    while True:
        result = _fitting(model, method(model.vae), x, ratio)
        if bool(result.isfinite().all()):
            return result
        more = _MORE_PRECISION.get(_weight(model).dtype)
        if more is None:
            raise NotPossibleNow("The VAE gave no picture (NaN). Choose another VAE in the settings.")
        name = model.checkpoint.name if model.vae_file is None else model.vae_file.name
        log.info(
            "The VAE of %s overflows in %s; from now on it computes in %s.", name, _weight(model).dtype, more
        )
        _set_precision(model, more)


def _weight(model: LatentDiffusion) -> Tensor:
    return next(model.vae.parameters())


def _set_precision(model: LatentDiffusion, dtype: torch.dtype) -> None:
    """Give the VAE other weights: from its file again, as those that it has are rounded already."""
    from dataclasses import replace

    from modules.models.loader import load_own_vae, load_vae

    device = _weight(model).device
    compute = replace(model.compute, vae=dtype, vae_device=device, memory="normal")
    try:
        if model.vae_file is not None:
            fresh = load_vae(model.vae_file, model.family, compute)
        else:
            fresh = load_own_vae(model.checkpoint, model.family, compute)
        model.vae.load_state_dict(fresh.state_dict(), assign=True)
        model.vae.requires_grad_(False)
    except (BadFile, RuntimeError):  # the file is gone or another one by now
        model.vae.to(dtype)


# -- memory -------------------------------------------------------------------------------------------------


def _fitting(model: LatentDiffusion, network: Network, x: Tensor, ratio: Fraction) -> Tensor:
    """The result as a whole, or of tiles if memory is too short for that."""
    cell = 1 if ratio > 1 else int(1 / ratio)  # sides of tiles are counted in latent cells
    weight = _weight(model)

    def run(part: Tensor) -> Tensor:
        return network(part.to(weight)).float()

    result = _tried(lambda: run(x))
    wraps = any(isinstance(m, nn.Conv2d) and m.padding_mode == "circular" for m in model.vae.modules())
    for side, overlap in TILES:
        if result is not None:
            return result
        log.info("Memory is short for the VAE; it works in tiles of %d cells.", side)
        result = _tried(lambda s=side, o=overlap: tiled(run, x, s * cell, o * cell, ratio, wraps))  # type: ignore[misc]
    if result is None:
        raise NotPossibleNow("There is not enough memory for the VAE at this size. Try a smaller one.")
    return result


def _tried(make: Callable[[], Tensor]) -> Tensor | None:
    """The result; None: memory is too short."""
    try:
        return make()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # only here, where the error doesn't hold the tensors any more
    give_back_memory()
    return None


def tiled(
    network: Network, x: Tensor, side: int, overlap: int, ratio: Fraction, wraps: bool = False
) -> Tensor:
    """Run a network over overlapping tiles, and blend their results linearly, in the memory of the CPU.

    Args:
        x: `[1, C, h, w]`.
        side, overlap: of the tiles, in `x`; multiples of what becomes one cell of the result.
        ratio: a side of the result by that of `x`.
        wraps: the picture's edges fit together.

    Returns: float32 `[1, C', h * ratio, w * ratio]`.
    """
    if ratio < 1:  # what is no whole cell at the right and below, the network leaves out too
        cell = int(1 / ratio)
        x = x[..., : x.shape[-2] // cell * cell, : x.shape[-1] // cell * cell]
    margin = 0
    if wraps:
        margin = min(overlap, *x.shape[-2:])
        x = F.pad(x, (margin, margin, margin, margin), mode="circular")
    height, width = (int(length * ratio) for length in x.shape[-2:])
    result = weights = torch.empty(0)
    for top, bottom in _spans(x.shape[-2], side, overlap):
        for left, right in _spans(x.shape[-1], side, overlap):
            part = network(x[..., top:bottom, left:right]).float().cpu()
            if not len(result):
                result = torch.zeros(1, part.shape[1], height, width)
                weights = torch.zeros(1, 1, height, width)
            y, x_ = int(top * ratio), int(left * ratio)
            high, wide = part.shape[-2:]
            blend = int(overlap * ratio)
            ramp = _ramp(high, blend, top > 0, bottom < x.shape[-2])[:, None]
            ramp = ramp * _ramp(wide, blend, left > 0, right < x.shape[-1])[None]
            result[..., y : y + high, x_ : x_ + wide] += part * ramp
            weights[..., y : y + high, x_ : x_ + wide] += ramp
    result /= weights
    if wraps:
        cut = int(margin * ratio)
        result = result[..., cut : height - cut, cut : width - cut]
    return result


def _spans(length: int, side: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end along one side; the last one ends with it."""
    start = 0
    while start + side < length:
        yield start, start + side
        start += side - overlap
    yield max(0, length - side), length


def _ramp(length: int, overlap: int, rises: bool, falls: bool) -> Tensor:
    """Weights of a tile along one side, `[length]`: 1, and rising or falling where a neighbour overlaps."""
    ramp = torch.ones(length)
    slope = (torch.arange(min(overlap, length)) + 0.5) / overlap
    if rises:
        ramp[: len(slope)] *= slope
    if falls:
        ramp[length - len(slope) :] *= slope.flip(0)
    return ramp
