"""txt2img over the API: fields, answers, bad input, clients that go away."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.faults import BadFile, InvalidField, NotPossibleNow
from modules.generation.requests import Request
from modules.imaging.grids import grid_shape, make_grid
from modules.jobs.queue import Status
from modules.rest.generation_bodies import TextToImageBody
from modules.rest.text_to_image import to_request
from modules.settings.model import Settings
from modules.settings.store import with_changes
from tests.rest_support import House, build_house, close
from tests.waiting import PATIENCE

PATH = "/sdapi/v1/txt2img"
SMALL = {"width": 16, "height": 8, "steps": 2, "seed": 100}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    yield house
    close(house)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """For tests that leave nothing behind."""
    house = build_house(tmp_path_factory.mktemp("shared"))
    yield house
    close(house)


def ask(house: House, **fields: Any) -> Any:
    return house.client().post(PATH, json={**SMALL, **fields})


def picture(text: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(text)))


def assert_error(answer: Any, status: int, field: str | None, *words: str) -> None:
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"error", "detail", "body", "errors", "field"}
    assert body["field"] == field and body["detail"] == body["errors"] and "\n" not in body["detail"]
    for word in words:
        assert word in body["detail"]


def test_defaults_are_the_apis() -> None:
    request = to_request(TextToImageBody(), Settings())
    assert (request.steps, request.sampler, request.scheduler) == (50, "Euler", "Automatic")
    assert (request.width, request.height, request.cfg_scale) == (512, 512, 7.0)
    assert (request.batch_size, request.batch_count, request.seed, request.save) == (1, 1, -1, False)
    assert request.noise.resize_from_width == 0 and request.noise.variation_seed == -1


def test_fields_arrive_in_the_request() -> None:
    body = TextToImageBody(
        sampler_index="Euler a", scheduler="Karras", n_iter=3, batch_size=2, subseed=7, subseed_strength=0.4,
        seed_resize_from_w=64, seed_resize_from_h=32, eta=0.5, s_churn=1, s_tmin=2, s_tmax=3, s_noise=1.5,
        s_min_uncond=4, save_images=True,
    )  # fmt: skip
    request = to_request(body, Settings())
    assert (request.sampler, request.scheduler, request.pictures, request.save) == (
        "Euler a",
        "Karras",
        6,
        True,
    )
    noise, sampling = request.noise, request.sampling
    assert (noise.variation_seed, noise.variation_strength) == (7, 0.4)
    assert (noise.resize_from_width, noise.resize_from_height) == (64, 32)
    assert (sampling.eta, sampling.s_churn, sampling.s_tmin, sampling.s_tmax) == (0.5, 1, 2, 3)
    assert (sampling.s_noise, sampling.skip_negative_below) == (1.5, 4)


def test_the_requests_own_value_beats_the_setting() -> None:
    settings = with_changes(Settings(), {"sampling.s_churn": 5, "sampling.eta_ancestral": 0.7})
    assert to_request(TextToImageBody(s_churn=0), settings).sampling.s_churn == 0
    assert to_request(TextToImageBody(), settings).sampling.s_churn == 5
    assert to_request(TextToImageBody(), settings).sampling.eta == 0.7
    assert to_request(TextToImageBody(sampler_name="DDIM"), settings).sampling.eta is None
    assert to_request(TextToImageBody(eta=0.2), settings).sampling.eta == 0.2


def test_a_picture_comes_back_with_its_recipe(house: House) -> None:
    answer = ask(house, prompt="a fox", sampler_name="k_euler_a", scheduler="Karras")
    assert answer.status_code == 200
    body = answer.json()
    (image,) = [picture(text) for text in body["images"]]
    assert image.size == (16, 8) and image.getpixel((0, 0)) == (100, 100, 100)
    assert image.info["parameters"].startswith("a fox\nSteps: 2, Sampler: Euler a")
    info = json.loads(body["info"])
    assert info["sampler_name"] == "Euler a" and info["seed"] == 100 and info["all_seeds"] == [100]
    assert info["sd_model_name"] == "lab" and info["sd_model_hash"] == "ababababab"
    assert info["infotexts"] == [image.info["parameters"]]
    assert info["extra_generation_params"] == {"Schedule type": "Karras"}
    assert len(info["job_timestamp"]) == 14 and info["version"] == "Easel test"
    assert body["parameters"]["prompt"] == "a fox" and body["parameters"]["n_iter"] == 1
    assert house.services.pictures.recent() == []
    assert house.worker.take_results(1) == []


def test_info_has_every_field(shared: House) -> None:
    expected = [
        "prompt",
        "all_prompts",
        "negative_prompt",
        "all_negative_prompts",
        "seed",
        "all_seeds",
        "subseed",
        "all_subseeds",
        "subseed_strength",
        "width",
        "height",
        "sampler_name",
        "cfg_scale",
        "steps",
        "batch_size",
        "restore_faces",
        "face_restoration_model",
        "sd_model_name",
        "sd_model_hash",
        "sd_vae_name",
        "sd_vae_hash",
        "seed_resize_from_w",
        "seed_resize_from_h",
        "denoising_strength",
        "extra_generation_params",
        "index_of_first_image",
        "infotexts",
        "styles",
        "job_timestamp",
        "clip_skip",
        "is_using_inpainting_conditioning",
        "version",
    ]
    assert sorted(json.loads(ask(shared).json()["info"])) == sorted(expected)


def test_a_grid_comes_first(shared: House) -> None:
    body = ask(shared, batch_size=2, n_iter=2, save_images=True).json()
    grid, *rest = [picture(text) for text in body["images"]]
    assert grid.size == (32, 16) and len(rest) == 4
    greys = [grid.convert("L").getpixel(place) for place in ((0, 0), (16, 0), (0, 8), (16, 8))]
    assert greys == [100, 101, 102, 103]
    info = json.loads(body["info"])
    assert info["index_of_first_image"] == 1 and len(info["infotexts"]) == 5
    assert info["all_seeds"] == [100, 101, 102, 103]


@pytest.mark.parametrize(
    "fields",
    [
        {"override_settings": {"return_grid": False}},
        {"do_not_save_grid": True},
        {"save_images": False},
        {"n_iter": 1},
    ],
)
def test_no_grid(shared: House, fields: Any) -> None:
    body = ask(shared, **{"n_iter": 2, "save_images": True, **fields}).json()
    assert len(body["images"]) == {"n_iter": 1}.get(next(iter(fields)), 2)
    assert json.loads(body["info"])["index_of_first_image"] == 0


def test_grid_shapes() -> None:
    assert [grid_shape(count) for count in (1, 2, 3, 4, 5, 6, 9, 12)] == [
        (1, 1), (1, 2), (2, 2), (2, 2), (2, 3), (2, 3), (3, 3), (3, 4)
    ]  # fmt: skip
    sheet = make_grid([Image.new("RGB", (4, 4), "black")] * 3)
    assert sheet.size == (8, 8) and sheet.getpixel((7, 7)) == (255, 255, 255)
    with pytest.raises(ValueError, match="at least one"):
        make_grid([])


def test_images_can_be_left_out(shared: House) -> None:
    body = ask(shared, send_images=False).json()
    assert body["images"] == [] and json.loads(body["info"])["all_seeds"] == [100]


@pytest.mark.parametrize(
    ("fields", "files"),
    [
        ({"save_images": True}, 1),
        ({"save_images": True, "do_not_save_samples": True}, 0),
        ({"save_images": True, "override_settings": {"samples_save": False}}, 0),
        ({}, 0),
    ],
)
def test_saving(house: House, fields: Any, files: Any) -> None:
    assert ask(house, **fields).status_code == 200
    assert len(list((house.folder / "outputs").rglob("*.png"))) == files
    assert len(house.services.pictures.recent()) == files


def test_override_settings_hold_for_one_job(house: House) -> None:
    override = {"CLIP_stop_at_last_layers": 2, "randn_source": "NV", "sd_model_checkpoint": "other"}
    assert ask(house, override_settings=override).status_code == 200
    used = house.engine.requests[-1]
    assert (used.text.clip_skip, used.noise.source, used.checkpoint) == (2, "NV", "sub/other.ckpt")
    assert house.services.settings.current == Settings()
    missing = {"sd_model_checkpoint": "nowhere"}
    assert_error(ask(house, override_settings=missing), 400, "sd_model_checkpoint", "nowhere")


def test_faces_are_restored_where_the_request_or_the_settings_say_so(house: House) -> None:
    def restorer() -> str | None:
        return house.engine.requests[-1].faces.restorer

    assert json.loads(ask(house).json()["info"])["restore_faces"] is False
    info = json.loads(ask(house, restore_faces=True).json()["info"])
    assert (info["restore_faces"], info["face_restoration_model"]) == (True, "CodeFormer")
    override = {"face_restoration": True, "face_restoration_model": "GFPGAN", "code_former_weight": 0.2}
    assert ask(house, override_settings=override).status_code == 200
    faces = house.engine.requests[-1].faces
    assert (faces.restorer, faces.weight) == ("GFPGAN", 0.2)
    assert ask(house, override_settings=override, restore_faces=False).status_code == 200
    assert restorer() is None
    recipe = "a face\nSteps: 3, Sampler: Euler, Seed: 1, Face restoration: GFPGAN, Size: 24x16"
    assert ask(house, infotext=recipe).status_code == 200
    assert restorer() == "GFPGAN"
    assert ask(house, infotext=recipe.replace("GFPGAN", "another")).status_code == 200  # left out
    assert restorer() is None


def test_override_settings_can_stay(house: House) -> None:
    fields = {"override_settings": {"s_noise": 2}, "override_settings_restore_afterwards": False}
    assert ask(house, **fields).status_code == 200
    assert house.services.settings.current.sampling.s_noise == 2


def test_null_means_the_default(house: House) -> None:
    answer = ask(
        house, sampler_name=None, scheduler=None, cfg_scale=None, override_settings=None, tiling=None
    )
    assert answer.status_code == 200
    assert house.engine.requests[-1].cfg_scale == 7.0


BAD = [
    ({"width": 0}, 422, "width", "Width"),
    ({"height": 100_000}, 422, "height", "Height"),
    ({"steps": 0}, 422, "steps", "Steps"),
    ({"steps": 10_000}, 422, "steps", "1000"),
    ({"steps": "abc"}, 422, "steps", "steps must be a whole number, not 'abc'."),
    ({"steps": 2.5}, 422, "steps", "whole number"),
    ({"steps": True}, 422, "steps", "steps can't be true"),
    ({"steps": [1]}, 422, "steps", "whole number"),
    ({"steps": 10**30}, 422, "steps", "too large"),
    ({"cfg_scale": "x"}, 422, "cfg_scale", "cfg_scale must be a number"),
    ({"cfg_scale": -1}, 422, "cfg_scale", "CFG"),
    ({"seed": -2}, 422, "seed", "Seed"),
    ({"batch_size": 0}, 422, "batch_size", "Batch size"),
    ({"n_iter": 0}, 422, "n_iter", "Batch count"),
    ({"prompt": 5}, 422, "prompt", "prompt must be text"),
    ({"prompt": "word " * 10_000}, 422, "prompt", "characters"),
    ({"prompt": "a\0b"}, 422, "prompt", "code 0"),
    ({"styles": "x"}, 422, "styles", "styles must be a list"),
    ({"send_images": "perhaps"}, 422, "send_images", "true or false"),
    ({"override_settings": 5}, 422, "override_settings", "must be an object"),
    ({"override_settings": {"nonsense": 1}}, 400, "nonsense", "nonsense"),
    ({"override_settings": {"CLIP_stop_at_last_layers": "x"}}, 422, "CLIP_stop_at_last_layers", "'x'"),
    ({"override_settings": {"sd_vae": "x.pt"}}, 400, "sd_vae", "Automatic"),
    ({"sampler_name": "Nonsense"}, 400, "sampler_name", "Nonsense"),
    ({"scheduler": "Nonsense"}, 400, "scheduler", "Nonsense"),
    ({"subseed_strength": 2}, 422, "subseed_strength", "Variation"),
    ({"seed_resize_from_w": -5}, 422, "seed_resize_from_w", "Resize"),
    ({"eta": -1}, 422, "eta", "Eta"),
    ({"styles": ["x"]}, 400, "styles", "There is no style named 'x'."),
    ({"restore_faces": "perhaps"}, 422, "restore_faces", "true or false"),
    ({"enable_hr": True, "hr_scale": 0.5}, 422, "hr_scale", "from 1 to 8"),
    ({"enable_hr": True, "firstpass_image": "x!"}, 422, "firstpass_image", "base64"),
    ({"comments": {"a": "b"}}, 422, "comments", "not there yet"),
    ({"script_name": "x"}, 422, "script_name", "no script named 'x'"),
    ({"alwayson_scripts": {"x": {"args": []}}}, 422, "alwayson_scripts", "no script named 'x'"),
]


@pytest.mark.parametrize(("fields", "status", "field", "words"), BAD, ids=[str(case[2]) for case in BAD])
def test_bad_input_is_one_sentence(shared: House, fields: Any, status: Any, field: Any, words: Any) -> None:
    before = len(shared.engine.requests)
    assert_error(ask(shared, **fields), status, field, words)
    assert len(shared.engine.requests) == before
    assert ask(shared).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "field", "words"),
    [
        ('{"cfg_scale": NaN}', "application/json", 422, "cfg_scale", "finite"),
        ('{"cfg_scale": Infinity}', "application/json", 422, "cfg_scale", "finite"),
        ('{"cfg_scale": 1e999}', "application/json", 422, "cfg_scale", "finite"),
        (
            '{"override_settings": {"s_churn": NaN}}',
            "application/json",
            422,
            "override_settings.s_churn",
            "fin",
        ),
        ('{"prompt": "\\ud800"}', "application/json", 422, "prompt", "half of a character"),
        ('{"prompt": ', "application/json", 400, None, "not valid JSON"),
        ("[1, 2]", "application/json", 400, None, "JSON object"),
        ("null", "application/json", 400, None, "JSON object"),
        ("", "application/json", 400, None, "no body"),
        (b"\xff\xfe{", "application/json", 400, None, "UTF-8"),
        ("[" * 100_000, "application/json", 400, None, "nested too deeply"),
        ('{"a": ' * 50 + "1" + "}" * 50, "application/json", 422, ".".join("a" * 33), "nested"),
        ("9" * 5000, "application/json", 400, None, "digits"),
        ("prompt=x", "application/x-www-form-urlencoded", 415, None, "application/json"),
        ('{"prompt": "x"}', "text/plain", 415, None, "application/json"),
    ],
)
def test_bad_bodies(shared: House, body: Any, kind: Any, status: Any, field: Any, words: Any) -> None:
    before = len(shared.engine.requests)
    answer = shared.client().post(PATH, content=body, headers={"Content-Type": kind})
    assert_error(answer, status, field, words)
    assert len(shared.engine.requests) == before


def test_a_body_without_a_content_type_is_read_as_json(shared: House) -> None:
    answer = shared.client().post(PATH, content=json.dumps(SMALL))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "field"),
    [
        (InvalidField("width", "Width is too large for this model."), 422, "width"),
        (BadFile(Path("broken.safetensors"), "it is empty."), 422, None),
        (RuntimeError("boom"), 500, None),
    ],
)
def test_a_job_that_fails_says_why(house: House, fault: Any, status: Any, field: Any) -> None:
    house.engine.fault = fault
    message = "Something went wrong inside Easel" if isinstance(fault, RuntimeError) else fault.message
    assert_error(ask(house), status, field, message)
    house.engine.fault = None
    assert ask(house).status_code == 200


def test_what_is_not_possible_now_is_503(tmp_path: Path) -> None:
    def check(request: Request) -> Request:
        raise NotPossibleNow("No checkpoint is there.")

    house = build_house(tmp_path, check=check)
    assert_error(ask(house), 503, None, "No checkpoint")
    close(house)


def test_an_exception_is_one_sentence_and_the_log_has_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check(request: Request) -> Request:
        raise ZeroDivisionError("a secret detail")

    house = build_house(tmp_path, check=check)
    answer = ask(house)
    assert_error(answer, 500, None, "Something went wrong", "ZeroDivisionError")
    assert "secret" not in answer.text and "a secret detail" in caplog.text
    close(house)


def in_background(house: House, **fields: Any) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(house, **fields)))
    thread.start()
    return thread, answers


def test_an_interrupted_job_gives_what_there_is(house: House) -> None:
    house.engine.gate.clear()
    thread, answers = in_background(house, n_iter=3)
    assert house.engine.begun.wait(PATIENCE)
    assert house.client().post("/sdapi/v1/interrupt").json() == {}
    thread.join(PATIENCE)
    assert answers[0].status_code == 200 and len(answers[0].json()["images"]) == 1


def test_a_job_that_was_taken_out_of_the_queue_is_503(house: House) -> None:
    house.engine.gate.clear()
    first, _ = in_background(house)
    assert house.engine.begun.wait(PATIENCE)
    second, answers = in_background(house)
    while len(house.services.queue.waiting()) < 2:
        time.sleep(0.01)
    assert house.client().post("/easel/jobs/2/cancel").json() == {"cancelled": True}
    second.join(PATIENCE)
    assert_error(answers[0], 503, None, "taken out of the queue")
    house.engine.gate.set()
    first.join(PATIENCE)


def test_many_requests_wait_at_the_same_time(house: House) -> None:
    house.engine.gate.clear()
    threads = [in_background(house, seed=number) for number in range(12)]
    while len(house.services.queue.waiting()) < 12:
        time.sleep(0.01)
    assert house.client().get("/sdapi/v1/progress").status_code == 200
    house.engine.gate.set()
    for thread, answers in threads:
        thread.join(PATIENCE)
        assert answers[0].status_code == 200
    assert all(job.status is Status.DONE for job in house.services.queue.recent())


def test_closing_answers_those_who_wait(house: House) -> None:
    house.engine.gate.clear()
    thread, answers = in_background(house)
    assert house.engine.begun.wait(PATIENCE)
    house.app.state.closing.set()
    thread.join(PATIENCE)
    assert_error(answers[0], 503, None, "being stopped")


def test_an_infotext_fills_what_is_left_out(shared: House) -> None:
    infotext = (
        "a red house\nNegative prompt: trees\n"
        "Steps: 3, Sampler: Euler, CFG scale: 4.5, Seed: 77, Size: 24x16, Model hash: nothing00, Clip skip: 2"
    )
    fields = {"infotext": infotext, "seed": 5}
    answer = shared.client().post(PATH, json=fields).json()
    used = answer["parameters"]
    assert (used["prompt"], used["negative_prompt"]) == ("a red house", "trees")
    assert (used["steps"], used["cfg_scale"], used["seed"]) == (3, 4.5, 5)
    assert (used["width"], used["height"]) == (24, 16)
    info = json.loads(answer["info"])
    assert (info["seed"], info["clip_skip"], info["width"]) == (5, 2, 24)


def test_an_infotext_that_says_nothing_changes_nothing(shared: House) -> None:
    answer = ask(shared, infotext="Steps: many, Sampler, Size: x").json()
    assert answer["parameters"]["steps"] == SMALL["steps"]
