"""The routes of networks: the older UI's lists, and the page's cards, notes and previews."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.networks.embeddings import Embeddings
from modules.networks.library import NetworkLibrary
from modules.networks.library_kinds import standard_kinds
from modules.networks.lora.catalogue import LoraCatalogue
from modules.rest.build import build_app
from modules.rest.services import ServerOptions
from tests.rest_support import LOCAL, build_house, close
from tests.test_networks_library import METADATA, network, picture


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    house = build_house(tmp_path)
    cache = FileCache(None)
    network(tmp_path / "Lora" / "a" / "river.safetensors", METADATA)
    network(tmp_path / "Lora" / "ink.safetensors")
    (tmp_path / "hyper").mkdir()
    (tmp_path / "hyper" / "glow.pt").write_bytes(b"x")
    for name in ("one", "two"):
        network(tmp_path / "ckpt" / f"{name}.safetensors")
    kinds = standard_kinds(
        CheckpointCatalogue((tmp_path / "ckpt",), cache),
        (tmp_path / "embeddings",),
        (tmp_path / "hyper",),
        (tmp_path / "Lora",),
        cache,
    )
    loaded = SimpleNamespace(step=500, checkpoint_hash="abcd", checkpoint_name="sd", width=768, count=4)
    skipped = SimpleNamespace(width=1024, vectors=2)
    services = replace(
        house.services,
        library=NetworkLibrary(kinds, cache),
        loras=LoraCatalogue((tmp_path / "Lora",), cache),
        embeddings=lambda: cast(
            Embeddings, SimpleNamespace(loaded={"good": loaded}, skipped={"other": skipped})
        ),
    )
    with TestClient(build_app(services, ServerOptions()), LOCAL) as client:
        yield client
    close(house)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[TestClient]:
    house = build_house(tmp_path)
    with TestClient(house.app, LOCAL) as client:
        yield client
    close(house)


def ok(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_lists_of_the_older_ui(client: TestClient, tmp_path: Path) -> None:
    embeddings = ok(client.get("/sdapi/v1/embeddings"))
    assert embeddings["loaded"]["good"] == {
        "step": 500,
        "sd_checkpoint": "abcd",
        "sd_checkpoint_name": "sd",
        "shape": 768,
        "vectors": 4,
    }
    assert embeddings["skipped"]["other"]["shape"] == 1024 and embeddings["skipped"]["other"]["vectors"] == 2
    glow = {"name": "glow", "path": str(tmp_path / "hyper" / "glow.pt")}
    assert ok(client.get("/sdapi/v1/hypernetworks")) == [glow]
    ink, river = ok(client.get("/sdapi/v1/loras"))
    assert (ink["name"], ink["alias"], ink["metadata"]) == ("ink", "ink", {})
    assert river["alias"] == "River trained" and river["metadata"]["ss_tag_frequency"]["one"]["river"] == 3
    network(tmp_path / "Lora" / "new.safetensors")
    for name in ("embeddings", "loras"):
        assert ok(client.post(f"/sdapi/v1/refresh-{name}")) is None
    assert [one["name"] for one in ok(client.get("/sdapi/v1/loras"))] == ["ink", "new", "river"]


def test_without_a_library_the_lists_are_empty(bare: TestClient) -> None:
    assert ok(bare.get("/sdapi/v1/embeddings")) == {"loaded": {}, "skipped": {}}
    assert ok(bare.get("/sdapi/v1/hypernetworks")) == ok(bare.get("/sdapi/v1/loras")) == []
    assert ok(bare.post("/sdapi/v1/refresh-embeddings")) is ok(bare.post("/sdapi/v1/refresh-loras")) is None
    assert ok(bare.get("/easel/networks")) == {"kinds": []}
    assert bare.get("/easel/networks/lora").status_code == 422


def test_cards_come_in_pages(client: TestClient) -> None:
    keys = [kind["key"] for kind in ok(client.get("/easel/networks"))["kinds"]]
    assert keys == ["checkpoints", "textual_inversion", "hypernetworks", "lora"]
    first = ok(client.get("/easel/networks/lora", params={"limit": 1}))
    assert first["total"] == 2 and [card["name"] for card in first["cards"]] == ["ink"]
    found = ok(client.get("/easel/networks/lora", params={"search": "RIV"}))
    assert found["cards"][0]["insertion"]["name"] == "river" and "path" not in found["cards"][0]
    assert ok(client.get("/easel/networks/lora/tree")) == {"folders": [{"path": "a", "count": 1}]}
    assert client.get("/easel/networks/nothing").status_code == 404
    for query in ({"sort": "x"}, {"limit": 0}, {"limit": 9999}, {"offset": -1}, {"search": "x" * 501}):
        assert client.get("/easel/networks/lora", params=query).status_code in (400, 422)


def test_the_checkpoint_in_use(client: TestClient) -> None:
    assert ok(client.get("/easel/networks/checkpoints"))["chosen"] == "one.safetensors"
    ok(client.post("/easel/networks/checkpoints/choose", params={"name": "two.safetensors"}))
    assert ok(client.get("/easel/networks/checkpoints"))["chosen"] == "two.safetensors"
    assert client.post("/easel/networks/lora/choose", params={"name": "ink"}).status_code == 422
    assert client.post("/easel/networks/checkpoints/choose", params={"name": "no"}).status_code == 404


def test_notes(client: TestClient, tmp_path: Path) -> None:
    body = {"fields": {"activation text": "ink wash", "preferred weight": 0.6}}
    saved = ok(client.put("/easel/networks/lora/notes", params={"name": "ink"}, json=body))
    assert saved["card"]["insertion"]["weight"] == 0.6 and saved["notes"]["activation text"] == "ink wash"
    assert json.loads((tmp_path / "Lora" / "ink.json").read_text())["preferred weight"] == 0.6
    details = ok(client.get("/easel/networks/lora/details", params={"name": "river"}))
    assert details["tags"][0] == ["river", 7] and details["path"].endswith("river.safetensors")
    digits = ok(client.get("/easel/networks/lora/hash", params={"name": "ink"}))["hash"]
    assert len(digits) == 12
    wrong = client.put("/easel/networks/lora/notes", params={"name": "ink"}, json={"fields": {"evil": "x"}})
    assert wrong.status_code in (400, 422) and wrong.json()["field"] == "evil"


def test_a_preview_is_uploaded_and_fetched_once(client: TestClient, tmp_path: Path) -> None:
    address, query = "/easel/networks/lora/preview", {"name": "ink"}
    assert client.get(address, params=query).status_code == 404
    image = "data:image/png;base64," + base64.b64encode(picture((800, 400), recipe="a boat")).decode()
    card = ok(client.put(address, params=query, json={"image": image}))["card"]
    assert int(card["preview"]) > 0 and (tmp_path / "Lora" / "ink.png").exists()
    answer = client.get(address, params=query | {"v": card["preview"]})
    assert answer.headers["content-type"] == "image/webp" and "immutable" in answer.headers["cache-control"]
    again = client.get(address, params=query, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    assert client.put(address, params=query, json={"image": "bm8="}).status_code in (400, 422)
    assert client.put(address, params=query, json={"picture": 12345}).status_code == 404
    assert client.put(address, params=query, json={}).status_code == 404


@pytest.mark.parametrize("name", ["../ink", "a/river", "/etc/passwd", "ink.safetensors", "", "x" * 1000])
def test_no_name_becomes_a_path(client: TestClient, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    query = {"name": name}
    image = base64.b64encode(picture((8, 8))).decode()
    for answer in (
        client.get("/easel/networks/lora/preview", params=query),
        client.get("/easel/networks/lora/details", params=query),
        client.get("/easel/networks/lora/hash", params=query),
        client.put("/easel/networks/lora/notes", params=query, json={"fields": {"notes": "x"}}),
        client.put("/easel/networks/lora/preview", params=query, json={"image": image}),
    ):
        assert answer.status_code == 404, answer.text
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_networks(client: TestClient) -> None:
    wanted = [{"kind": "lora", "name": "INK"}, {"kind": "lora", "name": "gone", "hash": "0123456789ab"}]
    found = ok(client.post("/easel/networks/missing", json={"networks": wanted}))["missing"]
    assert found == [{"kind": "lora", "name": "gone", "hash": "0123456789ab", "instead": None}]
    assert client.post("/easel/networks/missing", json={"networks": wanted * 200}).status_code == 422
