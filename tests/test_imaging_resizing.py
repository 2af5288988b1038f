"""Resizing: exact small cases, and all sizes and modes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging import resizing
from modules.imaging.resizing import CROP, FILL, STRETCH, CoveringSize, covering_size, resize, scaled_size

NEAREST = Image.Resampling.NEAREST


def grey(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def rows(image: Image.Image) -> list[list[int]]:
    return np.asarray(image).tolist()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    bands = len(mode)
    shape = (height, width) if bands == 1 else (height, width, bands)
    return Image.fromarray(np.random.Generator(np.random.PCG64(7)).integers(0, 256, shape, np.uint8), mode)


def test_stretch() -> None:
    assert rows(resize(grey([[1, 2], [3, 4]]), STRETCH, 4, 2, NEAREST)) == [[1, 1, 2, 2], [3, 3, 4, 4]]


def test_crop_takes_the_middle() -> None:
    wide = grey([[1, 2, 3, 4, 5, 6]] * 2)
    assert rows(resize(wide, CROP, 2, 2)) == [[3, 4], [3, 4]]
    assert rows(resize(wide.transpose(Image.Transpose.TRANSPOSE), CROP, 2, 2)) == [[3, 3], [4, 4]]


def test_crop_of_an_odd_overhang() -> None:
    # 5 wide into 2: pasted at 2 // 2 - 5 // 2 = -1, so one column is cut off on the left and two on the right.
    assert rows(resize(grey([[1, 2, 3, 4, 5]] * 2), CROP, 2, 2)) == [[2, 3], [2, 3]]


def test_crop_of_a_very_thin_picture_needs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the part that is kept is made; it is the one that cropping gives."""
    assert resize(noise(1, 8192), CROP, 2048, 64).size == (2048, 64)
    for source, size in (((31, 200), (64, 48)), ((200, 31), (49, 65)), ((7, 3), (5, 5))):
        usual = np.asarray(resize(noise(*source), CROP, *size), int)
        with monkeypatch.context() as patch:
            patch.setattr(resizing, "_MAX_INNER_PIXELS", 0)
            assert np.abs(np.asarray(resize(noise(*source), CROP, *size), int) - usual).max() <= 1


def test_crop_truncates_the_inner_size() -> None:
    # 7x3 to the height of 5: 7 * 5 // 3 = 11 columns, of which 5 from column 5 - 2 = 3 on are kept.
    source = noise(7, 3)
    inner = source.resize((11, 5), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(resize(source, CROP, 5, 5)), np.asarray(inner)[:, 3:8])


def test_fill_stretches_edge_columns() -> None:
    # 2x4 into 8x4: the picture in columns 3 and 4; every strip is constant along its row.
    result = np.asarray(resize(grey([[40, 80]] * 4), FILL, 8, 4)).astype(int)
    assert result[0].tolist() == [
        35,
        35,
        35,
        40,
        80,
        85,
        85,
        85,
    ]  # edges: 40 * 9/8 - 80 / 8, 80 * 9/8 - 40 / 8
    assert (result == result[0]).all()


def test_fill_stretches_edge_rows() -> None:
    result = np.asarray(resize(grey([[40] * 4, [80] * 4]), FILL, 4, 8)).astype(int)
    assert result[:, 0].tolist() == [35, 35, 35, 40, 80, 85, 85, 85]
    assert (result[:, :1] == result).all()


def test_fill_of_a_flat_edge_repeats_it() -> None:
    picture = noise(16, 4)
    picture.paste((9, 99, 199), (0, 0, 16, 2))
    picture.paste((1, 2, 3), (0, 2, 16, 4))
    result = np.asarray(resize(picture, FILL, 16, 24))
    assert (result[:11] == (9, 99, 199)).all() and (result[13:] == (1, 2, 3)).all()


@pytest.mark.parametrize("mode", [STRETCH, CROP, FILL])
def test_the_same_size_changes_nothing(mode: int) -> None:
    assert np.array_equal(np.asarray(resize(noise(37, 23), mode, 37, 23)), np.asarray(noise(37, 23)))


@pytest.mark.parametrize("mode", [STRETCH, CROP, FILL])
@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("source", [(511, 333), (64, 2048), (2048, 64), (1, 1), (1, 300), (300, 1)])
@pytest.mark.parametrize("size", [(64, 64), (63, 65), (512, 8), (1, 1)])
def test_every_size_is_covered(mode: int, kind: str, source: tuple[int, int], size: tuple[int, int]) -> None:
    """A plain picture stays plain: no pixel of the sheet is left empty, in any mode."""
    plain = Image.new(kind, source, 200 if kind == "L" else (200, 100, 50, 180)[: len(kind)])
    result = resize(plain, mode, *size)
    assert result.size == size and result.mode == kind
    difference = np.asarray(result).astype(int) - np.asarray(plain)[0, 0].astype(int)
    assert np.abs(difference).max() <= (
        2 if kind == "RGBA" else 0
    )  # premultiplying rounds transparent pictures


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
@example(8, 3, 8, 8)
@example(9, 5, 4, 7)
def test_crop_and_fill_leave_nothing_empty(width: int, height: int, to_width: int, to_height: int) -> None:
    white = Image.new("L", (width, height), 255)
    for mode in (CROP, FILL):
        assert resize(white, mode, to_width, to_height).getextrema() == (255, 255)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(2, 60), st.integers(2, 60), st.integers(8, 60), st.integers(8, 60))
def test_fill_holds_the_whole_picture(width: int, height: int, to_width: int, to_height: int) -> None:
    """The resized picture stands in the middle, by the integer arithmetic of the format."""
    source = noise(width, height, "L")
    if to_width / to_height < width / height:
        inner = (to_width, max(1, height * to_width // width))
    else:
        inner = (max(1, width * to_height // height), to_height)
    left, top = to_width // 2 - inner[0] // 2, to_height // 2 - inner[1] // 2
    middle = resize(source, FILL, to_width, to_height).crop((left, top, left + inner[0], top + inner[1]))
    assert middle.tobytes() == source.resize(inner, Image.Resampling.LANCZOS).tobytes()


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="mode"):
        resize(noise(2, 2), 3, 8, 8)
    with pytest.raises(ValueError, match="0x8"):
        resize(noise(2, 2), STRETCH, 0, 8)


def test_scaled_size_truncates() -> None:
    assert scaled_size(511, 333, 1.5) == (766, 499)
    assert scaled_size(1, 1, 0.1) == (1, 1)


def test_covering_size() -> None:
    assert covering_size(512, 768, 1024, 0) == CoveringSize(1024, 1536)
    assert covering_size(512, 768, 0, 1024) == CoveringSize(682, 1024)
    assert covering_size(512, 512, 1024, 1024) == CoveringSize(1024, 1024)
    # 512x512 to 1024x768: covered by 1024x1024; 256 pixels are 32 cells over, 16 at the top and 16 at the bottom.
    assert covering_size(512, 512, 1024, 768) == CoveringSize(1024, 1024, crop_top=16, crop_bottom=16)
    # 5 cells over: 2 and 3.
    assert covering_size(512, 512, 600, 640) == CoveringSize(640, 640, crop_left=2, crop_right=3)
    for wrong in ((0, 0), (-8, 64)):
        with pytest.raises(ValueError, match="resize"):
            covering_size(64, 64, *wrong)
