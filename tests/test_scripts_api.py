"""Scripts of extensions: the table with all names, the API, and the older UI's extensions beside our own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from modules.app import Application, build
from modules.faults import InvalidField, UnknownName
from modules.folders import Folders
from modules.generation.hooks import GenerationHooks
from modules.generation.requests import ScriptCall, TextToImage
from modules.plugins.hooks import ALL_TABS, Controls, Script, Tab
from modules.plugins.manager import SHIPPED
from modules.plugins.older import NoOlder
from modules.plugins.script_services import ScriptServices
from modules.rest.build import ServerOptions, build_app
from tests import tiny_model

OWN = """
from dataclasses import replace
import gradio as gr
from modules.plugins.hooks import Controls, Script, hookimpl

def rubbish(request, values, studio):
    yield from studio.make(request)
    yield "no picture"

def words(request, values, studio):
    for word in values["words"].split():
        for picture in studio.make(replace(request, prompt=word)):
            yield picture
    yield replace(picture, kind="grid")

@hookimpl
def scripts():
    return [
        Script("Words", words, lambda: {"words": gr.Textbox(label="All words"), "n": gr.Slider(1, 9, 2, step=1)},
               {"words": "a b", "n": 2}, aliases=("each word",)),
        Script("Rubbish", rubbish, tabs=("img2img",)),
        Script("each WORD", rubbish, tabs=("inpaint",)),
        Script("None", rubbish),
        Script("Broken", lambda request, values, studio: [][1]),
    ]

@hookimpl
def controls():
    return [Controls("A border", lambda: {"width": gr.Number(label="Width"), "colour": gr.Textbox()})]
"""


class Older(NoOlder):
    """Two scripts of one name: one for each of the older UI's tabs."""

    generation = GenerationHooks()

    def __init__(self) -> None:
        self.said: list[str] = []

    def load(self, extension: Any, script: Path) -> None:
        self.said.append(f"{extension.name}/{script.name}")

    def scripts(self) -> list[tuple[str, Script]]:
        texts = Script("Old One", self._run, defaults={"0": "x", "1": 3}, tabs=("txt2img",))
        pictures = Script("Old One", self._run, defaults={"0": "y"}, tabs=("img2img", "inpaint", "outpaint"))
        return [("old", texts), ("old", pictures), ("old", Script("words", self._run))]

    def _run(self, request: Any, values: dict[str, Any], studio: Any) -> Iterator[Any]:
        self.said.append(str(values))
        yield from studio.make(request)

    def controls(self) -> list[tuple[str, Controls]]:
        return []

    def tabs(self) -> list[tuple[str, Tab]]:
        return [("old", Tab("Old tab", "old_tab", lambda: None))]

    def head(self) -> str:
        return "<script>older</script>"

    def building_page(self) -> AbstractContextManager[None]:
        self.said.append("building")
        return nullcontext()

    def page_built(self, page: Any) -> None:
        self.said.append("built")

    def started(self, app: Any, page: Any) -> None:
        raise RuntimeError("older and broken")

    def always_on(self, scripts: Any, kind: Any) -> dict[str, dict[str, Any]]:
        if set(scripts) != {"Always"}:
            raise UnknownName("alwayson_scripts", "There is no such script.")
        return {"old": {"always/script:0": scripts["Always"]["args"][0]}}

    def names(self) -> dict[str, list[str]]:
        return {"txt2img": ["old one", "always"], "img2img": ["old one"]}

    def infos(self) -> list[dict[str, Any]]:
        return [{"name": "old one", "is_alwayson": False, "is_img2img": False, "args": []}]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    data = tmp_path_factory.mktemp("easel")
    shipped = [folder.name for folder in SHIPPED.iterdir() if folder.is_dir()]
    (data / "settings.json").write_text(json.dumps({"extensions": {"disabled": shipped}}))
    tiny_model.write(data / "models" / "Stable-diffusion" / "tiny.safetensors")
    (data / "extensions" / "own").mkdir(parents=True)
    (data / "extensions" / "own" / "easel_extension.py").write_text(OWN)
    (data / "extensions" / "old" / "scripts").mkdir(parents=True)
    (data / "extensions" / "old" / "scripts" / "one.py").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        opened = lambda application, networks, flags: application.plugins.attach(Older())  # noqa: E731
        patch.setattr("modules.older_face.open_face", opened)
        application = build(Folders(data=data, models=data / "models"), warm_up=False)
    application.start()
    yield application
    application.close()


@pytest.fixture(scope="module")
def client(application: Application) -> TestClient:
    services = application.rest_services(lambda: None)
    app = build_app(services, ServerOptions())
    return TestClient(app, base_url="http://127.0.0.1:7860")


BODY = {"steps": 1, "width": 64, "height": 64, "seed": 3, "prompt": "fox"}


def ask(client: TestClient, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = client.post("/sdapi/v1/txt2img", json={**BODY, **body})
    assert answer.status_code == 200, answer.text
    return answer.json(), json.loads(answer.json()["info"])


def refused(client: TestClient, kind: str = "txt2img", **body: Any) -> tuple[int, str, str]:
    answer = client.post(f"/sdapi/v1/{kind}", json={**BODY, **body})
    return answer.status_code, answer.json()["field"], answer.json()["detail"]


def test_the_table_has_each_name_once_in_each_tab(application: Application) -> None:
    menu = [(title, len(tabs)) for title, tabs in application.plugins.scripts.menu()]
    assert menu == [("Words", 4), ("Rubbish", 1), ("Broken", 4), ("Old One", 4)]
    own, old = application.plugins.get("own"), application.plugins.get("old")
    assert own is not None and old is not None
    assert [failure.message for failure in own.failures] == [
        "The script 'each word' belongs to the extension own already.",
        "A script can't be named 'None'.",
    ]
    assert [failure.message for failure in old.failures] == [
        "The script 'words' belongs to the extension own already."
    ]


def test_values_by_place_and_by_name(application: Application) -> None:
    table = application.plugins.scripts
    both = ScriptCall(name="Words", values={"words": "c", "n": 2})
    assert (
        table.by_place("each word", ["c"], "txt2img")
        == both
        == table.by_name("WORDS", {"words": "c"}, "inpaint")
    )
    assert table.by_place("old one", [], "img2img").values == {"0": "y"}
    with pytest.raises(InvalidField, match=r"3 values; Words takes 2: words, n\.") as caught:
        table.by_place("words", [1, 2, 3], "txt2img")
    assert caught.value.field == "script_args"
    with pytest.raises(InvalidField, match="Rubbish is for img2img only"):
        table.find("rubbish", "txt2img")
    with pytest.raises(UnknownName):
        table.find("nothing", "txt2img")


def test_a_script_through_the_api(client: TestClient) -> None:
    answer, info = ask(client, script_name="EACH word", script_args=["cat dog", 4])
    pictures = [Image.open(BytesIO(base64.b64decode(image))) for image in answer["images"]]
    assert len(pictures) == 3 and info["index_of_first_image"] == 1
    assert info["all_prompts"] == ["cat", "dog"] and info["all_seeds"] == [3, 3]
    assert [text.split("\n")[0] for text in info["infotexts"]] == ["dog", "cat", "dog"]
    assert pictures[0].tobytes() == pictures[2].tobytes() != pictures[1].tobytes()
    assert answer["parameters"]["script_name"] == "EACH word"
    several, info = ask(client, batch_size=2, save_images=True)
    assert len(several["images"]) == 3 and info["index_of_first_image"] == 1  # a plain one has its own grid


def test_a_script_of_the_older_ui_through_the_api(client: TestClient, application: Application) -> None:
    ask(client, script_name="old one", script_args=["z"])
    older = application.plugins.older
    assert isinstance(older, Older)
    assert older.said[0] == "old/one.py" and older.said[-1] == "{'0': 'z', '1': 3}"


def test_what_is_wrong_with_scripts_is_said(client: TestClient) -> None:
    assert refused(client, script_name="x") == (422, "script_name", "There is no script named 'x'.")
    assert refused(client, script_name="words", script_args=[1, 2, 3])[:2] == (422, "script_args")
    assert refused(client, alwayson_scripts={"nobody": {"args": []}})[:2] == (422, "alwayson_scripts")
    assert refused(client, alwayson_scripts={"words": {"args": []}})[:2] == (422, "alwayson_scripts")
    assert refused(client, alwayson_scripts={"own": [1]})[:2] == (422, "alwayson_scripts")
    status, _, detail = refused(client, script_name="broken")
    assert status == 503 and "The extension own failed in the script Broken (IndexError" in detail
    png = BytesIO()
    Image.new("RGB", (64, 64)).save(png, "PNG")
    image = base64.b64encode(png.getvalue()).decode()
    status, _, detail = refused(client, "img2img", init_images=[image], script_name="rubbish")
    assert status == 503 and "must yield GeneratedImage, not 'no picture'" in detail


def test_always_on_scripts_are_extensions_controls(application: Application) -> None:
    services = ScriptServices(application.plugins)
    assert services.always_on({"OWN": {"args": [8]}}, "txt2img") == {"own": {"width": 8}}
    named = {"A border": {"args": {"colour": "tan"}}, "Always": {"args": [True]}}
    assert services.always_on(named, "img2img") == {
        "own": {"colour": "tan"},
        "old": {"always/script:0": True},
    }
    for wrong in ({"args": [1, 2, 3]}, {"args": {"height": 1}}):
        with pytest.raises(InvalidField):
            services.always_on({"own": wrong}, "txt2img")


def test_always_on_scripts_reach_the_request(client: TestClient, application: Application) -> None:
    both = {"alwayson_scripts": {"own": {"args": [8, "tan"]}}, "extensions": {"own": {"width": 9}}}
    ask(client, **both)
    request = application.queue.recent(1)[0].request
    assert isinstance(request, TextToImage) and request.extensions == {"own": {"width": 8, "colour": "tan"}}


def test_lists(client: TestClient) -> None:
    assert client.get("/sdapi/v1/scripts").json() == {
        "txt2img": ["words", "broken", "own", "old one", "always"],
        "img2img": ["words", "rubbish", "broken", "own", "old one"],
    }
    infos = client.get("/sdapi/v1/script-info").json()
    words = infos[0]
    assert (words["name"], words["is_alwayson"], words["is_img2img"]) == ("words", False, False)
    assert [(arg["label"], arg["value"]) for arg in words["args"]] == [("words", "a b"), ("n", 2)]
    assert [info["name"] for info in infos[1:]] == ["words", "rubbish", "broken", "broken", "old one"]


def test_the_older_face_is_part_of_the_page(application: Application) -> None:
    from modules.pages.build import build_page

    parts, older = application.plugins.page, application.plugins.older
    assert isinstance(older, Older)
    assert [tab.title for tab in application.plugins.tabs()] == ["Old tab"]
    assert parts.head().startswith("<script>older</script>")
    with parts.building():
        page = build_page(application.page_services())
    parts.started(None, page)  # type: ignore[arg-type]  # that it raises is its own affair
    assert older.said[-2:] == ["building", "built"]
    built = parts.built_script("Words", ("txt2img", "img2img", "inpaint", "outpaint"))
    assert built is not None and list(built.controls) == ["words", "n"]
    slider = ScriptServices(application.plugins).infos()[0]["args"][1]
    assert (slider["minimum"], slider["maximum"], slider["step"]) == (1, 9, 1)


def test_the_page_s_values_become_a_call(application: Application) -> None:
    from modules.pages.form import start_values
    from modules.pages.submitting import submit_form, value_name

    services = application.page_services()
    tabs = ALL_TABS
    values = {
        **start_values(),
        "prompt": "fox",
        "steps": 1,
        "sampler": "Euler",
        "width": 64,
        "height": 64,
        value_name("extension", "old", "always/script:0", ("txt2img",)): 7,
        value_name("script", "Old One", "0", ("txt2img",)): "here",
        value_name("script", "Old One", "0", ("img2img",)): "elsewhere",
        value_name("script", "Words", "words", tabs): "not chosen",
    }
    job = submit_form({**values, "script": "Old One"}, services)["job"]
    request = application.queue.wait(job, 20).request
    assert isinstance(request, TextToImage)
    assert request.script is not None and request.script.seed is not None
    assert replace(request.script, seed=None) == ScriptCall(name="Old One", values={"0": "here", "1": 3})
    assert request.extensions == {"old": {"always/script:0": 7}}
    assert submit_form({**values, "script": "Rubbish"}, services)["field"] == "script"
    assert "no script named 'Gone'" in submit_form({**values, "script": "Gone"}, services)["error"]
    plain = application.queue.wait(submit_form({**values, "script": "None"}, services)["job"], 20).request
    assert isinstance(plain, TextToImage) and plain.script is None
