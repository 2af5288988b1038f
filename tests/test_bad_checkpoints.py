"""Checkpoints that can't be used, through the whole program: one sentence over the API, and the next job is done."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modules.app import build
from modules.folders import Folders
from modules.rest.build import ServerOptions, build_app
from tests import tiny_model

BODY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 1}


class _Runs:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    folder = data / "models" / "Stable-diffusion"
    good = tiny_model.write(folder / "good.safetensors")
    whole = good.read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "noise.ckpt").write_bytes(bytes(range(256)) * 400)
    hostile = pickle.dumps({"state_dict": _Runs(data / "ran")})
    (folder / "hostile.ckpt").write_bytes(hostile)
    (folder / "renamed.safetensors").write_bytes(hostile)
    with zipfile.ZipFile(folder / "zipped.ckpt", "w") as file:
        file.writestr("archive/data.pkl", hostile)
    shutil.copy(good, folder / "other.safetensors")
    return data


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    application = build(Folders(data=folder, models=folder / "models"), warm_up=False)
    application.start()
    app = build_app(application.rest_services(lambda: None), ServerOptions())
    with TestClient(app, base_url="http://localhost") as client:
        yield client
    application.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cut.safetensors", "cut off"),
        ("empty.safetensors", "empty"),
        ("noise.ckpt", "can't be used"),
        ("hostile.ckpt", "system"),
        ("renamed.safetensors", "system"),
        ("zipped.ckpt", "system"),
    ],
)
def test_a_bad_checkpoint_is_one_sentence_with_its_name(
    name: str, words: str, client: TestClient, folder: Path
) -> None:
    answer = client.post(
        "/sdapi/v1/txt2img", json={**BODY, "override_settings": {"sd_model_checkpoint": name}}
    )
    assert 400 <= answer.status_code < 500
    detail = answer.json()["detail"]
    assert detail.startswith(f"{name} can't be used") and words in detail
    assert "\n" not in detail and "Traceback" not in detail
    assert not (folder / "ran").exists()
    good = {"override_settings": {"sd_model_checkpoint": "good"}}
    assert client.post("/sdapi/v1/txt2img", json={**BODY, **good}).status_code == 200


def test_unload_and_reload(client: TestClient) -> None:
    chosen = {"sd_model_checkpoint": "good.safetensors"}
    assert client.post("/sdapi/v1/options", json=chosen).status_code == 200
    assert client.post("/sdapi/v1/unload-checkpoint").status_code == 200
    assert client.post("/sdapi/v1/reload-checkpoint").status_code == 200
    good = {"override_settings": {"sd_model_checkpoint": "other", "sd_vae": "None"}}
    assert client.post("/sdapi/v1/txt2img", json={**BODY, **good}).status_code == 200
    assert client.get("/sdapi/v1/sd-vae").json() == []
    assert client.post("/sdapi/v1/refresh-vae").status_code == 200
