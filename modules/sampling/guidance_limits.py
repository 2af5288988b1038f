"""What keeps strong guidance from too much contrast and colour: rescaling and dynamic thresholding.

Sources: Lin et al., "Common Diffusion Noise Schedules and Sample Steps Are Flawed" (2023), section 3.4; Saharia et
al., "Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding" (Imagen, 2022), section 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

PICTURE = (1, 2, 3)


@dataclass(frozen=True)
class Threshold:
    """Dynamic thresholding.

    Args:
        percentile: the share of values, above 0 and up to 1, that are left inside the bound.
        mimic_scale: values are brought into the range that this CFG scale would give. None: into -1..1, as in the
            paper, which has pixels in mind; latents want a mimic scale.
    """

    percentile: float
    mimic_scale: float | None = None


def rescaled(guided: Tensor, positive: Tensor, origin: Tensor, share: float) -> Tensor:
    """The guided prediction with the spread that the one without guidance has (CFG rescale).

    The paper speaks of the U-Net's output; that is `(origin - clean) / b`, and `b` falls out.

    Args:
        guided, positive: clean latents `[B, 4, h, w]`, with guidance and for the prompt alone.
        origin: the clean latents for an output of zero.
        share: the paper's phi, from 0 (nothing happens) to 1.
    """
    wanted = (origin - positive).std(dim=PICTURE, keepdim=True)
    found = (origin - guided).std(dim=PICTURE, keepdim=True)
    factor = share * wanted / found.clamp(min=1e-12) + (1 - share)
    return origin - factor * (origin - guided)


def thresholded(guided: Tensor, percentile: float, mimic: Tensor | None = None) -> Tensor:
    """The guided prediction `[B, 4, h, w]`, its extremes clipped and the rest drawn in accordingly.

    Args: mimic: the prediction whose range is taken, channel by channel around its mean; None: -1..1.
    """
    if mimic is None:
        bound = _quantile(guided.flatten(1), percentile).clamp(min=1)[:, None]
        return guided.clamp(-bound, bound) / bound
    centre = guided.mean(dim=(2, 3), keepdim=True)
    spread = guided - centre
    wanted = (mimic - mimic.mean(dim=(2, 3), keepdim=True)).abs().amax(dim=(2, 3), keepdim=True)
    bound = _quantile(spread.flatten(2), percentile).maximum(wanted)
    return centre + spread.clamp(-bound, bound) * (wanted / bound.clamp(min=1e-12))


def _quantile(values: Tensor, percentile: float) -> Tensor:
    """The quantile of the absolute values along the last axis `[..., N]`, as `[..., 1, 1]`."""
    return values.float().abs().quantile(percentile, dim=-1)[..., None, None].to(values)
