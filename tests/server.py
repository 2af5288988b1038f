"""A running Easel: `webui.py` in a process of its own, on a free port, with a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "models" / "Stable-diffusion" / "starter.safetensors"
START_SECONDS = 180


@dataclass
class RunningServer:
    """Args: url: without a slash at the end; data: the folder with outputs, settings and the queue."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def outputs(self) -> Path:
        """Where the pictures are."""
        return self.data / "outputs"

    def ask(self, path: str) -> Any:
        """What it answers in JSON to a GET."""
        with urllib.request.urlopen(f"{self.url}/{path}") as answer:
            return json.load(answer)

    def stop(self) -> None:
        """End it as Ctrl+C does."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def checkpoint() -> Path:
    """The starter model (or the file that `EASEL_TEST_CHECKPOINT` names); skips the test where there is none."""
    path = Path(os.environ.get("EASEL_TEST_CHECKPOINT", STARTER))
    if not path.exists():
        pytest.skip(f"There is no {path.name}: put the starter model into models/Stable-diffusion.")
    return path


@contextlib.contextmanager
def running_server(folder: Path, *arguments: str, port: int | None = None) -> Iterator[RunningServer]:
    """A server with the starter model and its data in `folder`, from when its port answers to the end of the block.

    Args: arguments: more of `webui.py`; port: a certain one, to start again where another server was.
    """
    port = port or free_port()
    command = [sys.executable, "webui.py", "--port", str(port), "--data-dir", str(folder), "--no-autolaunch"]
    log = folder / "server.log"
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [*command, "--ckpt", str(checkpoint()), *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    server = RunningServer(f"http://127.0.0.1:{port}", folder, process, log)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        server.stop()


def _wait_until_it_answers(server: RunningServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.url}/internal/ping", timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{server.log.read_text(errors='replace')[-4000:]}")
