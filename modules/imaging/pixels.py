"""Decoded tensors to pictures, and small previews of latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def to_image(decoded: Tensor) -> Image:
    """One decoded picture `[3, H, W]` in -1..1 (clipped here) as an RGB picture; values are truncated, not rounded."""
    return image_of_shares((decoded.float() + 1) / 2)


def image_of_shares(pixels: Tensor) -> Image:
    """One picture `[3, H, W]` in 0..1 (clipped here) as an RGB picture; values are truncated, not rounded."""
    import numpy as np
    from PIL import Image

    values = pixels.float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray((255.0 * values).astype(np.uint8))


def to_pixels(images: Sequence[Image]) -> Tensor:
    """RGB pictures of one size as a tensor `[B, 3, H, W]` in -1..1."""
    import numpy as np
    import torch

    values = np.stack([np.asarray(image.convert("RGB"), np.float32) for image in images])
    return torch.from_numpy(values / np.float32(255)).permute(0, 3, 1, 2) * 2 - 1


def preview_image(colours: Tensor) -> Image:
    """A preview of a batch `[B, 3, h, w]` in -1..1: its pictures side by side, in rows of about equal length."""
    import torch
    from PIL import Image

    count = len(colours)
    columns = max(1, round(count**0.5))
    rows = -(-count // columns)
    height, width = colours.shape[-2:]
    sheet = torch.zeros(3, rows * height, columns * width)
    for i, picture in enumerate(colours.float().cpu()):
        y, x = i // columns * height, i % columns * width
        sheet[:, y : y + height, x : x + width] = picture
    return to_image(sheet) if count else Image.new("RGB", (width, height))
