"""The library of networks: cards, search, folders, notes and previews beside the files."""

from __future__ import annotations

import json
import os
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.faults import BadFile, InvalidField, UnknownName
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache
from modules.networks.library import NetworkLibrary, Wanted
from modules.networks.library_kinds import FolderKind, standard_kinds
from modules.networks.names import FileNames

TAGS = {"one": {"river": 3, "house": 5}, "two": {"river": 4}}
METADATA = {
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_output_name": "River trained",
    "ss_network_dim": "16",
    "ss_tag_frequency": json.dumps(TAGS),
    "long": "x" * 5000,
}


def network(
    path: Path, metadata: dict[str, str] | None = None, key: str = "lora_unet_x.lora_down.weight"
) -> Path:
    """A safetensors file with one small tensor."""
    tensor = {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}
    header = json.dumps({"__metadata__": metadata or {}, key: tensor}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    return path


def picture(size: tuple[int, int] = (900, 600), kind: str = "PNG", recipe: str | None = None) -> bytes:
    buffer = BytesIO()
    texts = PngInfo()
    if recipe:
        texts.add_text("parameters", recipe)
    Image.new("RGB", size, "teal").save(buffer, kind, pnginfo=texts)
    return buffer.getvalue()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    lora = tmp_path / "Lora"
    network(lora / "river.safetensors", METADATA)
    network(lora / "styles" / "Ink.safetensors")
    network(lora / "styles" / "print" / "lino.v2.safetensors")
    network(lora / ".secret" / "hidden.safetensors")
    network(lora / "zz" / "river.safetensors")  # a second of this name
    (lora / "styles" / "Ink.json").write_text(
        json.dumps({"activation text": "ink wash", "preferred weight": 0.7, "own key": [1], "notes": "Kyoto"})
    )
    (lora / "styles" / "Ink.preview.png").write_bytes(picture((10, 10)))
    network(tmp_path / "embeddings" / "bad (hands).safetensors", key="emb_params")
    (tmp_path / "embeddings" / "bad (hands).png").write_bytes(picture((9, 9)))
    (tmp_path / "hypernetworks").mkdir()
    (tmp_path / "hypernetworks" / "glow.pt").write_bytes(b"x")
    network(
        tmp_path / "Stable-diffusion" / "sub" / "base.safetensors",
        {"modelspec.architecture": "stable-diffusion-v1"},
    )
    return tmp_path


@pytest.fixture
def library(models: Path) -> NetworkLibrary:
    cache = FileCache(None)
    catalogue = CheckpointCatalogue((models / "Stable-diffusion",), cache)
    embeddings, hypernetworks, loras = ((models / name,) for name in ("embeddings", "hypernetworks", "Lora"))
    return NetworkLibrary(standard_kinds(catalogue, embeddings, hypernetworks, loras, cache), cache)


def names(library: NetworkLibrary, kind: str = "lora", **options: Any) -> list[str]:
    return [card.name for card in library.page(kind, **options)[0]]


def test_every_kind_has_its_cards(library: NetworkLibrary) -> None:
    assert [kind.key for kind in library.kinds()] == [
        "checkpoints",
        "textual_inversion",
        "hypernetworks",
        "lora",
    ]
    assert names(library) == ["Ink", "lino.v2", "river"]
    assert names(library, "checkpoints") == ["sub/base.safetensors"]
    assert names(library, "textual_inversion") == ["bad (hands)"], "the picture is only its preview"
    assert names(library, "hypernetworks") == ["glow"]
    with pytest.raises(UnknownName):
        library.page("nothing")


def test_a_card_says_what_is_known(library: NetworkLibrary) -> None:
    ink, _, river = library.page("lora")[0]
    assert (river.base, river.type, river.folder, river.size) == (
        "SDXL",
        "LoRA",
        "",
        river.path.stat().st_size,
    )
    assert river.preview == 0 and river.hash is None and river.modified > 0 and river.created > 0
    assert ink.preview == (ink.path.with_name("Ink.preview.png")).stat().st_mtime_ns
    assert (ink.insertion.tag, ink.insertion.weight, ink.insertion.text) == ("lora", 0.7, "ink wash")
    assert river.insertion.weight == 1.0
    assert library.hash("lora", "river") == library.page("lora")[0][2].hash
    assert library.page("checkpoints")[0][0].base == "SD1"


def test_insertions_differ_by_kind(library: NetworkLibrary) -> None:
    def of(kind: str) -> Any:
        return library.page(kind)[0][0].insertion

    assert (of("textual_inversion").tag, of("textual_inversion").name) == ("", r"bad \(hands\)")
    assert (of("hypernetworks").tag, of("hypernetworks").name) == ("hypernet", "glow")
    assert of("checkpoints").name == "", "a click chooses it and writes nothing"


def test_the_default_weight_is_a_setting(models: Path) -> None:
    cache = FileCache(None)
    kind = FolderKind("lora", "Lora", [models / "Lora"], (".safetensors",), cache, tag="lora")
    library = NetworkLibrary([kind], cache, default_weight=lambda: 0.4)
    assert [card.insertion.weight for card in library.page("lora")[0]] == [0.7, 0.4, 0.4]


def test_one_name_means_the_file_that_a_tag_means(library: NetworkLibrary, models: Path) -> None:
    assert library.find("lora", "river").path == FileNames(models / "Lora").files()["river"]


def test_search_looks_at_names_folders_and_notes(library: NetworkLibrary) -> None:
    assert names(library, search="INK") == ["Ink"]
    assert names(library, search="print lino") == ["lino.v2"]
    assert names(library, search="kyoto") == ["Ink"]
    assert names(library, search="wash styles") == ["Ink"]
    assert names(library, search="nothing like it") == []
    library.page("lora")  # the cards were shown, so what their files say is known
    assert names(library, search="sdxl") == names(library, search="house") == ["river"]


def test_hidden_folders_are_shown_when_searched(library: NetworkLibrary) -> None:
    assert "hidden" not in names(library)
    assert names(library, search="hidden") == ["hidden"]
    assert [folder.path for folder in library.tree("lora")] == ["styles", "styles/print"]
    library._hidden = lambda: "Never"
    assert names(library, search="hidden") == []


def test_folders_and_orders(library: NetworkLibrary, models: Path) -> None:
    assert [(f.path, f.count) for f in library.tree("lora")] == [("styles", 2), ("styles/print", 1)]
    assert names(library, folder="styles") == ["Ink", "lino.v2"]
    assert names(library, folder="styles/print") == ["lino.v2"]
    assert names(library, folder="style") == []
    assert names(library, sort="path") == ["river", "Ink", "lino.v2"]
    assert names(library, sort="size")[-1] == "river"
    os.utime(models / "Lora" / "styles" / "Ink.safetensors", (1e9, 1e9))
    library.refresh("lora")
    assert names(library, sort="date")[0] == "Ink"
    assert names(library, sort="date", descending=True)[-1] == "Ink"
    assert names(library, offset=1, limit=1) == ["lino.v2"] and library.page("lora", limit=1)[1] == 3
    for wrong in ({"sort": "colour"}, {"limit": 0}, {"offset": -1}, {"limit": 501}):
        with pytest.raises(InvalidField):
            library.page("lora", **wrong)


def test_new_files_are_seen(library: NetworkLibrary, models: Path) -> None:
    assert "new" not in names(library)
    network(models / "Lora" / "styles" / "new.safetensors")
    assert "new" in names(library)


def test_details_summarise_metadata(library: NetworkLibrary) -> None:
    found = library.details("lora", "river")
    assert found["tags"] == [["river", 7], ["house", 5]]
    assert ["Rank", "16"] in found["summary"]
    assert "ss_tag_frequency" not in found["raw"] and len(found["raw"]["long"]) < 2100
    assert library.details("lora", "Ink")["notes"]["notes"] == "Kyoto"


def test_damaged_metadata_is_no_error(library: NetworkLibrary, models: Path) -> None:
    (models / "Lora" / "broken.safetensors").write_bytes(b"no")
    network(models / "Lora" / "odd.safetensors", {"ss_tag_frequency": "[1, {", "ss_network_args": "[]"})
    assert {"broken", "odd"} <= set(names(library))
    assert library.details("lora", "broken")["raw"] == {}
    assert library.details("lora", "odd")["tags"] == []


def test_notes_are_kept_as_the_older_ui_has_them(library: NetworkLibrary, models: Path) -> None:
    fields = {"description": "Ein Füller", "preferred weight": 0.55, "sd version": "SD1"}
    library.save_notes("lora", "Ink", fields)
    text = (models / "Lora" / "styles" / "Ink.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "activation text": "ink wash",
        "preferred weight": 0.55,
        "own key": [1],
        "notes": "Kyoto",
        "description": "Ein Füller",
        "sd version": "SD1",
    }
    assert "Füller" in text and not list((models / "Lora" / "styles").glob("*.tmp"))
    card = library.page("lora", search="ink")[0][0]
    assert (card.description, card.base, card.insertion.weight) == ("Ein Füller", "SD1", 0.55)
    library.save_notes("lora", "lino.v2", {"notes": "new"})
    assert json.loads((models / "Lora" / "styles" / "print" / "lino.v2.json").read_text()) == {"notes": "new"}
    library.save_notes("checkpoints", "sub/base.safetensors", {"notes": "n"})
    assert (models / "Stable-diffusion" / "sub" / "base.json").exists()


@pytest.mark.parametrize(
    "fields", [{"preferred weight": 1000}, {"preferred weight": True}, {"notes": 3}, {"path": "x"}]
)
def test_wrong_notes_are_refused(library: NetworkLibrary, models: Path, fields: dict[str, Any]) -> None:
    before = (models / "Lora" / "styles" / "Ink.json").read_bytes()
    with pytest.raises(InvalidField):
        library.save_notes("lora", "Ink", fields)
    assert (models / "Lora" / "styles" / "Ink.json").read_bytes() == before


@pytest.mark.parametrize("content", ["{damaged", "[1, 2]"])
def test_a_file_that_holds_no_notes_is_not_overwritten(
    library: NetworkLibrary, models: Path, content: str
) -> None:
    path = models / "Lora" / "river.json"
    path.write_text(content)
    assert library.page("lora", search="river")[0][0].description == ""
    with pytest.raises(BadFile):
        library.save_notes("lora", "river", {"notes": "x"})
    assert path.read_text() == content


def test_a_preview_is_small_and_keeps_its_recipe(library: NetworkLibrary, models: Path) -> None:
    library.set_preview("lora", "lino.v2", picture(recipe="a boat – 船\nSteps: 20"))
    path = models / "Lora" / "styles" / "print" / "lino.v2.png"
    with Image.open(path) as image:
        assert image.size == (512, 341) and image.info["parameters"] == "a boat – 船\nSteps: 20"
    assert library.preview("lora", "lino.v2") == path
    library.set_preview("lora", "lino.v2", picture(kind="JPEG"), recipe="told")
    with Image.open(path) as image:
        assert image.format == "PNG" and image.info["parameters"] == "told"
    with pytest.raises(InvalidField):
        library.set_preview("lora", "lino.v2", b"GIF89a")


def test_an_embedding_in_a_picture_is_not_overwritten(library: NetworkLibrary, models: Path) -> None:
    texts = PngInfo()
    texts.add_text("sd-ti-embedding", "e30=")
    path = models / "embeddings" / "drawn.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=texts)
    Image.new("RGB", (8, 8)).save(models / "embeddings" / "just a picture.png")
    before = path.read_bytes()
    assert names(library, "textual_inversion") == ["bad (hands)", "drawn"]
    library.set_preview("textual_inversion", "drawn", picture())
    assert path.read_bytes() == before
    assert library.preview("textual_inversion", "drawn") is not None
    assert names(library, "textual_inversion") == ["bad (hands)", "drawn"]


@pytest.mark.parametrize("name", ["../river", "styles/Ink", "/etc/passwd", "", "Ink.safetensors"])
def test_only_names_of_the_list_are_found(library: NetworkLibrary, name: str) -> None:
    for action in (
        lambda: library.details("lora", name),
        lambda: library.save_notes("lora", name, {"notes": "x"}),
        lambda: library.set_preview("lora", name, picture()),
    ):
        with pytest.raises(UnknownName):
            action()


def test_missing_networks_are_told_by_name_and_hash(library: NetworkLibrary) -> None:
    library.page("lora")
    digits = library.hash("lora", "river")
    found = library.missing(
        [
            Wanted("lora", "RIVER"),
            Wanted("lora", "river trained"),
            Wanted("lora", "stream", digits),
            Wanted("lora", "gone", "0123456789ab"),
            Wanted("hypernetworks", "glow"),
        ]
    )
    assert [(one.wanted.name, one.instead) for one in found] == [("stream", "river"), ("gone", None)]


def test_facts_are_read_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FileCache(None)

    def library() -> NetworkLibrary:
        return NetworkLibrary(
            [FolderKind("lora", "Lora", [models / "Lora"], (".safetensors",), cache)], cache
        )

    assert library().page("lora", search="river")[0][0].base == "SDXL"
    monkeypatch.setattr(
        "modules.networks.library_metadata.read_header", lambda path: pytest.fail("read again")
    )
    again = library()
    assert again.page("lora", search="river")[0][0].base == "SDXL"


def test_thousands_of_files_are_listed_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in range(20):
        (tmp_path / f"folder {folder:02}").mkdir()
    for number in range(3000):
        (tmp_path / f"folder {number % 20:02}" / f"network_{number:04}.pt").touch()
    for place in tmp_path.iterdir():
        os.utime(place, (1e9, 1e9))
    os.utime(tmp_path, (1e9, 1e9))
    cache = FileCache(None)
    library = NetworkLibrary([FolderKind("lora", "Lora", [tmp_path], (".pt",), cache, tag="lora")], cache)
    assert library.page("lora", "")[1] == 3000
    monkeypatch.setattr(os, "scandir", lambda *args: pytest.fail("a folder that didn't change is read again"))
    assert library.page("lora", "")[1] == 3000
    assert library.page("lora", "network_29")[1] == 100


def test_what_has_the_words_in_its_name_comes_first(library: NetworkLibrary, models: Path) -> None:
    network(models / "Lora" / "zebra house.safetensors")
    library.page("lora")
    assert names(library, search="house") == ["zebra house", "river"], "river was trained on houses"
    assert names(library, search="house", descending=True) == ["zebra house", "river"]
