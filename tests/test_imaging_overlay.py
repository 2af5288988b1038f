"""Filling a hole, and putting the redrawn part back: unmasked pixels are equal to the original's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from modules.imaging import masks
from modules.imaging.filling import fill
from modules.imaging.overlay import overlay, overlay_of, whole_picture_mask
from modules.imaging.resizing import CROP, resize
from tests.reference import reference


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    return Image.fromarray(
        np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (height, width, 3), np.uint8)
    )


def spot(width: int, height: int, box: masks.Box) -> Image.Image:
    mask = Image.new("L", (width, height))
    mask.paste(255, box)
    return mask


def test_whole_picture_mask_doubles_and_clips() -> None:
    mask = Image.fromarray(np.array([[0, 1, 60, 127, 128, 255]], np.uint8))
    assert list(whole_picture_mask(mask).get_flattened_data()) == [0, 2, 120, 254, 255, 255]


def test_a_half_masked_pixel_is_mixed() -> None:
    original, result = Image.new("RGB", (1, 1), (200, 100, 0)), Image.new("RGB", (1, 1), (0, 100, 200))
    mask = Image.new("L", (1, 1), 51)  # the original counts 204 / 255 = 0.8
    mixed = overlay(result, overlay_of(original, mask)).getpixel((0, 0))
    assert mixed == pytest.approx((160, 100, 40), abs=1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 1000), st.integers(0, 6))
def test_unmasked_pixels_are_equal(width: int, height: int, seed: int, sigma: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    hard = Image.fromarray((rng.random((height, width)) > 0.97).astype(np.uint8) * 255)
    blurred = masks.blur(hard, sigma, sigma)
    original, result = noise(width, height, 1), noise(width, height, 2)
    for mask in (blurred, whole_picture_mask(blurred)):
        finished = np.asarray(overlay(result, overlay_of(original, mask)))
        values = np.asarray(mask)
        assert np.array_equal(finished[values == 0], np.asarray(original)[values == 0])
        assert np.array_equal(finished[values == 255], np.asarray(result)[values == 255])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 50), st.integers(0, 40), st.integers(1, 50), st.integers(1, 40), st.integers(0, 20))
def test_only_masked_is_pasted_back_in_its_place(
    left: int, top: int, width: int, height: int, padding: int
) -> None:
    original = noise(101, 83)
    hard = spot(101, 83, (left, top, left + width, top + height))
    mask = masks.blur(hard, 2, 2)
    found = masks.bounding_box(mask, padding)
    assert found is not None
    box = masks.grow_to_ratio(found, 64, 48, 101, 83)
    result = noise(64, 48, 2)
    finished = np.asarray(overlay(result, overlay_of(original, mask), box))
    values = np.asarray(mask)
    assert finished.shape == (83, 101, 3)
    assert np.array_equal(finished[values == 0], np.asarray(original)[values == 0])
    sheet = Image.new("RGB", (101, 83))
    sheet.paste(resize(result, CROP, box[2] - box[0], box[3] - box[1]), box[:2])
    assert np.array_equal(finished[values == 255], np.asarray(sheet)[values == 255])


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="match"):
        overlay(noise(8, 8), overlay_of(noise(9, 8), Image.new("L", (9, 8))))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("picture", "mask_name", "whole"),
    [("084_0.png", "mask.png", True), ("089_0.png", "mask.png", False), ("092_0.png", "soft.png", True)],
)
def test_our_unmasked_pixels_are_the_older_programs(picture: str, mask_name: str, whole: bool) -> None:
    folder = reference() / "pictures"
    if not (folder / picture).is_file():
        pytest.skip(f"no {picture} in {folder}")
    original = Image.open(folder / "init.png").convert("RGB")
    theirs = Image.open(folder / picture).convert("RGB")
    mask = masks.blur(masks.read_mask(Image.open(folder / mask_name)), 4, 4)
    if whole:
        mask = whole_picture_mask(mask)
    kept = np.asarray(mask) == 0
    assert kept.any() or mask_name == "soft.png"
    assert np.array_equal(np.asarray(theirs)[kept], np.asarray(original)[kept])
    # A pixel can change by no more than the mask lets through.
    change = np.abs(np.asarray(theirs, int) - np.asarray(original, int)).max(-1)
    assert (change <= np.asarray(mask, int) + 2).all()
    # Laying our overlay over their finished picture moves the mixed rim only; beyond it nothing changes.
    ours = np.asarray(overlay(theirs, overlay_of(original, mask)))
    settled = kept | (np.asarray(mask) == 255)
    assert np.array_equal(ours[settled], np.asarray(theirs)[settled])


# --- masked content: fill --------------------------------------------------------------------------------------


def test_fill_keeps_what_is_not_masked() -> None:
    picture, mask = noise(61, 47), spot(61, 47, (20, 10, 40, 30))
    filled = np.asarray(fill(picture, mask))
    kept = np.asarray(mask) == 0
    assert np.array_equal(filled[kept], np.asarray(picture)[kept])
    assert not np.array_equal(filled[~kept], np.asarray(picture)[~kept])


def test_fill_does_not_see_what_is_under_the_mask() -> None:
    mask = spot(61, 47, (20, 10, 40, 30))
    one, other = noise(61, 47), noise(61, 47)
    other.paste((255, 0, 255), (20, 10, 40, 30))
    assert fill(one, mask).tobytes() == fill(other, mask).tobytes()


@pytest.mark.parametrize("size", [(64, 64), (511, 333), (16, 512)])
def test_fill_of_a_plain_picture_is_plain(size: tuple[int, int]) -> None:
    mask = spot(*size, (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    filled = np.asarray(fill(Image.new("RGB", size, (180, 90, 30)), mask)).astype(int)
    assert np.abs(filled - (180, 90, 30)).max() <= 6  # premultiplied colours are rounded at low alpha


def test_fill_takes_the_colour_of_the_nearer_side() -> None:
    picture = Image.new("RGB", (128, 64), (220, 20, 20))
    picture.paste((20, 20, 220), (64, 0, 128, 64))
    filled = fill(picture, spot(128, 64, (32, 0, 96, 64)))
    left, right = np.asarray(filled)[32, [36, 92]].tolist()
    assert left[0] > 180 and left[2] < 80 and right[2] > 180 and right[0] < 80


def test_fill_without_anything_unmasked_is_black() -> None:
    assert fill(noise(9, 9), Image.new("L", (9, 9), 255)).getextrema() == ((0, 0),) * 3


def test_fill_is_the_named_stack_of_blurs() -> None:
    """Pixel by pixel in floats: one layer over another by alpha, the wide blurs below."""
    picture, mask = noise(40, 30), masks.blur(spot(40, 30, (10, 8, 28, 22)), 2, 2)
    alpha = 1 - np.asarray(mask, float)[..., None] / 255
    premultiplied = np.concatenate([np.asarray(picture, float) * alpha, 255 * alpha], axis=-1)
    source = Image.fromarray(np.rint(premultiplied).astype(np.uint8))  # as plain four-channel numbers
    colour, opacity = np.zeros((30, 40, 3)), np.zeros((30, 40, 1))
    for radius in (256, 64, 16, 16, 4, 4, 4, 4, 2, 2, 0):
        layer = np.asarray(source.filter(ImageFilter.GaussianBlur(radius)), float)
        over = layer[..., 3:] / 255
        colour = layer[..., :3] + colour * (1 - over)
        opacity = over + opacity * (1 - over)
    by_hand = colour / np.maximum(opacity, 1e-9)
    assert np.abs(np.asarray(fill(picture, mask), float) - by_hand).mean() < 1.5
