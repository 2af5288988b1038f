"""Grids with legends: places, sizes, letters that fit, and what does not hold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.imaging.annotated_grid import EMPTY, Text, annotated_grid, head
from modules.imaging.legends import FAINT, INK, Rules, font_for, laid_out


def picture(shade: int, width: int = 60, height: int = 40) -> Image.Image:
    return Image.new("RGB", (width, height), (shade, 0, 0))


def shade(image: Image.Image, x: int, y: int) -> int:
    """How red a pixel is."""
    colour = image.getpixel((x, y))
    assert isinstance(colour, tuple)
    return int(colour[0])


def ink(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many pixels are darker than the background."""
    return int((np.asarray(image.crop(box).convert("L")) < 200).sum())


def test_without_heads_it_is_the_pictures_alone() -> None:
    grid = annotated_grid([[picture(10), picture(20)], [picture(30), None]], margin=6)
    assert grid.size == (126, 86)
    assert [shade(grid, *p) for p in ((5, 5), (70, 5), (5, 60))] == [10, 20, 30]
    assert grid.getpixel((100, 70)) == tuple(bytes.fromhex(EMPTY[1:])) and grid.getpixel((62, 5)) == (
        255,
        255,
        255,
    )


def test_pictures_of_several_sizes_stand_in_the_middle_of_their_cells() -> None:
    grid = annotated_grid([[picture(10), picture(20, 20, 20)], [picture(30, 60, 80), picture(40, 30, 30)]])
    assert grid.size == (90, 120)
    assert grid.getpixel((60 + 4, 5)) == (255, 255, 255) and grid.getpixel((60 + 15, 20)) == (20, 0, 0)
    assert grid.getpixel((60 + 15, 40 + 40)) == (40, 0, 0) and grid.getpixel((70, 50)) == (255, 255, 255)


def test_heads_stand_above_and_left_and_the_title_over_all() -> None:
    cells: list[list[Image.Image | None]] = [[picture(10, 200, 160)] * 3] * 2
    columns, rows = [head(f"Steps: {n}") for n in range(3)], [head("Euler"), head("DDIM")]
    both = annotated_grid(cells, columns, rows)
    left, above = both.width - 600, both.height - 320
    assert left > 20 and above > 10
    for column in range(3):
        assert ink(both, (left + column * 200, 0, left + (column + 1) * 200, above)) > 20
    for row in range(2):
        assert ink(both, (0, above + row * 160, left, above + (row + 1) * 160)) > 20
    assert ink(both, (0, 0, left, above)) == 0
    assert both.getpixel((left, above)) == (10, 0, 0) and both.getpixel(
        (both.width - 1, both.height - 1)
    ) == (10, 0, 0)
    titled = annotated_grid(cells, columns, rows, title=head("Checkpoint: starter"))
    assert titled.width == both.width and titled.height > both.height
    only = annotated_grid(cells, columns, [head("")] * 2)
    assert only.size == (600, both.height)


def test_letters_shrink_and_break_until_they_fit() -> None:
    long = "a watercolor painting of a fox in a snowy forest at dusk"
    legend = laid_out([head(long), head("x")], [(120, 60), (120, 60)], Rules(20, "centre"))
    assert 10 < legend.size < 20 and len(legend.blocks[0]) > 1 and legend.width <= 120 and legend.height <= 60
    assert " ".join(line.text for line in legend.blocks[0]) == long
    word = laid_out(
        [head("supercalifragilistic_expialidocious-v1.safetensors")], [(100, 200)], Rules(16, "left")
    )
    assert word.width <= 100 and word.blocks[0][0].text.endswith("_")
    cut = laid_out([head(long * 20)], [(100, 40)], Rules(14, "left"))
    assert cut.blocks[0][-1].text.endswith("…") and cut.height <= 40 and cut.width <= 100


def test_what_does_not_hold_is_faint_and_struck_through() -> None:
    def colours(active: bool) -> set[object]:
        grid = annotated_grid([[picture(10, 300, 300)]], [(Text("snow", active),)])
        part = grid.crop((0, 0, 300, grid.height - 300))
        return {colour for _, colour in part.getcolors(100_000) or []}

    dark, faint = (tuple(bytes.fromhex(colour[1:])) for colour in (INK, FAINT))
    assert dark in colours(True) and dark not in colours(False) and faint in colours(False)
    grid = annotated_grid([[picture(10, 300, 300)]], [(Text("- - - -", False),)])
    row = max(
        int((np.asarray(line) < 200).sum()) for line in np.asarray(grid.convert("L"))[: grid.height - 300]
    )
    length = font_for("- - - -", 16).getlength("- - - -")
    assert row >= 0.9 * length, "one line goes through all of it"


def test_letters_of_other_scripts_and_many_lines() -> None:
    grid = annotated_grid([[picture(10, 200, 200)]], [head("Лиса в снегу\nвечером")], [head("a\nb\nc")])
    assert grid.height - 200 >= 2 * 10 and ink(grid, (60, 0, grid.width, grid.height - 200)) > 50


@pytest.mark.parametrize("side", [8, 16, 64, 1024])
def test_any_size_of_cells(side: int) -> None:
    grid = annotated_grid(
        [[picture(10, side, side)] * 2], [head("CFG Scale: 7"), head("")], [head("Euler a")]
    )
    assert grid.getpixel((grid.width - 1, grid.height - 1)) == (10, 0, 0)


def test_what_is_no_grid() -> None:
    wrong: list[list[list[Image.Image | None]]] = [[], [[]], [[None]], [[picture(1)], []]]
    for cells in wrong:
        with pytest.raises(ValueError):
            annotated_grid(cells)
    with pytest.raises(ValueError, match="a head for each"):
        annotated_grid([[picture(1)]], [head("a"), head("b")])
