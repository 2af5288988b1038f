"""Styles over the API: lists, changes, and what a request's styles do; the flag that names their files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modules.cli import parse
from modules.prompts.style_book import StyleBook, read_styles
from modules.prompts.styles import Style
from modules.rest.build import build_app
from modules.rest.services import ServerOptions
from tests.rest_support import LOCAL, House, build_house, close

SMALL = {"width": 16, "height": 8, "steps": 2, "seed": 100}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    house.services = replace(
        house.services, styles=StyleBook([tmp_path / "styles.csv", tmp_path / "pack*.csv"])
    )
    house.app = build_app(house.services, ServerOptions())
    yield house
    close(house)


@pytest.fixture
def client(house: House) -> TestClient:
    return house.client()


def test_styles_are_kept(house: House, client: TestClient) -> None:
    assert client.get("/sdapi/v1/prompt-styles").json() == []
    assert client.get("/easel/styles").json() == {"styles": [], "files": ["styles.csv"]}
    oil = {"name": "Oil / thick", "prompt": "oil of {prompt}\nthick", "negative_prompt": "photo"}
    assert client.put("/easel/styles", json=oil).json() == {**oil, "file": "styles.csv"}
    answer = client.put("/easel/styles", json={"name": " Empty ", "prompt": None})
    empty = {"name": "Empty", "prompt": "", "negative_prompt": ""}
    assert answer.json() == {**empty, "file": "styles.csv"}
    assert client.get("/sdapi/v1/prompt-styles").json() == [oil, empty]
    assert client.get("/easel/styles").json()["styles"][0] == {**oil, "file": "styles.csv"}
    assert len(read_styles(house.folder / "styles.csv")) == 2
    assert client.delete("/easel/styles", params={"name": "Oil / thick"}).json() == {"deleted": True}
    assert client.get("/sdapi/v1/prompt-styles").json() == [empty]


def test_a_style_is_changed_in_its_own_file(house: House, client: TestClient) -> None:
    (house.folder / "pack.csv").write_text("name,prompt\nInk,ink\n")
    assert client.put("/easel/styles", json={"name": "Ink", "prompt": "wash"}).json()["file"] == "pack.csv"
    assert read_styles(house.folder / "pack.csv") == [Style("Ink", "wash")]
    assert not (house.folder / "styles.csv").exists()


@pytest.mark.parametrize(
    ("method", "arguments", "status", "field", "words"),
    [
        ("PUT", {"json": {"prompt": "x"}}, 422, "name", "name is missing."),
        ("PUT", {"json": {"name": ""}}, 422, "name", "needs a name"),
        ("PUT", {"json": {"name": "x", "prompt": 5}}, 422, "prompt", "must be text"),
        ("PUT", {"json": {"name": "x", "prompt": "x" * 16_001}}, 422, "prompt", "16,000"),
        ("PUT", {"content": "[]"}, 400, None, "JSON object"),
        ("DELETE", {}, 422, "name", "name is missing."),
        ("DELETE", {"params": {"name": "x"}}, 404, None, "There is no style named 'x'."),
        ("PUT", {"json": {"name": "x"}, "headers": {"Origin": "https://a.example"}}, 403, None, "web site"),
    ],
)
def test_bad_input_is_one_sentence(
    house: House, method: Any, arguments: Any, status: Any, field: Any, words: Any
) -> None:
    answer = house.client().request(method, "/easel/styles", **arguments)
    body = answer.json()
    assert (answer.status_code, body["field"]) == (status, field) and words in body["detail"]
    assert not (house.folder / "styles.csv").exists()


def test_a_requests_styles_go_into_its_prompts(house: House, client: TestClient) -> None:
    client.put("/easel/styles", json={"name": "Oil", "prompt": "oil of {prompt}", "negative_prompt": "photo"})
    client.put("/easel/styles", json={"name": "Snow", "prompt": "snow"})
    fields = {"prompt": "a fox", "negative_prompt": "trees", "styles": ["Oil", "Snow", "None"]}
    answer = client.post("/sdapi/v1/txt2img", json={**SMALL, **fields})
    assert answer.status_code == 200
    request = house.engine.requests[-1]
    assert (request.prompt, request.negative_prompt) == ("oil of a fox, snow", "trees, photo")
    info = json.loads(answer.json()["info"])
    assert info["prompt"] == "oil of a fox, snow" and info["styles"] == ["Oil", "Snow", "None"]
    assert answer.json()["parameters"]["prompt"] == "a fox"


def test_an_unknown_style_is_named(house: House, client: TestClient) -> None:
    answer = client.post("/sdapi/v1/txt2img", json={**SMALL, "styles": ["Oli"]})
    body = answer.json()
    assert (answer.status_code, body["field"]) == (400, "styles")
    assert body["detail"] == "There is no style named 'Oli'."
    assert house.engine.requests == []


def test_a_prompt_that_grows_too_long_is_refused(house: House, client: TestClient) -> None:
    client.put("/easel/styles", json={"name": "Long", "prompt": "{prompt}" * 1000})
    answer = client.post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "x" * 17, "styles": ["Long"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "prompt")
    answer = client.post(
        "/sdapi/v1/txt2img", json={**SMALL, "prompt": "x" * 16_000, "styles": ["Long"] * 100}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "prompt")


def test_without_a_book(tmp_path: Path) -> None:
    house = build_house(tmp_path)
    app = build_app(replace(house.services, styles=None), ServerOptions())
    client = TestClient(app, base_url=LOCAL)
    assert client.get("/sdapi/v1/prompt-styles").json() == []
    assert client.get("/easel/styles").json() == {"styles": [], "files": []}
    assert client.put("/easel/styles", json={"name": "x"}).status_code == 422
    answer = client.post("/sdapi/v1/txt2img", json={**SMALL, "styles": ["x"]})
    assert (answer.status_code, answer.json()["field"]) == (400, "styles")
    close(house)


def test_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, pattern = (str(tmp_path / name) for name in ("a.csv", "b.csv", "c*.csv"))
    line = parse(["--styles-file", one, two, "--styles-file", pattern, "--port", "7001"])
    assert [str(path) for path in line.styles_files] == [one, two, pattern] and line.port == 7001
    assert line.as_flags()["styles_files"] == [one, two, pattern]
    assert parse([]).styles_files == () and capsys.readouterr().err == ""
    with pytest.raises(SystemExit):
        parse(["--styles-file", str(tmp_path)])
    assert "is a folder; a file is expected" in capsys.readouterr().err


def test_styles_are_recognised_in_a_prompt(client: TestClient) -> None:
    client.put(
        "/easel/styles", json={"name": "Oil", "prompt": "oil of {prompt}, thick", "negative_prompt": "photo"}
    )
    prompts = {"prompt": "oil of a fox, thick", "negative_prompt": "trees, photo"}
    assert client.post("/easel/styles/recognise", json=prompts).json() == {
        "styles": ["Oil"],
        "prompt": "a fox",
        "negative_prompt": "trees",
    }
    plain = {"prompt": "a fox", "negative_prompt": ""}
    assert client.post("/easel/styles/recognise", json=plain).json() == {"styles": [], **plain}
