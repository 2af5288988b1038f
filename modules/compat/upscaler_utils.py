"""`modules.upscaler_utils` of the older UI: pictures as tensors, and through a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def pil_image_to_torch_bgr(img: Image) -> Tensor:
    """A picture as `[3, H, W]`, 0..1, blue first."""
    import numpy as np
    import torch

    pixels = np.asarray(img.convert("RGB"))[:, :, ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255


def torch_bgr_to_pil_image(tensor: Tensor) -> Image:
    """The reverse; also of `[1, 3, H, W]`. Raises: ValueError: several pictures."""
    import numpy as np
    from PIL import Image

    if tensor.ndim == 4:
        if len(tensor) != 1:
            raise ValueError(f"{tuple(tensor.shape)} is not one picture")
        tensor = tensor[0]
    pixels = tensor.detach().float().cpu().clamp(0, 1).numpy().transpose(1, 2, 0)[:, :, ::-1]
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def upscale_pil_patch(model: Any, img: Image) -> Image:
    """A picture through a network, whole."""
    import torch

    weight = next(iter(model.parameters()))
    with torch.inference_mode():
        return torch_bgr_to_pil_image(model(pil_image_to_torch_bgr(img)[None].to(weight)))


def upscale_with_model(
    model: Any, img: Image, *, tile_size: int, tile_overlap: int = 0, desc: str = "tiled upscale"
) -> Image:
    """A picture through a network, in tiles. Args: tile_size: 0: whole."""
    from modules.compat.images import combine_grid, split_grid

    if tile_size <= 0:
        return upscale_pil_patch(model, img)
    grid = split_grid(img, tile_size, tile_size, tile_overlap)
    tiles: list[Any] = []
    scale = 1.0
    for y, height, row in grid.tiles:
        made: list[Any] = []
        for x, width, tile in row:
            larger = upscale_pil_patch(model, tile)
            scale = larger.width / tile.width
            made.append([int(x * scale), int(width * scale), larger])
        tiles.append([int(y * scale), int(height * scale), made])
    sizes = (grid.tile_w, grid.tile_h, grid.image_w, grid.image_h, grid.overlap)
    return combine_grid(type(grid)(tiles, *(int(size * scale) for size in sizes)))
