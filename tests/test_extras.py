"""Upscaling of finished pictures: the request, the flow, the recipe, faces, and the API through a real queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from modules import app as application
from modules import compute
from modules.faults import BadFile, Fault, InvalidField, NotPossibleNow, UnknownName
from modules.folders import Folders
from modules.generation.results import Unwatched
from modules.generation.serialization import from_json, to_json
from modules.generation.upscaling import Tools, UpscalePicture, check, parameters, upscale
from modules.imaging import face_restoration
from modules.imaging.face_restoration import SIDE, FaceRestorers
from modules.imaging.file_texts import infotext_in, with_parameters
from modules.imaging.infotext import parse
from modules.imaging.inputs import InputStore
from modules.imaging.storage import png_bytes
from modules.imaging.tiles import Stopped
from modules.imaging.upscalers import Filter, Upscalers
from modules.jobs.queue import Status
from modules.rest.build import build_app
from modules.rest.services import ServerOptions

RECIPE = "a fox\nNegative prompt: trees\nSteps: 20, Sampler: Euler, CFG scale: 7.0, Seed: 77, Size: 24x16"
LOCAL = "http://127.0.0.1:7860"


def picture(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
    return Image.fromarray(values)


def as_base64(image: Image.Image, recipe: str | None = RECIPE) -> str:
    return base64.b64encode(png_bytes(image, recipe)).decode()


def opened(text: str) -> Image.Image:
    image = Image.open(BytesIO(base64.b64decode(text)))
    image.load()
    return image


class Plain(Filter):
    """An upscaler that makes one colour, in ten steps."""

    def __init__(self, name: str, colour: str) -> None:
        self.name = name
        self._colour = colour

    def upscale(self, image: Image.Image, scale: float, progress: Any = None) -> Image.Image:
        for step in range(10):
            if progress and progress(step / 10):
                raise Stopped
        return Image.new(image.mode, (round(image.width * scale), round(image.height * scale)), self._colour)


class Watch(Unwatched):
    """Remembers what it is told; stops or skips at a step."""

    def __init__(self, stop: int | None = None, skip: int | None = None) -> None:
        self.batches: list[int] = []
        self.steps: list[int] = []
        self._stop, self._skip = stop, skip

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        self.batches.append(first)
        self._begun = len(self.steps)

    def step(self, done: int, preview: Any) -> None:
        self.steps.append(done)
        assert preview().mode == "RGB"

    def stop_requested(self) -> bool:
        return self._stop is not None and bool(self.steps) and self.steps[-1] >= self._stop

    def skip_requested(self) -> bool:
        return (
            self._skip is not None
            and self.batches == [0]
            and bool(self.steps)
            and self.steps[-1] >= self._skip
        )


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    upscalers = Upscalers(lambda: [Plain("Red", "#ff0000"), Plain("Blue", "#0000ff")])
    return Tools(InputStore(tmp_path / "inputs"), upscalers)


def kept(tools: Tools, image: Image.Image | None = None, recipe: str | None = RECIPE) -> str:
    store = tools.pictures
    assert isinstance(store, InputStore)
    return store.put(png_bytes(image or picture(), recipe))


def results(tools: Tools, monitor: Any = None, first: int = 0, **fields: Any) -> list[Any]:
    request = check(UpscalePicture(**fields), tools)
    return list(upscale(request, tools, monitor or Unwatched(), first))


def test_a_request_survives_the_queue() -> None:
    request = UpscalePicture(
        images=("a" * 64 + ".png",),
        files=("/pictures/b.png",),
        scale=1.5,
        upscaler_1="Lanczos",
        upscale_first=True,
    )
    assert from_json(json.loads(json.dumps(to_json(request)))) == request
    assert request.pictures == 2 and request.with_seeds() is request


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("image", {"images": ()}),
        ("upscaling_resize", {"scale": 0.1}),
        ("upscaling_resize", {"scale": float("nan")}),
        ("upscaling_resize", {"scale": 9}),
        ("upscaling_resize_w", {"height": 10}),
        ("upscaling_resize_h", {"width": 10}),
        ("upscaling_resize_w", {"width": 100_000, "height": 1}),
        ("extras_upscaler_2_visibility", {"upscaler_2_visibility": 1.1}),
        ("codeformer_weight", {"codeformer_weight": -1}),
        ("gfpgan_visibility", {"gfpgan_visibility": "1"}),
    ],
)
def test_values_out_of_range_are_refused(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as caught:
        UpscalePicture(**{"images": ("a.png",), **changes})
    assert caught.value.field == field


def test_a_picture_is_made_larger_and_its_recipe_goes_on(tools: Tools) -> None:
    (result,) = results(tools, images=(kept(tools),), upscaler_1="lanczos", scale=2.5)
    expected = picture().resize((60, 40), Image.Resampling.LANCZOS)
    assert result.image.tobytes() == expected.tobytes() and result.seed == 77 and result.complete
    assert result.infotext.startswith(RECIPE + ", Postprocess upscale by: 2.5, Postprocess upscaler: Lanczos")
    prompt, negative, said = parse(result.infotext)
    assert (prompt, negative, said["Seed"]) == ("a fox", "trees", "77")


@pytest.mark.parametrize(("crop", "size"), [(True, (50, 50)), (False, (75, 50))])
def test_resizing_to_a_size_covers_it(tools: Tools, crop: bool, size: tuple[int, int]) -> None:
    (result,) = results(tools, images=(kept(tools),), upscaler_1="Lanczos", width=50, height=50, crop=crop)
    assert result.image.size == size
    whole = picture().resize((75, 50), Image.Resampling.LANCZOS)
    expected = whole.crop((12, 0, 62, 50)) if crop else whole
    assert result.image.tobytes() == expected.tobytes()
    assert ("Postprocess crop to" in parse(result.infotext)[2]) == crop


def test_two_upscalers_are_blended(tools: Tools) -> None:
    (result,) = results(
        tools, images=(kept(tools),), upscaler_1="Red", upscaler_2="Blue", upscaler_2_visibility=0.25
    )
    assert result.image.getpixel((3, 3)) == (191, 0, 63)
    said = parse(result.infotext)[2]
    assert said["Postprocess upscaler 2"] == "Blue" and said["Postprocess upscaler 2 visibility"] == "0.25"
    (alone,) = results(tools, images=(kept(tools),), upscaler_1="Red", upscaler_2="Blue")
    assert alone.image.getpixel((3, 3)) == (255, 0, 0) and "upscaler 2" not in alone.infotext


def test_transparency_stays(tools: Tools) -> None:
    image = picture(mode="RGBA")
    (result,) = results(tools, images=(kept(tools, image),), upscaler_1="Lanczos", scale=2)
    assert result.image.tobytes() == image.resize((48, 32), Image.Resampling.LANCZOS).tobytes()


def test_none_leaves_the_picture_as_it_is(tools: Tools) -> None:
    (result,) = results(tools, images=(kept(tools),))
    assert result.image.tobytes() == picture().tobytes() and result.infotext == RECIPE


def test_progress_rises_to_the_end(tools: Tools) -> None:
    watch = Watch()
    results(
        tools,
        watch,
        images=(kept(tools),) * 2,
        upscaler_1="Red",
        upscaler_2="Blue",
        upscaler_2_visibility=0.5,
    )
    half = len(watch.steps) // 2
    assert watch.batches == [0, 1] and watch.steps[:half] == watch.steps[half:]
    assert watch.steps[:half] == sorted(set(watch.steps[:half])) and watch.steps[-1] == 100
    assert 50 in watch.steps  # the second upscaler begins


def test_stopping_leaves_no_half_picture(tools: Tools) -> None:
    watch = Watch(stop=30)
    assert results(tools, watch, images=(kept(tools),) * 3, upscaler_1="Red") == []
    assert watch.batches == [0]


def test_skipping_goes_on_with_the_next(tools: Tools) -> None:
    done = results(tools, Watch(skip=30), images=(kept(tools),) * 3, upscaler_1="Red")
    assert [one.number for one in done] == [1, 2]


def test_it_goes_on_where_it_was_left(tools: Tools) -> None:
    assert [one.number for one in results(tools, first=2, images=(kept(tools),) * 3)] == [2]


def test_unreadable_files_of_a_folder_are_told_at_the_end(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "b.png").write_bytes(png_bytes(picture(), None))
    request = UpscalePicture(
        files=(str(tmp_path / "a.png"), str(tmp_path / "gone.png"), str(tmp_path / "b.png")),
        upscaler_1="Nearest",
    )
    done: list[Any] = []
    with pytest.raises(InvalidField, match=r"can't be read: a\.png, gone\.png\. The others are done"):
        done.extend(upscale(request, tools, Unwatched()))
    made = []
    with pytest.raises(InvalidField):
        for one in upscale(request, tools, Unwatched()):
            made.append(one.number)
    assert made == [2]


def test_what_cant_be_done_is_said_before_it_is_queued(tools: Tools) -> None:
    name = kept(tools, Image.new("RGB", (4000, 3000)))
    with pytest.raises(UnknownName, match="nobody") as caught:
        check(UpscalePicture(images=(name,), upscaler_1="nobody"), tools)
    assert caught.value.field == "upscaler_1"
    with pytest.raises(InvalidField, match="32000x24000"):
        check(UpscalePicture(images=(name,), upscaler_1="Lanczos", scale=8), tools)
    with pytest.raises(UnknownName):
        check(UpscalePicture(images=("f" * 64 + ".png",)), tools)
    with pytest.raises(Fault, match="Faces"):
        check(UpscalePicture(images=(name,), gfpgan_visibility=1), tools)


# ── Recipes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_recipe_is_found_in_every_format() -> None:
    image, text = picture(), "a füchschen\nSteps: 1, Sampler: Euler, Seed: 3"
    assert infotext_in(png_bytes(image, text)) == text
    for code, encoding in (
        (b"UNICODE\0", "utf-16-be"),
        (b"UNICODE\0", "utf-16-le"),
        (b"ASCII\0\0\0", "utf-8"),
    ):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = code + text.encode(encoding)
        for format_ in ("JPEG", "WEBP"):
            buffer = BytesIO()
            image.save(buffer, format_, exif=exif)
            assert infotext_in(buffer.getvalue()) == text, (code, encoding, format_)
    assert infotext_in(b"nothing") == ""


def test_parameters_are_added_without_touching_the_rest() -> None:
    hashes = RECIPE + ', Hashes: {"vae": "1", "model": "2"}, Lora hashes: "a: b, c: d"'
    once = with_parameters(hashes, {"Postprocess upscaler": "4x, best", "X": 1})
    assert once == hashes + ', Postprocess upscaler: "4x, best", X: 1'
    assert with_parameters(once, {"Postprocess upscaler": "B"}) == hashes + ", X: 1, Postprocess upscaler: B"
    assert with_parameters("only a prompt", {"X": 1}) == "only a prompt\nX: 1"
    assert with_parameters("", {"X": 1}) == "X: 1" and with_parameters("p", {}) == "p"
    alone = with_parameters("", parameters(UpscalePicture(images=("a",), upscaler_1="Lanczos")))
    assert parse(alone)[2]["Postprocess upscaler"] == "Lanczos"


# ── Faces ────────────────────────────────────────────────────────────────────────────────────────────────────


class OneFace:
    """A face that is tilted and about a quarter of the size that the models know."""

    def __init__(self, turned: float = 0.3) -> None:
        c, s = np.cos(turned) * 0.25, np.sin(turned) * 0.25
        ideal = np.array(face_restoration._FFHQ, np.float32) - SIDE / 2
        self.landmarks = (ideal @ np.array([[c, s], [-s, c]], np.float32) + 100).astype(np.float32)

    def find(self, image: Image.Image) -> list[Any]:
        return [self.landmarks]


def restorers(folder: Path, detector: Any = None) -> FaceRestorers:
    folders = {"GFPGAN": (folder / "GFPGAN",), "CodeFormer": (folder / "Codeformer",)}
    return FaceRestorers(folders, lambda: compute.choose("cpu"), detector)


def put_file(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


class FaceModel:
    """Turns a face's colours round; notes how it was called."""

    def __init__(self, name: str) -> None:
        self.architecture = SimpleNamespace(id=name, name=name)
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.calls: list[dict[str, Any]] = []

    def model(self, pixels: torch.Tensor, **options: Any) -> tuple[torch.Tensor, list[Any]]:
        assert (
            pixels.is_contiguous()
            and pixels.shape == (1, 3, SIDE, SIDE)
            and pixels.min() >= -1
            and pixels.max() <= 1
        )
        self.calls.append(options)
        return -pixels, []


@pytest.fixture
def face_model(monkeypatch: pytest.MonkeyPatch) -> FaceModel:
    model = FaceModel("GFPGAN")
    monkeypatch.setattr(face_restoration, "load_model", lambda path, device: model)
    return model


def test_a_face_is_restored_in_its_place_and_nothing_else_changes(
    tmp_path: Path, face_model: FaceModel
) -> None:
    put_file(tmp_path, "GFPGAN/GFPGANv1.4.pth")
    put_file(tmp_path, "GFPGAN/detection_Resnet50_Final.pth")
    faces = restorers(tmp_path, OneFace())
    assert [(one.name, one.path.name) for one in faces.all()] == [("GFPGAN", "GFPGANv1.4.pth")]
    image = Image.fromarray(np.tile(np.linspace(0, 255, 300, dtype=np.uint8)[None, :, None], (200, 1, 3)))
    image.putalpha(200)
    result = faces.restore(image, "gfpgan")
    before, after = np.asarray(image).astype(int), np.asarray(result).astype(int)
    middle = (slice(70, 130), slice(70, 130), slice(0, 3))
    assert np.abs(after[middle] - (255 - before[middle])).max() <= 4  # exactly in place, upright or not
    assert np.array_equal(after[:, 200:], before[:, 200:]) and np.array_equal(after[..., 3], before[..., 3])
    assert face_model.calls == [{"randomize_noise": False}]


def test_without_a_face_the_picture_stays(tmp_path: Path, face_model: FaceModel) -> None:
    put_file(tmp_path, "GFPGAN/GFPGANv1.4.pth")
    image = picture()
    assert restorers(tmp_path, SimpleNamespace(find=lambda image: [])).restore(image, "GFPGAN") is image
    assert face_model.calls == []


def test_what_is_missing_is_said_with_the_file_to_put(tmp_path: Path) -> None:
    faces = restorers(tmp_path)
    assert faces.all() == []
    with pytest.raises(UnknownName):
        faces.check("Botox", "x")
    with pytest.raises(NotPossibleNow, match=r"Put GFPGANv1\.4\.pth into models/GFPGAN") as caught:
        faces.check("GFPGAN", "gfpgan_visibility")
    assert caught.value.field == "gfpgan_visibility"
    put_file(tmp_path, "Codeformer/codeformer-v0.1.0.pth")
    with pytest.raises(NotPossibleNow, match=r"face_detection_yunet_2023mar\.onnx"):
        faces.check("CodeFormer", "codeformer_visibility")
    put_file(tmp_path, "GFPGAN/face_detection_yunet_2023mar.onnx")
    assert faces.check("codeformer", "x").path.name == "codeformer-v0.1.0.pth"
    with pytest.raises(BadFile, match="face detector"):
        faces.restore(picture(), "CodeFormer")


def test_faces_and_upscaling_come_in_the_order_asked_for(
    tools: Tools, tmp_path: Path, face_model: FaceModel
) -> None:
    put_file(tmp_path, "GFPGAN/GFPGANv1.4.pth")
    sizes: list[tuple[int, int]] = []

    def find(image: Image.Image) -> list[Any]:
        sizes.append(image.size)
        return []

    tools = replace(tools, faces=restorers(tmp_path, SimpleNamespace(find=find)))
    fields: dict[str, Any] = {"images": (kept(tools),), "upscaler_1": "Lanczos", "gfpgan_visibility": 0.5}
    (result,) = results(tools, **fields)
    results(tools, **fields, upscale_first=True)
    assert sizes == [(24, 16), (48, 32)]
    assert parse(result.infotext)[2]["GFPGAN visibility"] == "0.5"


# ── The API ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[application.Application]:
    from tests.test_upscalers import compact

    data = tmp_path_factory.mktemp("easel")
    for name, scale in (("ESRGAN/2x-tiny", 2), ("RealESRGAN/RealESRGAN_x4plus", 4)):
        path = data / "models" / f"{name}.pth"
        path.parent.mkdir(parents=True)
        torch.save({"params_ema": compact(scale).state_dict()}, path)
    built = application.build(Folders(data=data, models=data / "models"), warm_up=False)
    built.start()
    yield built
    built.close()


@pytest.fixture
def client(house: application.Application) -> TestClient:
    app = build_app(house.rest_services(lambda: None), ServerOptions())
    return TestClient(app, base_url=LOCAL, raise_server_exceptions=False)


def test_one_picture_through_the_api(client: TestClient) -> None:
    body = {"image": as_base64(picture()), "upscaler_1": "2x-tiny", "upscaling_resize": 3, "unknown": 1}
    answer = client.post("/sdapi/v1/extra-single-image", json=body)
    assert answer.status_code == 200, answer.text
    image = opened(answer.json()["image"])
    assert image.size == (72, 48) and "Postprocess upscaler: 2x-tiny" in image.info["parameters"]
    assert image.info["parameters"].startswith("a fox\n")
    info = answer.json()["html_info"]
    assert info.startswith("<p>Postprocess upscale by: 3, Postprocess upscaler: 2x-tiny") and info.endswith(
        "</p>"
    )


def test_the_apis_defaults(client: TestClient) -> None:
    answer = client.post(
        "/sdapi/v1/extra-single-image", json={"image": "data:image/png;base64," + as_base64(picture())}
    )
    assert answer.status_code == 200 and opened(answer.json()["image"]).tobytes() == picture().tobytes()
    hidden = {"image": as_base64(picture()), "show_extras_results": False, "upscaler_1": None}
    assert client.post("/sdapi/v1/extra-single-image", json=hidden).json()["image"] is None


def test_several_pictures_to_a_size(client: TestClient, house: application.Application) -> None:
    files = [{"data": as_base64(picture(20 + i, 10)), "name": f"{i}.png"} for i in range(3)]
    body = {"imageList": files, "resize_mode": 1, "upscaling_resize_w": 40, "upscaling_resize_h": 40}
    answer = client.post("/sdapi/v1/extra-batch-images", json={**body, "upscaler_1": "Nearest"})
    assert answer.status_code == 200, answer.text
    assert [opened(image).size for image in answer.json()["images"]] == [(40, 40)] * 3
    assert not list(house.folders.outputs.rglob("*.png"))  # programs keep their own


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("extra-single-image", {}, 422, "image"),
        ("extra-single-image", {"image": "???"}, 422, "image"),
        ("extra-single-image", {"image": "aGVsbG8="}, 422, "image"),
        ("extra-single-image", {"image": "https://example.org/a.png"}, 422, "image"),
        ("extra-single-image", {"upscaler_1": "nobody"}, 400, "upscaler_1"),
        ("extra-single-image", {"upscaler_1": "Nearest", "upscaler_2": "nobody"}, 400, "upscaler_2"),
        ("extra-single-image", {"upscaling_resize": "two"}, 422, "upscaling_resize"),
        ("extra-single-image", {"upscaling_resize": True}, 422, "upscaling_resize"),
        ("extra-single-image", {"upscaling_resize": 99}, 422, "upscaling_resize"),
        ("extra-single-image", {"resize_mode": 2}, 422, "resize_mode"),
        ("extra-single-image", {"resize_mode": 1, "upscaling_resize_w": 0}, 422, "upscaling_resize_w"),
        ("extra-single-image", {"gfpgan_visibility": 1}, 503, "gfpgan_visibility"),
        ("extra-batch-images", {}, 422, "imageList"),
        ("extra-batch-images", {"imageList": []}, 422, "imageList"),
        ("extra-batch-images", {"imageList": [{"data": "???"}]}, 422, "imageList.0.data"),
        ("extra-batch-images", {"imageList": ["???"]}, 422, "imageList.0"),
    ],
)
def test_bad_bodies_are_refused(
    client: TestClient, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    if path == "extra-single-image" and "image" not in body and body:
        body = {"image": as_base64(picture()), **body}
    answer = client.post(f"/sdapi/v1/{path}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


def test_the_lists(client: TestClient, house: application.Application) -> None:
    listed = client.get("/sdapi/v1/upscalers").json()
    assert [one["name"] for one in listed] == ["None", "Lanczos", "Nearest", "2x-tiny", "RealESRGAN_x4plus"]
    tiny = listed[3]
    assert (
        tiny["scale"] == 2 and tiny["model_name"] == "2x-tiny" and tiny["model_path"].endswith("2x-tiny.pth")
    )
    assert set(tiny) == {"name", "model_name", "model_path", "model_url", "scale"}
    (real,) = client.get("/sdapi/v1/realesrgan-models").json()
    assert real["name"] == "RealESRGAN_x4plus" and real["scale"] == 4
    assert client.get("/sdapi/v1/face-restorers").json() == []
    path = put_file(house.folders.models, "GFPGAN/GFPGANv1.4.pth")
    try:
        assert client.get("/sdapi/v1/face-restorers").json() == [
            {"name": "GFPGAN", "cmd_dir": str(path.parent)}
        ]
    finally:
        path.unlink()


def test_the_pages_jobs_are_saved(client: TestClient, house: application.Application, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(png_bytes(picture(10, 10), None))
    (tmp_path / "a.JPG").write_bytes(png_bytes(picture(12, 10), RECIPE))
    (tmp_path / "notes.txt").write_text("")
    name = house.inputs.put(png_bytes(picture(), RECIPE))
    body = {"images": [name], "folder": f' "{tmp_path}" ', "upscaler_1": "Lanczos"}
    answer = client.post("/easel/extras", json=body)
    assert answer.status_code == 200, answer.text
    job = house.queue.wait(answer.json()["job"], 20)
    assert job.status is Status.DONE and answer.json()["total"] == 3
    saved = house.pictures.of_job(job.id)
    assert [(one.width, one.height) for one in saved] == [(48, 32), (24, 20), (20, 20)]
    assert all(
        one.path.startswith("extras/") and (house.pictures.outputs / one.path).exists() for one in saved
    )
    assert [one.seed for one in saved] == [77, 77, 0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"upscaler_1": "Lanczos"}, "image"),
        ({"images": ["a" * 64 + ".png"]}, "upscaler_1"),
        ({"folder": "/nowhere/at/all", "upscaler_1": "Lanczos"}, "folder"),
    ],
)
def test_the_page_is_told_what_is_missing(client: TestClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/easel/extras", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field


def test_the_request_names_all_its_fields() -> None:
    """Renaming one would lose the jobs that wait."""
    assert set(asdict(UpscalePicture(images=("a",)))) >= {"images", "files", "scale", "upscaler_1", "save"}
