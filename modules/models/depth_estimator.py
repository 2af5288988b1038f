"""The depth network inside Stable Diffusion 2's depth checkpoints (MiDaS DPT-hybrid): a picture to inverse depth.

The U-Net of these checkpoints reads, beside the noisy latents, one more channel that holds the picture's depth at the
latents' size, scaled to -1..1. `DepthEstimator.estimate` and `depth_condition` make that channel.

Source: Ranftl et al., "Vision Transformers for Dense Prediction" (2021); the steps around the network are those that
the checkpoint was trained with (MiDaS' transform for `dpt_hybrid`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.depth_keys import PATCH, network_config, output_layers, to_transformers

SIDE = 384
"""The side of the pictures that the network was trained with."""
MULTIPLE = 32
"""The network halves a picture five times."""


class DepthEstimator:
    """Pictures to inverse depth; see `estimate`.

    Args: network: transformers' `DPTForDepthEstimation` for DPT-hybrid. It may be moved between devices.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @torch.no_grad()
    def estimate(self, pixels: Tensor) -> Tensor:
        """How near everything is.

        Args: pixels: `[B, 3, H, W]` in -1..1.

        Returns:
            float32 `[B, 1, h, w]`: inverse depth, larger is nearer, of no certain scale; `h, w` is `input_size(H, W)`.
        """
        weight = next(self.network.parameters())
        size = input_size(*pixels.shape[-2:])
        # This is OpenCV's INTER_CUBIC. Mean and deviation of 0.5 would bring 0..1 back to -1..1: nothing to do.
        resized = F.interpolate(pixels.float(), size=size, mode="bicubic", align_corners=False)
        return self._depth(resized.to(weight)).float()

    def _depth(self, x: Tensor) -> Tensor:
        """The network on `[B, 3, h, w]`, both sides multiples of 32 -> `[B, 1, h, w]`.

        transformers' own `forward` refuses all but square pictures of one size, though each of its parts takes any.
        """
        network: Any = self.network
        embedded = network.dpt.embeddings(x, interpolate_pos_encoding=True)
        tokens = embedded.last_hidden_states
        features = list(embedded.intermediate_activations)  # of the ResNet's first two stages
        layers = network.dpt.encoder.layer
        wanted = output_layers(len(layers))
        for i, layer in enumerate(layers):
            tokens = layer(tokens)
            if i in wanted:
                features.append(tokens)
        height, width = x.shape[-2:]
        return network.head(network.neck(features, height // PATCH, width // PATCH)).unsqueeze(1)


def load_depth_estimator(
    tensors: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> DepthEstimator:
    """The depth network of a checkpoint.

    Args:
        tensors: the checkpoint's tensors under `depth_model.`, without that prefix (MiDaS' names), or a `diffusers`
            folder's `depth_estimator` (transformers' names).

    Raises: KeyError, ValueError: tensors are missing or have the wrong shape. The caller knows the file.
    """
    from transformers import DPTForDepthEstimation

    weights = to_transformers(tensors)
    config = network_config(weights)
    with torch.device("meta"):
        network = DPTForDepthEstimation(config)
    fill(network, weights, device, dtype)
    return DepthEstimator(network)


def input_size(height: int, width: int) -> tuple[int, int]:
    """The size at which the network looks at a picture of `height` x `width` pixels.

    One side becomes 384, the one that needs less scaling, and the other follows; both are rounded to multiples of 32.
    """
    scale = min((SIDE / height, SIDE / width), key=lambda s: abs(1 - s))

    def rounded(side: int) -> int:
        return max(MULTIPLE, round(scale * side / MULTIPLE) * MULTIPLE)

    return rounded(height), rounded(width)


def depth_condition(depth: Tensor, latent_height: int, latent_width: int) -> Tensor:
    """The depth channel of the U-Net: `[B, 1, h, w]` -> `[B, 1, latent_height, latent_width]` in -1..1.

    Each picture is scaled by its own nearest and farthest point. A picture of one depth is -1 everywhere.
    """
    resized = F.interpolate(
        depth.float(), size=(latent_height, latent_width), mode="bicubic", align_corners=False
    )
    low, high = resized.amin((1, 2, 3), keepdim=True), resized.amax((1, 2, 3), keepdim=True)
    span = high - low
    # What resizing leaves of a flat map is rounding, which must not be blown up to the full range.
    flat = span <= 1e-5 * torch.maximum(low.abs(), high.abs())
    scaled = 2 * (resized - low) / torch.where(flat, 1, span) - 1
    return torch.where(flat, -1, scaled)


def fill(network: nn.Module, weights: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype) -> None:
    """Give a network on the meta device its weights, frozen; weights that it has no place for are left out.

    Raises: ValueError: weights are missing, have the wrong shape or hold values that are no numbers.
    """
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise ValueError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    for name, place in wanted.items():
        if place.shape != weights[name].shape:
            raise ValueError(f"{name} has the shape {tuple(weights[name].shape)}, not {tuple(place.shape)}")
        if not torch.isfinite(weights[name]).all():
            raise ValueError(f"{name} holds values that are no numbers (NaN)")
    network.load_state_dict(
        {name: weights[name].to(device=device, dtype=dtype) for name in wanted}, assign=True
    )
    network.eval().requires_grad_(False)
