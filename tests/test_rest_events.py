"""Server-sent events, pictures, thumbnails, static files; with a real server where a stream is open."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.generation.requests import TextToImage
from modules.jobs.events import Event
from modules.jobs.queue import Status
from modules.rest.events import Mailbox, as_sse
from modules.rest.gallery import make_thumbnail
from modules.rest.server import Server
from modules.rest.services import ServerOptions
from modules.rest.static import find
from tests.rest_support import House, build_house, close
from tests.waiting import PATIENCE, eventually


class Running:
    """A house with a real server on a free port."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.server = Server(house.app, "127.0.0.1", 0, lifespan="off")
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE)

    def close(self) -> None:
        self.client.close()
        self.server.stop()
        self.thread.join(PATIENCE)
        close(self.house)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(build_house(tmp_path, heartbeat=0.3))
    yield running
    running.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    yield house
    close(house)


def events_in(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Kind and data of each event; a comment has the kind "comment"."""
    kind = ""
    for line in response.iter_lines():
        if line.startswith(":"):
            yield "comment", line
        elif line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def request(**fields: Any) -> TextToImage:
    return TextToImage(**{"width": 16, "height": 8, "steps": 4, "sampler": "Euler", "seed": 7, **fields})


def submit_and_wait(house: House, **fields: Any) -> int:
    job = house.services.queue.submit(request(**fields))
    assert house.services.queue.wait(job.id, 5).status is Status.DONE
    return job.id


def test_a_stream_begins_with_the_whole_state(running: Running) -> None:
    done = submit_and_wait(running.house, batch_size=2)
    running.house.engine.gate.clear()
    running.house.engine.begun.clear()
    job = running.house.services.queue.submit(request(prompt="a fox"))
    assert running.house.engine.begun.wait(PATIENCE)
    with running.client.stream("GET", "/easel/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        kind, state = next(events_in(response))
    assert kind == "snapshot" and set(state) == {"waiting", "recent", "pictures", "progress"}
    assert [entry["id"] for entry in state["waiting"]] == [job.id]
    assert state["waiting"][0]["request"]["prompt"] == "a fox"
    assert [entry["id"] for entry in state["recent"]] == [done]
    assert [entry["number"] for entry in state["pictures"]] == [1, 0]
    assert state["progress"]["job"] == job.id
    assert state["progress"]["preview"].startswith("data:image/jpeg;base64,")


def test_a_stream_tells_what_happens(running: Running) -> None:
    with running.client.stream("GET", "/easel/events") as response:
        events = events_in(response)
        assert next(events)[0] == "snapshot"
        job = running.house.services.queue.submit(request())
        seen = []
        for kind, data in events:
            seen.append((kind, data))
            if kind == "job" and data["status"] == "done":
                break
    jobs = [data["status"] for kind, data in seen if kind == "job"]
    assert jobs == ["queued", "running", "done"]
    pictures = [data for kind, data in seen if kind == "picture"]
    assert len(pictures) == 1 and pictures[0]["job"] == job.id
    progress = [data for kind, data in seen if kind == "progress"]
    assert progress and progress[-1]["pictures"] == 1
    assert any((data["preview"] or "").startswith("data:image/jpeg;base64,") for data in progress)


def test_a_stream_tells_of_changed_settings_and_beats(running: Running) -> None:
    with running.client.stream("GET", "/easel/events") as response:
        events = events_in(response)
        assert next(events)[0] == "snapshot"
        assert next(events)[0] == "comment"
        running.client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 3})
        kind, data = next(event for event in events if event[0] != "comment")
        assert kind == "settings" and data["model"]["clip_skip"] == 3


def test_a_listener_that_goes_away_is_forgotten(running: Running) -> None:
    hub = running.house.services.events
    before = len(hub._listeners)
    with running.client.stream("GET", "/easel/events") as response:
        events = events_in(response)
        assert next(events)[0] == "snapshot"
        assert len(hub._listeners) == before + 1
    eventually(lambda: len(hub._listeners) == before)


def test_the_end_of_the_server_is_not_held_up_by_a_stream(running: Running) -> None:
    with running.client.stream("GET", "/easel/events") as response:
        events = events_in(response)
        assert next(events)[0] == "snapshot"
        running.server.stop()
        assert all(kind == "comment" for kind, _ in events)
        running.thread.join(PATIENCE)
    assert not running.thread.is_alive()


def test_ctrl_c_ends_streams(running: Running) -> None:
    with running.client.stream("GET", "/easel/events") as response:
        events = events_in(response)
        assert next(events)[0] == "snapshot"
        running.server.handle_exit(signal.SIGINT, None)
        assert all(kind == "comment" for kind, _ in events)
        running.thread.join(PATIENCE)
    assert not running.thread.is_alive() and not running.server.force_exit


def go_away_when(seen: Callable[[], bool], running: Running, fields: dict[str, object]) -> None:
    """Ask for pictures, and hang up once something is seen."""
    body = json.dumps({"width": 8, "height": 8, **fields}).encode()
    head = f"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        eventually(seen)


def has(running: Running, job: int, status: Status) -> Callable[[], bool]:
    def look() -> bool:
        found = running.house.services.queue.get(job)
        return found is not None and found.status is status

    return look


def test_a_client_that_goes_away_takes_its_job_along(running: Running) -> None:
    running.house.engine.gate.clear()
    running.house.services.queue.submit(request())
    eventually(has(running, 1, Status.RUNNING))
    go_away_when(has(running, 2, Status.QUEUED), running, {})
    eventually(has(running, 2, Status.CANCELLED))
    running.client.post("/easel/interrupt")
    eventually(has(running, 1, Status.INTERRUPTED))
    go_away_when(has(running, 3, Status.RUNNING), running, {"n_iter": 3})
    eventually(has(running, 3, Status.INTERRUPTED))
    eventually(lambda: running.house.worker._results == {})


def test_a_job_that_saves_goes_on_without_its_client(running: Running) -> None:
    running.house.engine.gate.clear()
    go_away_when(has(running, 1, Status.RUNNING), running, {"save_images": True})
    time.sleep(0.2)  # it would be stopped by now
    assert has(running, 1, Status.RUNNING)()
    running.house.engine.gate.set()
    eventually(has(running, 1, Status.DONE))
    assert len(running.house.services.pictures.of_job(1)) == 1


def progress_event(step: int, preview: str | None = None, job: int = 1) -> Event:
    return Event("progress", {"job": job, "step": step, "preview": preview})


def test_a_slow_listener_gets_the_last_progress_only() -> None:
    async def run() -> None:
        mailbox = Mailbox(size=4)
        mailbox.put(progress_event(1, "picture"))
        for step in range(2, 1000):
            mailbox.put(progress_event(step))
        mailbox.put(Event("job", {"id": 1}))
        events, lost = mailbox.take()
        assert [event.kind for event in events] == ["progress", "job"] and not lost
        assert events[0].data == {"job": 1, "step": 999, "preview": "picture"}
        mailbox.put(progress_event(1, "old"))
        mailbox.put(progress_event(1, job=2))
        assert mailbox.take()[0][0].data["preview"] is None

    asyncio.run(run())


def test_a_listener_that_is_too_slow_is_told_everything_anew() -> None:
    async def run() -> None:
        mailbox = Mailbox(size=4)
        for number in range(6):
            mailbox.put(Event("job", {"id": number}))
        events, lost = mailbox.take()
        assert lost and [event.data["id"] for event in events] == [5]
        assert mailbox.take() == ([], False)

    asyncio.run(run())


def test_an_event_is_one_line_of_data() -> None:
    assert as_sse("job", {"a": "x\ny", "b": float("nan")}) == b'event: job\ndata: {"a":"x\\ny","b":null}\n\n'


def test_a_job_and_its_pictures(house: House) -> None:
    job = submit_and_wait(house, batch_count=2)
    body = house.client().get(f"/easel/jobs/{job}").json()
    assert body["job"]["status"] == "done" and [entry["number"] for entry in body["pictures"]] == [0, 1]
    assert house.client().post(f"/easel/jobs/{job}/cancel").json() == {"cancelled": False}


def test_pages_of_pictures(house: House) -> None:
    submit_and_wait(house, batch_size=5)
    client = house.client()
    first = client.get("/easel/pictures?limit=2").json()["pictures"]
    assert [entry["id"] for entry in first] == [5, 4]
    rest = client.get("/easel/pictures", params={"before": 4}).json()["pictures"]
    assert [entry["id"] for entry in rest] == [3, 2, 1]


def test_a_picture_file_and_its_cache_headers(house: House) -> None:
    submit_and_wait(house)
    client = house.client()
    url = client.get("/easel/pictures").json()["pictures"][0]["url"]
    answer = client.get("/" + url)
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(answer.content)).info["parameters"].endswith("Seed: 7")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "-7.png" in answer.headers["content-disposition"]
    again = client.get("/" + url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    assert "immutable" in client.get(f"/{url}?v=1").headers["cache-control"]


def test_a_picture_whose_file_is_gone_or_elsewhere(house: House, tmp_path: Path) -> None:
    submit_and_wait(house, batch_size=2)
    first, second = house.services.pictures.recent()
    (house.folder / "outputs" / first.path).unlink()
    answer = house.client().get(f"/easel/pictures/{first.id}")
    assert answer.status_code == 404 and "not there any more" in answer.json()["detail"]
    target = house.folder / "outputs" / second.path
    target.unlink()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    target.symlink_to(secret)
    answer = house.client().get(f"/easel/pictures/{second.id}")
    assert answer.status_code == 422 and answer.json()["field"] == "picture"


def test_thumbnails(house: House) -> None:
    submit_and_wait(house, width=512, height=128)
    client = house.client()
    answer = client.get("/easel/pictures/1/thumb")
    small = Image.open(BytesIO(answer.content))
    assert answer.headers["content-type"] == "image/webp" and small.size == (256, 64)
    (cached,) = (house.folder / "cache" / "thumbnails").rglob("*.webp")
    cached.write_bytes(b"from the cache")
    assert client.get("/easel/pictures/1/thumb").content == b"from the cache"
    file = house.folder / "outputs" / house.services.pictures.recent()[0].path
    os.utime(file, ns=(1, 1))
    assert client.get("/easel/pictures/1/thumb").content != b"from the cache"


def test_small_and_broken_pictures_are_their_own_thumbnails(house: House) -> None:
    submit_and_wait(house, batch_size=2)
    client = house.client()
    assert client.get("/easel/pictures/1/thumb").headers["content-type"] == "image/png"
    file = house.folder / "outputs" / house.services.pictures.recent()[0].path
    assert make_thumbnail(file) is None
    file.write_bytes(b"no picture at all")
    answer = client.get("/easel/pictures/2/thumb")
    assert answer.status_code == 200 and answer.content == b"no picture at all"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "javascript" / "parts").mkdir(parents=True)
    (tmp_path / "javascript" / "easel.js").write_text("let a;")
    (tmp_path / "javascript" / "parts" / "a.js").write_text("let b;")
    (tmp_path / "javascript" / "notes.txt").write_text("x")
    (tmp_path / "style.css").write_text("body {}")
    (tmp_path / "secret.js").write_text("secret")
    (tmp_path / "javascript" / "link.js").symlink_to(tmp_path / "secret.js")
    return tmp_path


def test_static_files(site: Path, tmp_path: Path) -> None:
    house = build_house(tmp_path / "house", ServerOptions(static_root=site))
    client = house.client()
    for name in ("easel.js", "javascript/easel.js"):
        answer = client.get(f"/easel/static/{name}")
        assert answer.text == "let a;" and answer.headers["content-type"].startswith("text/javascript")
    assert client.get("/easel/static/parts/a.js").text == "let b;"
    style = client.get("/easel/static/style.css")
    assert style.headers["content-type"].startswith("text/css") and style.headers["etag"]
    close(house)


@pytest.mark.parametrize(
    "name",
    ["../secret.js", "javascript/../secret.js", "link.js", "notes.txt", "", "javascript", "/etc/passwd",
     "a\0b.js", "..%2fsecret.js", "nothing.js", "x" * 5000 + ".js", "javascript/../style.css", "..\\s.js"],
)  # fmt: skip
def test_static_files_lead_nowhere_else(site: Path, name: Any) -> None:
    assert find(site, name) is None
