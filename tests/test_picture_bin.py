"""Deleting pictures and bringing them back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.faults import NotPossibleNow
from modules.generation.results import GeneratedImage
from modules.generation.saving import SavingOptions
from modules.jobs.pictures import Picture
from tests import rest_support
from tests.test_jobs import House, request
from tests.waiting import eventually

TEXT = SavingOptions(text_file=True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.database.close()


def saved(house: House, number: int = 0) -> tuple[Picture, Path]:
    job = house.queue.submit(request(saving=TEXT))
    made = GeneratedImage(Image.new("RGB", (8, 8)), number, 7, 0, "a fox")
    picture = house.pictures.save(job, made)
    return picture, house.pictures.outputs / picture.path


def test_there_and_back_again(house: House) -> None:
    picture, file = saved(house)
    data = file.read_bytes()
    assert house.pictures.remove(picture.id) == picture
    assert not file.exists() and not file.with_suffix(".txt").exists()
    assert house.pictures.get(picture.id) is None and house.pictures.recent() == []
    assert house.pictures.remove(picture.id) is None
    assert house.pictures.restore(picture.id) == picture
    assert file.read_bytes() == data and file.with_suffix(".txt").read_text() == "a fox\n"
    assert house.pictures.recent() == [picture] and house.pictures.restore(picture.id) is None
    assert not any((house.pictures.outputs / ".deleted").iterdir())


def test_the_name_of_a_deleted_picture_is_not_given_again(house: House) -> None:
    picture, file = saved(house)
    house.pictures.remove(picture.id)
    _, other = saved(house)
    assert other != file


def test_a_file_in_its_place_is_left_alone(house: House) -> None:
    picture, file = saved(house)
    house.pictures.remove(picture.id)
    file.write_bytes(b"mine")
    with pytest.raises(NotPossibleNow, match="another file has that name"):
        house.pictures.restore(picture.id)
    assert file.read_bytes() == b"mine"
    file.unlink()
    assert house.pictures.restore(picture.id) == picture


def test_a_file_that_is_gone_already(house: House) -> None:
    picture, file = saved(house)
    file.unlink()
    assert house.pictures.remove(picture.id) == picture
    assert house.pictures.restore(picture.id) is None and house.pictures.recent() == []


def test_after_thirty_days_it_is_gone_for_good(house: House) -> None:
    (old, _), (young, young_file) = saved(house), saved(house)
    for picture in (old, young):
        house.pictures.remove(picture.id)
    folder = house.pictures.outputs / ".deleted" / str(old.id)
    os.utime(folder, (time.time() - 31 * 86_400,) * 2)
    house.pictures.recover()
    assert not folder.exists() and house.pictures.restore(old.id) is None
    assert house.pictures.restore(young.id) == young and young_file.is_file()


def test_a_job_does_not_make_a_deleted_picture_again(tmp_path: Path) -> None:
    house = House(tmp_path).start()
    job = house.queue.submit(request(batch_count=6))
    eventually(lambda: len(house.pictures.of_job(job.id)) >= 2)
    house.close()
    again = House(tmp_path)
    for picture in again.pictures.of_job(job.id):
        again.pictures.remove(picture.id)
    first = again.pictures.next_number(job.id)
    again.start()
    again.queue.wait(job.id, 5)
    assert first >= 2 and [picture.number for picture in again.pictures.of_job(job.id)] == list(
        range(first, 6)
    )
    again.close()


def test_through_the_api(tmp_path: Path) -> None:
    house = rest_support.build_house(tmp_path)
    told: list[Any] = []
    house.services.events.subscribe(told.append)
    try:
        client = house.client()
        fields = {"prompt": "a fox", "width": 8, "height": 8, "steps": 1, "save_images": True}
        client.post("/sdapi/v1/txt2img", json=fields)
        [picture] = client.get("/easel/pictures").json()["pictures"]
        assert client.delete(picture["url"]).json() == {"id": picture["id"]}
        assert (
            client.get(picture["url"]).status_code == 404 and client.delete(picture["url"]).status_code == 404
        )
        assert client.post(f"{picture['url']}/restore").json() == picture
        assert client.get(picture["url"]).status_code == 200
        assert client.post(f"{picture['url']}/restore").status_code == 404
        assert client.delete("/easel/pictures/99999999999999999999").status_code == 404
        kinds = [event.kind for event in told if event.kind in ("picture", "removed")]
        assert kinds == ["picture", "removed", "picture"]
        foreign = client.delete(picture["url"], headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403 and client.get(picture["url"]).status_code == 200
    finally:
        rest_support.close(house)
