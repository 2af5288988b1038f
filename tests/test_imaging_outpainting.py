"""The canvas of outpainting and its mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from modules.faults import InvalidField
from modules.imaging.outpainting import OutpaintFrame, prepare


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    return Image.fromarray(
        np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (height, width, 3), np.uint8)
    )


def landscape(width: int = 120, height: int = 80) -> Image.Image:
    picture = Image.new("RGB", (width, height), (90, 150, 230))
    picture.paste((60, 130, 40), (0, height // 2, width, height))
    grain = Image.blend(picture, noise(width, height), 0.2)
    return grain.filter(ImageFilter.GaussianBlur(1))


@pytest.mark.parametrize(
    ("frame", "size", "expected"),
    [
        (OutpaintFrame(right=64), (512, 512), OutpaintFrame(right=64)),
        (OutpaintFrame(right=61), (512, 512), OutpaintFrame(right=64)),
        (OutpaintFrame(left=61), (512, 512), OutpaintFrame(left=64)),
        (OutpaintFrame(left=61, right=1), (512, 512), OutpaintFrame(left=61, right=3)),
        (OutpaintFrame(top=3), (511, 333), OutpaintFrame(right=1, top=3)),
        (OutpaintFrame(top=4), (512, 333), OutpaintFrame(top=11)),  # 337 is 7 short of 344
        (OutpaintFrame(), (512, 333), OutpaintFrame(bottom=3)),
        (OutpaintFrame(top=1, bottom=1), (8, 8), OutpaintFrame(top=1, bottom=7)),
    ],
)
def test_rounding(frame: OutpaintFrame, size: tuple[int, int], expected: OutpaintFrame) -> None:
    assert frame.rounded(*size) == expected


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(*[st.integers(0, 90)] * 4),
    st.integers(0, 30),
    st.sampled_from(["reflect", "colour"]),
)
def test_the_original_is_equal_and_the_mask_is_where_it_should_be(size, sides, feather, fill) -> None:
    image = noise(*size)
    asked = OutpaintFrame(*sides)
    frame = asked.rounded(*size)
    canvas, mask = prepare(image, asked, fill, feather=feather)
    assert canvas.size == mask.size == frame.size(*size)
    assert canvas.width % 8 == 0 and canvas.height % 8 == 0
    assert (canvas.mode, mask.mode) == ("RGB", "L")
    box = (frame.left, frame.top, frame.left + size[0], frame.top + size[1])
    assert canvas.crop(box).tobytes() == image.tobytes()
    values = np.asarray(mask)
    outside = np.ones(values.shape, bool)
    outside[box[1] : box[3], box[0] : box[2]] = False
    assert (values[outside] == 255).all() and (values[~outside] < 255).all()
    # Beyond the seam: the part of the picture that is `feather` pixels from every side that grew.
    kept = values[
        box[1] + (feather if frame.top else 0) : max(box[1], box[3] - (feather if frame.bottom else 0)),
        box[0] + (feather if frame.left else 0) : max(box[0], box[2] - (feather if frame.right else 0)),
    ]
    assert (kept == 0).all()


def test_the_seam_falls_evenly() -> None:
    mask = np.asarray(prepare(noise(16, 8), OutpaintFrame(left=8), "colour", feather=4)[1])
    assert mask[3].tolist() == [255] * 8 + [204, 153, 102, 51] + [0] * 12
    corner = np.asarray(prepare(noise(16, 16), OutpaintFrame(left=8, top=8), "colour", feather=4)[1])
    assert np.array_equal(corner, corner.T) and corner[8, 20] == 204 and corner[11, 9] == 153
    hard = np.asarray(prepare(noise(16, 8), OutpaintFrame(left=8), "colour", feather=0)[1])
    assert hard[3].tolist() == [255] * 8 + [0] * 16


def test_colour_fill_and_transparency() -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    canvas, _ = prepare(image, OutpaintFrame(bottom=8), "colour", "#ff8000")
    assert canvas.getcolors() == [(128, (255, 128, 0))]


def test_no_frame_changes_nothing() -> None:
    canvas, mask = prepare(noise(16, 24), OutpaintFrame())
    assert canvas.tobytes() == noise(16, 24).tobytes() and mask.getextrema() == (0, 0)


def test_the_seed_decides_the_noise() -> None:
    frame = OutpaintFrame(right=128)
    one, again, other = (prepare(landscape(), frame, seed=seed)[0].tobytes() for seed in (5, 5, 6))
    assert one == again and one != other
    assert prepare(landscape(), frame, seed=-1)[0].size == (248, 80)


def test_the_seam_is_continued_by_its_mirror() -> None:
    canvas = np.asarray(prepare(landscape(), OutpaintFrame(left=64, right=64))[0], int)
    assert np.abs(canvas[:, 63] - canvas[:, 64]).mean() < 6
    assert np.abs(canvas[:, 183] - canvas[:, 184]).mean() < 6
    assert np.abs(canvas[:, 62:64] - canvas[:, 65:63:-1]).mean() < 6


def test_sky_stays_sky() -> None:
    canvas = np.asarray(prepare(landscape(), OutpaintFrame(right=256))[0], float)
    sky, meadow = canvas[:20, 200:].mean((0, 1)), canvas[60:, 200:].mean((0, 1))
    assert np.argmax(sky) == 2 and np.argmax(meadow) == 1


def test_the_new_area_has_the_contrast_of_the_picture() -> None:
    picture = landscape(256, 256)
    canvas = np.asarray(prepare(picture, OutpaintFrame(right=256))[0], float)
    sky, far, whole = canvas[:100, :256].std(), canvas[:100, 360:].std(), canvas[:, :256].std()
    assert 0.3 * sky < far < whole
    # Not a smear: neighbours differ far from the seam too.
    assert (
        np.abs(np.diff(canvas[:, 400:], axis=1)).mean()
        > 0.2 * np.abs(np.diff(canvas[:, :256], axis=1)).mean()
    )


def test_a_plain_picture_is_continued_plainly() -> None:
    for size in ((1, 1), (8, 8), (40, 30)):
        canvas, _ = prepare(Image.new("RGB", size, (10, 120, 250)), OutpaintFrame(40, 40, 40, 40))
        assert canvas.getcolors() == [(canvas.width * canvas.height, (10, 120, 250))]


def test_the_mirror_repeats_as_often_as_needed() -> None:
    canvas, _ = prepare(noise(3, 2), OutpaintFrame(100, 101, 50, 100))
    assert canvas.size == (208, 152)


@pytest.mark.parametrize(
    "call",
    [
        lambda: OutpaintFrame(left=-8),
        lambda: prepare(noise(8, 8), OutpaintFrame(right=9000)),
        lambda: prepare(noise(8, 8), OutpaintFrame(right=8), colour="no colour"),
        lambda: prepare(noise(8, 8), OutpaintFrame(right=8), feather=-1),
        lambda: prepare(noise(8, 8), OutpaintFrame(right=8), fill="magic"),  # type: ignore[arg-type]
    ],
)
def test_wrong_requests(call) -> None:
    with pytest.raises(InvalidField) as caught:
        call()
    assert caught.value.field == "outpaint" and caught.value.message.endswith(".")
