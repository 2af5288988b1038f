"""Network tags, hypernetworks and pages of networks under the older UI's names, on the starter model."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.app import Application
from modules.generation.engine import check
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from tests.compat_support import open_house
from tests.server import checkpoint

networks: Any = import_module("modules.extra_networks")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    checkpoint()
    with open_house(tmp_path_factory.mktemp("house")) as application:
        known: Any = application.engine
        if not any(each is networks.older_networks()[0] for each in known._networks._kinds):
            for kind in networks.older_networks():
                known._networks.add(kind)
        yield application


@pytest.fixture(autouse=True)
def kinds_as_before() -> Iterator[None]:
    yield
    networks.initialize()


def _make(house: Application, prompt: str) -> GeneratedImage:
    request = TextToImage(
        prompt=prompt, width=64, height=64, steps=2, seed=3, save=False, checkpoint="starter.safetensors"
    )
    known: Any = house.engine
    return next(iter(house.engine.run(check(request, house.models, known._networks), Unwatched())))


def test_prompts_are_read() -> None:
    text, data = networks.parse_prompt("a <lora:x:0.8:te=0>boat <mine:y>")
    assert text == "a boat " and sorted(data) == ["lora", "mine"]
    params = data["lora"][0]
    assert (params.items, params.positional, params.named) == (
        ["x", "0.8", "te=0"],
        ["x", "0.8"],
        {"te": "0"},
    )
    assert params == networks.ExtraNetworkParams(["x", "0.8", "te=0"])
    prompts, first = networks.parse_prompts(["a <mine:1>", "b <mine:2>"])
    assert prompts == ["a ", "b "] and first["mine"][0].positional == ["1"]


def test_an_extensions_kind_of_tag_acts_in_jobs(house: Application) -> None:
    calls: list[Any] = []

    class Brighter(networks.ExtraNetwork):
        """Adds to the U-Net's last bias."""

        def __init__(self) -> None:
            super().__init__("brighter")
            self.added = 0.0

        def activate(self, p: Any, params_list: Any) -> None:
            self.added = sum(float(params.positional[0]) for params in params_list)
            calls.append([params.items for params in params_list])
            with torch.no_grad():
                p.sd_model.model.diffusion_model.out[2].bias += self.added
            p.extra_generation_params["Brighter"] = self.added

        def deactivate(self, p: Any) -> None:
            calls.append("off")
            with torch.no_grad():
                p.sd_model.model.diffusion_model.out[2].bias -= self.added
            self.added = 0.0

    before = _make(house, "a boat")
    with pytest.raises(Exception, match="brighter"):
        _make(house, "a boat <brighter:0.2>")
    kind = Brighter()
    networks.register_extra_network(kind)
    networks.register_extra_network_alias(kind, "shine")
    changed = _make(house, "a boat <brighter:0.1><shine:0.1>")
    assert calls == [[["0.1"], ["0.1"]]] and "Brighter: 0.2" in changed.infotext
    assert np.abs(np.asarray(changed.image).astype(float) - np.asarray(before.image)).mean() > 1
    again = _make(house, "a boat")
    assert calls[1:] == ["off", []]
    _make(house, "a boat")
    assert calls[3:] == [[]]
    assert np.abs(np.asarray(again.image).astype(float) - np.asarray(before.image)).max() <= 1


def test_a_failing_kind_names_itself(house: Application) -> None:
    class Bad(networks.ExtraNetwork):
        def activate(self, p: Any, params_list: Any) -> None:
            raise ValueError("no")

        def deactivate(self, p: Any) -> None:
            pass

    networks.register_extra_network(Bad("bad"))
    with pytest.raises(Exception, match="bad"):
        _make(house, "a <bad:1>")
    _make(house, "a")


def test_the_programs_own_kinds_can_be_put_on(house: Application) -> None:
    assert {"lora", "hypernet"} <= set(networks.extra_network_registry)
    with pytest.raises(Exception, match="nothing-there"):
        networks.activate(None, networks.parse_prompt("<lora:nothing-there:1>")[1])
    networks.activate(None, {})
    networks.deactivate(None, {})
    hypernetwork = import_module("modules.hypernetworks.hypernetwork")
    assert not hypernetwork.hypernetworks and hypernetwork.load_hypernetwork("x") is None
    folder = house.folders.models / "hypernetworks"
    folder.mkdir(parents=True)
    (folder / "h.pt").write_bytes(b"")
    assert hypernetwork.list_hypernetworks(folder) == {"h": str(folder / "h.pt")}


def test_a_page_of_networks_is_in_the_library(house: Application, tmp_path: Path) -> None:
    pages = import_module("modules.ui_extra_networks")
    (tmp_path / "one.bin").write_bytes(b"x")
    (tmp_path / "one.json").write_text('{"description": "of mine"}')

    class Page(pages.ExtraNetworksPage):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__("My Things")

        def list_items(self) -> Any:
            yield {"name": "one", "filename": str(tmp_path / "one.bin"), "prompt": '"<my:one:1>"'}

        def allowed_directories_for_previews(self) -> list[str]:
            return [str(tmp_path)]

    pages.register_page(Page())
    cards, count = house.library.page("my_things")
    assert count == 1 and cards[0].label == "one" and cards[0].insertion.name == "<my:one:1>"
    assert cards[0].description == "of mine"
    assert networks.get_user_metadata(str(tmp_path / "one.bin")) == {"description": "of mine"}
    pages.initialize()
