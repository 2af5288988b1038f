"""The same picture: requests whose pictures are known, through the API, with the bound that each of them states."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from modules.app import build
from modules.folders import Folders
from modules.rest.build import ServerOptions, build_app
from tests.reference import reference, reference_json

pytestmark = pytest.mark.reference


LARGEST_DIFFERENCE = 4
"""Of any pixel. The older UI encodes pictures with noise that no seed decides, so there single ones may differ more."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    pictures = reference() / "pictures"
    inpainting = data / "lab-inpainting.safetensors"
    subprocess.run([sys.executable, pictures / "make-inpainting-model.py", inpainting], check=True)
    networks = pictures / "networks"
    folders = Folders(
        data=data,
        models=data / "models",
        checkpoints=(pictures,),
        embeddings=(networks / "embeddings",),
        hypernetworks=(networks / "hypernetworks",),
        loras=(networks / "Lora",),
    )
    application = build(folders, (inpainting,), warm_up=False)
    application.start()
    app = build_app(application.rest_services(lambda: None), ServerOptions())
    with TestClient(app, base_url="http://localhost") as client:
        yield client
    application.close()


def body_of(request: dict[str, Any]) -> dict[str, Any]:
    """The request's body, with its pictures in it and its model named."""
    body = dict(request["body"])
    body["override_settings"] = {**body["override_settings"], "sd_model_checkpoint": request["model"]}
    if "init_images" in body:
        body["init_images"] = [picture(name) for name in body["init_images"]]
    if "mask" in body:
        body["mask"] = picture(body["mask"])
    return body


def picture(name: str) -> str:
    return b64encode((reference() / "pictures" / name).read_bytes()).decode("ascii")


def requests() -> list[Any]:
    try:
        return [
            pytest.param(request, id=request["name"].replace(" ", "-"))
            for request in reference_json("pictures/requests.json")
        ]
    except pytest.skip.Exception:
        return []


@pytest.mark.parametrize("request_", requests())
def test_reference_picture(request_: dict[str, Any], client: TestClient) -> None:
    answer = client.post(request_["path"], json=body_of(request_))
    assert answer.status_code == 200, answer.text
    images = [Image.open(BytesIO(b64decode(image))) for image in answer.json()["images"]]
    assert len(images) == len(request_["pictures"])
    encodes = "img2img" in request_["path"] or "inpainting" in request_["model"]
    for name, image in zip(request_["pictures"], images, strict=True):
        mean, most = compare(reference() / "pictures" / name, image)
        print(f"{name}: mean {mean:.4f}, max {most:.0f}")
        assert mean <= request_["mean"]
        assert most <= LARGEST_DIFFERENCE or encodes
    told, expected = (
        text.split(", Version: ")[0] for text in (images[-1].info["parameters"], request_["infotext"])
    )
    assert told == expected
    info = json.loads(answer.json()["info"])
    assert info["infotexts"][-1] == images[-1].info["parameters"]


def compare(expected: Path, image: Image.Image) -> tuple[float, float]:
    """Mean and largest absolute difference, 0 to 255."""
    difference = np.abs(np.asarray(Image.open(expected).convert("RGB")).astype(float) - np.asarray(image))
    return difference.mean(), difference.max()
