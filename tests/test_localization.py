"""The page in other languages: files of extensions and of the user, the setting, the page itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modules.cli import parse
from modules.rest.services import ServerOptions
from tests.page_support import open_page
from tests.rest_support import build_house, close
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_route_and_the_setting(tmp_path: Path) -> None:
    folder = tmp_path / "localizations"
    folder.mkdir()
    (folder / "de.json").write_text('\ufeff{"Generate": "Malen", "Steps": 3, "Seed": ""}', encoding="utf-8")
    (folder / "broken.json").write_text("{")
    house = build_house(tmp_path / "data", ServerOptions(localizations=folder))
    client = house.client()
    assert client.get("/easel/localization").json() == {"language": "None", "texts": {}}
    groups = client.get("/easel/settings").json()["groups"]
    setting = next(one for g in groups for one in g["settings"] if one["name"] == "page.localization")
    assert setting["choices"] == ["None", "broken", "de"]
    assert client.patch("/easel/settings", json={"page.localization": "de"}).status_code == 200
    assert client.get("/easel/localization").json() == {"language": "de", "texts": {"Generate": "Malen"}}
    for other in ("broken", "gone", "../de"):
        house.services.settings.update({"page.localization": other})
        assert client.get("/easel/localization").json()["texts"] == {}
    close(house)


def test_flags(tmp_path: Path) -> None:
    words = ["--data-dir", str(tmp_path)]
    assert parse(words).server_options().localizations == tmp_path / "localizations"
    words += ["--localizations-dir", str(tmp_path / "texts"), "--gfpgan-models-path", str(tmp_path)]
    line = parse(words)
    assert line.server_options().localizations == tmp_path / "texts"
    assert tmp_path in line.folders().face_restorer_folders()["GFPGAN"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    texts = {
        "Text to image": "Bild aus Text",
        "Describe the picture": "Beschreibe das Bild",
        "Steps": "Schritte",
        "No": "Nein",
        "a cat": "eine Katze",
    }
    (data / "localizations").mkdir()
    (data / "localizations" / "de.json").write_text(json.dumps(texts))
    (data / "settings.json").write_text(json.dumps({"page": {"localization": "de"}}))
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@pytest.mark.browser
def test_the_page_speaks_another_language(window: Page, server: RunningServer) -> None:
    with open_page(window, server) as visit:
        page = visit.page
        page.get_by_role("tab", name="Bild aus Text").wait_for()
        area = page.locator("#txt2img_prompt textarea")
        page.wait_for_function(
            "document.querySelector('#txt2img_prompt textarea').placeholder === 'Beschreibe das Bild'"
        )
        page.locator("#txt2img_steps").get_by_text("Schritte").wait_for()
        area.fill("a cat")
        assert area.input_value() == "a cat"
        # what comes later
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('p'), {id: 'late', textContent: ' No '}))"
        )
        page.wait_for_function("document.getElementById('late').textContent === ' Nein '")
