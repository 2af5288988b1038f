"""Bad input through the whole program: one sentence with the field or file in it, and the next request works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modules.app import build
from modules.folders import Folders
from modules.rest.build import ServerOptions, build_app
from tests import tiny_model

GOOD = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 1}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    models = data / "models" / "Stable-diffusion"
    good = tiny_model.write(models / "good.safetensors").read_bytes()
    (models / "empty.safetensors").write_bytes(b"")
    (models / "text.safetensors").write_text("this is a text, and no model\n" * 1000)
    (models / "cut.safetensors").write_bytes(good[: len(good) * 2 // 3])
    application = build(Folders(data=data, models=data / "models"), (models / "good.safetensors",))
    application.start()
    app = build_app(application.rest_services(lambda: None), ServerOptions())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client
    application.close()


def ask(client: TestClient, **changes: Any) -> Any:
    return client.post("/sdapi/v1/txt2img", json={**GOOD, **changes})


def assert_one_sentence(answer: Any, named: str) -> None:
    body = answer.json()
    assert 400 <= answer.status_code < 500, body
    assert named.lower() in body["detail"].lower()
    assert "\n" not in body["detail"]
    assert "Traceback" not in answer.text
    assert len(body["detail"]) < 600


@pytest.mark.parametrize("name", ["empty", "text", "cut"])
def test_a_checkpoint_that_cannot_be_used(name: str, client: TestClient) -> None:
    answer = ask(client, override_settings={"sd_model_checkpoint": f"{name}.safetensors"})
    assert_one_sentence(answer, f"{name}.safetensors can't be used")
    assert len(ask(client).json()["images"]) == 1


@pytest.mark.parametrize(
    ("changes", "field", "named"),
    [
        ({"width": 0}, "width", "width"),
        ({"steps": 0}, "steps", "steps"),
        ({"steps": 10_000}, "steps", "steps"),
        ({"sampler_name": "Unheard of"}, "sampler_name", "sampler"),
        ({"scheduler": "Unheard of"}, "scheduler", "schedule"),
        ({"prompt": "word " * 10_000}, "prompt", "prompt"),
        ({"prompt": "a cat <lora:fluffy:1>"}, "prompt", "lora:fluffy"),
        ({"seed": "seven"}, "seed", "seed"),
    ],
)
def test_a_value_that_cannot_be_used(
    changes: dict[str, Any], field: str, named: str, client: TestClient
) -> None:
    answer = ask(client, **changes)
    assert_one_sentence(answer, named)
    assert answer.json()["field"] == field
    assert len(ask(client).json()["images"]) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_scale_that_is_no_number(number: str, client: TestClient) -> None:
    body = f'{{"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "cfg_scale": {number}}}'
    answer = client.post("/sdapi/v1/txt2img", content=body, headers={"Content-Type": "application/json"})
    assert_one_sentence(answer, "cfg_scale")
    assert len(ask(client).json()["images"]) == 1
