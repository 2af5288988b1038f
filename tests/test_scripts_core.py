"""Scripts in the engine and the worker: numbers, progress, ends, what a crash leaves, grids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules import compute
from modules.faults import NotPossibleNow, UnknownName
from modules.generation.engine import Engine
from modules.generation.hooks import GenerationHooks
from modules.generation.requests import GenerationRequest, ScriptCall, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.generation.studio import Studio
from modules.imaging.grids import make_grid
from modules.imaging.inputs import InputStore
from modules.jobs.database import Database
from modules.jobs.events import Event, EventHub
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue, Status
from modules.jobs.worker import Worker
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.models.store import ModelStore
from modules.settings.store import SettingsStore
from tests import tiny_model
from tests.waiting import PATIENCE

REQUEST = TextToImage(
    prompt="a fox",
    seed=5,
    steps=2,
    sampler="Euler",
    width=64,
    height=64,
    script=ScriptCall(name="Three", values={}),
)


class Hooks(GenerationHooks):
    """One script, and a diary of what is called."""

    def __init__(self, script: Any) -> None:
        self.script = script
        self.diary: list[str] = []

    def run(self, request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage] | None:
        return None if self.script is None else self.script(request, studio)

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        assert request.script is None
        self.diary.append(f"before {request.seed}")
        return request

    def after_generation(self, request: Any, pictures: int) -> None:
        self.diary.append(f"after {pictures}")

    def extra_pictures(self, request: GenerationRequest) -> list[GeneratedImage]:
        return [GeneratedImage(Image.new("RGB", (8, 8)), 0, 1, 0, "map", kind="extra")]


class Watching(Unwatched):
    """Notes what it hears, and asks for ends at a certain step of a certain picture."""

    def __init__(self, ask: str = "", at: int = 1) -> None:
        self.asked = ask
        self.at = at
        self.now = 0
        self.totals: list[int] = []
        self.batches: list[tuple[int, int]] = []
        self.heard = ""

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        self.batches.append((first, count))
        self.now = first
        self.heard = "" if self.heard == "skip" else self.heard

    def step(self, done: int, preview: Any) -> None:
        if self.now == self.at and done == 1 and self.asked:
            self.heard, self.asked = self.asked, ""

    def stop_requested(self) -> bool:
        return self.heard == "stop"

    def skip_requested(self) -> bool:
        return self.heard == "skip"

    def finish_requested(self) -> bool:
        return self.heard == "finish"

    def expect(self, pictures: int) -> None:
        self.totals.append(pictures)


def three(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
    made = []
    for seed in (5, 6, 7):
        for picture in studio.make(replace(request, seed=seed)):
            yield picture
            if picture.kind == "picture":
                made.append(picture)
    yield replace(made[0], image=make_grid([picture.image for picture in made]), kind="grid")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny.safetensors")
    return ModelStore(CheckpointCatalogue((folder,), FileCache(folder / "files.sqlite")), compute.choose)


def run(
    models: ModelStore, hooks: Any, monitor: Any = None, first: int = 0, **changes: Any
) -> list[GeneratedImage]:
    engine = Engine(models, hooks=hooks if isinstance(hooks, Hooks) else Hooks(hooks))
    return list(engine.run(replace(REQUEST, **changes), monitor or Watching(), first))


def kinds(pictures: list[GeneratedImage]) -> str:
    return "".join(picture.kind[0] for picture in pictures)


def test_pictures_extras_and_grid_are_numbered_in_their_order(models: ModelStore) -> None:
    hooks, watching = Hooks(three), Watching()
    pictures = run(models, hooks, watching, batch_size=2)
    assert kinds(pictures) == "ppeppeppeg"
    assert [picture.number for picture in pictures] == list(range(10))
    assert [p.seed for p in pictures if p.kind == "picture"] == [5, 6, 6, 7, 7, 8]
    assert pictures[-1].image.size == (3 * 64, 2 * 64) and pictures[-1].complete
    assert hooks.diary == ["before 5", "after 2", "before 6", "after 2", "before 7", "after 2"]
    assert watching.batches == [(0, 2), (2, 2), (4, 2)] and watching.totals == [4, 6]


def test_what_a_script_expects_is_the_total(models: ModelStore) -> None:
    def two_of_many(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        studio.expect(2)
        yield from studio.make(replace(request, batch_count=1))
        yield from studio.make(replace(request, batch_count=1))

    watching = Watching()
    assert kinds(run(models, two_of_many, watching, batch_count=9)) == "pepe"
    assert watching.totals == [2] and watching.batches == [(0, 1), (1, 1)]


def test_a_plain_request_ends_with_what_extensions_show_besides(models: ModelStore) -> None:
    pictures = run(models, None, script=None, batch_count=2)
    assert kinds(pictures) == "ppe" and pictures[-1].number == 2
    assert kinds(run(models, None, first=2, script=None, batch_count=2)) == "e"
    assert run(models, None, first=3, script=None, batch_count=2) == []


def test_stop_cuts_short_and_lets_the_script_show_what_it_has(models: ModelStore) -> None:
    pictures = run(models, three, Watching("stop", at=1))
    assert kinds(pictures) == "pepeg"
    assert [picture.complete for picture in pictures] == [True, True, False, False, False]


def test_a_script_that_never_ends_is_ended_by_stop(models: ModelStore) -> None:
    def for_ever(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        while True:
            yield from studio.make(request)

    def again_and_again(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        pictures = list(studio.make(request))
        while True:
            yield pictures[0]

    assert kinds(run(models, for_ever, Watching("stop", at=1))) == "pepe"
    assert len(run(models, again_and_again, Watching("stop", at=0))) == 1001


def test_what_fails_after_stop_is_an_end_and_before_it_a_failure(models: ModelStore) -> None:
    def careless(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        while True:
            pictures = list(studio.make(request))
            yield pictures[0]

    assert kinds(run(models, careless, Watching("stop", at=1))) == "pp"
    with pytest.raises(IndexError):
        run(models, lambda request, studio: iter([][0]))


def test_skip_leaves_out_one_batch_and_finish_ends_after_one(models: ModelStore) -> None:
    skipped = run(models, three, Watching("skip", at=1))
    assert [p.seed for p in skipped if p.kind == "picture"] == [5, 7] and skipped[-1].image.size == (128, 64)
    finished = run(models, three, Watching("finish", at=2), batch_size=1, batch_count=2)
    assert [p.seed for p in finished if p.kind == "picture"] == [5, 6, 6]
    assert kinds(finished) == "ppepeg" and all(p.complete for p in finished[:-1])


def test_after_a_crash_only_what_is_missing_is_yielded(models: ModelStore) -> None:
    whole = run(models, three)
    rest = run(models, three, first=3)
    assert [p.number for p in rest] == [3, 4, 5, 6]
    assert rest[-1].image.tobytes() == whole[-1].image.tobytes()


def test_random_seeds_of_a_script_are_the_same_after_a_crash(models: ModelStore) -> None:
    def free(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        assert request.seed == -1
        yield from studio.make(request)
        yield from studio.make(request.with_seeds(studio.draw_seed))

    def seeds(seed: int | None, first: int = 0) -> list[int]:
        call = ScriptCall(name="Three", seed=seed)
        made = run(models, free, first=first, seed=-1, script=call, batch_count=1)
        return [picture.seed for picture in made if picture.kind == "picture"]

    whole = seeds(7)
    assert len(set(whole)) == 2 and seeds(7) == whole and seeds(7, first=2) == whole[1:]
    assert seeds(8) != whole and seeds(None) != seeds(None)


def test_sub_requests_may_say_what_requests_say(models: ModelStore) -> None:
    def free(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        yield from studio.make(replace(request, seed=-1, sampler="k_euler", batch_count=2))

    first, _, _ = run(models, free)
    assert first.seed >= 0 and "Sampler: Euler" in first.infotext

    def wrong(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        yield from studio.make(replace(request, sampler="nonsense"))

    with pytest.raises(UnknownName):
        run(models, wrong)
    with pytest.raises(UnknownName, match="no script named 'Three'"):
        run(models, None)


def test_before_generation_may_ask_for_more_pictures(models: ModelStore) -> None:
    class More(Hooks):
        def before_generation(self, request: GenerationRequest) -> GenerationRequest:
            return replace(request, batch_count=2)

    watching = Watching()
    assert kinds(run(models, More(three), watching)) == "ppeppeppeg"
    assert watching.batches == [(n, 1) for n in range(6)] and watching.totals[-1] == 6
    plain = Watching()
    assert kinds(run(models, More(None), plain, script=None)) == "ppe" and plain.totals == [2]


def test_pictures_are_kept_by_their_contents(tmp_path: Path) -> None:
    store = InputStore(tmp_path)
    name = store.keep(Image.new("L", (4, 3), 7))
    assert store.keep(Image.new("RGB", (4, 3), (7, 7, 7))) == name
    assert store.open(name, "x").getpixel((1, 1)) == (7, 7, 7)
    clear = store.keep(Image.new("RGBA", (4, 3), (1, 2, 3, 0)))
    assert store.open(clear, "x").mode == "RGBA" and clear != name


class House:
    """Queue and worker around the engine."""

    def __init__(self, folder: Path, models: ModelStore, script: Any) -> None:
        self.events, self.seen = EventHub(), list[Event]()
        self.events.subscribe(self.seen.append)
        self.database = Database(folder / "easel.sqlite")
        self.queue = JobQueue(self.database, self.events, lambda request: request)
        self.pictures = PictureIndex(self.database, folder / "outputs")
        engine = Engine(models, hooks=Hooks(script))
        settings = SettingsStore(folder / "settings.json")
        self.worker = Worker(self.queue, self.pictures, engine, self.events, settings)

    def done(self, **changes: Any) -> Any:
        self.worker.start()
        return self.queue.wait(self.queue.submit(replace(REQUEST, **changes)).id, 20)

    def close(self) -> None:
        self.worker.close()
        self.database.close()


def test_the_grid_is_saved_in_a_folder_of_its_own_and_progress_is_sane(
    tmp_path: Path, models: ModelStore
) -> None:
    house = House(tmp_path, models, three)
    try:
        job = house.done()
        assert job.status is Status.DONE and job.total == 3
        saved = house.pictures.of_job(job.id)
        assert [p.path.split("/")[0] for p in saved] == ["txt2img"] * 6 + ["grids"]
        assert (
            saved[-1].is_grid and saved[-1].path.endswith("/00000-5.png") and "Seed: 5" in saved[-1].infotext
        )
        progress = [event.data for event in house.seen if event.kind == "progress"]
        assert max(p["fraction"] for p in progress) == 1 and progress[-1]["pictures"] == 3
        assert {p["picture"] for p in progress} == {0, 1, 2}
    finally:
        house.close()


def test_when_easel_ends_a_script_s_pictures_are_a_beginning_of_all(
    tmp_path: Path, models: ModelStore
) -> None:
    house: House

    def ended(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        for seed in (5, 6, 7):
            if seed == 6:
                house.worker._ending.set()
                house.worker.interrupt()
            pictures = [p for p in studio.make(replace(request, seed=seed)) if p.kind == "picture"]
            yield from pictures
        yield GeneratedImage(Image.new("RGB", (8, 8)), 0, 1, 0, "", kind="grid")

    house = House(tmp_path, models, ended)
    house.worker.start()
    job = house.queue.submit(REQUEST)
    house.worker._thread.join(PATIENCE)
    house.close()
    after = House(tmp_path, models, three)
    assert [p.number for p in after.pictures.of_job(job.id)] == [0]
    after.queue.recover()
    after.worker.start()
    assert after.queue.wait(job.id, 20).status is Status.DONE
    assert [p.number for p in after.pictures.of_job(job.id)] == list(range(7))
    after.close()


def test_a_fault_of_a_script_ends_the_job(tmp_path: Path, models: ModelStore) -> None:
    def fails(request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage]:
        yield from studio.make(request)
        raise NotPossibleNow("Not today.")

    house = House(tmp_path, models, fails)
    try:
        job = house.done()
        assert job.status is Status.FAILED and job.error == "Not today."
        assert len(house.pictures.of_job(job.id)) == 2
    finally:
        house.close()
