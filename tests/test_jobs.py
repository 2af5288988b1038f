"""The queue, the worker and the index of pictures, with an engine that paints gray pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from modules.faults import InvalidField, NotPossibleNow
from modules.generation.requests import Request, ScriptCall, TextToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.serialization import from_json, to_json
from modules.imaging.file_texts import infotext_in
from modules.jobs.database import Database
from modules.jobs.events import Event, EventHub
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue, Status
from modules.jobs.worker import Worker
from modules.settings.store import SettingsStore
from tests.waiting import PATIENCE, eventually

STEPS = 4


class GrayEngine:
    """Paints a gray picture in four steps; the tests tell it when to wait and when to fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.painted: list[int] = []

    def run(self, request: Request, monitor: Monitor, first: int = 0) -> Iterator[GeneratedImage]:
        assert isinstance(request, TextToImage)
        monitor.loading("gray")
        for number in range(first, request.pictures):
            if monitor.stop_requested():
                return
            monitor.begin_batch(number, 1, STEPS)
            done = 0
            while done < STEPS and not monitor.stop_requested() and not monitor.skip_requested():
                self.gate.wait(PATIENCE)
                done += 1
                monitor.step(done, lambda: Image.new("RGB", (8, 8), "gray"))
            if self.error is not None:
                raise self.error
            if monitor.skip_requested():
                continue
            self.painted.append(number)
            seed = request.seed_of(number)
            image = Image.new("RGB", (request.width, request.height), "gray")
            yield GeneratedImage(image, number, seed, 0, f"{request.prompt}\nSeed: {seed}", done == STEPS)


class House:
    """All of jobs/, on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = GrayEngine()
        self.events = EventHub()
        self.seen: list[Event] = []
        self.events.subscribe(self.seen.append)
        self.database = Database(folder / "easel.sqlite")
        self.queue = JobQueue(self.database, self.events, lambda request: request)
        self.pictures = PictureIndex(self.database, folder / "outputs")
        self.settings = SettingsStore(folder / "settings.json")
        self.worker = Worker(self.queue, self.pictures, self.engine, self.events, self.settings)

    def start(self) -> House:
        self.pictures.recover()
        self.queue.recover()
        self.worker.start()
        return self

    def close(self) -> None:
        self.worker.close()
        self.database.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.engine.gate.set()
    house.close()


def request(**changes: object) -> TextToImage:
    return TextToImage(**{"prompt": "a cat", "seed": 7, "width": 16, "height": 24, "steps": STEPS, **changes})  # type: ignore[arg-type]


# -- requests -----------------------------------------------------------------------------------------------


def test_a_request_survives_the_way_through_json() -> None:
    from modules.generation.options import NoiseOptions, SamplingOptions, TextOptions

    original = request(
        negative_prompt='trees, "quoted"\nline',
        sampling=SamplingOptions(eta=0.5, s_churn=1.5, discard_next_to_last_sigma=True),
        noise=NoiseOptions(source="NV", variation_seed=9, variation_strength=0.25),
        text=TextOptions(clip_skip=2, emphasis="No norm"),
    )
    assert from_json(to_json(original)) == original


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("width", {"width": 0}),
        ("height", {"height": 9000}),
        ("steps", {"steps": 0}),
        ("steps", {"steps": 10_000}),
        ("steps", {"steps": 2.5}),
        ("steps", {"steps": True}),
        ("cfg_scale", {"cfg_scale": float("nan")}),
        ("cfg_scale", {"cfg_scale": float("inf")}),
        ("seed", {"seed": -2}),
        ("batch_size", {"batch_size": 0}),
        ("n_iter", {"batch_count": 100_000}),
        ("prompt", {"prompt": "a " * 10_000}),
        ("negative_prompt", {"negative_prompt": "cat " * 10_000}),
        ("prompt", {"prompt": None}),
    ],
)
def test_a_bad_value_is_named_in_one_sentence(field: str, values: dict[str, object]) -> None:
    with pytest.raises(InvalidField) as caught:
        request(**values)
    assert caught.value.field == field
    assert len(caught.value.message) < 160


def test_random_seeds_are_drawn_when_submitted(house: House) -> None:
    jobs = [house.queue.submit(request(seed=-1)) for _ in range(4)]
    seeds = {job.request.seed for job in jobs if isinstance(job.request, TextToImage)}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_scripts_seeds_are_left_to_it_but_come_from_a_number_that_stays(house: House) -> None:
    script = ScriptCall(name="Mine", values={"a": 1})
    first, second = (house.queue.submit(request(seed=-1, script=script)).request for _ in range(2))
    assert isinstance(first, TextToImage) and isinstance(second, TextToImage)
    assert first.seed == -1 and first.noise.variation_seed == -1
    assert first.script is not None and second.script is not None
    assert first.script.seed is not None and first.script.seed != second.script.seed
    assert first.script.values == {"a": 1}


# -- the usual way ------------------------------------------------------------------------------------------


def test_nobody_hears_that_a_job_runs_before_they_hear_that_it_waits(house: House) -> None:
    heard = []

    def slow(event: Event) -> None:
        if event.kind == "job":
            time.sleep(0.2 if event.data["status"] == "queued" else 0)
            heard.append(event.data["status"])

    house.events.subscribe(slow)
    house.start()
    house.queue.wait(house.queue.submit(request()).id, PATIENCE)
    eventually(lambda: len(heard) == 3)
    assert heard == ["queued", "running", "done"]


def test_pictures_are_saved_with_their_recipe(house: House) -> None:
    house.start()
    job = house.queue.wait(house.queue.submit(request(batch_count=3)).id, PATIENCE)
    assert job.status is Status.DONE
    saved = house.pictures.of_job(job.id)
    assert [(p.number, p.seed) for p in saved] == [(0, 7), (1, 8), (2, 9)]
    for number, picture in enumerate(saved):
        path = house.folder / "outputs" / picture.path
        assert path.name == f"{number:05d}-{picture.seed}.png"
        assert path.parent.parent.name == "txt2img"
        assert infotext_in(path.read_bytes()) == picture.infotext == f"a cat\nSeed: {picture.seed}"
    assert not list((house.folder / "outputs").rglob("*.tmp"))


def test_listeners_are_told_everything_in_order(house: House) -> None:
    house.start()
    job = house.queue.submit(request())
    house.queue.wait(job.id, PATIENCE)
    states = [e.data["status"] for e in house.seen if e.kind == "job"]
    assert states == ["queued", "running", "done"]
    progress = [e.data for e in house.seen if e.kind == "progress"]
    fractions = [p["fraction"] for p in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(str(p["preview"]).startswith("data:image/jpeg;base64,") for p in progress)
    assert [e.data["seed"] for e in house.seen if e.kind == "picture"] == [7]


def test_an_api_jobs_pictures_can_be_taken_once(house: House) -> None:
    house.start()
    job = house.queue.submit(request(save=False), origin="api")
    house.queue.wait(job.id, PATIENCE)
    assert [p.seed for p in house.worker.take_results(job.id)] == [7]
    assert house.worker.take_results(job.id) == []
    assert house.pictures.of_job(job.id) == []


# -- ends ---------------------------------------------------------------------------------------------------


def test_interrupt_keeps_the_picture_and_the_queue(house: House) -> None:
    house.engine.gate.clear()
    house.start()
    first = house.queue.submit(request(batch_count=5))
    second = house.queue.submit(request())
    eventually(lambda: house.worker.progress() is not None)
    house.worker.interrupt()
    house.engine.gate.set()
    assert house.queue.wait(first.id, PATIENCE).status is Status.INTERRUPTED
    assert [p.complete for p in house.pictures.of_job(first.id)] in ([False], [])
    assert house.queue.wait(second.id, PATIENCE).status is Status.DONE


def test_skip_goes_on_with_the_next_picture(house: House) -> None:
    house.engine.gate.clear()
    house.start()
    job = house.queue.submit(request(batch_count=3))
    eventually(lambda: (p := house.worker.progress()) is not None and p.phase == "sampling")
    house.worker.skip()
    house.engine.gate.set()
    assert house.queue.wait(job.id, PATIENCE).status is Status.DONE
    assert [p.number for p in house.pictures.of_job(job.id)] == [1, 2]


def test_a_waiting_job_can_be_cancelled(house: House) -> None:
    house.engine.gate.clear()
    house.start()
    first, second = house.queue.submit(request()), house.queue.submit(request())
    eventually(lambda: house.worker.progress() is not None)
    assert house.queue.cancel(second.id)
    assert not house.queue.cancel(first.id)
    house.engine.gate.set()
    assert house.queue.wait(first.id, PATIENCE).status is Status.DONE
    assert house.queue.wait(second.id, PATIENCE).status is Status.CANCELLED
    assert house.pictures.of_job(second.id) == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotPossibleNow("There is not enough memory."), "There is not enough memory."),
        (
            ZeroDivisionError("oh"),
            "Something went wrong inside Easel (ZeroDivisionError: oh). The log has the details.",
        ),
    ],
)
def test_a_failing_job_ends_only_itself(error: Exception, told: str, house: House) -> None:
    house.start()
    house.engine.error = error
    job = house.queue.wait(house.queue.submit(request()).id, PATIENCE)
    assert (job.status, job.error) == (Status.FAILED, told)
    house.engine.error = None
    assert house.queue.wait(house.queue.submit(request()).id, PATIENCE).status is Status.DONE


def test_a_full_disk_is_told_and_leaves_no_row(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    house.start()
    with monkeypatch.context() as patch:
        patch.setattr("modules.jobs.pictures.write_atomically", full)
        job = house.queue.wait(house.queue.submit(request()).id, PATIENCE)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert "No space left on device" in job.error
    assert house.pictures.recent() == []
    assert house.queue.wait(house.queue.submit(request()).id, PATIENCE).status is Status.DONE


# -- restarts -----------------------------------------------------------------------------------------------


def test_a_stopped_job_goes_on_where_its_pictures_end(tmp_path: Path) -> None:
    house = House(tmp_path).start()
    job = house.queue.submit(request(batch_count=6))
    eventually(lambda: len(house.pictures.of_job(job.id)) >= 2)
    house.close()
    before = [p.path for p in House(tmp_path).pictures.of_job(job.id)]

    again = House(tmp_path).start()
    assert again.queue.wait(job.id, PATIENCE).status is Status.DONE
    pictures = again.pictures.of_job(job.id)
    assert [p.number for p in pictures] == list(range(6))
    assert [p.path for p in pictures][: len(before)] == before
    assert again.engine.painted == list(range(len(before), 6))
    again.close()


def test_waiting_jobs_survive_and_lost_answers_do_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    kept, lost = house.queue.submit(request()), house.queue.submit(request(save=False), origin="api")
    house.close()
    again = House(tmp_path).start()
    assert again.queue.wait(kept.id, PATIENCE).status is Status.DONE
    assert again.queue.wait(lost.id, PATIENCE).status is Status.CANCELLED
    again.close()


def test_rows_without_files_are_forgotten_and_files_are_confirmed(house: House) -> None:
    job = house.queue.submit(request())
    picture = GeneratedImage(Image.new("RGB", (8, 8)), 0, 7, 0, "x")
    written, vanished = house.pictures.save(job, picture), house.pictures.save(job, picture)
    (house.pictures.outputs / vanished.path).unlink()
    with house.database.transaction() as db:
        db.execute("UPDATE pictures SET saved = 0")
    assert house.pictures.recent() == []
    half = house.pictures.outputs / (vanished.path + ".tmp")
    half.write_bytes(b"half a picture")
    house.pictures.recover()
    assert [p.path for p in house.pictures.recent()] == [written.path]
    assert not half.exists()


def test_numbers_go_on_after_the_files_of_another_index(house: House) -> None:
    job = house.queue.submit(request())
    picture = GeneratedImage(Image.new("RGB", (8, 8)), 0, 7, 0, "x")
    folder = (house.pictures.outputs / house.pictures.save(job, picture).path).parent
    (folder / "00041-5.png").write_bytes(b"")
    with house.database.transaction() as db:
        db.execute("DELETE FROM counters")
        db.execute("DELETE FROM pictures")
    assert Path(house.pictures.save(job, picture).path).name == "00042-7.png"


# -- settings -----------------------------------------------------------------------------------------------


def test_settings_are_kept_and_a_broken_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    SettingsStore(path).update({"model.clip_skip": 2})
    assert SettingsStore(path).current.model.clip_skip == 2
    path.write_text("{ not json")
    assert SettingsStore(path).current.model.clip_skip == 1
    assert (tmp_path / "settings.json.broken").exists()


def test_a_wrong_setting_changes_nothing(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "settings.json")
    with pytest.raises(InvalidField, match=r"model\.clip_skip"):
        store.update({"sampling.s_churn": 3.0, "model.clip_skip": 99})
    assert store.current.sampling.s_churn == 0
    assert not (tmp_path / "settings.json").exists()
