"""Settings that stay as whoever started Easel wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modules.cli.command_line import parse
from modules.cli.older_flags import older_flags
from modules.faults import InvalidField
from modules.settings.freezing import Frozen, frozen
from modules.settings.store import SettingsStore
from tests import rest_support
from tests.compat_support import open_house

FREE, HELD = "sampling.s_noise", "model.clip_skip"


@pytest.mark.parametrize(
    ("flags", "held", "free"),
    [
        ([], [], [HELD, FREE, "jpeg_quality"]),
        (["--freeze-settings"], [HELD, FREE, "jpeg_quality", "an_extensions"], []),
        (["--freeze-specific-settings", "CLIP_stop_at_last_layers, an_extensions"], [HELD, "an_extensions"], [FREE]),
        (["--freeze-specific-settings", HELD], [HELD, "CLIP_stop_at_last_layers"], [FREE, "model.vae"]),
        (["--freeze-settings-in-sections", "model"], [HELD, "model.vae"], [FREE]),
        (["--freeze-settings-in-sections", "upscaling,Saving images/grids"], ["upscaling.tile", "saving.format",
         "save_selected_only"], [HELD, "directories_filename_pattern", "saving.folder"]),
    ],
)  # fmt: skip
def test_flags(flags: list[str], held: list[str], free: list[str]) -> None:
    found = parse(flags).frozen
    assert [found.holds(name) for name in held + free] == [True] * len(held) + [False] * len(free)


def test_extensions_read_the_flags() -> None:
    told = older_flags(parse(["--freeze-settings-in-sections", "sd,vae"]))
    assert told["freeze_settings"] is False and told["freeze_specific_settings"] is None
    assert told["freeze_settings_in_sections"] == "sd,vae"


def test_the_store_refuses_and_keeps_the_rest(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "settings.json", frozen(False, (), (HELD,)))
    with pytest.raises(InvalidField, match="settings frozen") as caught:
        store.update({FREE: 1.5, HELD: 2})
    assert caught.value.field == HELD and store.current.sampling.s_noise == 1.0 and not store.saved
    store.update({FREE: 1.5, HELD: 1})  # what is said of it changes nothing
    store.update({HELD: 2}, by_owner=True)
    assert store.current.model.clip_skip == 2 and store.current.sampling.s_noise == 1.5


def test_through_the_api(tmp_path: Path) -> None:
    house = rest_support.build_house(tmp_path)
    house.services.settings.frozen = Frozen(names=frozenset({HELD}))
    try:
        client = house.client()
        refused = client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 2, "s_noise": 1.5})
        assert refused.status_code == 422 and "frozen" in refused.json()["errors"]
        assert client.get("/sdapi/v1/options").json()["s_noise"] == 1.0
        assert client.patch("/easel/settings", json={HELD: 2}).status_code == 422
        everything = client.get("/sdapi/v1/options").json()
        assert client.post("/sdapi/v1/options", json=everything).status_code == 200
        groups = client.get("/easel/settings").json()["groups"]
        shown = {one["name"]: one["frozen"] for group in groups for one in group["settings"]}
        assert shown[HELD] is True and shown[FREE] is False
        fields: dict[str, Any] = {"width": 8, "height": 8, "steps": 1}
        once = {**fields, "override_settings": {"CLIP_stop_at_last_layers": 2}}
        assert client.post("/sdapi/v1/txt2img", json=once).status_code == 200  # for that request alone
        kept = {**once, "override_settings_restore_afterwards": False}
        assert client.post("/sdapi/v1/txt2img", json=kept).status_code == 422
        assert house.services.settings.current.model.clip_skip == 1
        assert len(house.services.queue.recent()) == 1  # nothing was queued for what was refused
    finally:
        rest_support.close(house)


def test_options_of_extensions(tmp_path: Path) -> None:
    from modules.compat import shared
    from modules.compat.option_sections import set_option

    with open_house(tmp_path) as house:
        house.settings.frozen = Frozen(names=frozenset({"target_side_length"}))
        with pytest.raises(InvalidField, match="frozen"):
            set_option("target_side_length", 95)
        assert not shared.opts.set("target_side_length", 95) and shared.opts.target_side_length == 4000
        assert shared.opts.set("img_max_size_mp", 100)
        house.settings.frozen = Frozen()
