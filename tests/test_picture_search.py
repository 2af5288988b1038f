"""Finding pictures again by what was said when they were made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.generation.results import GeneratedImage
from modules.jobs.picture_search import PictureSearch
from modules.jobs.pictures import Picture, PictureIndex
from tests import rest_support
from tests.test_jobs import House, request

RECIPE = (
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.0, Seed: {seed}, Model: Starter-v1"
)


def made(prompt: str, negative: str = "", seed: int = 5, **facts: Any) -> Picture:
    infotext = "\n".join(
        filter(None, (prompt, negative and f"Negative prompt: {negative}", RECIPE.format(seed=seed)))
    )
    values = {
        "path": f"txt2img/2026-11-01/00000-{seed}.png",
        "width": 128,
        "height": 96,
        "created": time.time(),
    }
    return Picture(id=1, job=1, number=0, seed=seed, infotext=infotext, complete=True, **{**values, **facts})


FOX = made("A red Fox in the snow, <lora:winter:0.8>", "trees, blurry")


@pytest.mark.parametrize(
    "text",
    [
        "fox", "FOX", "fo", "red fox", "fox red", '"red fox"', "-cat", "fox -cat", "seed:5", "steps:20", "cfg:7",
        "cfg:7.0", "sampler:dpm++", 'sampler:"dpm++ 2m"', "scheduler:karras", "schedule:karras", "model:starter",
        "model:v1", "size:128x96", "size:128×96", "negative:trees", "lora:winter", "in:txt2img", "file:2026-11",
        "since:today", "since:2020-01-01", "until:today", "-until:2020-01-01", "-seed:6", "", '"', "snow,", "<lora:w",
    ],
)  # fmt: skip
def test_found(text: str) -> None:
    assert PictureSearch(text).matches(replace(FOX, created=time.time()))


@pytest.mark.parametrize(
    "text",
    [
        "cat", "-fox", "fox cat", '"fox red"', "trees", "-snow", "seed:6", "seed:55", "steps:2", "steps:x", "cfg:7.5",
        "sampler:euler", "size:96x128", "negative:fox", "lora:summer", "in:img2img", "in:txt", "since:2999-01-01",
        "until:yesterday", "since:soon", "karras", "nonsense:fox", "model:",
    ],
)  # fmt: skip
def test_not_found(text: str) -> None:
    assert not PictureSearch(text).matches(replace(FOX, created=time.time()))


def test_other_scripts_and_an_empty_search() -> None:
    assert PictureSearch("ЛИСА").matches(made("рыжая лиса")) and PictureSearch("狐").matches(made("雪の狐"))
    assert not PictureSearch("") and not PictureSearch('  "" -') and PictureSearch("a")


def test_the_sieve() -> None:
    search = PictureSearch(
        'fox ЛИСА -cat seed:1 -seed:2 model:v1 cfg:7 negative:"a b" size:8x8 since:today -vae:x'
    )
    assert search.needles == ["fox", "v1", "a b"] and search.numbers == [
        ("seed", 1),
        ("width", 8),
        ("height", 8),
    ]
    assert PictureSearch("seed:x seed:99999999999999999999 vae:a\\b").needles == []


def test_dates() -> None:
    old = made("x", created=(datetime.now() - timedelta(days=3)).timestamp())
    day = (datetime.now() - timedelta(days=3)).date().isoformat()
    assert PictureSearch(f"since:{day} until:{day}").matches(old)
    assert not PictureSearch("since:yesterday").matches(old) and PictureSearch("until:yesterday").matches(old)


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_every_text_is_a_search(text: str) -> None:
    PictureSearch(text).matches(FOX)


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[PictureIndex]:
    house = House(tmp_path)
    job = house.queue.submit(request())
    prompts = [
        f"a {thing} number {n}" for n in range(40) for thing in ("fox", "100% cat", "snow_man", "snow man")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modules.jobs.pictures.write_atomically", lambda path, data: None)
        image = Image.new("RGB", (1, 1))
        for number, prompt in enumerate(prompts):
            infotext = f"{prompt}\n{RECIPE.format(seed=number)}"
            house.pictures.save(job, GeneratedImage(image, number, number, 0, infotext))
    yield house.pictures
    house.database.close()


def test_in_pages(pictures: PictureIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.jobs.pictures._SEARCHED_AT_ONCE", 7)
    search, found = PictureSearch("fox"), []
    page = pictures.search(search, 15)
    while page:
        found += page
        page = pictures.search(search, 15, found[-1].id)
    assert [picture.seed for picture in found] == list(range(156, -1, -4))
    assert len(pictures.search(search, 15)) == 15


@pytest.mark.parametrize("text", ["seed:8", "steps:20 seed:8 sampler:dpm++ fox", "seed:8 model:starter"])
def test_by_the_recipe(pictures: PictureIndex, text: str) -> None:
    assert [picture.seed for picture in pictures.search(PictureSearch(text), 9)] == [8]


@pytest.mark.parametrize(("text", "count"), [("100%", 40), ("snow_", 40), ("snow", 80), ("%", 40), ("\\", 0)])
def test_nothing_is_a_wildcard(pictures: PictureIndex, text: str, count: int) -> None:
    assert len(pictures.search(PictureSearch(text), 500)) == count


def test_through_the_api(tmp_path: Path) -> None:
    house = rest_support.build_house(tmp_path)
    try:
        client = house.client()
        for prompt in ("a fox", "a cat", "a fox and a cat"):
            fields = {"prompt": prompt, "width": 8, "height": 8, "steps": 1, "save_images": True}
            assert client.post("/sdapi/v1/txt2img", json=fields).status_code == 200

        def found(search: str, **more: Any) -> list[str]:
            answer = client.get("/easel/pictures", params={"search": search, **more}).json()
            return [picture["infotext"].split("\n")[0] for picture in answer["pictures"]]

        assert found("fox") == ["a fox and a cat", "a fox"] and found("fox", limit=1) == ["a fox and a cat"]
        assert found("fox -cat") == ["a fox"] and found("dog") == [] and len(found(" ")) == 3
        assert client.get("/easel/pictures", params={"search": "x" * 501}).status_code == 422
    finally:
        rest_support.close(house)
