"""`shared` of the older UI: flags, the state of the work, styles, upscalers, and the names that are asked late."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from modules.app import Application
from modules.compat import house as older_house
from modules.compat import shared, upscaler
from modules.compat.shared_state import State
from modules.compat.styles import PromptStyle, StyleDatabase
from modules.generation.requests import TextToImage
from modules.imaging.upscalers import Upscalers
from tests.compat_support import open_house
from tests.rest_support import build_house, close
from tests.waiting import PATIENCE, eventually


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Application]:
    with open_house(tmp_path) as application:
        yield application


def test_the_older_name_is_the_same_module() -> None:
    assert importlib.import_module("modules.shared") is shared


def test_the_names_can_be_imported_alone_and_bring_nothing_heavy() -> None:
    names = [
        "cache", "call_queue", "cmd_args", "config_states", "devices", "errors", "extensions", "face_restoration",
        "gitpython_hack", "hashes", "import_hook", "launch_utils", "localization", "logging_config", "memmon",
        "modelloader", "options", "paths", "paths_internal", "progress", "safe", "shared", "shared_cmd_options",
        "shared_gradio_themes", "shared_init", "shared_items", "shared_options", "shared_state",
        "shared_total_tqdm", "styles", "sysinfo", "timer", "upscaler", "util",
    ]  # fmt: skip
    code = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    module = importlib.import_module('modules.' + name)\n"
        "    assert module is sys.modules['modules.compat.' + name], name\n"
        "heavy = {'torch', 'gradio', 'transformers', 'numpy', 'PIL', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from modules.shared import opts, cmd_opts, state, sd_model, sd_upscalers, OptionInfo, prompt_styles\n"
        "assert sd_model is None and [one.name for one in sd_upscalers] == ['None', 'Lanczos', 'Nearest']\n"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_that_do_not_exist_are_attribute_errors() -> None:
    for owner in (shared, shared.cmd_opts, shared.state, shared.opts):
        with pytest.raises(AttributeError):
            _ = owner.no_such_thing


# -- flags --------------------------------------------------------------------------------------------------


def test_flags_are_those_of_the_command_line_and_of_extensions(tmp_path: Path) -> None:
    flags = {"no_half": True, "ckpt_dir": [str(tmp_path)], "api_auth": (("me", "secret"),), "port": 7861}
    with open_house(tmp_path, flags) as application:
        options = shared.cmd_opts
        assert (options.no_half, options.ckpt_dir, options.port) == (True, str(tmp_path), 7861)
        assert options.api_auth == "me:secret" and "api_auth" not in options.as_dict()
        assert options.lora_dir == str(tmp_path / "models" / "Lora") and options.data_dir == str(tmp_path)
        assert options.medvram is False and options.precision == "autocast" and options.use_cpu == []
        assert options.embeddings_dir == str(tmp_path / "models" / "embeddings")
        (tmp_path / "embeddings").mkdir()
        assert options.embeddings_dir == str(tmp_path / "embeddings")
        assert "xformers" in options and "no_such_flag" not in options
        extension = next(iter(application.plugins.extensions()))
        extension.flags = argparse.Namespace(lab_folder="here")
        assert options.lab_folder == "here"
    assert shared.cmd_opts.no_half is False and shared.cmd_opts.ckpt_dir is None


def test_a_flag_that_an_extension_sets_is_kept() -> None:
    shared.cmd_opts.lab_flag = 5
    assert shared.cmd_opts.lab_flag == 5 and "lab_flag" in shared.cmd_opts
    del shared.cmd_opts.lab_flag
    assert not hasattr(shared.cmd_opts, "lab_flag")


# -- the state ----------------------------------------------------------------------------------------------


def test_the_state_of_an_extensions_own_work() -> None:
    state: Any = State()
    assert state.dict()["job"] == "" and not state.interrupted and state.server_start <= time.time()
    state.begin(job="lab")
    state.job_count = 3
    state.sampling_steps = 10
    state.sampling_step = 4
    state.nextjob()
    assert (state.job, state.job_count, state.job_no, state.sampling_step) == ("lab", 3, 1, 0)
    assert len(state.job_timestamp) == 14
    state.textinfo = "Cutting"
    state.assign_current_image(Image.new("RGB", (4, 4)))
    assert state.current_image.size == (4, 4) and state.id_live_preview == 1
    state.interrupt()
    assert state.interrupted and state.dict()["interrupted"]
    state.end()
    assert (state.job, state.job_count) == ("", 0)
    state.begin()
    assert not state.interrupted and state.textinfo is None and state.current_image is None


def test_the_state_of_the_workers_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = build_house(tmp_path)
    monkeypatch.setattr(older_house, "_house", SimpleNamespace(worker=running.worker))
    state: Any = State()
    state.textinfo = "from before"
    try:
        running.engine.gate.clear()
        request = TextToImage(
            prompt="a", width=64, height=64, steps=8, batch_count=3, sampler="Euler", scheduler="Automatic"
        )
        job = running.services.queue.submit(request)
        assert running.engine.begun.wait(PATIENCE)
        assert (state.job_count, state.job_no, state.sampling_steps, state.sampling_step) == (3, 0, 8, 1)
        assert state.job == f"task({job.id})" and state.textinfo is None and not state.interrupted
        state.job_count = 30  # a script that makes more than the request says
        assert state.dict()["job_count"] == 30
        state.interrupted = True
        assert state.interrupted
        eventually(lambda: running.worker.progress() is None)
        ended: Any = running.services.queue.get(job.id)
        assert ended.status.name == "INTERRUPTED"
        assert not state.interrupted and state.job_count == 0
    finally:
        close(running)


def test_an_interrupt_of_the_page_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = build_house(tmp_path)
    monkeypatch.setattr(older_house, "_house", SimpleNamespace(worker=running.worker))
    state: Any = State()
    try:
        running.engine.gate.clear()
        running.services.queue.submit(
            TextToImage(prompt="a", width=64, height=64, sampler="Euler", scheduler="Automatic")
        )
        assert running.engine.begun.wait(PATIENCE)
        monitor: Any = running.worker._monitor
        monkeypatch.setattr(running.engine.gate, "wait", lambda timeout: time.sleep(0.05))
        running.worker.finish_current()
        assert state.stopping_generation and not state.interrupted
        assert not monitor.stop_requested()
        state.skip()
        assert monitor.skip_requested()
    finally:
        close(running)


# -- styles -------------------------------------------------------------------------------------------------


def test_styles(house: Application) -> None:
    (house.folders.data / "styles.csv").write_text(
        'name,prompt,negative_prompt\nInk,"{prompt}, ink wash",photo\nCalm,"calm, still",\n'
    )
    book = shared.prompt_styles
    assert list(book.styles) == ["Ink", "Calm"]
    assert book.styles["Ink"] == (
        "Ink",
        "{prompt}, ink wash",
        "photo",
        str(house.folders.data / "styles.csv"),
    )
    assert book.get_style_prompts(["Calm", "None", "gone"]) == ["calm, still", "", ""]
    assert book.get_negative_style_prompts(["Ink"]) == ["photo"]
    assert book.apply_styles_to_prompt("a pond", ["Ink", "Calm"]) == "a pond, ink wash, calm, still"
    assert book.apply_negative_styles_to_prompt("", ["Ink"]) == "photo"
    assert book.extract_styles_from_prompt("a pond, ink wash", "photo") == (["Ink"], "a pond", "")
    book.styles["New"] = PromptStyle("New", "fresh", "")
    del book.styles["Calm"]
    book.save_styles()
    assert list(book.styles) == ["Ink", "New"] == [style.name for style in house.styles.all()]


def test_styles_of_a_file_of_its_own(tmp_path: Path) -> None:
    book = StyleDatabase([tmp_path / "mine.csv"])
    assert book.styles == {}
    book.styles["A"] = PromptStyle("A", "x", "y")
    book.save_styles(tmp_path / "mine.csv")
    assert StyleDatabase([str(tmp_path / "mine.csv")]).styles["A"].negative_prompt == "y"


# -- upscalers ----------------------------------------------------------------------------------------------


class UpscalerLab(upscaler.Upscaler):
    """As an extension has it."""

    failing = False

    def __init__(self, dirname: Any = None) -> None:
        self.name = "Lab"
        super().__init__()
        self.scalers = [upscaler.UpscalerData("Lab double", "lab.pth", self, 2)]

    def do_upscale(self, img: Image.Image, selected_model: str) -> Image.Image:
        assert selected_model == "lab.pth"
        if self.failing:
            raise ValueError("no luck")
        return img.resize((img.width * 2, img.height * 2))


def test_upscalers_of_extensions_are_ours_too(house: Application) -> None:
    (ours,) = upscaler.older_upscalers()
    assert (ours.name, ours.kind, ours.scale, ours.path) == ("Lab double", "Lab", 2, None)
    assert ours.upscale(Image.new("RGB", (16, 8)), 3.0).size == (48, 24)
    everything = Upscalers(upscaler.older_upscalers)
    assert everything.resize(Image.new("RGB", (16, 8)), 50, 25, "lab double").size == (50, 25)
    assert upscaler.older_upscalers()[0].data.scaler is ours.data.scaler  # type: ignore[attr-defined]
    UpscalerLab.failing = True
    try:
        with pytest.raises(Exception, match="Lab double failed: no luck"):
            ours.upscale(Image.new("RGB", (16, 8)), 2.0)
    finally:
        UpscalerLab.failing = False


def test_our_upscalers_are_in_the_older_list(house: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.extras.upscalers, "_more", upscaler.older_upscalers)
    found = {one.name: one for one in shared.sd_upscalers}
    assert list(found) == ["None", "Lanczos", "Nearest", "Lab double"]
    picture = Image.new("RGB", (16, 24))
    assert found["Lanczos"].scaler.upscale(picture, 2, None).size == (32, 48)
    assert found["None"].scaler.upscale(picture, 1, None).size == (16, 24)
    lab = found["Lab double"]
    assert lab.scaler.upscale(picture, 4, lab.data_path).size == (64, 96)


# -- the rest -----------------------------------------------------------------------------------------------


def test_lists(house: Application) -> None:
    assert shared.list_checkpoint_tiles() == [one.title for one in house.checkpoints.all()]
    assert shared.hypernetworks == {} and shared.face_restorers == []
    assert shared.config_filename == str(house.folders.data / "extension-options.json")
    assert shared.hide_dirs == {"visible": True}
    assert next(iter(shared.latent_upscale_modes)) == shared.latent_upscale_default_mode
    folder = house.folders.models / "hypernetworks"
    folder.mkdir(parents=True)
    (folder / "a.pt").write_bytes(b"")
    assert shared.hypernetworks == {"a": str(folder / "a.pt")}
    assert shared.natural_sort_key("x10") > shared.natural_sort_key("x9")
    assert [Path(p).name for p in shared.walk_files(folder.parent, [".pt"])] == ["a.pt"]
    assert shared.listfiles(folder / "nowhere") == []
    shared.total_tqdm.updateTotal(4)
    shared.total_tqdm.update()
    assert (shared.total_tqdm.n, shared.total_tqdm.total) == (1, 4)
    shared.total_tqdm.clear()
