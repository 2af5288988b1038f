"""The older UI's services: folders, devices, errors, hashes, locks, files, packages, extensions, downloads."""

from __future__ import annotations

import functools
import hashlib
import http.server
import importlib
import json
import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from modules.app import Application
from modules.compat import (
    cache,
    call_queue,
    devices,
    errors,
    extensions,
    hashes,
    launch_utils,
    localization,
    memmon,
    modelloader,
    paths,
    paths_internal,
    progress,
    safe,
    shared,
    sysinfo,
    timer,
    util,
)
from modules.faults import BadFile, InvalidField, NotPossibleNow, NotSupported
from modules.folders import PROGRAM
from tests.compat_support import open_house
from tests.waiting import PATIENCE


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Application]:
    with open_house(tmp_path) as application:
        yield application


# -- folders ------------------------------------------------------------------------------------------------


def test_folders_are_those_of_the_running_program(tmp_path: Path) -> None:
    assert paths.data_path == paths.script_path == str(PROGRAM)
    with open_house(tmp_path):
        assert (paths.data_path, paths.models_path) == (str(tmp_path), str(tmp_path / "models"))
        assert paths_internal.extensions_dir == paths.extensions_dir == str(tmp_path / "extensions")
        assert paths_internal.default_output_dir == str(tmp_path / "outputs")
        assert paths.script_path == str(PROGRAM) and paths.extensions_builtin_dir == str(
            PROGRAM / "extensions"
        )
    with pytest.raises(AttributeError):
        _ = paths.no_such_path


# -- devices ------------------------------------------------------------------------------------------------


def test_the_device_is_that_of_the_flags(tmp_path: Path) -> None:
    with open_house(tmp_path, {"use_cpu": ["all"]}):
        assert devices.device == devices.cpu == torch.device("cpu") == shared.device
        assert devices.dtype == devices.dtype_unet == devices.dtype_vae == torch.float32
        assert devices.get_optimal_device_name() == "cpu" and devices.get_device_for("esrgan").type == "cpu"
        assert not devices.has_mps() and devices.unet_needs_upcast is False
        with devices.autocast(), devices.without_autocast():
            assert (torch.ones(2) @ torch.ones(2)).dtype == torch.float32
        devices.torch_gc()
    with open_house(tmp_path / "half", {"use_cpu": ["all"], "precision": "half"}):
        assert devices.dtype == torch.bfloat16


def test_random_numbers_come_from_the_source_of_the_settings(tmp_path: Path) -> None:
    with open_house(tmp_path, {"use_cpu": ["all"]}) as application:
        expected = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(5))
        assert torch.equal(devices.randn(5, (4, 8, 8)), expected)
        following = devices.randn_without_seed((2,))
        before = torch.get_rng_state()
        assert torch.equal(devices.randn_local(5, (4, 8, 8)), expected)
        assert torch.equal(torch.get_rng_state(), before)
        devices.randn(5, (4, 8, 8))
        assert torch.equal(devices.randn_without_seed((2,)), following)
        application.settings.update({"sampling.noise_source": "NV"})
        nv = devices.randn(5, (4, 8, 8))
        assert torch.equal(devices.randn_local(5, (4, 8, 8)), nv) and not torch.equal(nv, expected)
        assert not torch.equal(devices.randn_like(nv), nv)


def test_nans_are_told() -> None:
    devices.test_for_nans(torch.tensor([1.0, float("nan")]), "unet")
    with pytest.raises(devices.NansException, match="--no-half-vae"):
        devices.test_for_nans(torch.full((2,), float("nan")), "vae")


# -- errors, timers, progress -------------------------------------------------------------------------------


def test_errors_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    errors.run(lambda: 1 / 0, "dividing")
    assert "dividing: ZeroDivisionError" in caplog.text
    assert errors.get_exceptions()[0]["exception"] == "division by zero"
    try:
        raise ValueError("odd")
    except ValueError as error:
        errors.report("It is odd", exc_info=True)
        errors.display_once(error, "oddity")
        errors.display_once(error, "oddity")
    assert caplog.text.count("It is odd") == 1 and caplog.text.count("oddity: ValueError") == 1
    assert sysinfo.get_dict()["Exceptions"] and json.loads(sysinfo.get())["Version"].startswith("Easel")


def test_a_timer_adds_up() -> None:
    watch = timer.Timer()
    time.sleep(0.01)
    watch.record("load")
    with watch.subcategory("parts"):
        watch.record("one")
    assert set(watch.records) == {"load", "parts", "parts/one"} and watch.records["load"] >= 0.01
    assert watch.dump()["total"] == watch.total and watch.summary().startswith("0.0s")
    watch.reset()
    assert watch.records == {}


def test_tasks() -> None:
    name = progress.create_task_id("lab")
    assert name.startswith("task(lab-") and len(name) == len("task(lab-)") + 15
    progress.add_task_to_queue(name)
    assert name in progress.pending_tasks
    progress.start_task(name)
    assert progress.current_task == name and name not in progress.pending_tasks
    progress.record_results(name, [1])
    progress.finish_task(name)
    assert progress.restore_progress(name) == [1] and progress.current_task is None


# -- hashes and values of files -----------------------------------------------------------------------------


def test_hashes_are_those_of_the_programs_own_cache(house: Application, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(3)}, file)
    assert hashes.sha256_from_cache(str(file), "x") is None
    whole = hashlib.sha256(file.read_bytes()).hexdigest()
    assert hashes.sha256(str(file), "lora/a") == whole == hashes.calculate_sha256(str(file))
    assert hashes.sha256_from_cache(str(file), "lora/a") == whole == house.cache.known_sha256(file)
    tensors = hashes.sha256(str(file), "lora/a", use_addnet_hash=True)
    with open(file, "rb") as opened:
        assert hashes.addnet_hash_safetensors(opened) == tensors != whole
    assert hashes.sha256(str(tmp_path / "gone"), "x") is None


def test_hashing_can_be_switched_off(tmp_path: Path) -> None:
    with open_house(tmp_path, {"no_hashing": True}):
        (tmp_path / "a").write_bytes(b"a")
        assert hashes.sha256(str(tmp_path / "a"), "a") is None


def test_values_are_kept_between_starts(tmp_path: Path) -> None:
    asked: list[int] = []

    def ask() -> dict[str, int]:
        asked.append(1)
        return {"n": len(asked)}

    file = tmp_path / "file"
    file.write_text("x")
    with open_house(tmp_path):
        known = cache.cache("lab")
        known["a"], known["b"] = [1, 2], object()
        del known["a"]
        known["a"] = {"x": 1}
        assert cache.cache("lab") is known and len(known) == 2
        assert cache.cached_data_for_file("lab-files", "f", str(file), ask) == {"n": 1}
    cache._caches.clear()
    with open_house(tmp_path):
        assert dict(cache.cache("lab")) == {"a": {"x": 1}}
        assert cache.cached_data_for_file("lab-files", "f", str(file), ask) == {"n": 1}
        os.utime(file, (time.time() + 60, time.time() + 60))
        assert cache.cached_data_for_file("lab-files", "f", str(file), ask) == {"n": 2}


# -- calls --------------------------------------------------------------------------------------------------


def test_one_call_at_a_time_and_again_within_it() -> None:
    inside: list[int] = []
    most: list[int] = []

    @call_queue.wrap_queued_call
    def work() -> int:
        with call_queue.queue_lock:  # the one who has it may take it again
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()
        return 5

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert max(most) == 1 and work() == 5


def test_errors_become_text_for_the_page(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*args: Any) -> tuple[Any, str]:
        assert shared.state.job == "task(lab-1)"
        raise ValueError("<odd>")

    result = call_queue.wrap_gradio_gpu_call(fail, extra_outputs=[None])("task(lab-1)", 2)
    assert result[0] is None and "ValueError: &lt;odd&gt;" in result[1] and "Time taken" in result[1]
    assert shared.state.job == "" and progress.current_task is None
    assert call_queue.wrap_gradio_call(lambda: ("x", "done"))() == ("x", "done")
    result = call_queue.wrap_gradio_gpu_call(lambda *a: ["x", "done"])("task(lab-2)")
    assert result[1].startswith("done<div class='performance'>")
    assert call_queue.wrap_gradio_call(fail)("a")[:2] == (None, "")


# -- files with tensors -------------------------------------------------------------------------------------


class _Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


def test_files_are_read_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = {"state": {"a": torch.arange(4.0)}, "step": 3, "names": ["x"]}
    torch.save(good, "good.pt")
    for load in (safe.load, safe.unsafe_torch_load):
        found = load("good.pt", map_location="cpu")
        assert torch.equal(found["state"]["a"], good["state"]["a"]) and found["names"] == ["x"]  # type: ignore[index]
    with open("good.pt", "rb") as file:
        assert safe.load(file)["step"] == 3
    save_file({"a": torch.ones(2)}, "good.safetensors")
    assert torch.equal(safe.load(Path("good.safetensors"))["a"], torch.ones(2))
    torch.save({"a": _Evil()}, "bad.pt")
    with safe.Extra(lambda module, name: None), pytest.raises(BadFile):
        safe.load("bad.pt")
    with pytest.raises(BadFile):
        safe.check_pt("bad.pt")
    Path("bad.pkl").write_bytes(pickle.dumps(_Evil()))
    with open("bad.pkl", "rb") as file, pytest.raises(NotSupported):
        safe.RestrictedUnpickler(file).load()
    assert not Path("evil").exists()


# -- packages and programs ----------------------------------------------------------------------------------


def test_packages_are_found_by_both_of_their_names() -> None:
    assert launch_utils.is_installed("torch") and launch_utils.is_installed("pillow")
    assert launch_utils.is_installed("PIL") and not launch_utils.is_installed("no_such_package")
    assert not launch_utils.is_installed("no.such.package")
    assert launch_utils.git_tag().startswith("v1.10") and launch_utils.args is shared.cmd_opts


def test_commands_run(capfd: pytest.CaptureFixture[str]) -> None:
    assert launch_utils.run("echo one", live=False) == "one\n"
    assert launch_utils.run("echo two", "Saying two") == "" and "Saying two\ntwo" in capfd.readouterr().out
    with pytest.raises(RuntimeError, match=r"It broke\.[\s\S]*Error code: 3[\s\S]*why"):
        launch_utils.run("echo why >&2; exit 3", errdesc="It broke", live=False)
    assert launch_utils.check_run_python("import json") and not launch_utils.check_run_python(
        "import no_such"
    )


def test_pip_is_run_unless_it_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[Any] = []
    monkeypatch.setattr(launch_utils, "run", lambda command, *rest, **named: commands.append(command))
    monkeypatch.delenv("COMMANDLINE_ARGS", raising=False)
    launch = importlib.import_module("launch")
    launch.run_pip("install 'lab==1.0'", "lab")
    assert commands == [[launch_utils.python, "-m", "pip", "install", "lab==1.0", "--prefer-binary"]]
    monkeypatch.setenv("COMMANDLINE_ARGS", "--listen --skip-install")
    assert launch_utils.run_pip("install lab", "lab") is None and len(commands) == 1
    with pytest.raises(AttributeError):
        _ = launch.no_such_thing


def test_requirements(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"# these\ntorch=={torch.__version__}\npillow\n\n--option\n")
    assert launch_utils.requirements_met(str(file))
    for line in ("torch==0.1", "no-such-package"):
        file.write_text(line)
        assert not launch_utils.requirements_met(str(file))


# -- extensions ---------------------------------------------------------------------------------------------


def test_extensions_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "extensions" / "lab"
    (folder / "javascript").mkdir(parents=True)
    (folder / "javascript" / "lab.js").write_text("")
    (folder / "metadata.ini").write_text("[Extension]\nName = Lab\nAfter = a, b c\n")
    (folder / "localizations").mkdir()
    (folder / "localizations" / "de.json").write_text('{"Prompt": "Text"}')
    with open_house(tmp_path) as application:
        found = {one.name: one for one in extensions.extensions}
        lab = found["lab"]
        assert lab.path == str(folder) and lab.enabled and not lab.is_builtin and lab.canonical_name == "lab"
        assert lab.metadata.get_script_requirements("After", "Extension") == ["a", "b", "c"]
        assert [one.filename for one in lab.list_files("javascript", ".js")] == ["lab.js"]
        assert extensions.find_extension(str(folder / "javascript" / "lab.js")) is lab
        assert extensions.find_extension(str(tmp_path)) is None
        assert any(one.is_builtin for one in found.values())
        application.settings.update({"extensions.disabled": ["lab"]})
        extensions.list_extensions()
        assert lab not in extensions.active() and extensions.extensions_dir == str(tmp_path / "extensions")
        assert list(localization.list_localizations()) == ["de"]
        assert localization.localization_js("de") == 'window.localization = {"Prompt": "Text"}'
    assert extensions.active() == []


# -- model files --------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server with one file, and one that promises more than it gives."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "model.pth").write_bytes(b"weights")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/short.pth":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"weights")
            else:
                super().do_GET()

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_file_is_fetched_whole_or_not_at_all(site: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    path = modelloader.load_file_from_url(f"{site}/model.pth", model_dir=str(folder))
    assert path == str(folder / "model.pth") and Path(path).read_bytes() == b"weights"
    Path(path).write_bytes(b"own")
    modelloader.load_file_from_url(f"{site}/model.pth", model_dir=str(folder))
    assert Path(path).read_bytes() == b"own"  # it is there
    digest = hashlib.sha256(b"weights").hexdigest()
    fetch = functools.partial(modelloader.load_file_from_url, f"{site}/model.pth", model_dir=str(folder))
    assert fetch(file_name="b.pth", hash_prefix=digest[:8]) == str(folder / "b.pth")
    with pytest.raises(BadFile):
        fetch(file_name="c.pth", hash_prefix="00000000")
    for name in ("short.pth", "gone.pth"):
        with pytest.raises(NotPossibleNow, match=name):
            modelloader.load_file_from_url(f"{site}/{name}", model_dir=str(folder))
    with pytest.raises(InvalidField):
        modelloader.load_file_from_url("file:///etc/passwd", model_dir=str(folder))
    assert fetch(file_name="../../d.pth") == str(folder / "d.pth")  # never out of the folder
    assert sorted(p.name for p in folder.iterdir()) == ["b.pth", "d.pth", "model.pth"]


def test_model_files_are_found(site: str, tmp_path: Path) -> None:
    usual, more = tmp_path / "usual", tmp_path / "more"
    for file in (
        usual / "a.pth",
        usual / "sub" / "b.pt",
        usual / "c.vae.pt",
        usual / "d.txt",
        more / "e.pth",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    found = modelloader.load_models(
        str(usual), command_path=str(more), ext_filter=[".pt", ".pth"], ext_blacklist=[".vae.pt"]
    )
    assert [Path(path).name for path in found] == ["e.pth", "a.pth", "b.pt"]
    empty, url = str(tmp_path / "empty"), f"{site}/model.pth"
    assert modelloader.load_models(empty, model_url=url) == [url]
    assert modelloader.load_models(empty, model_url=url, download_name="m.pth") == [
        str(tmp_path / "empty" / "m.pth")
    ]
    assert modelloader.friendly_name(url) == modelloader.friendly_name("x/model.pth") == "model"


def test_small_things(tmp_path: Path) -> None:
    assert util.topological_sort({"a": ["b"], "b": ["c", "x"], "c": []}) == ["c", "b", "a"]
    assert util.truncate_path(str(PROGRAM / "modules" / "x")) == os.path.join("modules", "x")
    (tmp_path / "A.txt").write_text("")
    lister = util.MassFileLister()
    assert lister.exists(str(tmp_path / "a.txt")) and not lister.exists(str(tmp_path / "b.txt"))
    monitor = memmon.MemUsageMonitor("m", torch.device("cpu"), shared.opts)
    assert monitor.disabled and dict(monitor.read()) == {}
