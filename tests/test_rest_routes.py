"""Every route of the API answers; options, progress, lists, /internal."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from PIL import Image

from modules.imaging.storage import png_bytes
from modules.jobs.queue import Job
from modules.rest.errors import RestFault, SafeJSONResponse
from modules.rest.options import FIXED, SETTINGS, find_checkpoint
from modules.rest.services import ServerOptions
from modules.settings.model import Settings
from tests.rest_support import LOCAL, House, build_house, close
from tests.waiting import PATIENCE

GET = [
    "progress",
    "options",
    "cmd-flags",
    "samplers",
    "schedulers",
    "upscalers",
    "latent-upscale-modes",
    "sd-models",
    "sd-vae",
    "hypernetworks",
    "face-restorers",
    "realesrgan-models",
    "prompt-styles",
    "embeddings",
    "memory",
    "scripts",
    "script-info",
    "extensions",
]
POST = [
    "txt2img",
    "img2img",
    "extra-single-image",
    "extra-batch-images",
    "png-info",
    "interrogate",
    "interrupt",
    "skip",
    "options",
    "refresh-embeddings",
    "refresh-checkpoints",
    "refresh-vae",
    "create/embedding",
    "create/hypernetwork",
    "train/embedding",
    "train/hypernetwork",
    "unload-checkpoint",
    "reload-checkpoint",
    "server-kill",
    "server-restart",
    "server-stop",
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = build_house(tmp_path_factory.mktemp("shared"))
    yield house
    close(house)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    yield house
    close(house)


def test_the_list_of_routes_is_whole() -> None:
    assert len(GET) + len(POST) == 39


@pytest.mark.parametrize("name", GET)
def test_every_get_route_answers(shared: House, name: Any) -> None:
    answer = shared.client().get(f"/sdapi/v1/{name}")
    assert answer.status_code == 200
    assert isinstance(answer.json(), (list, dict))


@pytest.mark.parametrize("name", POST)
def test_every_post_route_answers(shared: House, name: Any) -> None:
    answer = shared.client().post(
        f"/sdapi/v1/{name}", json={"width": 8, "height": 8} if name == "txt2img" else {}
    )
    assert answer.status_code in (200, 400, 403, 404, 422)
    if answer.status_code != 200:
        assert answer.json()["detail"].endswith((".", "Init image not found"))


@pytest.mark.parametrize("name", POST)
def test_every_post_route_answers_without_a_body(shared: House, name: Any) -> None:
    answer = shared.client().post(f"/sdapi/v1/{name}")
    assert answer.status_code in (200, 400, 403, 422)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sdapi/v1/nonsense"),
        ("POST", "/easel/nonsense"),
        ("GET", "/internal/x/y"),
        ("GET", "/nowhere"),
        ("DELETE", "/sdapi/v1/txt2img"),
        ("GET", "/easel/jobs/99"),
        ("GET", "/easel/jobs/99999999999999999999999"),
        ("POST", "/easel/jobs/99/cancel"),
        ("GET", "/easel/pictures/99"),
        ("GET", "/easel/pictures/99999999999999999999999/thumb"),
        ("GET", "/easel/static/nothing.js"),
    ],
)
def test_what_is_not_there_is_404_in_the_common_form(shared: House, method: Any, path: Any) -> None:
    answer = shared.client().request(method, path)
    assert answer.status_code == 404
    body = answer.json()
    assert set(body) == {"error", "detail", "body", "errors", "field"} and body["detail"].endswith(".")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/easel/jobs/abc", "job_id"),
        ("/easel/pictures?limit=0", "limit"),
        ("/easel/pictures?before=x", "before"),
        ("/sdapi/v1/progress?skip_current_image=perhaps", "skip_current_image"),
    ],
)
def test_bad_parameters_of_an_address(shared: House, path: Any, field: Any) -> None:
    answer = shared.client().get(path)
    assert answer.status_code == 422 and answer.json()["field"] == field and field in answer.json()["detail"]


def test_lists(shared: House) -> None:
    client = shared.client()
    samplers = client.get("/sdapi/v1/samplers").json()
    assert samplers[1] == {
        "name": "Euler a",
        "aliases": ["k_euler_a", "k_euler_ancestral"],
        "options": {"uses_ensd": "True"},
    }
    schedulers = client.get("/sdapi/v1/schedulers").json()
    assert schedulers[1] == {
        "name": "karras",
        "label": "Karras",
        "aliases": None,
        "default_rho": 7.0,
        "need_inner_model": False,
    }
    models = client.get("/sdapi/v1/sd-models").json()
    assert models[0]["title"] == "lab.safetensors [ababababab]" and models[0]["model_name"] == "lab"
    assert models[0]["sha256"] == "ab" * 32 and models[0]["filename"].endswith("lab.safetensors")
    assert set(models[0]) == {"title", "model_name", "hash", "sha256", "filename", "config"}
    assert client.get("/sdapi/v1/embeddings").json() == {"loaded": {}, "skipped": {}}


def test_refresh_and_stop(house: House, tmp_path: Path) -> None:
    client = house.client()
    assert client.post("/sdapi/v1/refresh-checkpoints").status_code == 200 and house.refreshed == [True]
    ends = ("stop", "kill", "restart")
    for end in ends:
        answer = client.post(f"/sdapi/v1/server-{end}")
        assert answer.status_code == 403 and "--api-server-stop" in answer.text
    assert house.stopped == []
    other = build_house(tmp_path / "other", ServerOptions(allow_stop=True))
    assert [other.client().post(f"/sdapi/v1/server-{end}").status_code for end in ends] == [200, 200, 200]
    assert other.stopped == ["stop", "stop", "restart"]
    close(other)


def test_command_line_without_passwords(tmp_path: Path) -> None:
    from modules.cli import parse

    line = parse(["--api-auth", "anna:secret", "--port", "7001"])
    house = build_house(tmp_path, line.server_options())
    answer = house.client().get("/sdapi/v1/cmd-flags", auth=("anna", "secret"))
    assert answer.json()["port"] == 7001 and "secret" not in answer.text
    close(house)


def test_options_are_told_by_their_older_names(house: House) -> None:
    options = house.client().get("/sdapi/v1/options").json()
    assert options["sd_model_checkpoint"] == "lab.safetensors [ababababab]"
    assert options["sd_checkpoint_hash"] == "ab" * 32
    assert options["CLIP_stop_at_last_layers"] == 1 and options["randn_source"] == "CPU"
    assert options["samples_format"] == "png"


def test_every_mapped_setting_exists_once() -> None:
    values = Settings().model_dump()
    for name, path in SETTINGS.items():
        group, key = path.split(".")
        assert key in values[group], name
    paths = [path for name, path in SETTINGS.items() if not name.startswith("DAT_")]  # the same as ESRGAN's
    assert len(set(paths)) == len(paths)
    assert not set(SETTINGS) & set(FIXED)


def test_options_round_trip(house: House) -> None:
    client = house.client()
    changes = {
        "CLIP_stop_at_last_layers": 2,
        "emphasis": "No norm",
        "randn_source": "NV",
        "eta_noise_seed_delta": 31337,
        "s_noise": 1.5,
        "sgm_noise_multiplier": True,
        "return_grid": False,
        "show_progress_every_n_steps": 5,
        "sd_model_checkpoint": "sub/other",
    }
    assert client.post("/sdapi/v1/options", json=changes).status_code == 200
    options = client.get("/sdapi/v1/options").json()
    assert {name: options[name] for name in changes} == {**changes, "sd_model_checkpoint": "other.ckpt"}
    assert client.post("/sdapi/v1/options", json=options).status_code == 200
    assert client.get("/sdapi/v1/options").json() == options
    assert json.loads((house.folder / "settings.json").read_text())["model"]["clip_skip"] == 2


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("nonsense", 1, 400),
        ("CLIP_stop_at_last_layers", "abc", 422),
        ("CLIP_stop_at_last_layers", 0, 422),
        ("emphasis", "loud", 422),
        ("s_churn", 5000, 422),
        ("s_churn", 1e400, 422),
        ("eta_noise_seed_delta", 2**70, 422),
        ("sd_model_checkpoint", "nowhere", 400),
        ("sd_model_checkpoint", 5, 422),
        ("samples_format", "bmp", 422),
        ("token_merging_ratio", 0.5, 422),
        ("live_previews_enable", [], 422),
    ],
)
def test_a_bad_option_changes_nothing(shared: House, name: Any, value: Any, status: Any) -> None:
    client = shared.client()
    body = json.dumps({"s_noise": 2.0, name: value})
    answer = client.post("/sdapi/v1/options", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["field"] == name
    assert name in answer.json()["detail"] or str(value) in answer.json()["detail"]
    assert shared.services.settings.current == Settings()


def test_a_checkpoint_is_found_by_all_its_names(shared: House) -> None:
    known = shared.services.checkpoints()
    for name in (
        "lab",
        "lab.safetensors",
        "LAB.safetensors",
        "lab.safetensors [ababababab]",
        "ababababab",
        "ab" * 32,
    ):
        found = find_checkpoint(name, known)
        assert found is not None and found.name == "lab"
    assert find_checkpoint("lab.safetensors [0123456789]", known) is not None
    assert find_checkpoint("la", known) is None


def run_until_held(house: House, **fields: Any) -> Job:
    from modules.generation.requests import TextToImage

    house.engine.gate.clear()
    job = house.services.queue.submit(
        TextToImage(width=8, height=8, steps=4, sampler="Euler", **fields), "page"
    )
    assert house.engine.begun.wait(PATIENCE)
    return job


def test_progress(house: House) -> None:
    client = house.client()
    idle = client.get("/sdapi/v1/progress").json()
    assert idle["progress"] == 0 and idle["eta_relative"] == 0 and idle["current_image"] is None
    assert idle["state"]["job_count"] == 0 and idle["textinfo"] is None
    run_until_held(house, batch_count=2, batch_size=2)
    answer = client.get("/sdapi/v1/progress").json()
    assert answer["progress"] == pytest.approx(1 / 8)
    assert set(answer["state"]) == {
        "skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp", "job_no",
        "sampling_step", "sampling_steps",
    }  # fmt: skip
    assert answer["state"]["job_count"] == 2 and answer["state"]["job"] == "Batch 1 out of 2"
    assert (answer["state"]["sampling_step"], answer["state"]["sampling_steps"]) == (1, 4)
    preview = Image.open(BytesIO(b64decode(answer["current_image"])))
    assert preview.format == "PNG" and preview.size == (8, 8)
    answer = client.get("/sdapi/v1/progress?skip_current_image=true").json()
    assert answer["current_image"] is None and not answer["state"]["interrupted"]
    client.post("/sdapi/v1/skip")
    assert client.get("/sdapi/v1/progress").json()["state"]["skipped"]
    assert client.post("/easel/interrupt").json() == {"running": True}
    assert house.services.queue.wait(1, PATIENCE).status.value == "interrupted"
    assert client.post("/easel/skip").json() == {"running": False}


def test_internal(house: House) -> None:
    client = house.client()
    assert client.get("/internal/ping").json() == {}
    job = run_until_held(house)
    tasks = client.get("/internal/pending-tasks").json()
    assert tasks == {"size": 1, "tasks": [str(job.id)]}
    answer = client.post("/internal/progress", json={"id_task": str(job.id), "id_live_preview": -1}).json()
    assert answer["active"] and not answer["queued"] and answer["progress"] == pytest.approx(0.25)
    assert answer["live_preview"].startswith("data:image/png;base64,") and answer["id_live_preview"] == 1
    again = client.post("/internal/progress", json={"id_task": str(job.id), "id_live_preview": 1}).json()
    assert again["live_preview"] is None
    unknown = client.post("/internal/progress", json={"id_task": "task(x)"}).json()
    assert not unknown["active"] and not unknown["completed"]
    house.engine.gate.set()
    house.services.queue.wait(job.id, 5)
    assert client.post("/internal/progress", json={"id_task": str(job.id)}).json()["completed"]
    assert client.get("/internal/sysinfo").json()["Packages"]["fastapi"]


def test_a_clients_own_name_of_a_job(house: House) -> None:
    client = house.client()
    fields = {"width": 8, "height": 8, "force_task_id": "task(abc)"}
    assert client.post("/sdapi/v1/txt2img", json=fields).status_code == 200
    assert client.post("/internal/progress", json={"id_task": "task(abc)"}).json()["completed"]


def test_png_info(shared: House) -> None:
    infotext = "a fox\nNegative prompt: trees\nSteps: 20, Sampler: Euler, Seed: 5, Size: 8x8"
    data = b64encode(png_bytes(Image.new("RGB", (8, 8)), infotext)).decode()
    for text in (data, "data:image/png;base64," + data):
        answer = shared.client().post("/sdapi/v1/png-info", json={"image": text}).json()
        assert answer["info"] == infotext and answer["items"]["parameters"] == infotext
        assert answer["parameters"]["Prompt"] == "a fox" and answer["parameters"]["Steps"] == "20"
    plain = b64encode(png_bytes(Image.new("RGB", (8, 8)), None)).decode()
    assert shared.client().post("/sdapi/v1/png-info", json={"image": plain}).json()["info"] == ""


@pytest.mark.parametrize("image", ["!!!", "aGVsbG8=", "http://127.0.0.1/x.png", 5, ""])
def test_png_info_of_no_picture(shared: House, image: Any) -> None:
    answer = shared.client().post("/sdapi/v1/png-info", json={"image": image})
    assert answer.status_code == 422 and answer.json()["field"] == "image"


def test_answers_hold_no_nan(house: House) -> None:
    router = APIRouter()

    @router.get("/nan", response_class=SafeJSONResponse)
    def not_a_number() -> SafeJSONResponse:
        return SafeJSONResponse({"a": [float("nan"), {"b": float("inf")}], "c": 1.5})

    house.app.router.routes.insert(0, router.routes[0])
    assert house.client().get("/nan").json() == {"a": [None, {"b": None}], "c": 1.5}


def test_an_exception_in_a_route_is_one_sentence(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise KeyError("hidden")

    house.app.router.add_api_route("/broken", broken)
    house.app.router.routes.insert(0, house.app.router.routes.pop())
    answer = house.client().get("/broken")
    assert answer.status_code == 500 and answer.json()["error"] == "KeyError"
    assert "hidden" not in answer.text and "hidden" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_fault_keeps_its_status() -> None:
    assert RestFault(418, "No.").status == 418


def test_the_documentation_page_lists_the_fields(shared: House) -> None:
    schema = TestClient(shared.app, base_url=LOCAL).get("/openapi.json").json()
    assert "cfg_scale" in schema["components"]["schemas"]["TextToImageBody"]["properties"]
