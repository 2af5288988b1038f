"""The hooks of a generation, and the examples in `extensions/`: each does what it says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from modules import compute
from modules.faults import InvalidField, NotPossibleNow
from modules.folders import PROGRAM
from modules.generation.engine import Engine, check
from modules.generation.requests import HiresFix, TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.imaging.upscalers import Upscalers
from modules.jobs.database import Database
from modules.jobs.events import EventHub
from modules.jobs.pictures import PictureIndex
from modules.jobs.queue import JobQueue, Status
from modules.jobs.worker import Worker
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.models.store import ModelStore
from modules.networks.applying import Networks
from modules.plugins.folder import BUILT_IN, EXAMPLE
from modules.plugins.manager import SHIPPED, PluginManager
from modules.sampling import catalogue
from modules.settings.store import SettingsStore
from tests import tiny_model

REQUEST = TextToImage(prompt="a fox", seed=5, steps=3, sampler="Euler", width=64, height=48, save=False)
Load = Callable[..., PluginManager]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny.safetensors")
    cache = FileCache(folder / "files.sqlite")
    return ModelStore(CheckpointCatalogue((folder,), cache), compute.choose)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads shipped examples by name, in a folder of their own, and code of the test's own."""

    def loaded(*names: str, words: tuple[str, ...] = (), **codes: str) -> PluginManager:
        folder = tmp_path / "extensions"
        for name in names:
            shutil.copytree(SHIPPED / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            (folder / name / "metadata.ini").unlink()
        for name, code in codes.items():
            (folder / name).mkdir(parents=True)
            head = "from modules.plugins.hooks import hookimpl\n@hookimpl\n"
            (folder / name / "easel_extension.py").write_text(head + code)
        manager = PluginManager(folder, SettingsStore(tmp_path / "settings.json"), words)
        assert not [e.failures for e in manager.extensions() if e.failures]
        return manager

    yield loaded
    catalogue.extend((), ())


def made(manager: PluginManager, models: ModelStore, **changes: Any) -> list[GeneratedImage]:
    upscalers = Upscalers(manager.tables.upscalers)
    networks = Networks([manager.tables.networks])
    engine = Engine(models, upscalers=upscalers, networks=networks, hooks=manager.generation)
    request = check(replace(REQUEST, **changes), models, networks)
    assert isinstance(request, TextToImage)
    return list(engine.run(request, Unwatched()))


def difference(a: GeneratedImage, b: GeneratedImage) -> float:
    x, y = (torch.frombuffer(bytearray(p.image.tobytes()), dtype=torch.uint8).float() for p in (a, b))
    return (x - y).abs().mean().item()


@pytest.fixture(scope="module")
def plain(models: ModelStore) -> GeneratedImage:
    return next(Engine(models).run(REQUEST, Unwatched()))


def test_without_extensions_nothing_changes(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    (picture,) = made(load(), models)
    assert difference(picture, plain) == 0 and "Sampler: Euler" in picture.infotext


def test_every_example_is_off_by_nature() -> None:
    manager = PluginManager(SHIPPED)
    names = [e.name for e in manager.extensions() if e.about.shipped and e.name.startswith(EXAMPLE)]
    assert len(names) >= 15
    assert not set(names) & {e.name for e in manager.loaded()}


def test_built_in_scripts_are_on_where_other_extensions_are_off(tmp_path: Path) -> None:
    (tmp_path / "xyz-plot-2").mkdir()
    (tmp_path / "xyz-plot-2" / "easel_extension.py").touch()
    manager = PluginManager((tmp_path, SHIPPED), disable="extra")
    assert {e.name for e in manager.loaded()} == set(BUILT_IN)
    assert {e.name for e in manager.extensions() if e.about.shipped and e.enabled} == set(BUILT_IN)
    assert not PluginManager(SHIPPED, disable="all").loaded()


def test_git_keeps_what_comes_along_and_the_list_of_extensions_names_it() -> None:
    ignored = (PROGRAM / ".gitignore").read_text().splitlines()
    told = (SHIPPED / "README.md").read_text()
    for name in BUILT_IN:
        assert f"!/extensions/{name}/" in ignored and f"`{name}`" in told


def test_controls(load: Load, models: ModelStore) -> None:
    manager = load("example-controls")
    (framed,) = made(manager, models, extensions={"example-controls": {"width": 8, "colour": "black"}})
    assert framed.image.size == (80, 64) and framed.image.getpixel((2, 2)) == (0, 0, 0)
    assert "Border: 8 black" in framed.infotext
    (bare,) = made(manager, models)
    assert bare.image.size == (64, 48) and "Border" not in bare.infotext


def test_script(load: Load, models: ModelStore) -> None:
    manager = load("example-script")
    call = manager.scripts.by_place("cfg scales", ["2, 9"], "txt2img")
    two, nine, grid = made(manager, models, script=call)
    assert "CFG scale: 2.0," in two.infotext and "CFG scale: 9.0," in nine.infotext
    assert (grid.kind, grid.number, grid.image.size) == ("grid", 2, (128, 48))
    assert len({picture.seed for picture in made(manager, models, script=call, seed=-1)}) == 1
    with pytest.raises(InvalidField, match="CFG scales"):
        made(manager, models, script=manager.scripts.by_place("CFG scales", ["many"], "txt2img"))


def test_settings(load: Load, models: ModelStore, caplog: pytest.LogCaptureFixture) -> None:
    manager = load("example-settings")
    manager.own_settings.change("example-settings", {"level": "warning", "words": "foxes"})
    made(manager, models, batch_size=2)
    assert "2 foxes" in caplog.text


def test_flag_and_request(load: Load, models: ModelStore) -> None:
    (picture,) = made(load("example-limit", words=("--example-max-steps", "2")), models)
    assert "Steps: 2," in picture.infotext


def test_prompt(load: Load, models: ModelStore) -> None:
    pictures = made(load("example-prompt"), models, prompt="$season", seed=4, batch_size=4)
    first_lines = [picture.infotext.splitlines()[0] for picture in pictures]
    assert first_lines == ["spring", "summer", "autumn", "winter"]


def test_conditioning_of_the_second_pass_only(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    manager = load("example-conditioning")
    assert difference(made(manager, models)[0], plain) == 0
    hires = HiresFix(scale=1.5, steps=2)
    (calm,) = made(manager, models, hires=hires)
    (usual,) = list(Engine(models).run(replace(REQUEST, hires=hires), Unwatched()))
    assert difference(calm, usual) > 0


def test_steps_and_unloading(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    manager = load("example-steps")
    assert difference(made(manager, models)[0], plain) == 0
    extension = manager.extensions()[0]
    lines = (extension.about.folder / "steps.csv").read_text().split()
    assert [line.split(",")[:3] for line in lines] == [["0", "first", str(n)] for n in (1, 2, 3)]
    manager.close()
    assert not extension.failures and not extension.loaded


def test_denoised(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    assert difference(made(load("example-denoised"), models)[0], plain) > 0


def test_sampler_schedule_and_network(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    manager = load("example-sampler", "example-schedule", "example-network")
    (averaged,) = made(manager, models, sampler="averaged euler")
    assert "Sampler: Averaged Euler" in averaged.infotext and difference(averaged, plain) > 0
    (cosine,) = made(manager, models, scheduler="Cosine")
    assert "Schedule type: Cosine" in cosine.infotext and difference(cosine, plain) > 0
    (calm,) = made(manager, models, prompt="a fox <calm:0.5>")
    assert "Calm: 0.5" in calm.infotext and difference(calm, plain) > 0
    assert difference(made(manager, models)[0], plain) == 0  # taken off again
    with pytest.raises(InvalidField, match="from 0 to 1"):
        made(manager, models, prompt="<calm:much>")


def test_upscaler(load: Load, models: ModelStore) -> None:
    manager = load("example-upscaler")
    upscalers = Upscalers(manager.tables.upscalers)
    assert upscalers.resize(Image.new("RGB", (8, 6)), 16, 12, "sharp bicubic").size == (16, 12)
    hires = HiresFix(scale=1.5, steps=1, upscaler="Sharp bicubic")
    assert made(manager, models, hires=hires)[0].image.size == (96, 72)


def test_api_and_page_files(load: Load) -> None:
    manager = load("example-api", "example-page")
    app = FastAPI()
    manager.page.add_routes(app)
    client = TestClient(app)
    answer = client.get("/easel/extensions/example-api/api/hello", params={"name": "Fox"})
    assert answer.json() == {"hello": "Fox", "from": "example-api"}
    files = [(file.kind, file.url.split("?")[0].split("/files/")[1]) for file in manager.page.files()]
    assert files == [
        ("style", "style.css"),
        ("style", "more/clock.css"),
        ("script", "javascript/greeting.js"),
        ("module", "more/clock.mjs"),
    ]
    assert 'type=module src="easel/extensions/example-page/files/more/clock.mjs?v=' in manager.page.head()
    assert list(manager.page.localizations()) == ["de_DE"]
    for wanted in (
        "easel_extension.py",
        "../../settings.json",
        "metadata.ini",
        "/etc/passwd",
        ".git/x.js",
        "x\0.js",
    ):
        assert manager.page.file("example-page", wanted) is None


def test_saving(load: Load, tmp_path: Path) -> None:
    job = worker_with(load("example-saving").generation, tmp_path)
    assert job.status is Status.DONE
    (png,) = (tmp_path / "outputs").rglob("*.png")
    with Image.open(png) as image:
        assert image.getpixel((0, 0)) == (76, 76, 76)  # red, in grey
    assert png.with_suffix(".txt").read_text() == "the recipe"


def test_a_picture_is_saved_though_before_save_raises(load: Load, tmp_path: Path) -> None:
    manager = load(bad="def before_save(image): 1 / 0")
    job = worker_with(manager.generation, tmp_path)
    assert job.status is Status.FAILED and "The extension bad failed in before_save" in str(job.error)
    assert len(list((tmp_path / "outputs").rglob("*.png"))) == 1


def worker_with(hooks: Any, folder: Path) -> Any:
    class RedEngine:
        def run(self, request: Any, monitor: Any, first: int = 0) -> Iterator[GeneratedImage]:
            yield GeneratedImage(Image.new("RGB", (8, 8), "red"), 0, 5, 0, "the recipe")

    events, database = EventHub(), Database(folder / "easel.sqlite")
    queue = JobQueue(database, events, lambda request: request)
    settings = SettingsStore(folder / "settings.json")
    pictures = PictureIndex(database, folder / "outputs")
    worker = Worker(queue, pictures, RedEngine(), events, settings, hooks=hooks)
    worker.start()
    try:
        return queue.wait(queue.submit(replace(REQUEST, save=True)).id, 10)
    finally:
        worker.close()
        database.close()


CHANGING = {
    "before_generation": "request",
    "prompts": "prompts",
    "conditioning": "guidance",
    "denoised": "latents",
    "infotext": "parameters",
    "picture": "image",
}


@pytest.mark.parametrize(("hook", "argument"), CHANGING.items())
@pytest.mark.parametrize("body", ["1 / 0", "return 'rubbish'"])
def test_what_changes_pictures_fails_the_job(
    load: Load, models: ModelStore, plain: GeneratedImage, hook: str, argument: str, body: str
) -> None:
    manager = load(bad=f"def {hook}({argument}): {body}")
    with pytest.raises(NotPossibleNow, match=f"The extension bad failed in {hook}"):
        made(manager, models)
    assert manager.extensions()[0].failures[0].where == hook
    none = f"def {hook}({argument}): return None"
    (manager.extensions()[0].about.folder / "easel_extension.py").write_text(
        f"from modules.plugins.hooks import hookimpl\n@hookimpl\n{none}"
    )
    manager.reload("bad")
    assert difference(made(manager, models)[0], plain) == 0


def test_what_only_looks_on_does_no_harm(load: Load, models: ModelStore, plain: GeneratedImage) -> None:
    manager = load(a="def step(latents): 1 / 0", b="def after_generation(): raise OSError('disk')")
    assert difference(made(manager, models)[0], plain) == 0
    assert [(e.failures[0].where, e.failures[0].times) for e in manager.extensions()] == [
        ("step", 3),
        ("after_generation", 1),
    ]


def test_an_extensions_own_fault(load: Load, models: ModelStore) -> None:
    own = (
        "def before_generation(request):\n"
        "  from modules.faults import InvalidField\n"
        "  raise InvalidField('prompt', 'No foxes.')"
    )
    with pytest.raises(InvalidField, match="No foxes"):
        made(load(a=own), models)


def test_another_number_of_pictures(load: Load, models: ModelStore) -> None:
    code = (
        "def before_generation(request):\n"
        "  from dataclasses import replace\n"
        "  return replace(request, batch_count=3)"
    )
    assert [picture.seed for picture in made(load(a=code), models)] == [5, 6, 7]


def test_a_sampler_that_raises_names_its_extension(load: Load, models: ModelStore) -> None:
    code = (
        "def samplers():\n"
        "  from modules.plugins.hooks import Sampler\n"
        "  return [Sampler('Boom', lambda *a, **k: 1 / 0)]"
    )
    with pytest.raises(NotPossibleNow, match="The extension a failed in the sampler Boom"):
        made(load(a=code), models, sampler="Boom")
