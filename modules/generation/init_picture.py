"""The picture that an image-to-image request begins with: extended, resized, cropped, filled, and later put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modules.generation.batch import Batch
from modules.generation.requests import ImageToImage, Mask
from modules.imaging import masks, outpainting
from modules.imaging.colour_correction import correct_colours
from modules.imaging.filling import fill
from modules.imaging.overlay import overlay, overlay_of, whole_picture_mask
from modules.imaging.reading import flatten
from modules.imaging.resizing import FILL, STRETCH, resize

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

LATENT_RESIZE = 3
LaidOver = Callable[["Image", "Image"], tuple["Image", "Image"]]
"""Gets the overlay's mask and the original as RGBA, and gives those that are used."""


@dataclass(frozen=True)
class Prepared:
    """A picture as the VAE gets it, and what is needed to put the result back.

    Args:
        image: RGB at the request's size.
        mask: L, 255 where it is made anew; at the picture's size.
        pixel_mask: the same for an inpainting model, `[H, W]` in 0..1.
        whole: RGB: what a part of is laid over the result; None: nothing is.
        overlay_mask: L of its size: 255 where nothing of it is laid over the result.
        box: where in the original the result belongs ("only masked"); None: it is all of it.
        colours: the picture whose colours the result gets; None: it keeps its own.
    """

    image: Image
    mask: Image | None = None
    pixel_mask: NDArray[np.float32] | None = None
    whole: Image | None = None
    overlay_mask: Image | None = None
    box: masks.Box | None = None
    colours: Image | None = None

    def finish(self, result: Image, laid_over: LaidOver) -> Image:
        """The finished picture from what was decoded."""
        if self.colours is not None:
            result = correct_colours(result, self.colours)
        if self.whole is None or self.overlay_mask is None:
            return result
        original = overlay_of(self.whole, self.overlay_mask)
        mask, changed = laid_over(self.overlay_mask, original)
        if changed is original and mask is not self.overlay_mask:
            changed = overlay_of(self.whole, mask.convert("L"))
        return overlay(result, changed, self.box)


def prepare(request: ImageToImage, batch: Batch, number: int) -> Prepared:
    """The picture that picture `number` begins with.

    Raises: UnknownName, InvalidField: a picture that isn't there or can't be read.
    """
    image = flatten(batch.picture(request.init_image_of(number), "init_images"), request.picture.background)
    mask = _mask(request, batch, number)
    if request.frame is not None:
        image, seam = outpainting.prepare(image, request.frame, seed=request.seed_of(number))
        mask = _joined(mask, seam, request)
    if mask is None:
        return _whole(request, image)
    return _masked(request, image, mask)


def _whole(request: ImageToImage, image: Image) -> Prepared:
    resized = _resized(request, image)
    return Prepared(resized, colours=resized if request.picture.colour_correction else None)


def _resized(request: ImageToImage, image: Image) -> Image:
    if request.resize_mode == LATENT_RESIZE:
        return image
    return resize(image, request.resize_mode, request.width, request.height)


def _mask(request: ImageToImage, batch: Batch, number: int) -> Image | None:
    wanted = request.mask
    name = None if wanted is None else wanted.image_of(number)
    if wanted is None or name is None:
        return None
    mask = masks.read_mask(batch.picture(name, "mask"), wanted.soft)
    if wanted.invert:
        mask = masks.invert(mask)
    return masks.blur(mask, wanted.blur_x, wanted.blur_y)


def _joined(mask: Image | None, seam: Image, request: ImageToImage) -> Image:
    """The mask of a frame with the one that was painted on the picture inside it."""
    if mask is None or request.frame is None:
        return seam
    from PIL import Image, ImageChops

    painted = Image.new("L", seam.size)
    painted.paste(mask, (request.frame.left, request.frame.top))
    return ImageChops.lighter(seam, painted)


def _masked(request: ImageToImage, image: Image, mask: Image) -> Prepared:
    wanted = request.mask or Mask()
    size = (request.width, request.height)
    if mask.size != image.size and request.frame is None:
        mask = mask.resize(image.size)
    box = None
    if wanted.only_masked:
        box = masks.bounding_box(mask, wanted.padding)
        if box is None:  # nothing is masked: plain img2img
            return _whole(request, image)
        box = masks.grow_to_ratio(box, *size, *image.size)
        overlay_mask, whole = mask, image
        mask = resize(mask.crop(box), FILL, *size)
        image = resize(image.crop(box), FILL, *size)
    else:
        if request.resize_mode == LATENT_RESIZE:  # what is laid over the result has its size all the same
            whole = resize(image, STRETCH, *size)
            overlay_mask = whole_picture_mask(resize(mask, STRETCH, *size))
        else:
            mask = resize(mask, request.resize_mode, *size)
            image = whole = _resized(request, image)
            overlay_mask = whole_picture_mask(mask)
    if wanted.content != "original":
        image = fill(image, mask)
    shades: NDArray[np.float32] = np.asarray(mask, np.float32) / np.float32(255)
    return Prepared(
        image=image,
        mask=mask,
        pixel_mask=shades if wanted.soft else np.around(shades).astype(np.float32),
        whole=whole if request.picture.overlay else None,
        overlay_mask=overlay_mask,
        box=box,
        colours=image if request.picture.colour_correction else None,
    )
