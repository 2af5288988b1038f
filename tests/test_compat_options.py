"""Options under the names of the older UI: ours, those that are kept, and those that extensions add."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modules.app import Application
from modules.compat import option_sections, shared
from modules.compat.options import (
    OptionHTML,
    OptionInfo,
    Options,
    options_section,
    sections,
    set_option,
)
from modules.faults import InvalidField, NotPossibleNow, UnknownName
from modules.rest.build import build_app
from modules.rest.services import ServerOptions
from modules.settings.older_defaults import DEFAULTS
from modules.settings.older_options import FIXED, SETTINGS
from tests.compat_support import open_house
from tests.rest_support import LOCAL

SECTION = ("lab", "My lab")


class Slider:
    """Stands for Gradio's class of this name."""


class Radio:
    pass


class CheckboxGroup:
    pass


class Dropdown:
    pass


class Textbox:
    pass


class ColorPicker:
    pass


class FormSlider(Slider):
    pass


@pytest.fixture
def opts() -> Iterator[Options]:
    """The program's options; what a test adds is taken out again."""
    before = dict(shared.opts.data_labels)
    listeners = {key: info.onchange for key, info in before.items()}
    yield shared.opts
    shared.opts.data_labels.clear()
    shared.opts.data_labels.update(before)
    for key, info in before.items():
        info.onchange = listeners[key]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Application]:
    with open_house(tmp_path) as application:
        yield application


def _fails() -> Any:
    raise ValueError("no choices")


def _add(opts: Options) -> None:
    info = {
        "lab_share": OptionInfo(0.5, "Share", Slider, {"minimum": 0, "maximum": 1, "step": 0.05}),
        "lab_count": OptionInfo(3, "Count", FormSlider, {"minimum": 1, "maximum": 9, "step": 1}),
        "lab_on": OptionInfo(False, "On").info("slow").needs_restart(),
        "lab_way": OptionInfo("fast", "Way", Radio, lambda: {"choices": ["fast", "fine"]}),
        "lab_ways": OptionInfo(["a"], "Ways", CheckboxGroup, {"choices": [("A", "a"), ("B", "b")]}),
        "lab_text": OptionInfo("x", "<b>Text</b>"),
        "lab_colour": OptionInfo("#000000", "Colour", ColorPicker),
        "lab_note": OptionHTML("<p>Read <a href='x'>this</a>.</p>"),
        "lab_secret": OptionInfo("", "Secret", Textbox, {"type": "password"}, restrict_api=True),
        "lab_lines": OptionInfo("", "Lines", Textbox, {"lines": 3}),
        "lab_broken": OptionInfo("a", "Broken", Dropdown, _fails),
        "lab_place": OptionInfo(1, "Place", Radio, {"choices": ["left", "right"], "type": "index"}),
    }
    for key, one in options_section(SECTION, info).items():
        opts.add_option(key, one)


def _shown(key: str) -> dict[str, Any]:
    return next(o for section in sections() for o in section["options"] if o["key"] == key)


# -- values -------------------------------------------------------------------------------------------------


def test_every_option_of_the_older_ui_is_answered_without_a_program() -> None:
    for name in (*DEFAULTS, *SETTINGS, *FIXED):
        assert hasattr(shared.opts, name), name
        assert name in shared.opts.data and name in shared.opts.data_labels
    assert shared.opts.samples_format == "png" and shared.opts.CLIP_stop_at_last_layers == 1
    assert shared.opts.jpeg_quality == 80 and shared.opts.outdir_txt2img_samples.endswith("txt2img")
    with pytest.raises(AttributeError, match="no option named nonsense"):
        _ = shared.opts.nonsense
    assert getattr(shared.opts, "nonsense", 5) == 5


def test_an_option_of_ours_is_our_setting(house: Application, opts: Options) -> None:
    opts.CLIP_stop_at_last_layers = 2
    assert house.settings.current.model.clip_skip == 2
    house.settings.update({"sampling.s_noise": 1.5})
    assert opts.s_noise == opts.data["s_noise"] == opts.data.get("s_noise") == 1.5
    opts.data["randn_source"] = "NV"
    assert json.loads((house.folders.data / "settings.json").read_text())["sampling"]["noise_source"] == "NV"
    with pytest.raises(InvalidField):
        opts.CLIP_stop_at_last_layers = 500
    assert opts.CLIP_stop_at_last_layers == 2
    del opts.data["CLIP_stop_at_last_layers"]
    assert opts.CLIP_stop_at_last_layers == 1 == opts.get_default("CLIP_stop_at_last_layers")


def test_a_checkpoint_is_told_by_its_title_and_chosen_by_any_name(house: Application, opts: Options) -> None:
    names = [one.title for one in house.checkpoints.all()]
    assert opts.sd_model_checkpoint == (names[0] if names else None)
    if names:  # the starter model
        opts.sd_model_checkpoint = house.checkpoints.all()[0].name
        assert house.settings.current.model.checkpoint == house.checkpoints.all()[0].filename
        arguments: Any = opts.data_labels["sd_model_checkpoint"].component_args
        assert arguments()["choices"] == names
    with pytest.raises(UnknownName):
        opts.sd_model_checkpoint = "no such model"


def test_what_is_always_the_same_is_written_for_the_writer_alone(house: Application, opts: Options) -> None:
    opts.upcast_attn = True
    assert opts.upcast_attn is True
    opts.save(shared.config_filename)
    assert "upcast_attn" not in json.loads((house.folders.data / "extension-options.json").read_text())


def test_options_without_a_feature_are_kept(tmp_path: Path, opts: Options) -> None:
    with open_house(tmp_path):
        assert opts.outdir_txt2img_samples == str(tmp_path / "outputs" / "txt2img")
        assert opts.set("target_side_length", 95)
        assert not opts.set("target_side_length", 95)
        opts.save(shared.config_filename)
    assert opts.target_side_length == 4000  # nothing runs
    with open_house(tmp_path):
        assert opts.target_side_length == 95
        assert {**opts.data}["target_side_length"] == 95 and "target_side_length" in list(opts.data)


def test_an_extensions_options_survive_a_start_without_it(tmp_path: Path, opts: Options) -> None:
    with open_house(tmp_path):
        _add(opts)
        assert opts.lab_share == 0.5 and opts.data["lab_ways"] == ["a"]
        set_option("lab_share", 0.75)
        opts.lab_ways.append("b")  # of its own copy
        assert opts.lab_ways == ["a"]
    for key in [key for key in opts.data_labels if key.startswith("lab_")]:
        del opts.data_labels[key]
    with open_house(tmp_path):
        set_option("target_side_length", 70)
        assert opts.lab_share == 0.75  # known from the file
    kept = json.loads((tmp_path / "extension-options.json").read_text())
    assert kept == {"lab_share": 0.75, "target_side_length": 70}


def test_several_may_save_at_once(house: Application, opts: Options) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: set_option("target_side_length", 10 + number), range(40)))
    kept = json.loads((house.folders.data / "extension-options.json").read_text())
    assert kept == {"target_side_length": opts.target_side_length}


def test_a_broken_file_is_set_aside(tmp_path: Path, opts: Options, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "extension-options.json").write_text('{"lab_share": ')
    with open_house(tmp_path), caplog.at_level(logging.WARNING):
        _add(opts)
        assert opts.lab_share == 0.5
        set_option("lab_share", 0.25)
    assert "extension-options.json could not be read" in caplog.text
    assert (tmp_path / "extension-options.json.broken").read_text() == '{"lab_share": '
    assert json.loads((tmp_path / "extension-options.json").read_text()) == {"lab_share": 0.25}


def test_templates_are_options_too(opts: Options) -> None:
    shared.options_templates.update(options_section(("t", "T"), {"lab_old": OptionInfo(7, "Old way")}))
    assert opts.lab_old == 7 and opts.data_labels["lab_old"].section == ("t", "T")


def test_listeners_hear_of_changes_wherever_they_come_from(house: Application, opts: Options) -> None:
    _add(opts)
    heard: list[str] = []
    opts.onchange("lab_count", lambda: heard.append(f"count {opts.lab_count}"))
    opts.onchange("CLIP_stop_at_last_layers", lambda: heard.append("skip"), call=False)
    assert heard == ["count 3"]
    set_option("lab_count", 4)
    house.settings.update({"model.clip_skip": 3})
    house.settings.update({"sampling.s_noise": 2.0})
    opts.set("CLIP_stop_at_last_layers", 2)
    assert heard == ["count 3", "count 4", "skip", "skip"]
    opts.data_labels["lab_count"].onchange = lambda: 1 / 0
    with pytest.raises(NotPossibleNow):
        set_option("lab_count", 5)
    assert opts.lab_count == 4


def test_casting_and_types(opts: Options) -> None:
    assert opts.cast_value("CLIP_stop_at_last_layers", "2") == 2
    assert opts.cast_value("samples_save", "False") is False and opts.cast_value("samples_save", 1) is True
    assert opts.cast_value("target_side_length", None) is None
    assert opts.same_type(1, 2.0) and opts.same_type(None, "x") and not opts.same_type("1", 1)
    told = json.loads(opts.dumpjson())
    assert told["samples_format"] == "png" and ["VAE", "sd"] in told["_categories"]


def test_reorder_keeps_sections_together(opts: Options) -> None:
    opts.add_option("lab_late", OptionInfo(1, "Late", section=("saving-images", "x"), category_id="saving"))
    opts.add_option("lab_image", OptionInfo(1, "x", section=("vae", "VAE"), category_id="sd"))
    opts.reorder()
    keys = list(opts.data_labels)
    assert abs(keys.index("lab_image") - keys.index("sd_vae_decode_method")) == 1
    assert keys.index("samples_save") < keys.index("sd_model_checkpoint") < keys.index("gallery_height")


# -- the page and the API -----------------------------------------------------------------------------------


def test_sections_say_how_each_option_is_shown(house: Application, opts: Options) -> None:
    _add(opts)
    (section,) = sections()
    assert (section["id"], section["title"]) == SECTION
    kinds = {o["key"]: o["kind"] for o in section["options"]}
    assert kinds == {
        "lab_share": "slider", "lab_count": "slider", "lab_on": "bool", "lab_way": "choice",
        "lab_ways": "multi", "lab_text": "text", "lab_colour": "color", "lab_note": "html",
        "lab_secret": "text", "lab_lines": "text", "lab_broken": "choice", "lab_place": "choice",
    }  # fmt: skip
    share = _shown("lab_share")
    assert (share["min"], share["max"], share["step"], share["whole"]) == (0, 1, 0.05, False)
    assert _shown("lab_count")["whole"] and _shown("lab_place")["choices"] == [0, 1]
    assert _shown("lab_ways") == {**_shown("lab_ways"), "choices": ["a", "b"], "labels": ["A", "B"]}
    on = _shown("lab_on")
    assert on["restart"] and on["info"] == "(slow)" and on["default"] is False
    assert _shown("lab_note")["label"] == "Read this." and _shown("lab_text")["label"] == "Text"
    texts = {
        key: (_shown(key)["lines"], _shown(key)["secret"]) for key in ("lab_text", "lab_secret", "lab_lines")
    }
    assert texts == {"lab_text": (1, False), "lab_secret": (1, True), "lab_lines": (3, False)}


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("lab_share", "0.25", 0.25),
        ("lab_count", 5.0, 5),
        ("lab_on", "true", True),
        ("lab_way", "fine", "fine"),
        ("lab_ways", ["b", "a"], ["b", "a"]),
        ("lab_ways", [], []),
        ("lab_text", 7, "7"),
        ("lab_place", "0", 0),
    ],
)
def test_values_are_cast(house: Application, opts: Options, key: str, value: Any, kept: Any) -> None:
    _add(opts)
    set_option(key, value)
    assert opts.data[key] == kept and type(opts.data[key]) is type(kept)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("lab_share", 2, "from 0 to 1"),
        ("lab_share", "a lot", "must be a number"),
        ("lab_share", float("nan"), "can't be nan"),
        ("lab_count", 2.5, "whole number"),
        ("lab_on", "perhaps", "true or false"),
        ("lab_way", "slow", "fast, fine"),
        ("lab_ways", "a", "must be a list"),
        ("lab_ways", ["c"], "can't be 'c'"),
        ("lab_text", ["x"], "must be text"),
    ],
)
def test_values_that_do_not_fit(house: Application, opts: Options, key: str, value: Any, reason: str) -> None:
    _add(opts)
    with pytest.raises(InvalidField, match=reason) as caught:
        set_option(key, value)
    assert caught.value.field == key and opts.data[key] == opts.data_labels[key].default
    for name in ("lab_unknown", "lab_note"):
        with pytest.raises(UnknownName):
            set_option(name, 1)


class _Face:
    """The part of the older face that the routes use."""

    settings = staticmethod(sections)
    option_values = staticmethod(option_sections.option_values)
    set_option = staticmethod(set_option)


def test_the_routes_read_and_change_them(house: Application, opts: Options) -> None:
    from fastapi.testclient import TestClient

    _add(opts)
    services = replace(house.rest_services(lambda: None), older=_Face())
    client = TestClient(build_app(services, ServerOptions()), base_url=LOCAL)
    told = client.get("/sdapi/v1/options").json()
    assert told["lab_share"] == 0.5 and told["target_side_length"] == 4000 and told["samples_format"] == "png"
    assert "lab_note" not in told
    assert client.post("/sdapi/v1/options", json=told).status_code == 200  # all of it back
    change = {"lab_share": 0.75, "CLIP_stop_at_last_layers": 2, "target_side_length": 50}
    assert client.post("/sdapi/v1/options", json=change).status_code == 200
    assert (opts.lab_share, opts.CLIP_stop_at_last_layers, opts.target_side_length) == (0.75, 2, 50)
    for bad, status in (
        ({"lab_text": "y", "lab_share": 7}, 422),
        ({"lab_text": "y", "nonsense": 1}, 400),
        ({"lab_text": "y", "emphasis": "loud"}, 422),
        ({"lab_text": "y", "lab_secret": "s"}, 422),
    ):
        assert client.post("/sdapi/v1/options", json=bad).status_code == status
        assert opts.lab_text == "x"  # all of them or none
    group = client.get("/easel/settings").json()["groups"][-1]
    assert (group["name"], group["label"]) == ("extension_lab", "My lab")
    controls = {one["name"]: one["control"] for one in group["settings"]}
    assert controls["lab_ways"] == "several" and controls["lab_note"] == "note"
    answer = client.patch("/easel/settings", json={"lab_secret": "s", "model.clip_skip": 3})
    assert answer.json() == {"values": {"lab_secret": "s", "model.clip_skip": 3}}
    answer = client.patch("/easel/settings", json={"lab_share": 0.1, "model.clip_skip": 99})
    assert answer.status_code == 422 and opts.lab_share == 0.75
