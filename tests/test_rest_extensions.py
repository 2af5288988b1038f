"""`/easel/extensions`: the list, switches, settings, files, installing by git and from folders, and who may."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from modules.faults import InvalidField, NotPossibleNow
from modules.plugins import git
from modules.plugins.installing import name_of
from modules.plugins.manager import PluginManager
from modules.plugins.services import ExtensionControl
from modules.rest import extensions
from modules.rest.errors import install_handlers
from modules.sampling import catalogue
from modules.settings.store import SettingsStore

CODE = '''"""Says hello."""
from pydantic import BaseModel
from modules.plugins.hooks import hookimpl
class Mine(BaseModel):
    word: str = "fox"
@hookimpl
def settings(): return Mine
'''


@dataclass
class Lab:
    client: TestClient
    manager: PluginManager
    folder: Path
    restarted: list[bool]

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.client.post(f"/easel/extensions/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def one(self, name: str) -> Any:
        listed = self.client.get("/easel/extensions").json()["extensions"]
        return next(item for item in listed if item["name"] == name)


def lab_in(folder: Path, allowed: bool = True) -> Lab:
    settings = SettingsStore(folder / "settings.json")
    manager = PluginManager(folder / "extensions", settings)
    app, restarted = FastAPI(), []
    control = ExtensionControl(manager, settings, allowed=allowed)
    app.include_router(extensions.routes(control, lambda: restarted.append(True)))
    install_handlers(app)
    return Lab(TestClient(app), manager, folder, restarted)


def write(folder: Path, code: str = CODE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "easel_extension.py").write_text(code)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    write(tmp_path / "extensions" / "hello")
    write(tmp_path / "extensions" / "wrong", "1 / 0")
    yield lab_in(tmp_path)
    catalogue.extend((), ())


def repository(folder: Path) -> Path:
    write(folder)
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "first"]):
        command = ["git", "-c", "user.name=Ann", "-c", "user.email=a@example.org", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def commit(folder: Path, text: str) -> None:
    (folder / "news.txt").write_text(text)
    for words in (["add", "."], ["commit", "-qm", text]):
        command = ["git", "-c", "user.name=Ann", "-c", "user.email=a@example.org", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_the_list(lab: Lab) -> None:
    hello, wrong = lab.one("hello"), lab.one("wrong")
    assert (hello["loaded"], hello["description"], hello["failures"]) == (True, "Says hello.", [])
    assert hello["settings"]["values"] == {"word": "fox"} and hello["version"] is None
    assert not wrong["loaded"] and wrong["failures"][0]["message"] == "ZeroDivisionError: division by zero"
    assert "Traceback" in wrong["failures"][0]["details"]
    state = lab.client.get("/easel/extensions").json()
    assert (state["allowed"], state["disable"], state["restart"], state["can_restart"]) == (
        True,
        "none",
        False,
        True,
    )
    items = lab.client.get("/sdapi/v1/extensions").json()
    assert items[0] == {
        "name": "hello",
        "remote": "",
        "branch": "",
        "commit_hash": "",
        "version": "",
        "commit_date": "",
        "enabled": True,
    }


def test_without_extensions() -> None:
    app = FastAPI()
    app.include_router(extensions.routes(None))
    assert TestClient(app).get("/sdapi/v1/extensions").json() == []
    assert TestClient(app).get("/easel/extensions").status_code == 404


def test_switching_and_reloading(lab: Lab) -> None:
    state = lab.post("switch", name="hello", on=False)
    assert state["restart"] and lab.one("hello")["loaded"] and not lab.one("hello")["enabled"]
    lab.post("reload", name="hello")
    assert not lab.one("hello")["loaded"]
    lab.post("switch", name="hello", on=True)
    assert not lab.post("reload", name="hello")["restart"]
    write(lab.folder / "extensions" / "wrong")
    assert lab.one("wrong")["failures"]
    lab.post("reload", name="wrong")
    assert lab.one("wrong")["loaded"] and not lab.one("wrong")["failures"]
    assert "no extension named 'nobody'" in lab.post("switch", 400, name="nobody", on=True)["detail"]
    assert lab.post("disable", which="all")["disable"] == "all"
    assert not lab.one("hello")["enabled"]
    assert lab.post("disable", which="none")["disable"] == "none"
    lab.post("disable", 422, which="some")
    assert lab.post("restart") == {"restarting": True} and lab.restarted == [True]


def test_settings(lab: Lab) -> None:
    lab.post("settings", name="hello", values={"word": "wolf"})
    assert lab.one("hello")["settings"]["values"] == {"word": "wolf"}
    assert lab.post("settings", 422, name="hello", values={"word": 5})["field"] == "word"
    lab.post("settings", 400, name="hello", values={"nothing": 5})
    lab.post("settings", 422, name="wrong", values={})


def test_files(lab: Lab) -> None:
    folder = lab.folder / "extensions" / "hello"
    (folder / "style.css").write_text("a {}")
    answer = lab.client.get("/easel/extensions/hello/files/style.css")
    assert answer.text == "a {}" and answer.headers["content-type"].startswith("text/css")
    (folder / "config.json").write_text("{}")
    (lab.folder / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(lab.folder / "outside.js")
    for path in (
        "easel_extension.py",
        "..%2F..%2Foutside.js",
        "link.js",
        "config.json",
        "%2Fetc%2Fpasswd",
        "no.js",
    ):
        assert lab.client.get(f"/easel/extensions/hello/files/{path}").status_code == 404, path
    (lab.folder / "extensions" / "wrong" / "style.css").write_text("a {}")
    assert lab.client.get("/easel/extensions/wrong/files/style.css").status_code == 404


def test_installing_and_updating_by_git(lab: Lab) -> None:
    source = repository(lab.folder / "sources" / "nice-one")
    state = lab.post("install", source=str(source))
    assert state["installed"] == "nice-one" and state["restart"]
    assert not lab.one("nice-one")["loaded"] and lab.one("nice-one")["version"]["branch"] == "main"
    item = next(i for i in lab.client.get("/sdapi/v1/extensions").json() if i["name"] == "nice-one")
    assert (
        item["remote"] == str(source)
        and len(item["commit_hash"]) == 40
        and item["version"] == item["commit_hash"][:8]
    )
    assert len(item["commit_date"]) == 19
    assert lab.post("check") == {"nice-one": 0}
    commit(source, "news")
    assert lab.post("check") == {"nice-one": 1}
    before = lab.one("nice-one")["version"]["commit"]
    lab.post("update", name="nice-one")
    assert lab.one("nice-one")["version"]["commit"] != before
    assert (lab.folder / "extensions" / "nice-one" / "news.txt").exists()
    assert lab.post("check") == {"nice-one": 0}
    assert "already" in lab.post("install", 422, source=str(source))["detail"]
    assert "did not come by git" in lab.post("update", 422, name="hello")["detail"]


def test_installing_from_a_folder(lab: Lab) -> None:
    lab.post("install", source=str(write(lab.folder / "sources" / "plain")))
    assert lab.one("plain")["version"] is None and not lab.one("plain")["loaded"]
    (lab.folder / "sources" / "empty").mkdir()
    answer = lab.post("install", 422, source=str(lab.folder / "sources" / "empty"))
    assert "nothing that could be loaded" in answer["detail"]
    lab.post("install", 422, source=str(lab.folder / "sources" / "nowhere"))
    assert sorted(p.name for p in (lab.folder / "extensions").iterdir() if not p.name.startswith("_")) == [
        "hello",
        "plain",
        "wrong",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "--upload-pack=touch /tmp/owned",
        "-c core.x=y",
        "ext::sh -c touch% /tmp/owned",
        "file:///etc",
        "http://example.org/a.git",
        "https://",
        "ssh://-oProxyCommand=touch/x",
        "ssh://-oX@host/x",
        "ssh://host/path\n",
        "relative/folder",
        "git://example.org/x",
    ],
)
def test_addresses_that_are_refused(lab: Lab, source: str) -> None:
    if source.endswith("\n"):
        assert git.check_url(source) == source.strip()
        return
    assert lab.post("install", 422, source=source)["field"] == "source"


def test_addresses_that_are_taken() -> None:
    for source in (
        "https://example.org/a/b.git",
        "ssh://git@example.org/a",
        "git@example.org:a/b.git",
        "/a/b",
    ):
        assert git.check_url(f" {source} ") == source
    assert [name_of(s) for s in ("https://e.org/a/b.git", "git@e.org:c.git", "/x/d/")] == ["b", "c", "d"]
    for source in ("https://e.org/..", "/x/.hidden", "https://e.org/-x", "/x/a b"):
        with pytest.raises(InvalidField):
            name_of(source)
    assert git.plain("https://me:secret@example.org:8443/a") == "https://example.org:8443/a"


def test_git_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotPossibleNow, match="git clone failed"):
        git.clone(str(tmp_path / "nowhere"), tmp_path / "target")
    with pytest.raises(InvalidField, match="no name of a branch"):
        git.clone(str(tmp_path), tmp_path / "target", "--upload-pack=x")
    (tmp_path / ".git").mkdir()
    assert git.version(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotPossibleNow, match="not installed"):
        git.run(["status"])


def test_a_repositorys_own_settings_run_nothing(lab: Lab) -> None:
    source = repository(lab.folder / "sources" / "sly")
    lab.post("install", source=str(source))
    target, sign = lab.folder / "extensions" / "sly", lab.folder / "ran"
    with open(target / ".git" / "config", "a") as file:
        file.write(f"[core]\n\tfsmonitor = touch {sign}\n\thooksPath = {target}\n")
    (target / "post-merge").write_text(f"#!/bin/sh\ntouch {sign}\n")
    (target / "post-merge").chmod(0o755)
    commit(source, "news")
    lab.post("check")
    lab.post("update", name="sly")
    assert not sign.exists()


def test_not_from_a_page_that_others_can_reach(tmp_path: Path) -> None:
    write(tmp_path / "extensions" / "hello")
    lab = lab_in(tmp_path, allowed=False)
    bodies: dict[str, dict[str, Any]] = {
        "install": {"source": "/tmp/x"},
        "switch": {"name": "hello", "on": False},
        "disable": {"which": "all"},
        "reload": {"name": "hello"},
        "update": {"name": "hello"},
        "check": {},
        "restart": {},
    }
    for path, body in bodies.items():
        assert "--enable-insecure-extension-access" in lab.post(path, 403, **body)["detail"]
    assert lab.one("hello")["enabled"] and lab.restarted == []
