"""`/easel/prompt` and `/easel/names`, and the listing of the folders behind them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from modules.networks import names as names_module
from modules.networks.names import NetworkNames
from modules.rest.build import build_app
from modules.rest.services import ServerOptions
from tests.rest_support import LOCAL, House, build_house, close

ROOT = Path(__file__).resolve().parents[1]


def names_in(models: Path, *more: Any) -> NetworkNames:
    """The names in the usual folders below `models`."""
    networks = {"lora": (models / "Lora",), "hypernet": (models / "hypernetworks",)}
    return NetworkNames((models / "embeddings",), networks, *more)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = build_house(tmp_path)
    yield built
    close(built)


def safetensors(vectors: int, width: int = 768) -> bytes:
    header = f'{{"emb_params":{{"dtype":"F32","shape":[{vectors},{width}],"data_offsets":[0,0]}}}}'.encode()
    return struct.pack("<Q", len(header)) + header


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models with some files."""
    root = tmp_path / "models"
    files = {
        "embeddings/EasyLook.safetensors": safetensors(5),
        "embeddings/old.pt": b"",
        "embeddings/odd (1).bin": b"",
        "Lora/Ink.safetensors": b"",
        "Lora/sub/thin ink.safetensors": b"",
        "Lora/readme.txt": b"",
        "hypernetworks/inkwell.pt": b"",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def client_of(house: House, names: Any) -> TestClient:
    app: FastAPI = build_app(replace(house.services, names=names), ServerOptions())
    return TestClient(app, base_url=LOCAL, raise_server_exceptions=False)


@pytest.fixture
def client(house: House, models: Path) -> TestClient:
    names = names_in(models, lambda: ["Inked", "plain"], lambda: ["animals", "more/birds"])
    return client_of(house, names)


def explained(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/easel/prompt", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_explains_a_prompt(client: TestClient) -> None:
    answer = explained(
        client,
        prompt="a (cat:1.2), easylook <lora:ink:1> <lora:oil:1> <lyco:Ink:1> __fish__",
        negative_prompt="(b",
        steps=10,
        sampler="Heun",
    )
    assert answer["calls_a_step"] == 2
    assert [tag["known"] for tag in answer["tags"]] == [True, False, True]
    assert [(w["code"], w["field"]) for w in answer["warnings"]] == [
        ("network", "prompt"),
        ("wildcard", "prompt"),
        ("bracket", "negative_prompt"),
    ]
    tokens = answer["parts"][0]["texts"][0]["chunks"][0]["tokens"]
    assert tokens[1] == {"text": "cat", "weight": 1.2, "is_embedding": False, "places": 1, "ends_word": True}
    assert tokens[3]["text"] == "EasyLook" and tokens[3]["is_embedding"] and tokens[3]["places"] == 5


def test_defaults_and_real_characters(client: TestClient) -> None:
    answer = explained(client, prompt="naïve été", negative_prompt=None)
    tokens = answer["parts"][0]["texts"][0]["chunks"][0]["tokens"]
    words = "".join(token["text"] + " " * token["ends_word"] for token in tokens)
    assert words == "naïve été "
    assert answer["steps"] == 20
    assert explained(client)["used"] == 0


@pytest.mark.parametrize(
    "text", ["[" * 3000, "\\", "🐈" * 99, "(a:" * 500, "[a|b" * 500, "AND" * 9, "\t\r\n"]
)
def test_odd_texts_are_no_errors(client: TestClient, text: str) -> None:
    assert explained(client, prompt=text, negative_prompt=text)["parts"]


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        ({"prompt": "a" * 70_000}, "prompt", 422),
        ({"negative_prompt": "a" * 70_000}, "negative_prompt", 422),
        ({"steps": 0}, "steps", 422),
        ({"steps": 100_000}, "steps", 422),
        ({"hires_steps": -1}, "hires_steps", 422),
        ({"steps": "many"}, "steps", 422),
        ({"sampler": "nothing"}, "sampler_name", 400),
    ],
)
def test_refusals(client: TestClient, body: dict[str, Any], field: str, status: int) -> None:
    answer = client.post("/easel/prompt", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["detail"].endswith(".")


def test_without_names_nothing_is_unknown(house: House) -> None:
    client = client_of(house, None)
    answer = explained(client, prompt="<lora:x:1> __y__")
    assert answer["tags"][0]["known"] is None and answer["warnings"] == []
    assert client.get("/easel/names").json() == []


def test_completion(client: TestClient) -> None:
    def found(**query: Any) -> list[tuple[str, str, str]]:
        return [(c["kind"], c["name"], c["insert"]) for c in client.get("/easel/names", params=query).json()]

    assert found(q="INK") == [
        ("lora", "Ink", "<lora:Ink:1>"),
        ("style", "Inked", ""),
        ("hypernet", "inkwell", "<hypernet:inkwell:1>"),
        ("lora", "thin ink", "<lora:thin ink:1>"),
    ]
    assert found(q="ink", kind="lora", limit=1) == [("lora", "Ink", "<lora:Ink:1>")]
    assert found(q="bird") == [("wildcard", "more/birds", "__more/birds__")]
    assert found(kind="embedding") == [
        ("embedding", "EasyLook", "EasyLook"),
        ("embedding", "odd (1)", r"odd \(1\)"),
        ("embedding", "old", "old"),
    ]
    assert found(q="nothing at all") == []
    assert len(found()) == 10


@pytest.mark.parametrize("query", [{"kind": "vae"}, {"limit": 0}, {"limit": 1000}, {"limit": "x"}])
def test_refusals_of_completion(client: TestClient, query: dict[str, Any]) -> None:
    answer = client.get("/easel/names", params=query)
    assert answer.status_code == 422
    assert answer.json()["field"] == next(iter(query))


def test_names_follow_the_folder(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = names_in(models)
    assert names.networks("lora") == ["Ink", "thin ink"]
    (models / "Lora" / "sub" / "oil.safetensors").write_bytes(b"")
    assert names.networks("lora") == ["Ink", "oil", "thin ink"]
    long_ago = time.time() - 100
    for folder in (models / "Lora", models / "Lora" / "sub"):
        os.utime(folder, (long_ago, long_ago))
    names.networks("lora")
    monkeypatch.setattr(names_module.os, "walk", lambda *_, **__: pytest.fail("listed again"))
    assert names.networks("lora") == ["Ink", "oil", "thin ink"]
    monkeypatch.undo()
    (models / "Lora" / "Ink.safetensors").unlink()
    assert names.networks("lora") == ["oil", "thin ink"]
    assert names.networks("vae") == []


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    names = names_in(tmp_path / "nowhere")
    assert (names.embeddings(), names.networks("lora"), names.styles(), names.wildcards()) == ([], [], [], [])
    (tmp_path / "nowhere" / "Lora").mkdir(parents=True)
    (tmp_path / "nowhere" / "Lora" / "late.pt").write_bytes(b"")
    assert names.networks("lora") == ["late"]


def test_folders_that_hold_themselves(models: Path) -> None:
    (models / "Lora" / "again").symlink_to(models / "Lora", target_is_directory=True)
    assert names_in(models).networks("lora") == ["Ink", "thin ink"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 40, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 4) + b"{:{:", safetensors(0)]
)
def test_vectors_of_damaged_files(models: Path, data: bytes) -> None:
    names = names_in(models)
    assert names.embedding_vectors("EasyLook") == 5
    (models / "embeddings" / "EasyLook.safetensors").write_bytes(data)
    assert names.embedding_vectors("EasyLook") == 1
    assert names.embedding_vectors("old") == names.embedding_vectors("absent") == 1


def test_ten_thousand_names(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "many" / "Lora"
    folder.mkdir(parents=True)
    for number in range(10_000):
        (folder / f"style {number:05d} ink.safetensors").touch()
    client = client_of(house, names_in(tmp_path / "many"))
    long_ago = time.time() - 100
    os.utime(folder, (long_ago, long_ago))
    assert len(client.get("/easel/names", params={"q": "style"}).json()) == 20
    answer = client.get("/easel/names", params={"q": "9999 INK"}).json()
    assert [c["name"] for c in answer] == ["style 09999 ink"]


def test_torch_stays_out(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from modules.networks.names import NetworkNames
from modules.rest import prompts
from types import SimpleNamespace
from fastapi import FastAPI
app = FastAPI()
app.include_router(prompts.routes(SimpleNamespace(names=NetworkNames((Path(sys.argv[1]),), {}))))
client = TestClient(app)
assert client.post("/easel/prompt", json={"prompt": "a cat", "sampler": "Euler"}).json()["used"] == 2
assert client.get("/easel/names").json() == []
assert not {"torch", "transformers", "gradio"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
