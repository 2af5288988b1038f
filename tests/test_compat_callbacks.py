"""The older UI's callbacks: whose they are, their order, their failures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.compat import script_callbacks
from tests.older_house import Lab, lab

CALLBACKS = """
import modules.script_callbacks as script_callbacks
from modules import script_callbacks as again
calls = []

def first(params):
    calls.append(("first", params.image))
    params.image = params.image + 1

script_callbacks.on_before_image_saved(first)
script_callbacks.on_before_image_saved(lambda params: calls.append(("second", params.image)), name="late")
script_callbacks.on_script_unloaded(lambda: calls.append("unloaded"))
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def test_there_are_all_of_them():
    names = {name for name in dir(script_callbacks) if name.startswith("on_")}
    assert len(names) == 21 and {"on_before_ui", "on_cfg_after_cfg", "on_list_unets"} <= names


def test_a_callback_knows_its_extension_and_goes_with_it(here: Lab):
    one = here.write("ext-one", scripts__a=CALLBACKS)
    here.load(one)
    (first, late) = script_callbacks.callbacks("before_image_saved")
    assert (first.extension, first.script) == ("ext-one", "a.py")
    assert late.name == "ext-one/a.py/before_image_saved/late"
    calls = first.callback.__globals__["calls"]
    params = script_callbacks.ImageSaveParams(1, None, "x.png", {"parameters": ""})
    script_callbacks.before_image_saved_callback(params)
    assert calls == [("first", 1), ("second", 2)] and params.image == 2
    from modules.compat import loader

    loader.unload("ext-one")
    assert calls[-1] == "unloaded" and not script_callbacks.callbacks("before_image_saved")


def test_one_that_fails_is_noted_and_the_rest_goes_on(here: Lab):
    text = "from modules import script_callbacks\nscript_callbacks.on_cfg_denoiser(lambda params: 1 / 0)\n"
    here.load(here.write("bad", scripts__a=text))
    seen: list[int] = []
    script_callbacks.on_cfg_denoiser(lambda params: seen.append(params.sampling_step))
    script_callbacks.cfg_denoiser_callback(script_callbacks.CFGDenoiserParams(0, 0, 0, 3, 20, 0, 0))
    assert seen == [3]
    assert here.plugins.notes == [("bad", "cfg_denoiser", "division by zero")]


def test_the_metadata_says_an_order(here: Lab):
    text = "from modules import script_callbacks\nscript_callbacks.on_image_saved(print, name='{}')\n"
    a = here.write("aa", scripts__x=text.format("one"))
    b = here.write("bb", scripts__x=text.format("two"))
    (here.folder / "bb" / "metadata.ini").write_text("[callbacks/bb/x.py/image_saved]\nBefore = aa/x.py\n")
    here.load(a)
    here.load(b)
    assert [one.extension for one in script_callbacks.callbacks("image_saved")] == ["bb", "aa"]


def test_removing(here: Lab):
    script_callbacks.on_before_ui(print)
    script_callbacks.remove_callbacks_for_function(print)
    assert not script_callbacks.callbacks("before_ui")


def test_lists_and_recipes(here: Lab):
    script_callbacks.on_list_unets(lambda found: found.append("mine"))
    script_callbacks.on_infotext_pasted(lambda text, params: params.update(Steps="9"))
    params = {"Steps": "1"}
    script_callbacks.infotext_pasted_callback("", params)
    assert script_callbacks.list_unets_callback() == ["mine"] and params["Steps"] == "9"
