"""How finished pictures are kept: formats with the recipe inside, names from patterns, sheets; nothing is lost."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.faults import InvalidField
from modules.generation.from_settings import saving_options
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage
from modules.generation.saving import SavingOptions
from modules.generation.serialization import from_json, to_json
from modules.imaging.file_names import SKIP, fill, inside_folder, part_of_name
from modules.imaging.file_texts import infotext_in
from modules.imaging.storage import FORMATS, FileFormat, picture_bytes
from modules.jobs.queue import Status
from modules.settings.model import Settings
from tests import rest_support
from tests.test_jobs import House, request
from tests.waiting import eventually

PROMPT = "a fox in the snow, 狐 and (trees:1.2)"
RECIPE = (
    f"{PROMPT}\nNegative prompt: dogs, “cats”\nSteps: 20, Sampler: DPM++ 2M, "
    "Schedule type: Karras, CFG scale: 6.5, Seed: 5, Size: 16x24, Model hash: 0123456789, Model: starter/v1, "
    "Denoising strength: 0.4, Clip skip: 2, VAE: soft.safetensors"
)
DAY = re.compile(r"\d{4}-\d\d-\d\d")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One at which nobody works."""
    house = House(tmp_path)
    yield house
    house.database.close()


@pytest.fixture
def working(house: House) -> Iterator[House]:
    yield house.start()
    house.worker.close()


def painted() -> Image.Image:
    """A picture whose pixels all differ a little."""
    image = Image.new("RGB", (16, 24))
    image.putdata([(x * 9, y * 7, (x * y) % 256) for y in range(24) for x in range(16)])
    return image


def kept(house: House, picture: GeneratedImage | None = None, **options: Any) -> Path:
    """The file of a picture below the outputs folder."""
    job = house.queue.submit(replace(request(), saving=SavingOptions(**options)))
    picture = picture or GeneratedImage(painted(), 7, 5, 0, RECIPE)
    return Path(house.pictures.save(job, picture).path)


# -- formats ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_recipe(name: Any) -> None:
    data = picture_bytes(painted(), RECIPE, FileFormat(name, 90))
    assert infotext_in(data) == RECIPE
    with Image.open(BytesIO(data)) as image:
        assert image.format == {"jpg": "JPEG"}.get(name, name.upper()) and image.size == (16, 24)
    bare = picture_bytes(painted(), RECIPE, FileFormat(name, 90, recipe=False))
    assert infotext_in(bare) == "" and b"fox" not in bare


def test_what_is_lossless() -> None:
    for how in (FileFormat(), FileFormat("webp", lossless=True)):
        with Image.open(BytesIO(picture_bytes(painted(), None, how))) as image:
            assert image.convert("RGB").tobytes() == painted().tobytes()
    coarse, fine = (len(picture_bytes(painted(), None, FileFormat("jpg", quality))) for quality in (10, 95))
    assert coarse < fine


def test_a_transparent_picture_as_jpeg_lies_on_white() -> None:
    data = picture_bytes(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), None, FileFormat("jpg"))
    with Image.open(BytesIO(data)) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


def test_too_large_for_a_format_is_a_png() -> None:
    assert FileFormat("webp").suiting(16_384, 8).name == "png"
    assert FileFormat("webp").suiting(16_383, 8).name == "webp"
    assert FileFormat("jpg", recipe=False).suiting(8, 70_000) == FileFormat(recipe=False)


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("", ""),
        ("[seed]", "-5"),
        ("[seed]-[prompt_words]", "-5-a fox in the snow 狐 and trees"),
        ("[steps]_[cfg]_[sampler]_[scheduler]", "-20_6.5_DPM++ 2M_Karras"),
        ("[SAMPLER_scheduler]", "-DPM++ 2M Karras"),
        ("[model_name]-[model_hash]", "-starter_v1-0123456789"),
        ("[width]x[height]", "-16x24"),
        ("[vae_filename] [clip_skip] [denoising]", "-soft 2 0.4"),
        ("a[batch_number]b[generation_number]", "-b8"),
        ("[hasprompt<fox|hare><dog|none>]", "-foxnone"),
        ("[prompt_hash<4>]", f"-{sha256(PROMPT.encode()).hexdigest()[:4]}"),
        ("[unknown]", "-[unknown]"),
        ("a/b", "-a_b"),
        ("x[none]y", "-y"),
    ],
)
def test_patterns(house: House, pattern: str, name: str) -> None:
    picture = GeneratedImage(painted(), 7, 5, 0, RECIPE)
    job = house.queue.submit(request(batch_count=9, saving=SavingOptions(name=pattern)))
    stem = Path(house.pictures.save(job, picture).path).stem
    assert stem.startswith("00000")
    assert stem == f"00000{name}"


def test_folders(house: House) -> None:
    def folder(**options: Any) -> str:
        return DAY.sub("TODAY", str(kept(house, **options).parent))

    assert folder() == "txt2img/TODAY"
    assert folder(folder="") == "txt2img"
    assert folder(folder="[model_name]/[date]") == "txt2img/starter_v1/TODAY"
    assert folder(folder="[datetime<%Y-%m-%d><UTC>]") == "txt2img/TODAY"


@pytest.mark.parametrize(
    "pattern",
    [
        "../../x",
        "/etc/x",
        "C:\\x",
        "..",
        "~/x",
        "a/../../b",
        "\\\\host\\x",
        "con",
        "x" * 390,
        "狐" * 390,
        "\t",
    ],
)
def test_no_name_leads_out_of_the_folder(house: House, pattern: str) -> None:
    outputs = (house.folder / "outputs").resolve()
    ways: list[dict[str, Any]] = [
        {"folder": pattern},
        {"name": pattern, "numbered": False},
        {"name": pattern},
    ]
    for options in ways:
        path = (outputs / kept(house, **options)).resolve()
        assert outputs / "txt2img" in path.parents and path.is_file()
        assert all(len(part.encode()) < 250 for part in path.parts)


def test_a_prompt_names_no_folder(house: House) -> None:
    picture = GeneratedImage(painted(), 0, 5, 0, RECIPE.replace("a fox", "../../a/fox"))
    path = kept(house, picture, folder="[prompt_spaces]", name="[prompt]", numbered=False)
    assert len(path.parts) == 3 and (house.folder / "outputs" / path).is_file()


def test_nothing_is_overwritten(house: House) -> None:
    options: dict[str, Any] = {"name": "picture", "numbered": False, "folder": ""}
    (house.folder / "outputs" / "txt2img").mkdir(parents=True, exist_ok=True)
    mine = house.folder / "outputs" / "txt2img" / "picture-2.png"
    mine.write_bytes(b"mine")
    names = [kept(house, **options).name for _ in range(4)]
    assert len(set(names)) == 4 and "picture-2.png" not in names
    assert mine.read_bytes() == b"mine"


def test_numbers_go_on_in_another_format(house: House) -> None:
    assert [kept(house, format="jpg").name for _ in range(2)] == ["00000-5.jpg", "00001-5.jpg"]
    house.database.close()
    (house.folder / "easel.sqlite").unlink()
    again = House(house.folder)
    assert kept(again).name == "00002-5.png"
    again.database.close()


def test_a_text_file_beside_it(house: House) -> None:
    path = house.folder / "outputs" / kept(house, text_file=True, format="webp")
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == f"{RECIPE}\n"


def test_filling_in() -> None:
    values: dict[str, Any] = {"a": lambda *x: "-".join(("A", *x)), "none": lambda *x: SKIP}
    assert fill("[a]/[A<1>]_[a<1><2>][b]!", values) == "A/A-1_A-1-2[b]!"
    assert fill("x[none]y[a", values) == "y[a"
    assert part_of_name('  a/b:c*"d" .') == "__a_b_c__d__"
    assert part_of_name('  a/b:c*"d" .', underscores=False) == "a_b_c__d_"
    assert inside_folder("../a//./b. /nul.x") == ("a", "b", "_nul.x")


# -- requests and settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("samples_format", {"format": "bmp"}),
        ("grid_format", {"grid_format": "gif"}),
        ("jpeg_quality", {"quality": 0}),
        ("n_rows", {"grid_rows": -2}),
        ("grid_background_color", {"grid_background": "of the sea"}),
        ("samples_filename_pattern", {"name": "\0"}),
        ("directories_max_prompt_words", {"words": 0}),
    ],
)
def test_options_that_cannot_be(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as caught:
        SavingOptions(**values)
    assert caught.value.field == field


def test_the_settings_decide() -> None:
    assert saving_options(Settings()) == SavingOptions()
    flat = Settings.model_validate({"saving": {"folders": False, "format": "jpeg", "words": 3}})
    assert saving_options(flat) == SavingOptions(
        format="jpg", folder="", name="[seed]-[prompt_spaces]", words=3
    )
    asked = request(saving=saving_options(flat))
    assert from_json(json.loads(json.dumps(to_json(asked)))) == asked


def test_requests_of_before_are_still_read() -> None:
    data = to_json(request())
    del data["saving"]
    assert from_json(data) == request()


# -- sheets -------------------------------------------------------------------------------------------------


def test_a_sheet_of_all_pictures(working: House) -> None:
    house = working
    saving = SavingOptions(grid=True, grid_format="webp", lossless=True, grid_rows=1)
    job = house.queue.wait(house.queue.submit(request(batch_count=3, saving=saving)).id, 5)
    assert job.status is Status.DONE
    *pictures, sheet = house.pictures.of_job(job.id)
    assert len(pictures) == 3 and sheet.is_grid and DAY.sub("TODAY", sheet.path) == "grids/TODAY/00000-7.webp"
    with Image.open(house.folder / "outputs" / sheet.path) as image:
        assert image.size == (3 * 16, 24) and image.convert("RGB").getpixel((40, 12)) == (128, 128, 128)
    assert infotext_in((house.folder / "outputs" / sheet.path).read_bytes()) == pictures[0].infotext


def test_one_picture_is_no_sheet(working: House) -> None:
    house = working
    for changes in ({}, {"saving": SavingOptions(grid=False), "batch_count": 2}):
        asked = request(**{"saving": SavingOptions(grid=True), **changes})
        job = house.queue.wait(house.queue.submit(asked).id, 5)
        assert not any(picture.is_grid for picture in house.pictures.of_job(job.id))


def test_a_job_that_goes_on_after_a_stop_has_one_sheet(tmp_path: Path) -> None:
    house = House(tmp_path).start()
    job = house.queue.submit(request(batch_count=5, saving=SavingOptions(grid=True)))
    eventually(lambda: len(house.pictures.of_job(job.id)) >= 2)
    house.close()
    again = House(tmp_path).start()
    again.queue.wait(job.id, 5)
    saved = again.pictures.of_job(job.id)
    assert [picture.is_grid for picture in saved] == [False] * 5 + [True]
    with Image.open(tmp_path / "outputs" / saved[-1].path) as image:
        assert image.size == (48, 48)
    again.close()


# -- the API ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[rest_support.House]:
    house = rest_support.build_house(tmp_path)
    yield house
    rest_support.close(house)


def ask(server: rest_support.House, **fields: Any) -> dict[str, Any]:
    body = {"prompt": "a fox", "steps": 2, "width": 16, "height": 8, "seed": 100, **fields}
    answer = server.client().post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_answer_is_in_the_format_asked_for(server: rest_support.House) -> None:
    settings = {"samples_format": "jpeg", "jpeg_quality": 60}
    body = ask(server, override_settings=settings, save_images=True)
    data = b64decode(body["images"][0])
    with Image.open(BytesIO(data)) as image:
        assert image.format == "JPEG"
    assert infotext_in(data) == json.loads(body["info"])["infotexts"][0]
    [saved] = server.services.pictures.recent()
    assert (
        saved.path.endswith(".jpg") and (server.services.pictures.outputs / saved.path).read_bytes() == data
    )
    shown = server.client().get(f"/easel/pictures/{saved.id}")
    assert shown.headers["content-type"] == "image/jpeg" and shown.content == data
    assert server.services.settings.current == Settings()


def test_the_older_names(server: rest_support.House) -> None:
    client = server.client()
    given = {
        "samples_format": "webp",
        "samples_filename_pattern": "[prompt]",
        "save_images_add_number": False,
    }
    more = {"save_to_dirs": False, "save_txt": True, "grid_save": True, "n_rows": 2, "enable_pnginfo": False}
    assert client.post("/sdapi/v1/options", json=given | more).status_code == 200
    told = client.get("/sdapi/v1/options").json()
    assert {name: told[name] for name in given | more} == given | more
    ask(server, save_images=True, n_iter=2)
    paths = {saved.path for saved in server.services.pictures.recent()}
    assert paths == {"txt2img/a_fox.webp", "txt2img/a_fox-2.webp", "grids/a_fox.png"}
    first = server.services.pictures.outputs / "txt2img" / "a_fox.webp"
    assert (
        first.with_suffix(".txt").read_text().startswith("a fox\n") and infotext_in(first.read_bytes()) == ""
    )
    for name, value in (("samples_format", "bmp"), ("grid_background_color", "of the sea")):
        wrong = client.post("/sdapi/v1/options", json={name: value})
        assert wrong.status_code == 422 and name in wrong.json()["errors"]
    wrong = client.patch("/easel/settings", json={"saving.grid_background": "of the sea"})
    assert wrong.status_code == 422 and "no colour" in wrong.json()["detail"]
    assert wrong.json()["field"] == "saving.grid_background"


def test_no_sheet_is_kept_where_the_request_says_so(server: rest_support.House) -> None:
    ask(server, save_images=True, n_iter=2, do_not_save_grid=True, override_settings={"grid_save": True})
    assert len(server.services.pictures.recent()) == 2


def test_extras_keep_the_format_as_well() -> None:
    from modules.rest.extras import ExtrasBody, to_request

    asked = to_request(ExtrasBody(upscaler_1="Lanczos"), ["x.png"], saving=SavingOptions(format="webp"))
    assert asked.saving.format == "webp" and not isinstance(asked, TextToImage)
