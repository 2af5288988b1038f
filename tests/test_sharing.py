"""The public link, with services on this machine in the place of Gradio's."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import gradio.networking
import gradio.tunneling
import pytest

from modules.cli import parse
from modules.faults import NotPossibleNow
from modules.server import _share
from modules.sharing import public_link

LINK = "https://1a2b3c.share.example"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Gradio's service, and where its tunnel's program is to be."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps([{"host": "127.0.0.1", "port": 7000, "root_ca": "a certificate"}]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = tmp_path / "tunnel"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradio.networking, "GRADIO_API_SERVER", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(gradio.tunneling, "BINARY_PATH", str(program))
    monkeypatch.setattr(gradio.tunneling, "TUNNEL_TIMEOUT_SECONDS", 5)
    yield program
    for tunnel in gradio.tunneling.CURRENT_TUNNELS:
        tunnel.kill()
    gradio.tunneling.CURRENT_TUNNELS.clear()
    server.shutdown()
    server.server_close()


def install(program: Path, body: str) -> None:
    program.write_text(f"#!{sys.executable}\nimport json, sys, time\n{body}\n")
    program.chmod(0o755)


def test_a_link_to_the_port(service: Path, tmp_path: Path) -> None:
    install(
        service,
        "json.dump(sys.argv, open('told.json', 'w'))\n"
        f"print('start proxy success: {LINK}', flush=True)\ntime.sleep(60)",
    )
    assert public_link(7861) == LINK
    told = json.loads((tmp_path / "told.json").read_text())
    assert told[told.index("-l") + 1] == "7861" and told[told.index("--server_addr") + 1] == "127.0.0.1:7000"
    assert len(told[told.index("-n") + 1]) >= 32  # nobody guesses the link's secret


def test_without_the_service_easel_goes_on(
    service: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(service, "print('login to server failed: no more links today', flush=True)")
    with pytest.raises(NotPossibleNow, match="There is no public link"):
        public_link(7861)
    monkeypatch.setattr(gradio.networking, "GRADIO_API_SERVER", "http://127.0.0.1:9/")
    with caplog.at_level(logging.WARNING, "easel"):
        _share(7861)
    [record] = caplog.records
    assert "Could not get share link" in record.message and "\n" not in record.message


def test_a_shared_server_is_no_local_one() -> None:
    options = parse(["--share", "--gradio-auth", "a:b"]).server_options()
    assert options.listen and options.api_users == options.page_users == (("a", "b"),)
    assert parse(["--share", "--gradio-auth", "a:b"]).host == "127.0.0.1"


@pytest.mark.parametrize("flag", ["--nowebui", "--tls-keyfile"])
def test_what_cant_be_shared(flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("")
    files = [flag] if flag == "--nowebui" else [flag, "key", "--tls-certfile", "key"]
    files = [str(tmp_path / word) if word == "key" else word for word in files]
    with pytest.raises(SystemExit):
        parse(["--share", "--gradio-auth", "a:b", *files])
    assert flag in capsys.readouterr().err
