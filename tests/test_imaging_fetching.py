"""Pictures from addresses: what is fetched, from where, and what is refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from modules.faults import InvalidField, NotSupported
from modules.imaging import fetching
from modules.imaging.fetching import FetchRules, fetch, is_public, picture_bytes
from tests.rest_support import build_house, close

FIELD = "init_images"
FILE = b"\x89PNG and so on"
LOCAL = FetchRules(local=True, seconds=3)


class Shelf(ThreadingHTTPServer):
    """A server of files, which notes what it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str, str]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def address(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"


class Answer(BaseHTTPRequestHandler):
    """By the path: a file, an error, a redirection, or more than anyone wants."""

    server: Shelf

    def log_message(self, *arguments: Any) -> None: ...

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"], self.headers["User-Agent"]))
        name = self.path[1:]
        if name == "missing":
            return self.send_error(404)
        if name == "around" or name.startswith("to/"):
            self.send_response(302)
            self.send_header("Location", name.removeprefix("to/"))
            return self.end_headers()
        if name == "slow":
            time.sleep(5)
        self.send_response(200)
        if name == "huge":
            self.send_header("Content-Length", str(10**12))
        self.end_headers()
        if name == "endless":
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                return None
        return None if name == "huge" else self._send()

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # a client that had no more time is gone
            self.wfile.write(FILE)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    server = Shelf()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def far_away(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """`shelf` seems to be in the open net, under every name; the names that were looked up."""
    names: list[str] = []

    def look_up(host: str, port: int | None, **how: Any) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 80))]

    monkeypatch.setattr(fetching, "is_public", lambda place: True)
    monkeypatch.setattr(fetching, "socket", _Sockets(look_up))
    yield names


class _Sockets:
    """The module `socket` as `fetching` sees it; the library that connects has its own."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self, look_up: Any) -> None:
        self.getaddrinfo = look_up


def test_base64_or_an_address(shelf: Shelf) -> None:
    assert picture_bytes(b64encode(FILE).decode(), FIELD, LOCAL) == FILE
    assert picture_bytes(shelf.address("fox.png"), FIELD, LOCAL) == FILE
    assert picture_bytes(f" {shelf.address('fox.png').replace('http', 'HTTP')}\n", FIELD, LOCAL) == FILE


def test_the_connection_goes_where_the_look_led(shelf: Shelf, far_away: list[str]) -> None:
    address = shelf.address("fox.png", "pictures.example")
    assert fetch(address, FIELD, FetchRules(user_agent="Easel")) == FILE
    assert far_away == ["pictures.example"]  # looked up once
    assert shelf.asked == [("/fox.png", f"pictures.example:{shelf.port}", "Easel")]


def test_every_redirection_is_looked_at(shelf: Shelf, far_away: list[str]) -> None:
    elsewhere = shelf.address("fox.png", "elsewhere.example")
    assert fetch(shelf.address(f"to/{elsewhere}", "pictures.example"), FIELD, FetchRules()) == FILE
    assert far_away == ["pictures.example", "elsewhere.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"])
def test_nothing_from_this_machine(shelf: Shelf, host: str) -> None:
    with pytest.raises(NotSupported, match="pictures from there are not fetched") as caught:
        fetch(shelf.address("fox.png", host), FIELD, FetchRules())
    assert caught.value.field == FIELD and not shelf.asked


def test_no_redirection_to_this_machine(
    shelf: Shelf, far_away: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "is_public", lambda place: far_away[-1] != "inner.example")
    with pytest.raises(NotSupported, match=r"inner\.example is on this machine"):
        fetch(
            shelf.address(f"to/{shelf.address('x', 'inner.example')}", "outer.example"), FIELD, FetchRules()
        )
    assert len(shelf.asked) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "it answered 404"),
        ("huge", "too large"),
        ("endless", "too large"),
        ("to/ftp://example.org/x", "no http or https address"),
        ("to/file:///etc/passwd", "no http or https address"),
    ],
)
def test_no_file(shelf: Shelf, path: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 4 << 20)
    with pytest.raises(InvalidField, match=reason):
        fetch(shelf.address(path), FIELD, LOCAL)


def test_round_and_round(shelf: Shelf) -> None:
    with pytest.raises(InvalidField, match="leads on and on"):
        fetch(shelf.address("around"), FIELD, LOCAL)


def test_time_is_short(shelf: Shelf) -> None:
    with pytest.raises(InvalidField, match="did not answer in time"):
        fetch(shelf.address("slow"), FIELD, FetchRules(local=True, seconds=0.3))


@pytest.mark.parametrize(
    "address", ["http://", "https://[", "http://no-such-host.invalid/x", "http://127.0.0.1:1/x"]
)
@pytest.mark.parametrize("local", [True, False])
def test_addresses_that_lead_nowhere(address: str, local: bool) -> None:
    with pytest.raises((InvalidField, NotSupported)) as caught:
        fetch(address, FIELD, FetchRules(local=local, seconds=3))
    assert caught.value.message.startswith(f"{FIELD}: ")


@pytest.mark.parametrize(
    ("place", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("192.168.1.1", False),
        ("172.16.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("127.0.0.1", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", True), ("2002:7f00:1::", False), ("no", False),
    ],
)  # fmt: skip
def test_the_open_net(place: str, public: bool) -> None:
    assert is_public(place) is public


def test_through_the_api(shelf: Shelf, tmp_path: Any) -> None:
    house = build_house(tmp_path)
    try:
        client = house.client()

        def asked() -> Any:
            return client.post("/sdapi/v1/png-info", json={"image": shelf.address("fox.png")})

        refused = asked()
        assert refused.status_code == 422 and "api_forbid_local_requests" in refused.json()["errors"]
        changed = client.post("/sdapi/v1/options", json={"api_forbid_local_requests": False})
        assert changed.status_code == 422 and "on the page only" in changed.json()["errors"]
        fields = {"prompt": "x", "override_settings": {"api_forbid_local_requests": False}}
        assert client.post("/sdapi/v1/txt2img", json=fields).status_code == 422
        assert client.post("/sdapi/v1/options", json={"api_forbid_local_requests": True}).status_code == 200
        assert not shelf.asked
        assert client.patch("/easel/settings", json={"api.forbid_local": False}).status_code == 200
        assert "no picture" in asked().json()["errors"] and len(shelf.asked) == 1
        client.patch("/easel/settings", json={"api.fetch_pictures": False})
        assert "api_enable_requests" in asked().json()["errors"] and len(shelf.asked) == 1
    finally:
        close(house)
