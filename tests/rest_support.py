"""An application with a real queue and worker, whose engine makes small grey pictures at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from modules.faults import Fault, UnknownName
from modules.generation.requests import Request, TextToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.imaging.inputs import InputStore
from modules.jobs.database import Database
from modules.jobs.events import EventHub
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue
from modules.jobs.worker import Worker
from modules.rest.build import build_app
from modules.rest.services import CheckpointInfo, RestServices, SamplerInfo, SchedulerInfo, ServerOptions
from modules.settings.store import SettingsStore

LOCAL = "http://127.0.0.1:7860"
SAMPLERS = [
    SamplerInfo("Euler", ("k_euler",), {}),
    SamplerInfo("Euler a", ("k_euler_a", "k_euler_ancestral"), {"uses_ensd": "True"}),
    SamplerInfo("DDIM", ("ddim",), {}),
]
SCHEDULERS = [
    SchedulerInfo("automatic", "Automatic"),
    SchedulerInfo("karras", "Karras", default_rho=7.0),
    SchedulerInfo("sgm_uniform", "SGM Uniform", ("SGMUniform",), need_inner_model=True),
]


@dataclass
class GreyEngine:
    """Makes pictures whose grey is their seed. `gate` holds it at the first step while it is not set."""

    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    requests: list[TextToImage] = field(default_factory=list)
    fault: Exception | None = None

    def run(self, request: Request, monitor: Monitor, first: int = 0) -> Iterator[GeneratedImage]:
        assert isinstance(request, TextToImage)
        self.requests.append(request)
        if self.fault is not None:
            raise self.fault
        for batch in range(request.batch_count):
            monitor.begin_batch(batch * request.batch_size, request.batch_size, request.steps)
            monitor.step(1, lambda: Image.new("RGB", (8, 8), "red"))
            self.begun.set()
            while not self.gate.wait(0.01) and not monitor.stop_requested():
                pass
            for place in range(request.batch_size):
                yield self._picture(request, batch * request.batch_size + place, monitor)
            if monitor.stop_requested():
                return

    def _picture(self, request: TextToImage, number: int, monitor: Monitor) -> GeneratedImage:
        seed = request.seed_of(number)
        grey = Image.new("RGB", (request.width, request.height), (seed % 256,) * 3)
        infotext = (
            f"{request.prompt}\nSteps: {request.steps}, Sampler: {request.sampler}, "
            f"Schedule type: {request.scheduler}, CFG scale: {request.cfg_scale}, Seed: {seed}"
        )
        variation = request.variation_seed_of(number)
        return GeneratedImage(grey, number, seed, variation, infotext, not monitor.stop_requested())


@dataclass
class House:
    """Everything that a test may want to look at."""

    app: FastAPI
    services: RestServices
    engine: GreyEngine
    worker: Worker
    folder: Path
    refreshed: list[bool]
    stopped: list[str]

    def client(self, **settings: Any) -> TestClient:
        return TestClient(self.app, base_url=LOCAL, raise_server_exceptions=False, **settings)


def _check(request: Request) -> Request:
    """What the core's check does: names are resolved, or refused."""
    assert isinstance(request, TextToImage)
    names = {name.lower(): info.name for info in SAMPLERS for name in (info.name, *info.aliases)}
    if request.sampler.lower() not in names:
        raise UnknownName("sampler_name", f"There is no sampler named {request.sampler!r}.")
    if request.scheduler not in [info.label for info in SCHEDULERS]:
        raise UnknownName("scheduler", f"There is no schedule named {request.scheduler!r}.")
    checkpoint = request.checkpoint or "lab.safetensors"
    return replace(request, sampler=names[request.sampler.lower()], checkpoint=checkpoint)


def checkpoints(folder: Path) -> list[CheckpointInfo]:
    known = "ab" * 32
    return [
        CheckpointInfo(
            f"lab.safetensors [{known[:10]}]", "lab", known[:10], known, folder / "lab.safetensors"
        ),
        CheckpointInfo("other.ckpt", "sub/other", None, None, folder / "sub" / "other.ckpt"),
    ]


def build_house(
    folder: Path,
    options: ServerOptions | None = None,
    heartbeat: float = 15.0,
    check: Callable[[Request], Request] = _check,
) -> House:
    """A house of its own in `folder`; close it with `close`."""
    events = EventHub()
    database = Database(folder / "easel.sqlite")
    queue = JobQueue(database, events, check)
    pictures = PictureIndex(database, folder / "outputs")
    settings = SettingsStore(folder / "settings.json")
    settings.on_change(lambda changed: events.publish("settings", changed.model_dump()))
    engine = GreyEngine()
    engine.gate.set()
    worker = Worker(queue, pictures, engine, events, settings)
    refreshed: list[bool] = []
    stopped: list[str] = []
    services = RestServices(
        queue=queue,
        pictures=pictures,
        events=events,
        settings=settings,
        worker=worker,
        samplers=lambda: SAMPLERS,
        schedulers=lambda: SCHEDULERS,
        checkpoints=lambda: checkpoints(folder),
        refresh_checkpoints=lambda: refreshed.append(True),
        version="Easel test",
        shut_down=lambda: stopped.append("stop"),
        restart=lambda: stopped.append("restart"),
        inputs=InputStore(folder / "inputs"),
        cache=folder / "cache",
    )
    app = build_app(services, options or ServerOptions(), heartbeat)
    worker.start()
    return House(app, services, engine, worker, folder, refreshed, stopped)


def close(house: House) -> None:
    house.engine.gate.set()
    house.app.state.closing.set()
    house.worker.close(0)


def fails_with(fault: Fault) -> Callable[[Request], Request]:
    def check(request: Request) -> Request:
        raise fault

    return check
