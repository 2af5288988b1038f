"""The settings as the page gets and changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.settings.model import Settings
from tests.rest_support import House, build_house, close


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build_house(tmp_path)
    yield house
    close(house)


def _settings(house: House) -> dict[str, dict[str, Any]]:
    groups = house.client().get("/easel/settings").json()["groups"]
    return {one["name"]: one for group in groups for one in group["settings"]}


def test_every_setting_is_told_with_its_control_and_a_description(house: House) -> None:
    told = _settings(house)
    wanted = {
        f"{group}.{key}"
        for group, values in Settings().model_dump().items()
        for key, value in values.items()
        if not isinstance(value, (dict, list, tuple))
    }
    assert set(told) == wanted
    assert [name for name, one in told.items() if not one["description"]] == []
    skip = told["model.clip_skip"]
    assert (skip["control"], skip["minimum"], skip["maximum"], skip["whole"]) == ("number", 1, 24, True)
    assert skip["label"] == "CLIP skip" and skip["value"] == skip["default"] == 1
    assert told["saving.save"]["control"] == "switch"
    assert told["previews.method"]["choices"] == ["Linear", "TAESD", "Full"]
    assert told["model.vae"]["choices"] == ["Automatic", "None"]
    assert told["model.checkpoint"]["control"] == "choice" and told["model.checkpoint"]["empty"]


def test_a_change_is_kept_at_once(house: House) -> None:
    client = house.client()
    answer = client.patch("/easel/settings", json={"model.clip_skip": 2, "model.checkpoint": None})
    assert answer.json() == {"values": {"model.clip_skip": 2, "model.checkpoint": None}}
    assert house.services.settings.current.model.clip_skip == 2
    assert (_settings(house)["model.clip_skip"]["value"], _settings(house)["model.clip_skip"]["default"]) == (
        2,
        1,
    )


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"model.clip_skip": 99}, 422, "model.clip_skip"),
        ({"model.clip_skip": 2, "previews.method": "Magic"}, 422, "previews.method"),
        ({"model.unheard": 1}, 400, "model.unheard"),
        ({"model": {}}, 400, "model"),
        ({"extensions.values": {}}, 400, "extensions.values"),
    ],
)
def test_what_does_not_fit_names_the_setting_and_changes_nothing(
    house: House, changes: dict[str, Any], status: int, field: str
) -> None:
    answer = house.client().patch("/easel/settings", json=changes)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert house.services.settings.current == Settings()
