"""Who may ask, from where, how much, and for which files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from modules.rest.build import _add_guards
from modules.rest.gradio_files import paths_in, upload_folder
from modules.rest.guard import host_and_port, is_loopback
from modules.rest.services import ServerOptions
from tests.rest_support import build_house, close

LOCAL = "http://127.0.0.1:7860"


def guarded(**options: Any) -> FastAPI:
    """An app that answers everything with the length of the body, behind the guards."""
    app = FastAPI(docs_url=None, openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST", "OPTIONS"])
    async def anything(request: Request) -> dict[str, int]:
        return {"length": len(await request.body())}

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    _add_guards(app, ServerOptions(**options))
    return app


def client_of(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=LOCAL, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:7860", "127.0.0.1:1", "127.1.2.3", "[::1]:7860", "[::1]", "localhost.", "easel"],
)
def test_a_local_server_answers_to_its_names(host: Any) -> None:
    answer = client_of(guarded(host_names=("Easel",))).get("/", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7860", "0.0.0.0", "192.168.1.5", "",
     "localhost@evil.example", "evil.example/localhost", "localhost:x", "[::1", "localhost#x"],
)  # fmt: skip
def test_a_local_server_answers_to_no_other_name(host: Any) -> None:
    answer = client_of(guarded()).get("/", headers={"Host": host})
    assert answer.status_code == 400 and answer.json()["error"] == "UnknownHost"


def test_a_server_for_others_answers_to_any_name() -> None:
    app = guarded(listen=True, gradio_auth=(("anna", "secret"),))
    assert (
        client_of(app).get("/", headers={"Host": "studio.example"}, auth=("anna", "secret")).status_code
        == 200
    )


def test_host_headers() -> None:
    assert host_and_port("A.B:80") == ("a.b", 80) and host_and_port("[::1]:5") == ("::1", 5)
    assert host_and_port("a:b:c") is None and host_and_port("") is None
    assert is_loopback("::1") and not is_loopback("10.0.0.1") and not is_loopback("")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:7860", True),
        ("http://localhost:7860", False),
        ("http://127.0.0.1:8000", False),
        ("https://evil.example", False),
        ("http://127.0.0.1:7860.evil.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("https://studio.example", True),
        ("https://a.studio.example", True),
        ("https://a.studio.example.evil", False),
    ],
)
def test_origins_of_changes(origin: Any, allowed: Any) -> None:
    app = guarded(
        cors_origins=("https://studio.example",), cors_origins_regex=r"https://\w+\.studio\.example"
    )
    headers = {} if origin is None else {"Origin": origin}
    answer = client_of(app).post("/sdapi/v1/txt2img", json={}, headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert answer.json()["error"] == "ForeignOrigin"


def test_reading_needs_no_origin_but_is_not_shared() -> None:
    answer = client_of(guarded()).get("/", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_an_allowed_site_may_read_and_ask_beforehand() -> None:
    app = guarded(cors_origins=("https://studio.example",), api_auth=(("anna", "secret"),))
    headers = {"Origin": "https://studio.example", "Access-Control-Request-Method": "POST"}
    answer = client_of(app).options("/sdapi/v1/txt2img", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://studio.example"
    assert client_of(app).post("/sdapi/v1/x", headers={"Origin": "https://studio.example"}).status_code == 401
    foreign = client_of(app).options(
        "/sdapi/v1/txt2img", headers={**headers, "Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in foreign.headers


def test_the_page_behind_a_default_port() -> None:
    headers = {"Host": "localhost", "Origin": "http://localhost:80"}
    assert client_of(guarded()).post("/", headers=headers).status_code == 200
    headers = {"Host": "localhost:443", "Origin": "https://localhost"}
    assert client_of(guarded()).post("/", headers=headers).status_code == 200


def test_websockets_of_other_sites_are_refused() -> None:
    client = client_of(guarded())
    with client.websocket_connect("ws://127.0.0.1:7860/socket", headers={"Origin": LOCAL}):
        pass
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            client.websocket_connect("ws://127.0.0.1:7860/socket", headers=headers),
        ):
            pass
        assert refused.value.code == 1008


def test_bodies_over_the_limit() -> None:
    client = client_of(guarded(max_body=1000))
    assert client.post("/", content=b"x" * 1000).json() == {"length": 1000}
    answer = client.post("/", content=b"x" * 1001)
    assert answer.status_code == 413 and answer.json()["error"] == "TooLarge"

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    answer = client.post("/", content=pieces())
    assert answer.status_code == 413 and "MiB" in answer.json()["detail"]
    assert client.post("/", content=b"", headers={"Content-Length": "-5"}).status_code == 400


def test_the_limit_is_in_front_of_the_api(tmp_path: Path) -> None:
    house = build_house(tmp_path, ServerOptions(max_body=2048))

    def pieces() -> Iterator[bytes]:
        yield b'{"prompt": "'
        for _ in range(50):
            yield b"x" * 100
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    answer = house.client().post("/sdapi/v1/txt2img", content=pieces(), headers=headers)
    assert answer.status_code == 413 and answer.json()["error"] == "TooLarge"
    assert house.engine.requests == []
    close(house)


ANNA, BERT, NOBODY = ("anna", "secret"), ("bert", "pass:word"), ("anna", "wrong")


@pytest.mark.parametrize(
    ("options", "path", "right", "wrong"),
    [
        ({"api_auth": (ANNA,)}, "/sdapi/v1/x", [ANNA], [None, NOBODY, BERT]),
        ({"api_auth": (ANNA,)}, "/", [None, ANNA], []),
        ({"api_auth": (ANNA,)}, "/sdapi_other", [None], []),
        ({"gradio_auth": (ANNA, BERT)}, "/", [ANNA, BERT], [None, NOBODY]),
        ({"gradio_auth": (ANNA,)}, "/easel/events", [ANNA], [None, BERT]),
        ({"gradio_auth": (ANNA,)}, "/sdapi/v1/x", [ANNA], [None]),
        ({"gradio_auth": (ANNA,), "api_auth": (BERT,)}, "/sdapi/v1/x", [BERT], [None, ANNA]),
        ({"gradio_auth": (ANNA,), "api_auth": (BERT,)}, "//sdapi/v1/x", [BERT], [None, ANNA]),
        ({"gradio_auth": (ANNA,), "api_auth": (BERT,)}, "/gradio_api/x", [ANNA], [None, BERT]),
        ({"gradio_auth": (ANNA,), "api_auth": (BERT,)}, "/internal/ping", [ANNA, BERT], [None]),
        ({"listen": True, "api_auth": (ANNA,)}, "/", [ANNA], [None]),
        ({"listen": True, "api_auth": (ANNA,)}, "/internal/ping", [ANNA], [None]),
    ],
)
def test_passwords(options: Any, path: Any, right: Any, wrong: Any) -> None:
    client = client_of(guarded(**options))
    address = LOCAL + path
    assert [client.get(address, auth=user).status_code for user in right] == [200] * len(right)
    for user in wrong:
        answer = client.get(address, auth=user)
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")


def test_passwords_behind_a_prefix() -> None:
    client = TestClient(guarded(api_auth=(ANNA,)), base_url=LOCAL, root_path="/easel")
    assert client.get("/easel/sdapi/v1/x").status_code == 401
    assert client.get("/easel/gradio_api/file=/etc/passwd").status_code == 403
    assert client.get("/easel/other").status_code == 200


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Bearer x", "Basic YW5uYQ=="])
def test_broken_passwords(value: Any) -> None:
    answer = client_of(guarded(api_auth=(ANNA,))).get("/sdapi/v1/x", headers={"Authorization": value})
    assert answer.status_code == 401


def test_headers_of_every_answer() -> None:
    answer = client_of(guarded()).get("/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    refused = client_of(guarded()).get("/", headers={"Host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "uploads"
    (folder / "abc").mkdir(parents=True)
    (folder / "abc" / "picture.png").write_bytes(b"x")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    assert upload_folder() == folder
    return folder


JSON_PATHS = ["queue/join", "run/predict", "api/predict", "call/x", "call/v2/x", "component_server", "x/y"]


@pytest.mark.parametrize("route", JSON_PATHS)
def test_files_that_a_pages_request_may_name(uploads: Path, tmp_path: Path, route: Any) -> None:
    client = client_of(guarded(gradio_folders=(tmp_path / "outputs",)))
    meta = {"_type": "gradio.FileData"}

    def status(path: object, **more: object) -> int:
        body = {"data": [1, {"image": {"path": path, "meta": meta, **more}}], "fn_index": 3}
        return client.post(f"/gradio_api/{route}", json=body).status_code

    assert status(str(uploads / "abc" / "picture.png")) == 200
    assert status(str(tmp_path / "outputs" / "1.png")) == 200
    assert status(None) == 200 and status("") == 200
    for path in (
        "/etc/passwd",
        str(tmp_path / "secret.txt"),
        str(uploads / ".." / "secret.txt"),
        str(uploads / "link.png"),
        str(uploads) + "-other/x.png",
        "secret.txt",
        "http://127.0.0.1:7860/x.png",
        "file:///etc/passwd",
        "a\0b",
    ):
        assert status(path) == 403, path


def test_files_in_bodies_that_try_to_hide(uploads: Path) -> None:
    client = client_of(guarded())
    good = json.dumps(str(uploads / "abc" / "picture.png"))
    twice = f'{{"data": [{{"path": "/etc/passwd", "path": {good}}}]}}'
    bare = '{"data": [{"path": "/etc/passwd"}]}'
    deep = '{"data": [' + '{"a": ' * 40 + bare + "}" * 40 + "]}"
    escaped = '{"data": [{"\\u0070ath": "/etc/passwd"}]}'
    for body in (twice, bare, deep, escaped, "[" * 200_000):
        for kind in ("application/json", "text/plain", "application/json; charset=utf-8"):
            answer = client.post("/gradio_api/run/x", content=body, headers={"Content-Type": kind})
            assert answer.status_code == 403, body[:80]
    assert client.post("/gradio_api/run/x", content="{not json").status_code == 200


def test_bodies_reach_the_app_unchanged(uploads: Path) -> None:
    client = client_of(guarded())

    def pieces() -> Iterator[bytes]:
        yield b'{"data": ["'
        yield b"x" * 70_000
        yield b'"]}'

    assert client.post("/gradio_api/queue/join", content=pieces()).json() == {"length": 70_014}


def test_uploads_are_not_read_as_json(uploads: Path) -> None:
    files = {"files": ("x.json", b'{"path": "/etc/passwd"}')}
    assert client_of(guarded()).post("/gradio_api/upload", files=files).status_code == 200


def test_file_addresses(uploads: Path, tmp_path: Path) -> None:
    client = client_of(guarded(gradio_folders=(tmp_path / "outputs",)))
    assert client.get(f"/gradio_api/file={uploads}/abc/picture.png").status_code == 200
    assert client.get(f"/gradio_api/file={tmp_path}/outputs/a.png").status_code == 200
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api//file=/etc/passwd",
        "/page/gradio_api/file=/etc/passwd",
        f"/gradio_api/file=/etc/passwd/gradio_api/file={uploads}/abc/picture.png",
        "/file=/etc/passwd",
        f"/gradio_api/file={uploads}/../secret.txt",
        f"/gradio_api/file={uploads}/%2e%2e/secret.txt",
        f"/gradio_api/file={uploads}/link.png",
        "/gradio_api/file=http://127.0.0.1:7860/x",
        "/gradio_api/proxy=https://example.org/x",
    ):
        assert client.get(LOCAL + path).status_code == 403, path


def test_paths_in_bodies() -> None:
    assert paths_in(b'{"path": "a", "x": [{"path": "b"}, {"path": 5}]}') == ["b", "a"]
    assert paths_in(b"not json") == [] and paths_in(b"\xff") == []


def test_behind_the_guards_gradio_works(uploads: Path, tmp_path: Path) -> None:
    """The page is mounted on the app: its own routes pass, and the guards stand in front of them."""
    gradio = pytest.importorskip("gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with gradio.Blocks() as page:
        picture = gradio.File(type="filepath")
        size = gradio.Number()
        button = gradio.Button("Size")
        button.click(lambda path: os.path.getsize(path), picture, size, api_name="size")
    house = build_house(tmp_path / "house")
    app = gradio.mount_gradio_app(house.app, page, path="/")
    with client_of(app) as client:
        home = client.get("/")
        assert home.status_code == 200 and "text/html" in home.headers["content-type"]
        assert "text/css" in client.get("/theme.css").headers["content-type"]
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/sdapi/v1/samplers").json()[0]["name"] == "Euler"
        assert client.get("/sdapi/v1/nonsense").json()["error"] == "NotFound"

        body = {"data": [{"path": str(tmp_path / "secret.txt"), "meta": {"_type": "gradio.FileData"}}]}
        assert client.post("/gradio_api/call/size", json=body).status_code == 403
        assert client.post("/gradio_api/run/size", json=body).status_code == 403
        body["data"][0]["path"] = str(uploads / "abc" / "picture.png")
        answer = client.post("/gradio_api/run/size", json=body)
        assert answer.status_code == 200 and answer.json()["data"] == [1]
        headers = {"Origin": "https://evil.example"}
        assert client.post("/gradio_api/run/size", json=body, headers=headers).status_code == 403
    close(house)


def test_requests_to_the_api_are_logged_where_that_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "easel.api"):
        client = client_of(guarded(log_requests=True, api_auth=(("anna", "secret"),)))
        client.post("/sdapi/v1/txt2img", json={"prompt": "a cat"}, auth=("anna", "secret"))
        client.get("/sdapi/v1/a%0Ab")
        client.get("/easel/settings")
        client_of(guarded()).get("/sdapi/v1/options")
    first, second = (record.message for record in caplog.records)
    assert first.startswith("POST /sdapi/v1/txt2img 200 testclient ") and first.endswith(" s")
    assert second.startswith(r"GET /sdapi/v1/a\nb 401 ")
    assert "secret" not in caplog.text and "cat" not in caplog.text
