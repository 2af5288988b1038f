"""`kill -9` in the middle of a job: what was finished stays, nothing is half there, the rest is made."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.server import RunningServer, running_server

PICTURES = 10
BODY = {
    "prompt": "a red house in a meadow",
    "steps": 10,
    "width": 128,
    "height": 128,
    "seed": 100,
    "n_iter": PICTURES,
    "save_images": True,
}


def ask(server: RunningServer, path: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def submit_and_forget(server: RunningServer) -> None:
    """Ask for the pictures from a thread; the answer never comes."""

    def run() -> None:
        with contextlib.suppress(OSError):
            ask(server, "/sdapi/v1/txt2img", BODY)

    threading.Thread(target=run, daemon=True).start()


def saved(server: RunningServer) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError):
        found: list[dict[str, Any]] = ask(server, "/easel/jobs/1")["pictures"]
        return found
    return []


def wait_for(server: RunningServer, count: int, seconds: float = 90) -> list[dict[str, Any]]:
    deadline = time.monotonic() + seconds
    while len(found := saved(server)) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} pictures came"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_killed_job_goes_on_after_a_restart(tmp_path: Path) -> None:
    with running_server(tmp_path, "--nowebui") as server:
        submit_and_forget(server)
        before = wait_for(server, 3)
        server.process.kill()
        server.process.wait()
    kept = {picture["file"]: (tmp_path / "outputs" / picture["file"]).read_bytes() for picture in before}

    with running_server(tmp_path, "--nowebui") as server:
        assert {p["file"] for p in ask(server, "/easel/pictures")["pictures"]} >= set(kept)
        pictures = wait_for(server, PICTURES)
    assert [p["number"] for p in pictures] == list(range(PICTURES))
    assert [p["seed"] for p in pictures] == [100 + n for n in range(PICTURES)]
    files = sorted(path for path in (tmp_path / "outputs").rglob("*") if path.is_file())
    assert len(files) == PICTURES, files
    for path in files:
        with Image.open(path) as image:
            image.load()
            assert image.size == (128, 128)
            assert "Steps: 10" in image.info["parameters"]
    assert {file: (tmp_path / "outputs" / file).read_bytes() for file in kept} == kept
