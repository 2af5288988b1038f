"""Upscalers from files: architectures with random weights, tiles, scales, transparency, stopping, bad files."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from modules import compute
from modules.faults import BadFile, NotPossibleNow, NotSupported, UnknownName
from modules.imaging import architectures, tiles
from modules.imaging.tiles import Stopped, Tiling
from modules.imaging.upscaler_models import ModelFile, UpscalerModels, scale_in_name
from modules.imaging.upscalers import Upscalers

ROOT = Path(__file__).resolve().parents[1]


def compact(scale: int = 2, channels: int = 3) -> torch.nn.Module:
    architectures.spandrel()
    from spandrel.architectures.Compact import Compact  # type: ignore[import-untyped]

    torch.manual_seed(0)
    return Compact(num_in_ch=channels, num_out_ch=channels, num_feat=8, num_conv=2, upscale=scale)


def esrgan() -> torch.nn.Module:
    from spandrel.architectures.ESRGAN import ESRGAN  # type: ignore[import-untyped]

    return ESRGAN(num_filters=8, num_blocks=1, scale=4)


def swinir() -> torch.nn.Module:
    from spandrel.architectures.SwinIR import SwinIR  # type: ignore[import-untyped]

    sizes = {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8}
    return SwinIR(img_size=16, upscale=2, upsampler="pixelshuffle", mlp_ratio=2, **sizes)


def dat() -> torch.nn.Module:
    from spandrel.architectures.DAT import DAT  # type: ignore[import-untyped]

    sizes = {"embed_dim": 32, "depth": [2], "num_heads": [2], "split_size": [8, 8]}
    return DAT(img_size=16, upscale=2, upsampler="pixelshuffle", expansion_factor=2, **sizes)


def hat() -> torch.nn.Module:
    from spandrel.architectures.HAT import HAT  # type: ignore[import-untyped]

    sizes = {"embed_dim": 16, "depths": [2], "num_heads": [2], "window_size": 8}
    return HAT(img_size=16, upscale=2, upsampler="pixelshuffle", mlp_ratio=2, squeeze_factor=3, **sizes)


def models(folder: Path, tiling: Tiling | None = None) -> UpscalerModels:
    return UpscalerModels((folder,), lambda: compute.choose("cpu"), lambda: tiling or Tiling(0))


def only(folder: Path, tiling: Tiling | None = None) -> Any:
    (found,) = models(folder, tiling).all()
    return found


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    generator = np.random.default_rng(5)
    small = generator.integers(0, 256, (6, 8, len(mode)), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("make", "scale", "wrap"),
    [
        (compact, 2, lambda weights: weights),
        (esrgan, 4, lambda weights: {"params_ema": weights, "params": {"x": torch.zeros(1)}}),
        (swinir, 2, lambda weights: {"params": weights}),
        (dat, 2, lambda weights: {"params_ema": weights}),
        (hat, 2, lambda weights: {f"module.{name}": weight for name, weight in weights.items()}),
    ],
)
def test_every_architecture_gives_what_its_own_class_gives(
    tmp_path: Path, make: Callable[[], torch.nn.Module], scale: int, wrap: Callable[[Any], Any]
) -> None:
    architectures.spandrel()
    torch.manual_seed(1)
    net = make().eval()
    torch.save(wrap(net.state_dict()), tmp_path / "some model.pth")
    upscaler = only(tmp_path)
    image = picture(32, 24)
    result = upscaler.upscale(image, scale)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = (net(pixels)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    assert upscaler.name == "some model" and upscaler.scale == scale
    assert result.size == (32 * scale, 24 * scale)
    assert np.abs(np.asarray(result).astype(int) - expected.astype(int)).max() <= 1


def test_a_safetensors_file_is_read_as_well(tmp_path: Path) -> None:
    save_file(compact().state_dict(), tmp_path / "a.safetensors")
    assert only(tmp_path).upscale(picture(), 2).size == (80, 60)


def test_loading_a_model_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    torch.save(compact().state_dict(), tmp_path / "a.pth")
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    architectures.load_model(tmp_path / "a.pth", compute.choose("cpu"))
    assert torch.equal(torch.rand(3), expected)


def test_tiles_give_nearly_what_one_tile_gives(tmp_path: Path) -> None:
    torch.save(compact().state_dict(), tmp_path / "a.pth")
    image = picture(150, 70)
    whole = np.asarray(only(tmp_path, Tiling(0)).upscale(image, 2)).astype(int)
    calls: list[float] = []

    def progress(done: float) -> bool:
        calls.append(done)
        return False

    cut = only(tmp_path, Tiling(48, 12)).upscale(image, 2, progress)
    # Four convolutions see 4 pixels far: what a tile doesn't see lies in the part that is hardly taken from it.
    difference = np.abs(np.asarray(cut).astype(int) - whole)
    assert difference.max() <= 2 and (difference > 0).mean() < 0.02
    assert calls[0] == 0 and calls[-1] == 1 and calls == sorted(calls)
    assert len(calls) == 1 + 2 * 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 40), st.integers(0, 20), st.integers(1, 3))
def test_cutting_and_blending_lose_nothing(
    width: int, height: int, size: int, overlap: int, scale: int
) -> None:
    image = np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)

    def model(tile: Any) -> Any:
        return np.repeat(np.repeat(tile.astype(np.float32) / 255, scale, 0), scale, 1)

    result = tiles.process(image, scale, Tiling(size, overlap), model)
    assert np.array_equal(result, np.repeat(np.repeat(image, scale, 0), scale, 1))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 400), st.integers(0, 300))
def test_tiles_cover_a_side_with_their_overlap(length: int, size: int, overlap: int) -> None:
    places = tiles.starts(length, size, overlap)
    assert places[0] == 0 and places == sorted(set(places))
    if len(places) == 1:
        assert size >= length
        return
    assert places[-1] + size == length
    assert all(b - a <= size - min(overlap, size - 1) for a, b in itertools.pairwise(places))


def test_a_seam_cant_be_seen() -> None:
    """Two tiles that disagree meet in a gradual change."""
    numbers = iter([0.0, 1.0])

    def model(tile: Any) -> Any:
        return np.full(tile.shape, next(numbers), np.float32)

    result = tiles.process(np.zeros((1, 56, 3), np.uint8), 1, Tiling(32, 8), model)[0, :, 0].astype(int)
    steps = np.diff(result)
    assert result[0] == 0 and result[-1] == 255 and steps.min() >= 0 and steps.max() <= 64


@pytest.mark.parametrize(
    ("own", "asked", "passes"), [(2, 2, 1), (2, 3, 2), (2, 8, 3), (2, 32, 3), (1, 2, 1), (2, 1, 1)]
)
def test_a_model_is_applied_until_the_picture_is_large_enough(
    tmp_path: Path, own: int, asked: float, passes: int
) -> None:
    torch.save(compact(own).state_dict(), tmp_path / "a.pth")
    result = only(tmp_path).upscale(picture(10, 8), asked)
    assert result.size == (10 * own**passes, 8 * own**passes)


def test_resize_reaches_the_exact_size(tmp_path: Path) -> None:
    torch.save(compact().state_dict(), tmp_path / "Mine.pth")
    upscalers = Upscalers(models(tmp_path).all)
    assert [one.name for one in upscalers.all()] == ["Lanczos", "Nearest", "Mine"]
    assert upscalers.resize(picture(), 99, 61, "mine").size == (99, 61)
    same = picture()
    assert upscalers.resize(same, 40, 30, "Mine") is same
    assert upscalers.resize(same, 40, 30, "Mine", always=True).tobytes() != same.tobytes()
    with pytest.raises(UnknownName, match="models/ESRGAN"):
        upscalers.find("nobody")


def test_transparency_is_enlarged_besides(tmp_path: Path) -> None:
    torch.save(compact().state_dict(), tmp_path / "a.pth")
    image = picture(mode="RGBA")
    result = only(tmp_path).upscale(image, 2)
    expected = image.getchannel("A").resize((80, 60), Image.Resampling.LANCZOS)
    assert result.mode == "RGBA" and result.getchannel("A").tobytes() == expected.tobytes()
    opaque = only(tmp_path).upscale(image.convert("RGB"), 2)
    assert result.convert("RGB").tobytes() == opaque.tobytes()


def test_a_model_for_grey_keeps_the_colours(tmp_path: Path) -> None:
    torch.save(compact(2, channels=1).state_dict(), tmp_path / "grey.pth")
    image = Image.new("RGB", (12, 12), (250, 10, 120))
    result = np.asarray(only(tmp_path).upscale(image, 2)).astype(int)
    assert result.shape == (24, 24, 3)
    red, green, blue = result[12, 12]
    assert red > blue > green


def test_it_stops_between_two_tiles(tmp_path: Path) -> None:
    torch.save(compact().state_dict(), tmp_path / "a.pth")
    seen: list[float] = []

    def progress(done: float) -> bool:
        seen.append(done)
        return done > 0.3

    with pytest.raises(Stopped):
        only(tmp_path, Tiling(16, 4)).upscale(picture(40, 16), 2, progress)
    assert 0.3 < seen[-1] < 1


def test_short_memory_makes_smaller_tiles_and_then_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(compact().state_dict(), tmp_path / "a.pth")
    folder = models(tmp_path)
    (upscaler,) = folder.all()
    image = picture(300, 200)
    expected = np.asarray(upscaler.upscale(image, 2)).astype(int)
    loaded = folder._loaded
    assert loaded is not None
    net, largest, limit = loaded[1].net, [], [100]
    real = type(net).__call__

    def short(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        largest.append(max(pixels.shape[-2:]))
        if largest[-1] > limit[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(self, pixels)

    monkeypatch.setattr(type(net), "__call__", short)
    result = np.asarray(upscaler.upscale(image, 2)).astype(int)
    assert np.abs(result - expected).max() <= 24  # whole tiles' seams, with 8 pixels of overlap
    assert largest[0] == 300 and largest[-1] <= 100
    upscaler.upscale(image, 2)
    assert max(largest[-5:]) <= 100  # remembered
    limit[0] = 0
    with pytest.raises(NotPossibleNow, match=r"not enough memory for a\.pth"):
        upscaler.upscale(image, 2)


def test_one_model_is_in_memory_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    torch.save(compact(2).state_dict(), tmp_path / "a.pth")
    torch.save(compact(4).state_dict(), tmp_path / "b.pth")
    folder = models(tmp_path)
    a, b = folder.all()
    a.upscale(picture(), 2)
    first = folder._loaded
    a.upscale(picture(), 2)
    assert folder._loaded is first
    b.upscale(picture(), 4)
    assert folder._loaded is not first and b.scale == 4
    torch.save(compact(4).state_dict(), tmp_path / "a.pth")
    assert a.upscale(picture(), 4).size == (160, 120)
    folder.unload()
    assert folder._loaded is None


def test_files_that_are_no_upscalers_say_why(tmp_path: Path) -> None:
    save_file({"lora.up": torch.ones(2)}, tmp_path / "lora.safetensors")
    (tmp_path / "page.pth").write_text("<!doctype html>")
    broken = compact().state_dict()
    broken["body.0.weight"] = torch.zeros(8, 3, 3, 3)[:, :, :, :2]
    torch.save(broken, tmp_path / "broken.pth")
    upscalers = {one.name: one for one in models(tmp_path).all()}
    for name, reason in (
        ("lora", "architecture is not known"),
        ("page", "web page"),
        ("broken", "don't fit"),
    ):
        with pytest.raises(BadFile, match=reason):
            upscalers[name].upscale(picture(), 2)
    gone = ModelFile(tmp_path / "gone.pth", "ESRGAN", models(tmp_path))
    with pytest.raises(BadFile, match="not there any more"):
        gone.upscale(picture(), 2)


def test_a_picture_that_would_be_enormous_on_the_way_is_refused(tmp_path: Path) -> None:
    torch.save(compact(4).state_dict(), tmp_path / "a.pth")
    with pytest.raises(NotPossibleNow, match="32000x32000"):
        only(tmp_path).upscale(Image.new("RGB", (8000, 8000)), 2)


def test_files_are_found_below_the_folders(tmp_path: Path) -> None:
    for name in ("ESRGAN/4x-B.pth", "ESRGAN/deep/a.safetensors", "DAT/4x-b.pth", "ESRGAN/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folders = (tmp_path / "ESRGAN", tmp_path / "DAT", tmp_path / "nowhere")
    found = UpscalerModels(folders, lambda: compute.choose("cpu")).all()
    assert [(one.name, one.kind) for one in found] == [("4x-B", "ESRGAN"), ("a", "ESRGAN")]


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("4x-UltraSharp", 4),
        ("RealESRGAN_x2plus", 2),
        ("1x-ITF-SkinDiffDetail", 1),
        ("DAT_x3", 3),
        ("001_classicalSR_DF2K_s64w8_SwinIR-M_x8", 8),
        ("8x_NMKD-Superscale", 8),
        ("BSRGAN", 4),
        ("4x_foolhardy_Remacri", 4),
    ],
)
def test_the_scale_that_a_name_tells(name: str, scale: int) -> None:
    assert scale_in_name(name) == scale


@pytest.mark.parametrize("broken", ["", "raise RuntimeError('operator torchvision::nms does not exist')"])
def test_spandrel_is_imported_without_a_working_torchvision(tmp_path: Path, broken: str) -> None:
    """Neither a missing nor a broken torchvision matters, and nothing of a stand-in is left behind."""
    if broken:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "extension.py").write_text("")
        (tmp_path / "torchvision" / "__init__.py").write_text(
            f"from torchvision import extension\n{broken}\n"
        )
    code = (
        "import sys, importlib.util\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from modules.imaging.architectures import spandrel\n"
        "package = spandrel()\n"
        "assert len(package.MAIN_REGISTRY.architectures()) > 30\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'torchvision']\n"
        f"assert (importlib.util.find_spec('torchvision') is not None) == {bool(broken)}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_spandrel_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(NotSupported, match="pip install --no-deps spandrel"):
        architectures.spandrel()
