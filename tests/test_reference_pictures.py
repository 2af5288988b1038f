"""The same picture: requests whose pictures are known, through the API, with the bound that each of them states."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from modules.app import build
from modules.faults import UnknownName
from modules.folders import Folders
from modules.rest.build import ServerOptions, build_app
from modules.sampling.catalogue import resolve
from tests.reference import reference, reference_json

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    checkpoint = reference() / "pictures" / "lab.safetensors"
    application = build(Folders(data=data, models=data / "models"), (checkpoint,))
    application.start()
    app = build_app(application.rest_services(lambda: None), ServerOptions())
    with TestClient(app, base_url="http://localhost") as client:
        yield client
    application.close()


def can_be_made(request: dict[str, Any]) -> bool:
    """Does the request use only what there is so far?"""
    body = request["body"]
    if (
        request["model"] != "lab"
        or request["path"] != "/sdapi/v1/txt2img"
        or body.get("enable_hr")
    ):
        return False
    try:
        resolve(body["sampler_name"], body["scheduler"])
    except UnknownName:
        return False
    return True


def test_reference_pictures(client: TestClient) -> None:
    requests = [r for r in reference_json("pictures/requests.json") if can_be_made(r)]
    assert len(requests) >= 15
    wrong = []
    for request in requests:
        answer = client.post(request["path"], json=request["body"])
        assert answer.status_code == 200, answer.text
        images = [Image.open(BytesIO(b64decode(image))) for image in answer.json()["images"]]
        assert len(images) == len(request["pictures"])
        for name, image in zip(request["pictures"], images, strict=True):
            mean, most = compare(reference() / "pictures" / name, image)
            if mean > request["mean"] or most > 4:
                wrong.append(f"{request['name']} ({name}): mean {mean:.2f}, max {most:.0f}")
        told, expected = (
            text.split(", Version: ")[0] for text in (images[-1].info["parameters"], request["infotext"])
        )
        assert told == expected
        info = json.loads(answer.json()["info"])
        assert info["infotexts"][-1] == images[-1].info["parameters"]
    assert not wrong, "\n".join(wrong)


def compare(expected: Path, image: Image.Image) -> tuple[float, float]:
    """Mean and largest absolute difference, 0 to 255."""
    difference = np.abs(np.asarray(Image.open(expected).convert("RGB")).astype(float) - np.asarray(image))
    return difference.mean(), difference.max()
