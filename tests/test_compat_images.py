"""Pictures under the older UI's names: saved, read, named, resized, put together; the API's helpers."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from modules.app import Application
from tests.compat_support import open_house

images: Any = import_module("modules.images")
callbacks: Any = import_module("modules.script_callbacks")
INFO = "a boat\nSteps: 5, Sampler: Euler, Seed: 7, Size: 8x8"


@pytest.fixture(autouse=True)
def no_callbacks() -> Iterator[None]:
    yield
    callbacks.clear_callbacks()


def _picture(colour: Any = "red", size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_a_picture_is_saved_with_its_recipe(tmp_path: Path, extension: str) -> None:
    name, text = images.save_image(
        _picture(), str(tmp_path), "", 7, "a boat", extension, info=INFO + " ü", save_to_dirs=False,
        existing_info={"extra": "x"},
    )  # fmt: skip
    assert text is None and Path(name).name == f"00000-7-a boat.{extension}"
    with Image.open(name) as saved:
        geninfo, items = images.read_info_from_image(saved)
        assert geninfo == INFO + " ü"
        assert items.get("extra") == ("x" if extension == "png" else None)
        assert min(saved.convert("RGB").getchannel("R").tobytes()) > 240
    assert images.image_data(Path(name).read_bytes()) == (INFO + " ü", None)
    assert not list(tmp_path.glob("*.tmp"))


def test_numbers_count_up_and_a_folder_is_listed_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "00041-9.png").write_bytes(b"")
    (tmp_path / "grid-0003.png").write_bytes(b"")
    looks: list[str] = []
    real = os.scandir

    def look(path: Any) -> Any:
        looks.append(str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", look)
    names = [
        Path(images.save_image(_picture(), str(tmp_path), seed=n, save_to_dirs=False, prompt="p")[0]).name
        for n in range(3)
    ]
    assert names == ["00042-0-p.png", "00043-1-p.png", "00044-2-p.png"] and looks == [str(tmp_path)]
    assert images.get_next_sequence_number(str(tmp_path), "") == 45
    assert images.get_next_sequence_number(str(tmp_path), "grid") == 4
    name = images.save_image(
        _picture(), str(tmp_path), "grid", short_filename=True, grid=True, save_to_dirs=False
    )[0]
    assert Path(name).name == "grid-0004.png"
    os.utime(tmp_path, (1, 1))  # somebody else was here
    (tmp_path / "00100.png").write_bytes(b"")
    assert images.get_next_sequence_number(str(tmp_path), "") == 101


def test_a_forced_name_folders_and_long_names(tmp_path: Path) -> None:
    for _ in range(2):
        name, _ = images.save_image(_picture(), str(tmp_path), forced_filename="same", save_to_dirs=False)
        assert Path(name) == tmp_path / "same.png"
    p = SimpleNamespace(steps=5)
    name, _ = images.save_image(_picture(), str(tmp_path), seed=1, prompt="x", p=p, save_to_dirs=True)
    assert Path(name).parent.parent == tmp_path and len(Path(name).parent.name) == 10  # [date]
    name, _ = images.save_image(_picture(), str(tmp_path), seed=1, prompt="ü" * 300, save_to_dirs=False)
    assert Path(name).is_file()
    name, _ = images.save_image(_picture(), str(tmp_path), seed="../../x", prompt="a/b", save_to_dirs=False)
    assert Path(name).parent == tmp_path


def test_callbacks_see_and_change_what_is_saved(tmp_path: Path) -> None:
    seen: list[str] = []

    def before(params: Any) -> None:
        params.image = _picture("blue")
        params.pnginfo["parameters"] = "other"
        params.filename = str(tmp_path / "elsewhere.png")

    callbacks.on_before_image_saved(before)
    callbacks.on_image_saved(lambda params: seen.append(params.filename))
    name, _ = images.save_image(_picture(), str(tmp_path), info=INFO, save_to_dirs=False)
    assert (
        name == str(tmp_path / "elsewhere.png")
        and seen == [name]
        and os.listdir(tmp_path) == ["elsewhere.png"]
    )
    with Image.open(name) as saved:
        assert saved.getpixel((0, 0)) == (0, 0, 255) and saved.info["parameters"] == "other"


def test_patterns_of_names() -> None:
    p = SimpleNamespace(
        steps=20, cfg_scale=7.0, sampler_name="DPM++ 2M", scheduler="Karras", styles=["one"], batch_size=2, n_iter=3,
        batch_index=1, iteration=2, denoising_strength=0.4, sd_model_hash="abc", sd_model_name="dir/m", user=None,
        negative_prompt="bad", prompt="a", all_seeds=[1, 2], job_timestamp="2020",
    )  # fmt: skip
    names = images.FilenameGenerator(p, 7, "a cat, on: a mat", _picture(size=(64, 32)))
    for pattern, filled in {
        "[seed]-[steps]-[cfg]": "7-20-7.0",
        "[width]x[height]": "64x32",
        "[prompt]": "a_cat,_on__a_mat",
        "[prompt_spaces]": "a cat, on_ a mat",
        "[prompt_words]": "a cat on a mat",
        "[sampler] [scheduler]": "DPM++ 2M Karras",
        "[model_hash]_[model_name]": "abc_dir_m",
        "[styles] [denoising]": "one 0.4",
        "[batch_number] of [generation_number]": "2 of 6",
        "[hasprompt<cat><dog|none>]": "catnone",
        "[nobody] [user]x": "[nobody] x",
        "keep[none]": "",
        "[datetime<%Y><UTC>]": __import__("datetime").datetime.now(__import__("datetime").UTC).strftime("%Y"),
    }.items():
        assert names.apply(pattern) == filled, pattern
    assert len(names.apply("[datetime]")) == 14 and len(names.apply("[prompt_hash]")) == 8
    p.batch_size = p.n_iter = 1
    assert names.apply("[seed]-[batch_number]-[generation_number]") == "7"
    assert images.sanitize_filename_part(' a/b:c "d". ') == "_a_b_c__d_._"
    assert images.apply_filename_pattern("[seed]", p, 3, "") == "3"


def test_novelai_and_plain_texts_are_read() -> None:
    picture = _picture(size=(64, 32))
    picture.info = {
        "Software": "NovelAI", "Description": "a boat",
        "Comment": '{"sampler": "k_euler", "uc": "bad", "steps": 3, "scale": 11, "seed": 5}',
    }  # fmt: skip
    geninfo, _ = images.read_info_from_image(picture)
    assert geninfo.startswith(
        "a boat\nNegative prompt: bad\nSteps: 3, Sampler: Euler, CFG scale: 11, Seed: 5, Size: 64x32"
    )
    assert images.image_data(b"just text") == ("just text", None) and images.image_data(b"\xff\xfe\x00") == (
        "",
        None,
    )
    assert images.read_info_from_image(_picture()) == (None, {})
    extras = import_module("modules.extras")
    picture.info = {"parameters": "a <b>"}
    assert extras.run_pnginfo(picture)[1] == "a <b>" and "a &lt;b&gt;" in extras.run_pnginfo(picture)[2]


def test_pictures_are_resized_and_flattened(tmp_path: Path) -> None:
    wide = _picture(size=(40, 20))
    for mode in (0, 1, 2):
        assert images.resize_image(mode, wide, 32, 32).size == (32, 32)
    assert images.resize_image(0, wide, 8, 8, force_RGBA=True).mode == "RGBA"
    with open_house(tmp_path):
        assert images.resize_image(1, wide, 80, 80, "Nearest").getpixel((40, 40)) == (255, 0, 0)
    assert images.flatten(_picture((0, 0, 0, 0), mode="RGBA"), "#00ff00").getpixel((0, 0)) == (0, 255, 0)
    buffer = BytesIO()
    turned = _picture(size=(4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(buffer, "JPEG", exif=exif.tobytes())
    assert images.read(BytesIO(buffer.getvalue())).size == (2, 4) and images.fix_image(None) is None


def test_grids_and_tiles() -> None:
    four = [_picture(colour) for colour in ("red", "green", "blue", "white")]
    sheet = images.image_grid(four)
    assert sheet.size == (16, 16) and sheet.getpixel((12, 2)) == (0, 128, 0)
    assert images.image_grid(four, rows=1).size == (32, 8)
    callbacks.on_image_grid(lambda params: params.imgs.reverse())
    assert images.image_grid(four).getpixel((12, 2)) == (0, 0, 255)
    gradient = Image.linear_gradient("L").convert("RGB").resize((100, 70))
    grid = images.split_grid(gradient, 32, 32, 8)
    assert all(tile.size == (32, 32) for _, _, row in grid.tiles for _, _, tile in row)
    assert grid.tile_count == len(grid.tiles) * len(grid.tiles[0][2]) >= 12
    joined = images.combine_grid(grid)
    assert max(abs(a - b) for a, b in zip(joined.tobytes(), gradient.tobytes(), strict=True)) <= 1
    big = images.image_grid([_picture(size=(64, 64))] * 4, rows=2)
    labels = [[images.GridAnnotation("x")], [images.GridAnnotation("y", is_active=False)]]
    drawn = images.draw_grid_annotations(big, 64, 64, labels, labels, margin=2)
    assert drawn.width > 130 and drawn.height > 130
    matrix = images.draw_prompt_matrix(big, 64, 64, ["a", "b", "c"])
    assert (
        matrix.width > big.width and matrix.crop((0, 0, matrix.width, 8)).convert("L").getextrema()[0] < 128
    )


def test_masks() -> None:
    masking = import_module("modules.masking")
    mask = Image.new("L", (100, 80))
    assert masking.get_crop_region_v2(mask) is None
    left, _, right, _ = masking.get_crop_region(mask, 5)
    assert right < left
    mask.paste(255, (10, 20, 30, 40))
    assert masking.get_crop_region(mask, 5) == masking.get_crop_region_v2(mask, 5) == (5, 15, 35, 45)
    assert masking.expand_crop_region((5, 15, 35, 45), 64, 32, 100, 80) == (0, 15, 60, 45)


def test_pictures_as_base64() -> None:
    api = import_module("modules.api.api")
    picture = _picture()
    picture.info["parameters"] = INFO
    text = api.encode_pil_to_base64(picture).decode()
    with Image.open(BytesIO(base64.b64decode(text))) as decoded:
        assert decoded.info["parameters"] == INFO
    assert api.decode_base64_to_image("data:image/png;base64," + text).getpixel((0, 0)) == (255, 0, 0)
    assert import_module("modules.api.api").validate_sampler_name("Euler a") == "Euler a"
    for wrong in (lambda: api.decode_base64_to_image("no"), lambda: api.validate_sampler_name("no"),
                  lambda: api.decode_base64_to_image("http://127.0.0.1:1/x.png")):  # fmt: skip
        with pytest.raises(Exception, match=r"Invalid encoded image|Sampler not found|local"):
            wrong()
    assert not api.verify_url("http://localhost/x") and not api.verify_url("http://10.0.0.1/")
    models = import_module("modules.api.models")
    assert models.StableDiffusionTxt2ImgProcessingAPI(prompt="x").steps == 50
    assert models.StableDiffusionImg2ImgProcessingAPI().denoising_strength == 0.75


def test_steps_of_extras() -> None:
    steps = import_module("modules.scripts_postprocessing")

    class Invert(steps.ScriptPostprocessing):  # type: ignore[name-defined]
        name, order = "Invert", 10

        def process(self, pp: Any, **args: Any) -> None:
            pp.image = pp.image.point(lambda value: 255 - value)
            pp.info["Invert"] = args.get("strength")
            pp.extra_images.append(pp.create_copy(_picture("white"), nametags=["more"]))

    runner = steps.ScriptPostprocessingRunner()
    runner.initialize_scripts([(Invert, "x.py", "")])
    runner.scripts[0].controls, runner.scripts[0].args_from, runner.scripts[0].args_to = (
        {"strength": None},
        0,
        1,
    )
    pp = steps.PostprocessedImage(_picture())
    runner.run(pp, [0.5])
    assert pp.image.getpixel((0, 0)) == (0, 255, 255) and pp.info == {"Invert": 0.5}
    assert [each.get_suffix({}) for each in pp.extra_images] == ["-more"]


def test_extras_make_a_picture_larger(tmp_path: Path) -> None:
    house: Application
    with open_house(tmp_path) as house:
        made, _, _ = import_module("modules.postprocessing").run_extras(
            0, 0, _picture(), None, "", "", True, 0, 0, 0, 2.0, 0, 0, True, "Nearest", None, 0, False
        )
        assert made[0].size == (16, 16) and len(list((house.folders.outputs / "extras").glob("*.png"))) == 1
