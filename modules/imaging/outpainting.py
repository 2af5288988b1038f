"""The canvas of outpainting: a picture with a frame around it that the model can continue, and its mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from modules.faults import InvalidField
from modules.imaging.frame import FIELD, OutpaintFrame
from modules.imaging.reading import MAX_PIXELS, MAX_SIDE, flatten, read_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fill = Literal["reflect", "colour"]

# The mirrored picture is blurred more and more with the distance: at each of these distances (pixels outside the
# picture) it has the Gaussian blur below it; between them the two are mixed.
_DISTANCES = (0.0, 12.0, 48.0, 160.0)
_SIGMAS = (0.0, 2.0, 8.0, 32.0)

# Noise grows from none at the seam to this share of the picture's own detail at `_NOISE_REACH` pixels. It stands for
# what the blur takes away, so that the model finds things to draw; large forms and colours come from the mirror.
_NOISE_SHARE = 0.6
_NOISE_REACH = 96.0
_TEXTURE_SIDE = 512


def prepare(
    image: Image.Image,
    frame: OutpaintFrame,
    fill: Fill = "reflect",
    colour: str = "#808080",
    feather: int = 16,
    seed: int = 0,
) -> tuple[Image.Image, Image.Image]:
    """A picture with a frame around it, and the mask of what is to be drawn.

    The picture's place on the canvas is `(left, top)` of `frame.rounded(image.width, image.height)`; its pixels there
    are equal to the original's, also under the seam.

    Args:
        image: RGB; transparent parts of RGBA are laid on `colour`.
        frame: the least that is added; see `OutpaintFrame.rounded`.
        fill: "reflect": the picture mirrored outwards, blurred with the distance, with noise of the picture's own
            spectrum; "colour": `colour` only.
        colour: like #808080.
        feather: how many pixels the mask fades into the picture from each side that is extended.
        seed: of the noise.

    Returns: canvas (RGB) and mask (L, 255 in the new area, 0 in the picture beyond the seam), multiples of 8 a side.

    Raises: InvalidField: the canvas would be too large, the colour or the fill is unknown, the feather is negative.
    """
    if feather < 0:
        raise InvalidField(FIELD, f"{FIELD}: the feather is {feather}; it must be 0 or more pixels.")
    frame = frame.rounded(image.width, image.height)
    width, height = frame.size(image.width, image.height)
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InvalidField(
            FIELD,
            f"{FIELD}: the new picture would be {width}x{height} pixels; "
            f"at most {MAX_SIDE} a side and {MAX_PIXELS:,} in all can be made.",
        )
    background = read_colour(colour, FIELD, f"{FIELD}:", "#808080 or grey")
    canvas = Image.new("RGB", (width, height), background[:3])
    picture = flatten(image, colour)
    if fill == "reflect":
        canvas = Image.fromarray(_continued(np.asarray(picture), frame, seed))
    elif fill != "colour":
        raise InvalidField(FIELD, f"{FIELD}: the fill {fill!r} is not known; use reflect or colour.")
    canvas.paste(picture, (frame.left, frame.top))
    return canvas, _seam_mask(image.width, image.height, frame, feather)


def _seam_mask(width: int, height: int, frame: OutpaintFrame, feather: int) -> Image.Image:
    across = _seam_profile(width, frame.left, frame.right, feather)
    down = _seam_profile(height, frame.top, frame.bottom, feather)
    mask = np.maximum(across[None, :], down[:, None])
    return Image.fromarray(np.rint(mask * 255).astype(np.uint8))


def _seam_profile(length: int, before: int, after: int, feather: int) -> NDArray[np.float32]:
    """The mask along one axis in 0..1: 1 outside, falling to 0 in `feather` pixels from each extended end."""
    places = np.arange(length, dtype=np.float32)
    inside = np.zeros(length, np.float32)
    for extended, depth in ((before, places), (after, length - 1 - places)):
        if extended:
            inside = np.maximum(inside, (feather - depth) / (feather + 1))
    return np.concatenate([np.ones(before), inside, np.ones(after)]).astype(np.float32)


def _continued(pixels: NDArray[np.uint8], frame: OutpaintFrame, seed: int) -> NDArray[np.uint8]:
    """The picture `[h, w, 3]` continued over the frame, `[H, W, 3]`."""
    height, width = pixels.shape[:2]
    mirrored = np.pad(
        pixels, ((frame.top, frame.bottom), (frame.left, frame.right), (0, 0)), mode="symmetric"
    )
    distance = np.hypot(
        _outside(height, frame.top, frame.bottom)[:, None], _outside(width, frame.left, frame.right)[None, :]
    ).astype(np.float32)
    canvas = _blurred_by_distance(mirrored, distance)
    share = np.minimum(distance / _NOISE_REACH, 1) * _NOISE_SHARE
    texture = _texture_like(pixels, seed)
    rows = np.arange(canvas.shape[0]) % _TEXTURE_SIDE
    columns = np.arange(canvas.shape[1]) % _TEXTURE_SIDE
    canvas += texture[rows][:, columns] * share[..., None]
    return np.rint(np.clip(canvas, 0, 255)).astype(np.uint8)


def _outside(length: int, before: int, after: int) -> NDArray[np.float32]:
    """How far each place along one axis lies outside the picture, in pixels; 0 inside."""
    places = np.arange(-before, length + after, dtype=np.float32)
    return np.maximum(np.maximum(-places, places - (length - 1)), 0)


def _blurred_by_distance(mirrored: NDArray[np.uint8], distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """The canvas, with each pixel blurred as its distance says (see `_DISTANCES`)."""
    level = np.interp(distance, _DISTANCES, range(len(_DISTANCES))).astype(np.float32)
    canvas = np.zeros(mirrored.shape, np.float32)
    for i, sigma in enumerate(_SIGMAS):
        weight = np.clip(1 - np.abs(level - i), 0, 1)
        if not weight.any():
            continue
        canvas += _blurred(mirrored, sigma) * weight[..., None]
    return canvas


def _blurred(values: NDArray[np.uint8] | NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A Gaussian blur of `[H, W, 3]`; a wide one of a large picture is made at a quarter of its size, to be quick."""
    import cv2

    pixels = np.asarray(values, np.float32)
    if not sigma:
        return pixels
    height, width = pixels.shape[:2]
    shrink = 4 if sigma >= 16 and min(height, width) >= 64 else 1
    if shrink > 1:
        small = (width // shrink, height // shrink)
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.float32)
    side = 2 * round(3 * sigma / shrink) + 1
    blurred = cv2.GaussianBlur(pixels, (side, side), sigma / shrink, borderType=cv2.BORDER_REFLECT)
    if shrink > 1:
        blurred = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(blurred, np.float32)


def _texture_like(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.float32]:
    """Noise with the spectrum, contrast and colours of a picture's detail, about 0; it can be tiled without seams.

    `[_TEXTURE_SIDE, _TEXTURE_SIDE, 3]`. One random phase is added to the spectrum of the middle of the picture, the
    same in all channels, so that their relation (which is colour) stays. Source: Galerne, Gousseau and Morel, "Random
    Phase Textures: Theory and Synthesis", 2011.
    """
    height, width = (min(side, _TEXTURE_SIDE) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    sample = pixels[top : top + height, left : left + width].astype(np.float32)
    # What the widest blur leaves over is no detail.
    sample -= _blurred(sample, _SIGMAS[-1])
    # Faded out to its edges: where they meet, tiles would have a step, which is a cross in the spectrum.
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    side = (_TEXTURE_SIDE, _TEXTURE_SIDE)
    spectrum = np.fft.rfft2(sample * window[..., None], side, axes=(0, 1))
    random = np.fft.rfft2(np.random.Generator(np.random.PCG64(seed % 2**64)).standard_normal(side))
    phase = random / np.maximum(np.abs(random), 1e-12)
    texture = np.fft.irfft2(spectrum * phase[..., None], side, axes=(0, 1))
    texture -= texture.mean((0, 1))
    contrast, made = sample.std(), texture.std()
    return (texture * (contrast / made if made > 1e-9 else 0)).astype(np.float32)
