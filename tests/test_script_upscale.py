"""SD upscale, Tiled diffusion upscale and what they stand on: tiles, windows; custom code beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from modules.faults import Fault, InvalidField, NotPossibleNow, NotSupported
from modules.generation.requests import GenerationRequest, ImageToImage, Mask, Refiner, TextToImage
from modules.imaging.infotext import parse
from modules.imaging.upscalers import Upscalers
from modules.sampling.windows import Windows, weights, windowed
from tests import script_support
from tests.script_support import Fake, part, script, studio_of
from tests.starter import SIDE, Starter

MODULE = script_support.extension("sd-upscale")
by_tiles = part(MODULE, "by_tiles")
UPSCALE = script("sd-upscale", "SD upscale", "img2img")
TILED = script("sd-upscale", "Tiled diffusion upscale", "img2img")
REQUEST = ImageToImage(init_images=("0",), seed=5, width=64, height=64, batch_size=4, denoising_strength=0.3)


def gradient(width: int, height: int) -> Image.Image:
    across = np.linspace(0, 255, width, dtype=np.float32)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height, dtype=np.float32)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, np.full_like(down, 90)], -1).astype(np.uint8))


def upscaled(picture: Image.Image, request: ImageToImage = REQUEST, **values: Any) -> tuple[Fake, list[Any]]:
    fake = Fake()

    def same(one: GenerationRequest, number: int) -> Image.Image:
        assert isinstance(one, ImageToImage)
        return fake.kept[int(one.init_image_of(number))].resize((one.width, one.height))

    fake.draw = same
    fake.kept.append(picture)
    return fake, fake.run(UPSCALE, request, **values)


# ── SD upscale ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_order_of_the_controls_is_what_programs_send() -> None:
    assert list(UPSCALE.defaults) == ["_", "overlap", "upscaler_index", "scale_factor"]


def test_tiles_that_change_nothing_give_the_enlarged_picture() -> None:
    picture = gradient(100, 70)
    fake, (large,) = upscaled(picture, overlap=16, upscaler_index="Lanczos", scale_factor=2)
    wanted = Upscalers().resize(picture, 200, 140, "Lanczos")
    assert large.image.size == (200, 140) and large.kind == "picture" and large.complete
    assert np.abs(np.asarray(large.image, int) - np.asarray(wanted, int)).max() <= 1
    assert [one.batch_size for one in fake.requests] == [4, 4, 4] and fake.expected == [12]
    assert [one.seed for one in fake.requests] == [5, 9, 13] and not any(one.save for one in fake.requests)
    facts = parse(large.infotext)[2]
    assert (facts["SD upscale upscaler"], facts["SD upscale overlap"]) == ("Lanczos", "16")


def test_seams_are_soft() -> None:
    cut = by_tiles.Cut.of((112, 64), (64, 64), 16)
    black, white = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")
    line = np.asarray(by_tiles.joined(gradient(112, 64), cut, [black, white]), int)[32, :, 0]
    assert line[0] == 0 and line[-1] == 255 and (np.diff(line) >= 0).all() and np.diff(line).max() < 64


def test_pictures_smaller_than_a_tile_and_batches() -> None:
    request = replace(REQUEST, batch_count=2, batch_size=1)
    fake, pictures = upscaled(gradient(20, 90), request, overlap=8, upscaler_index="None")
    assert [one.image.size for one in pictures] == [(20, 90)] * 2
    assert {(one.width, one.height) for one in fake.requests} == {(24, 64)}
    assert [one.seed for one in fake.requests] == [5, 6, 6, 7]


def test_upscalers_by_name_and_by_place() -> None:
    for wanted, name in ((0, "None"), (1, "Lanczos"), (2.0, "Nearest"), ("nearest", "Nearest")):
        _, (large,) = upscaled(gradient(40, 40), upscaler_index=wanted, overlap=8)
        assert parse(large.infotext)[2]["SD upscale upscaler"] == name
    for wrong in (99, "Nonsense"):
        with pytest.raises(Fault, match="no upscaler"):
            upscaled(gradient(40, 40), upscaler_index=wrong, overlap=8)


def test_what_can_t_be() -> None:
    for values in ({"overlap": 64}, {"overlap": "x"}, {"scale_factor": 0.5}, {"scale_factor": None}):
        with pytest.raises(InvalidField) as error:
            upscaled(gradient(40, 40), **values)
        assert error.value.field in values
    for request in (TextToImage(), replace(REQUEST, mask=Mask(image="0"))):
        with pytest.raises(NotSupported, match="img2img"):
            Fake().run(UPSCALE, cast(Any, request))


def test_a_stopped_one_keeps_the_rest_as_it_was() -> None:
    fake = Fake(stop_after=1)
    fake.kept.append(gradient(100, 70))
    (large,) = fake.run(UPSCALE, REQUEST, overlap=16, upscaler_index="Lanczos")
    assert not large.complete and large.image.size == (200, 140)
    assert large.image.getpixel((199, 139)) == pytest.approx((255, 255, 90), abs=3)


# ── Windows ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (9, 100), (64, 31)])
def test_windows_cover_everything_and_averages_are_averages(size: tuple[int, int]) -> None:
    windows = Windows(16, 20, 6)
    seen = torch.zeros(size)
    for rows, columns in windows.places(*size):
        seen[rows, columns] += 1
        assert rows.stop - rows.start == min(16, size[0]) and columns.stop - columns.start == min(20, size[1])
    assert seen.min() >= 1
    x = torch.randn(2, 4, *size)
    torch.testing.assert_close(windowed(lambda part: part * 3 - 1, x, windows), x * 3 - 1)
    calls = []
    windowed(lambda part: calls.append(part.shape) or part, x, windows)  # type: ignore[func-returns-value]
    assert len(calls) == windows.count(*size)


def test_where_windows_disagree_one_fades_into_the_other() -> None:
    answers = iter([0.0, 1.0])
    line = windowed(
        lambda part: torch.full_like(part, next(answers)), torch.zeros(1, 1, 8, 24), Windows(8, 16, 8)
    )
    middle = line[0, 0, 4]
    assert (middle.diff() >= 0).all() and middle[0] == 0 and middle[-1] == 1 and middle.diff().max() < 0.5
    share = weights(8, 16)
    assert share.min() > 0 and share.argmax() in (3 * 16 + 7, 3 * 16 + 8, 4 * 16 + 7, 4 * 16 + 8)


def test_precision_and_channels_are_those_of_the_model() -> None:
    x = torch.randn(1, 9, 16, 16, dtype=torch.bfloat16)
    answer = windowed(lambda part: part[:, :4], x, Windows(8, 8, 2))
    assert answer.shape == (1, 4, 16, 16) and answer.dtype == torch.bfloat16


def test_tiled_diffusion_asks_for_windows() -> None:
    fake = Fake()
    fake.kept.append(gradient(100, 70))
    refined = replace(REQUEST, refiner=Refiner(checkpoint="fine", switch_at=0.5), batch_size=1, batch_count=2)
    large = fake.run(TILED, refined, overlap=16, scale_factor=2)
    assert [(one.width, one.height, one.seed) for one in fake.requests] == [(200, 144, 5), (200, 144, 6)]
    assert all(one.refiner == refined.refiner for one in fake.requests)
    windows = [
        (one.sampling.window_width, one.sampling.window_height, one.sampling.window_overlap)
        for one in fake.requests
    ]
    assert windows == [(64, 64, 16)] * 2 and [one.image.size for one in large] == [(200, 140)] * 2
    with pytest.raises(InvalidField, match="overlap"):
        fake.run(TILED, refined, overlap=64)


def test_tiled_diffusion_on_the_starter_model(tmp_path: Path) -> None:
    starter = Starter.in_folder(tmp_path)
    request = TextToImage(
        prompt="a green tree", seed=3, steps=8, width=SIDE, height=SIDE, cfg_scale=4, save=False
    )
    picture = starter.pictures(request)[0].image
    studio = studio_of(starter)
    again = ImageToImage(
        prompt="a green tree",
        init_images=(studio.pictures.keep(picture),),
        seed=3,
        steps=8,
        denoising_strength=0.4,
        width=SIDE,
        height=SIDE,
        cfg_scale=4,
        sampler="Euler",
        save=False,
    )
    sizes: list[int] = []
    unet = starter.models.get(None).unet
    handle = unet.out.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[-1]))
    values = {**TILED.defaults, "overlap": 64}
    (large,) = TILED.run(again, values, studio)
    handle.remove()
    assert large.image.size == (2 * SIDE, 2 * SIDE) and set(sizes) == {SIDE // 8}
    plain = np.asarray(picture.resize((2 * SIDE, 2 * SIDE)), float)
    made = np.asarray(large.image, float)
    assert 1 < np.abs(made - plain).mean() < 40, "changed, and still the same picture"
    facts = parse(large.infotext)[2]
    assert (facts["Script"], facts["Window"]) == ("Tiled diffusion upscale", f"{SIDE}x{SIDE}")
    assert facts["Window overlap"] == "64"
    with pytest.raises(NotSupported):
        next(TILED.run(cast(Any, request), values, studio))


# ── Custom code ─────────────────────────────────────────────────────────────────────────────────────────────


def coded(code: str) -> tuple[Fake, list[Any]]:
    fake = Fake()
    one = script("custom-code", "Custom code", allow_code=True)
    return fake, fake.run(one, TextToImage(seed=2, width=16, height=16), code=code)


def test_custom_code_is_offered_only_with_its_flag() -> None:
    with pytest.raises(StopIteration):
        script("custom-code", "Custom code")
    one = script("custom-code", "Custom code", allow_code=True)
    assert list(one.defaults) == ["code", "indent_level"]
    run = script_support.extension("custom-code").run
    with pytest.raises(NotPossibleNow, match="--allow-code"):
        next(run(TextToImage(), {"code": "1"}, Fake().studio, SimpleNamespace(flags=SimpleNamespace())))


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("make(request)", 1),
        ("return make()", 1),
        ("for s in (1, 2, 3):\n    yield make(replace(request, steps=s))", 3),
        ("image = Image.new('RGB', (8, 8))\n[image, image]", 2),
        ("  def twice(r):\n      return make(r) + make(r)\n\n  text = '''a\n  b'''\n  twice(request)", 2),
        ("x = 1", 0),
    ],
)
def test_custom_code(code: str, count: int) -> None:
    _, pictures = coded(code)
    assert len(pictures) == count


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nfor", "line 2: invalid syntax"),
        ("x = 1\n\n1 / 0", "line 3: ZeroDivisionError"),
        ("make(replace(request, steps=0))", "Steps must be"),
        ("'a text'", "TypeError"),
        ("  ", "no code"),
    ],
)
def test_custom_code_that_is_wrong(code: str, said: str) -> None:
    with pytest.raises(Fault, match=said):
        coded(code)
