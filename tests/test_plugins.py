"""Extensions: found, loaded, and each one's failure its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.faults import InvalidField, UnknownName
from modules.generation.hooks import GenerationHooks
from modules.plugins.extension import Extension
from modules.plugins.folder import in_order, read_folder, scripts_in_order
from modules.plugins.manager import PluginManager
from modules.plugins.older import NoOlder
from modules.plugins.preparing import prepare
from modules.plugins.watch import Blocked, Watch, within
from modules.sampling import catalogue
from modules.settings.store import SettingsStore

WORKING = """
from modules.plugins.hooks import Tab, hookimpl

@hookimpl
def tabs():
    return [Tab("Mine", "mine", lambda: None)]
"""


@pytest.fixture(autouse=True)
def no_samplers_left() -> Iterator[None]:
    yield
    catalogue.extend((), ())


def extension(folder: Path, name: str, code: str, metadata: str = "") -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "easel_extension.py").write_text(code)
    if metadata:
        (folder / name / "metadata.ini").write_text(metadata)
    return folder / name


def last_lines(manager: PluginManager) -> dict[str, str]:
    return {e.name: e.failures[-1].message for e in manager.extensions() if e.failures}


def test_a_tab_of_an_extension(tmp_path: Path) -> None:
    extension(tmp_path, "working", WORKING)
    manager = PluginManager(tmp_path)
    assert [(tab.title, tab.elem_id) for tab in manager.tabs()] == [("Mine", "mine")]
    assert [(e.error, e.loaded, e.hooks) for e in manager.extensions()] == [(None, True, ("tabs",))]


def test_a_failing_extension_does_not_harm_the_others(tmp_path: Path) -> None:
    extension(tmp_path, "a_import", "import no_such_module_anywhere")
    extension(tmp_path, "b_syntax", "def (")
    extension(tmp_path, "c_hook", WORKING.replace('[Tab("Mine", "mine", lambda: None)]', "1 / 0"))
    extension(tmp_path, "d_rubbish", WORKING.replace('[Tab("Mine", "mine", lambda: None)]', "'rubbish'"))
    extension(tmp_path, "e_exit", "raise SystemExit('goodbye')")
    extension(tmp_path, "f_unknown", "from modules.plugins.hooks import hookimpl\n@hookimpl\ndef tab(): pass")
    extension(
        tmp_path, "g_argument", "from modules.plugins.hooks import hookimpl\n@hookimpl\ndef tabs(x): pass"
    )
    extension(tmp_path, "h_text", "class E(Exception):\n def __str__(self): 1/0\nraise E")
    extension(tmp_path, "i_metadata", WORKING.replace('"mine"', '"other"'), "[Extension\nName")
    extension(tmp_path, "z_working", WORKING)
    (tmp_path / "no extension").mkdir()
    (tmp_path / ".hidden").mkdir()
    manager = PluginManager(tmp_path)
    assert [tab.elem_id for tab in manager.tabs()] == ["other", "mine"]
    told = last_lines(manager)
    assert told.pop("i_metadata").startswith("metadata.ini can't be read: ")
    assert told.pop("g_argument").startswith("Argument(s)")
    assert "E" in told.pop("h_text")
    assert told == {
        "a_import": "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
        "b_syntax": "SyntaxError: invalid syntax",
        "c_hook": "ZeroDivisionError: division by zero",
        "d_rubbish": "TypeError: tabs() must return a list of Tab, not 'rubbish'",
        "e_exit": "SystemExit: goodbye",
        "f_unknown": "There is no hook named tab; modules/plugins/hooks.py lists them all.",
    }
    assert "g_argument" not in [e.name for e in manager.loaded()]
    traceback = manager.get("a_import")
    assert traceback is not None and traceback.error is not None
    assert "modules/plugins" not in traceback.error and "a_import/easel_extension.py" in traceback.error


def test_one_that_blocks_is_left_behind(tmp_path: Path) -> None:
    go = tmp_path / "go"
    block = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    blocked_tabs = WORKING.replace("return", "exec(BLOCK); return") + f"\nBLOCK = {block!r}\n"
    extension(tmp_path, "a_slow", block + WORKING)
    extension(tmp_path, "b_slow_tabs", blocked_tabs)
    extension(tmp_path, "c_working", WORKING)
    manager = PluginManager(tmp_path, patience=0.5)
    assert [tab.title for tab in manager.tabs()] == ["Mine"]
    assert last_lines(manager) == {
        "a_slow": "the extension a_slow (import) had not come back after 0.5 s. Easel went on without it.",
        "b_slow_tabs": "the extension b_slow_tabs (tabs) had not come back after 0.5 s. Easel went on without it.",
    }
    go.touch()
    time.sleep(0.3)
    assert [e.name for e in manager.loaded()] == ["b_slow_tabs", "c_working"]  # too late is too late


def test_helpers_of_the_same_name_don_t_mix(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = extension(
            tmp_path,
            name,
            "from modules.plugins.hooks import Tab, hookimpl\nfrom . import helper\n"
            "@hookimpl\ndef tabs(): return [Tab(helper.NAME, helper.NAME, lambda: None)]",
        )
        (folder / "helper.py").write_text(f"NAME = '{name}'")
    manager = PluginManager(tmp_path)
    assert [tab.title for tab in manager.tabs()] == ["one", "two"]
    assert "helper" not in sys.modules and str(tmp_path / "one") not in sys.path
    (tmp_path / "one" / "helper.py").write_text("NAME = 'renamed'")
    manager.reload("one")
    assert sorted(tab.title for tab in manager.tabs()) == ["renamed", "two"]


def test_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    code = """
from modules.plugins.hooks import Sampler, Schedule, Tab, hookimpl
def call(*a, **k): raise RuntimeError
class Up:
    name = "LANCZOS"
    def upscale(self, image, scale, progress=None): return image
class Tags:
    names = ("lora",)
    def check(self, tags): pass
    def set(self, model, tags): pass
@hookimpl
def samplers(): return [Sampler("euler A", call), Sampler("Own", call), Sampler("Lost", call, schedule="Nowhere"), 7]
@hookimpl
def schedules(): return [Schedule("karras", "K", call), Schedule("mine", "Mine", call)]
@hookimpl
def upscalers(): return [Up()]
@hookimpl
def networks(): return [Tags()]
@hookimpl
def tabs(): return [Tab("A", "a", lambda: None)]
"""
    extension(tmp_path, "a", code)
    extension(tmp_path, "b", code)
    manager = PluginManager(tmp_path)
    assert len(manager.tabs()) == 1
    assert [s.name for s in catalogue.all_samplers()[-1:]] == ["Own"]
    assert catalogue.resolve("own", "mine")[1].label == "Mine"
    assert manager.tables.upscalers() == [] and manager.tables.networks.names == ()
    first, second = ({f.message for f in e.failures} for e in manager.extensions())
    assert "The name 'euler A' belongs to Easel already." in first
    assert "Lost: there is no schedule named 'Nowhere'." in first
    assert "The name 'LANCZOS' belongs to Easel already." in first
    assert "The name 'lora' belongs to Easel already." in first
    assert "The name 'Own' belongs to a already." in second
    assert "The tab id 'a' belongs to the extension a already." in second


def test_two_of_one_name(tmp_path: Path) -> None:
    extension(tmp_path / "one", "same", WORKING)
    extension(tmp_path / "two", "same", WORKING)
    extension(tmp_path / "two", "other", "", "[Extension]\nName = same")
    manager = PluginManager((tmp_path / "one", tmp_path / "two"))
    assert "There is another folder of this name" in {
        f.message[:36] for e in manager.extensions() for f in e.failures
    }
    refused = manager.get("same")
    assert refused is not None and not refused.loaded
    assert "It calls itself same, as other does. Not loaded." in {f.message for f in refused.failures}
    assert [e.name for e in manager.loaded()] == ["other"]


def test_order_and_requirements(tmp_path: Path) -> None:
    extension(
        tmp_path, "a", "", "[Extension]\nRequires = Zed, c\n[scripts/two.py]\nAfter = c/one.py\nBefore = c"
    )
    extension(tmp_path, "b", "", "[Extension]\nRequires = nowhere")
    extension(tmp_path, "c", "", "[Extension]\nBefore = z")
    extension(tmp_path, "z", "", "[Extension]\nName = Zed")
    folders = in_order([read_folder(path) for path in sorted(tmp_path.iterdir())])
    assert [f.name for f in folders].index("a") > [f.name for f in folders].index("z")
    assert [f.name for f in folders].index("c") < [f.name for f in folders].index("z")
    manager = PluginManager(tmp_path)
    assert [e.name for e in manager.loaded()] == ["c", "z", "a"]
    assert last_lines(manager) == {
        "b": "It needs the extension nowhere, which is not there or not on. Not loaded."
    }


def test_scripts_go_to_the_loader_in_their_order(tmp_path: Path) -> None:
    for name, scripts in (("a", ("first", "late")), ("b", ("one", "two"))):
        (tmp_path / name / "scripts").mkdir(parents=True)
        for script in scripts:
            (tmp_path / name / "scripts" / f"{script}.py").write_text("")
    (tmp_path / "a" / "metadata.ini").write_text("[scripts/late.py]\nAfter = b/one.py")
    (tmp_path / "a" / "preload.py").write_text("def preload(parser): parser.add_argument('--old', type=int)")
    loaded: list[str] = []

    class Loader(NoOlder):
        generation = GenerationHooks()

        def load(self, extension: Extension, script: Path) -> None:
            loaded.append(f"{extension.name}/{script.name} {vars(extension.flags)}")
            if script.name == "one.py":
                raise RuntimeError("old and broken")

        def unload(self, extension: Extension) -> None:
            loaded.append(f"{extension.name} gone")

    manager = PluginManager(tmp_path, None, ["--old", "7", "--else"])
    manager.attach(Loader())
    assert loaded == ["a/first.py {'old': 7}", "b/one.py {}", "a/late.py {'old': 7}", "b/two.py {}"]
    assert last_lines(manager) == {"b": "RuntimeError: old and broken"}
    assert manager.unknown_words == ["--else"]
    manager.close()
    assert loaded[-2:] == ["a gone", "b gone"]
    assert scripts_in_order([]) == []
    alone = PluginManager(tmp_path)
    assert alone.extensions()[1].notes == [
        "It is made for the older UI; its scripts are not loaded by this version."
    ]


def test_flags(tmp_path: Path) -> None:
    code = """
from modules.plugins.hooks import Tab, hookimpl
@hookimpl
def command_line(parser):
    parser.add_argument("--mine", type=int, default=1)
    parser.add_argument("--on", action="store_true")
@hookimpl
def tabs(me):
    return [Tab(str(me.flags.mine), "x", lambda: None)]
"""
    extension(tmp_path, "a", code)
    extension(tmp_path, "b", code)
    manager = PluginManager(tmp_path, None, ["--mine", "5", "--typo", "x", "--on"])
    assert manager.unknown_words == ["--typo", "x"]
    assert manager.tabs()[0].title == "5"
    assert last_lines(manager)["b"].startswith(("ValueError", "AttributeError"))
    wrong = PluginManager(tmp_path, None, ["--mine", "five"])
    assert "invalid int value" in wrong.extensions()[0].failures[0].message


SETTINGS = """
from pydantic import BaseModel, Field
from modules.plugins.hooks import Tab, hookimpl
class Mine(BaseModel):
    strength: float = Field(0.5, ge=0, le=1)
    word: str = "fox"
@hookimpl
def settings(): return Mine
@hookimpl
def tabs(me): return [Tab(f"{me.settings.word} {me.settings.strength}", "x", lambda: None)]
"""


def test_own_settings(tmp_path: Path) -> None:
    extension(tmp_path / "extensions", "mine", SETTINGS)
    extension(tmp_path / "extensions", "rubbish", SETTINGS.replace("return Mine", "return 5"))
    store = SettingsStore(tmp_path / "settings.json")
    manager = PluginManager(tmp_path / "extensions", store)
    manager.own_settings.change("mine", {"word": "wolf"})
    assert manager.tabs()[0].title == "wolf 0.5"
    assert SettingsStore(tmp_path / "settings.json").current.extensions.values["mine"]["word"] == "wolf"
    for changes, kind in (({"strength": 2}, InvalidField), ({"nothing": 1}, UnknownName)):
        with pytest.raises(kind):
            manager.own_settings.change("mine", changes)
    # what no longer fits is left out, and the rest stays
    store.update({"extensions.values": {"mine": {"strength": "much", "word": "owl", "gone": 1}}})
    assert manager.tabs()[0].title == "owl 0.5"
    assert "pydantic model" in manager.extensions()[1].failures[0].message


def test_switching(tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    extension(folder, "plain", WORKING)
    extension(folder, "shy", WORKING, "[Extension]\nEnabled = no")
    store = SettingsStore(tmp_path / "settings.json")
    assert [e.name for e in PluginManager(folder, store).loaded()] == ["plain"]
    store.update({"extensions.enabled": ["shy"], "extensions.disabled": ["plain"]})
    manager = PluginManager(folder, store)
    assert [e.name for e in manager.loaded()] == ["shy"]
    store.update({"extensions.disabled": []})
    manager.reload("plain")
    assert [e.name for e in manager.loaded()] == ["plain", "shy"]
    for disable in ("extra", "all"):
        assert PluginManager(folder, store, disable=disable).loaded() == []
    store.update({"extensions.disable": "all"})
    assert PluginManager(folder, store).loaded() == []


def test_what_extensions_want_installed(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "install.py").write_text("import sys, os\nprint(os.getcwd())\nsys.exit(3)")
    extension(tmp_path, "b", WORKING)
    (tmp_path / "b" / "requirements.txt").write_text("something==1")
    ran: list[tuple[str, ...]] = []

    def run(command: Any, place: Path) -> tuple[int, str]:
        ran.append((place.name, *command[1:5]))
        return (1, "line\nNo matching distribution") if place.name == "b" and len(ran) < 3 else (0, "")

    stamps = tmp_path / "stamps.json"
    folders = [read_folder(folder), read_folder(tmp_path / "b")]
    reports = prepare(folders, stamps, run)
    assert list(reports) == ["b"] and "No matching distribution" in reports["b"]
    assert [words[0] for words in ran] == ["a", "b"]
    assert prepare(folders, stamps, run) == {} and [words[0] for words in ran] == ["a", "b", "b"]
    assert prepare(folders, stamps, run) == {} and len(ran) == 3
    (folder / "install.py").write_text("import sys\nprint('no luck')\nsys.exit(3)")
    assert "exit code 3" in prepare([read_folder(folder)], stamps)["a"]
    manager = PluginManager(tmp_path, reports=reports)
    assert manager.extensions()[1].failures[0].where == "install"


def test_no_folder_is_no_extension(tmp_path: Path) -> None:
    assert PluginManager(tmp_path / "nothing").extensions() == []


def test_watch() -> None:
    watch = Watch()
    with watch.at("a", "step"):
        assert watch.busy() == []
        time.sleep(0.02)
        assert [(b.name, b.hook) for b in watch.busy(0.01)] == [("a", "step")]
    assert watch.busy(0) == []
    assert within(1, "x", lambda: 5) == 5
    gate = threading.Event()
    with pytest.raises(Blocked):
        within(0.02, "x", gate.wait)
    gate.set()
