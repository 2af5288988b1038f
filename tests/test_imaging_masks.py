"""Masks: exact small cases, the arithmetic of boxes, and the reference pictures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging import masks
from tests.reference import reference


def grey(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def spot(width: int, height: int, box: masks.Box, value: int = 255) -> Image.Image:
    mask = Image.new("L", (width, height))
    mask.paste(value, box)
    return mask


def test_alpha_is_the_mask_where_there_is_transparency() -> None:
    image = Image.new("RGBA", (4, 1), (255, 255, 255, 255))
    for x, alpha in enumerate((0, 128, 129, 255)):
        image.putpixel((x, 0), (90, 90, 90, alpha))
    assert list(masks.read_mask(image).get_flattened_data()) == [0, 0, 255, 255]
    assert list(masks.read_mask(image, soft=True).get_flattened_data()) == [0, 128, 129, 255]


def test_luminance_is_the_mask_elsewhere() -> None:
    grey_levels = grey([[0, 1, 128, 129, 255]])
    for image in (grey_levels, grey_levels.convert("RGB"), grey_levels.convert("RGBA")):
        for soft in (False, True):
            assert list(masks.read_mask(image, soft).get_flattened_data()) == [0, 1, 128, 129, 255]
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    assert masks.read_mask(red).getpixel((0, 0)) == 76


def test_invert() -> None:
    assert list(masks.invert(grey([[0, 1, 100, 255]])).get_flattened_data()) == [255, 254, 155, 0]


def test_blur_of_a_point_is_the_kernel() -> None:
    # sigma 1: 2 * int(2.5 + 0.5) + 1 = 7 taps.
    taps = np.array([math.exp(-x * x / 2) for x in range(-3, 4)])
    expected = 255 * taps / taps.sum()
    blurred = np.asarray(masks.blur(spot(15, 15, (7, 7, 8, 8)), 1, 0)).astype(float)
    assert np.abs(blurred[7, 4:11] - expected).max() <= 1
    blurred[7, 4:11] = 0
    assert blurred.max() == 0
    both = np.asarray(masks.blur(spot(15, 15, (7, 7, 8, 8)), 1, 1)).astype(float)
    assert np.abs(both[4:11, 4:11] - np.outer(expected, expected) / 255).max() <= 1.5


@pytest.mark.parametrize(("sigma", "reach"), [(1, 3), (4, 10), (0.1, 0), (0.2, 1), (7.3, 18), (64, 160)])
def test_blur_reaches_as_far_as_its_kernel(sigma: float, reach: int) -> None:
    white = spot(600, 3, (300, 0, 600, 3))
    changed = np.flatnonzero(np.asarray(masks.blur(white, sigma, 0))[1] != np.asarray(white)[1])
    assert len(changed) == 0 or (changed.min() >= 300 - reach and changed.max() < 300 + reach)
    assert reach < 2 or changed.size


def test_blur_in_one_direction_and_none() -> None:
    mask = spot(20, 20, (8, 0, 12, 20))
    assert masks.blur(mask, 0, 0).tobytes() == mask.tobytes()
    assert masks.blur(mask, 0, 4).tobytes() == mask.tobytes()  # the same all along y
    assert masks.blur(mask, 4, 0).tobytes() != mask.tobytes()


def test_bounding_box() -> None:
    mask = spot(20, 10, (5, 3, 9, 4), value=1)
    assert masks.bounding_box(mask) == (5, 3, 9, 4)
    assert masks.bounding_box(mask, 2) == (3, 1, 11, 6)
    assert masks.bounding_box(mask, 32) == (0, 0, 20, 10)
    assert masks.bounding_box(Image.new("L", (20, 10)), 32) is None


@pytest.mark.parametrize(
    ("box", "processing", "image", "expected"),
    [
        ((10, 10, 20, 20), (512, 512), (100, 100), (10, 10, 20, 20)),
        ((10, 40, 30, 50), (512, 512), (100, 100), (10, 35, 30, 55)),  # grown by 10 downwards, 5 each way
        ((10, 40, 31, 50), (512, 512), (100, 100), (10, 35, 31, 56)),  # grown by 11: 5 up, 6 down
        ((10, 0, 30, 10), (512, 512), (100, 100), (10, 0, 30, 20)),  # shifted in from the top
        ((10, 90, 30, 100), (512, 512), (100, 100), (10, 80, 30, 100)),  # shifted in from the bottom
        ((0, 0, 90, 10), (512, 512), (100, 50), (0, 0, 90, 50)),  # the picture is too low: cut
        ((40, 10, 50, 30), (512, 512), (100, 100), (35, 10, 55, 30)),
        ((40, 10, 50, 30), (1024, 512), (100, 100), (25, 10, 65, 30)),
        ((90, 10, 100, 30), (512, 512), (100, 100), (80, 10, 100, 30)),
        ((10, 10, 20, 21), (768, 512), (100, 100), (7, 10, 23, 21)),  # 16.5 - 10, truncated to 6
    ],
)
def test_grow_to_ratio(box, processing, image, expected) -> None:
    assert masks.grow_to_ratio(box, *processing, *image) == expected


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_a_grown_box_holds_the_old_one_and_stays_inside(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    pw, ph = data.draw(st.integers(8, 128)) * 8, data.draw(st.integers(8, 128)) * 8
    a, b, c, d = masks.grow_to_ratio((left, top, right, bottom), pw, ph, width, height)
    assert 0 <= a <= left and 0 <= b <= top and right <= c <= width and bottom <= d <= height
    assert (a, c) == (left, right) or (b, d) == (top, bottom)
    if (a, c) != (0, width) and (b, d) != (0, height):  # not cut: the ratio is met but for a pixel
        assert abs((c - a) - (d - b) * pw / ph) <= max(1, pw / ph)


def test_latent_mask_of_whole_cells() -> None:
    mask = spot(64, 32, (16, 8, 32, 24))
    values = masks.latent_mask(mask, 8, 4)
    expected = np.zeros((4, 8), np.float32)
    expected[1:3, 2:4] = 1
    assert values.dtype == np.float32 and np.array_equal(values, expected)


def test_latent_mask_soft_and_rounded() -> None:
    mask = Image.new("L", (64, 64), 127)
    soft = masks.latent_mask(mask, 8, 8, soft=True)
    assert soft.dtype == np.float32 and np.array_equal(soft, np.full((8, 8), 127 / 255, np.float32))
    assert masks.latent_mask(mask, 8, 8).max() == 0
    assert masks.latent_mask(Image.new("L", (64, 64), 128), 8, 8).min() == 1


def test_latent_mask_is_bicubic() -> None:
    mask = grey([[0] * 16 + [255] * 16] * 32)
    by_hand = np.asarray(mask.resize((4, 4), Image.Resampling.BICUBIC), np.float32) / 255
    assert np.array_equal(masks.latent_mask(mask, 4, 4, soft=True), by_hand)
    assert by_hand[0].tolist() != [0, 0, 1, 1]  # the filter reaches over the edge, which a box filter doesn't


@pytest.mark.reference
def test_masks_of_the_reference() -> None:
    folder = reference() / "pictures"
    if not (folder / "mask.png").is_file():
        pytest.skip(f"no mask.png in {folder}")
    hard = masks.read_mask(Image.open(folder / "mask.png"))
    assert set(np.unique(np.asarray(hard))) == {0, 255}
    blurred = masks.blur(hard, 4, 4)
    inner, outer = masks.bounding_box(hard), masks.bounding_box(blurred)
    assert inner is not None and outer is not None
    grown = [inner[0] - outer[0], inner[1] - outer[1], outer[2] - inner[2], outer[3] - inner[3]]
    assert all(0 < by <= 10 for by in grown), grown
    values = masks.latent_mask(blurred, 16, 16)
    assert set(np.unique(values)) == {0, 1}
    soft = masks.read_mask(Image.open(folder / "soft.png"))
    assert len(np.unique(masks.latent_mask(soft, 16, 16, soft=True))) > 4
