"""Loopback: strengths, seeds, and that each result goes in again."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from modules.faults import Fault, InvalidField, NotSupported
from modules.generation.requests import GenerationRequest, ImageToImage, Mask, TextToImage
from modules.imaging.frame import OutpaintFrame
from modules.imaging.infotext import parse
from tests import script_support
from tests.script_support import Fake

LOOPBACK = script_support.script("loopback", "Loopback", "img2img")
strengths = script_support.extension("loopback").strengths


def request(**changes: Any) -> ImageToImage:
    fields: dict[str, Any] = {
        "init_images": ("0",),
        "seed": 5,
        "denoising_strength": 0.8,
        "width": 32,
        "height": 32,
    }
    return ImageToImage(**(fields | changes))


def looped(asked: ImageToImage, **values: Any) -> tuple[Fake, list[Any]]:
    fake = Fake()

    def brighter(one: GenerationRequest, number: int) -> Image.Image:
        assert isinstance(one, ImageToImage)
        return fake.kept[int(one.init_images[0])].point(lambda value: value + 10)

    fake.draw = brighter
    fake.kept += [Image.new("RGB", (32, 32), (100, 0, 0)), Image.new("RGB", (32, 32), (200, 0, 0))]
    return fake, fake.run(LOOPBACK, asked, **values)


def test_the_order_of_the_controls_is_what_programs_send() -> None:
    names = ["loops", "final_denoising_strength", "denoising_curve", "append_interrogation"]
    assert list(LOOPBACK.defaults) == names and set(LOOPBACK.tabs) == {"img2img", "inpaint"}


def test_curves() -> None:
    assert strengths(0.8, 0.4, 5, "Linear") == pytest.approx([0.8, 0.7, 0.6, 0.5, 0.4])
    hasty, lazy = strengths(0, 1, 5, "Aggressive"), strengths(0, 1, 5, "Lazy")
    assert (hasty[0], hasty[-1], lazy[0], lazy[-1]) == pytest.approx((0, 1, 0, 1))
    assert hasty[1] > 0.25 > lazy[1] and hasty[2] == pytest.approx(0.5**0.5)
    assert strengths(0.3, 0.9, 1, "Lazy") == [0.3]


def test_each_result_goes_in_again() -> None:
    fake, pictures = looped(request(), loops=3, final_denoising_strength=0.4)
    assert [one.image.getpixel((0, 0))[0] for one in pictures[:3]] == [110, 120, 130]
    made = [(one.denoising_strength, one.seed) for one in fake.requests if isinstance(one, ImageToImage)]
    assert [seed for _, seed in made] == [5, 6, 7] and [s for s, _ in made] == pytest.approx([0.8, 0.6, 0.4])
    grid = pictures[-1]
    assert grid.kind == "grid" and fake.expected == [3] and grid.image.width == 96
    places = [grid.image.getpixel((16 + 32 * i, grid.image.height - 5))[0] for i in range(3)]
    assert places == [110, 120, 130] and parse(grid.infotext)[2]["Loops"] == "3"


def test_batches_begin_anew_with_the_next_picture() -> None:
    fake, pictures = looped(request(init_images=("0", "1"), batch_count=2, batch_size=3), loops=2)
    assert [one.image.getpixel((0, 0))[0] for one in pictures[:-1]] == [110, 120, 210, 220]
    assert [(one.seed, one.pictures) for one in fake.requests] == [(5, 1), (6, 1), (7, 1), (8, 1)]


def test_the_mask_stays_and_keeps_what_was_made() -> None:
    fake, _ = looped(request(mask=Mask(image="1", content="fill")), loops=2)
    contents = [one.mask.content for one in fake.requests if isinstance(one, ImageToImage) and one.mask]
    assert contents == ["fill", "original"]


def test_one_loop_has_no_history() -> None:
    _, pictures = looped(request(), loops=1)
    assert [one.kind for one in pictures] == ["picture"]


@pytest.mark.parametrize(
    "values",
    [
        {"loops": 0},
        {"loops": 2.5},
        {"loops": None},
        {"final_denoising_strength": 2},
        {"denoising_curve": "Steep"},
    ],
)
def test_wrong_values(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as error:
        looped(request(), **values)
    assert error.value.field in values


def test_what_is_not_for_it() -> None:
    fake = Fake()
    for asked in (TextToImage(), request(frame=OutpaintFrame(left=8, right=0, top=0, bottom=0))):
        with pytest.raises(NotSupported):
            fake.run(LOOPBACK, asked)
    with pytest.raises(Fault, match="append_interrogation"):
        looped(request(), append_interrogation="CLIP")
    assert not fake.requests


def test_stopped() -> None:
    fake = Fake(stop_after=2)
    fake.kept.append(Image.new("RGB", (32, 32)))
    pictures = fake.run(LOOPBACK, request(), loops=5)
    assert [one.kind for one in pictures] == ["picture", "picture", "grid"]
