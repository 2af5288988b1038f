"""The lists of model files: what is found under which names, what is remembered, and what can't break them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from modules.faults import BadFile, UnknownName
from modules.models import catalogue as catalogue_module
from modules.models import file_cache as file_cache_module
from modules.models import model_folders
from modules.models.catalogue import CheckpointCatalogue
from modules.models.file_cache import FileCache, hashed_file
from modules.models.vae_catalogue import VaeCatalogue


def tensors_file(path: Path, number: float = 1.0, **metadata: str) -> Path:
    """A small safetensors file; the metadata are `modelspec.*`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": torch.tensor([float(number)])}, path, {f"modelspec.{k}": v for k, v in metadata.items()})
    return path


def other_file(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def diffusers_folder(path: Path) -> Path:
    other_file(path / "model_index.json", b"{}")
    tensors_file(path / "unet" / "diffusion_pytorch_model.safetensors", 1)
    tensors_file(path / "unet" / "diffusion_pytorch_model.fp16.safetensors", 2)
    tensors_file(path / "vae" / "diffusion_pytorch_model.safetensors", 3)
    other_file(path / "safety_checker" / "model.ckpt")
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[FileCache]:
    cache = FileCache(tmp_path / "cache" / "files.sqlite")
    yield cache
    cache.close()


def filenames(catalogue: CheckpointCatalogue) -> list[str]:
    return [checkpoint.filename for checkpoint in catalogue.all()]


# -- what is listed -----------------------------------------------------------------------------------------


def test_checkpoints_of_all_kinds_are_listed_and_nothing_else(models: Path, cache: FileCache) -> None:
    for name in ("b.safetensors", "sub/C.SafeTensors"):
        tensors_file(models / name)
    for name in (
        "A.ckpt",
        "d.pt",
        "e.pth",
        "f.bin",
        "a.vae.pt",
        "a.vae.ckpt",
        "b.yaml",
        "g.safetensors.part",
    ):
        other_file(models / name)
    for name in ("b.vae.safetensors", "sub/x.VAE.safetensors", "._b.safetensors"):
        tensors_file(models / name)
    diffusers_folder(models / "sub" / "painter.v2")
    found = CheckpointCatalogue((models, models.parent / "not there"), cache).all()
    assert [c.filename for c in found] == [
        "A.ckpt",
        "b.safetensors",
        "d.pt",
        "sub/C.SafeTensors",
        "sub/painter.v2",
    ]
    assert [c.name for c in found] == ["A", "b", "d", "sub/C", "sub/painter.v2"]
    assert [c.is_folder for c in found] == [False, False, False, False, True]


def test_a_searched_folder_may_be_a_diffusers_model_itself(tmp_path: Path, cache: FileCache) -> None:
    folder = diffusers_folder(tmp_path / "painter")
    for catalogue in (CheckpointCatalogue((folder,), cache), CheckpointCatalogue((), cache, (folder,))):
        assert [(c.filename, c.path) for c in catalogue.all()] == [("painter", folder)]


def test_the_hash_of_a_diffusers_folder_is_that_of_its_unet(models: Path, cache: FileCache) -> None:
    folder = diffusers_folder(models / "painter")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    catalogue = CheckpointCatalogue((models,), cache)
    hashed = catalogue.with_hash(catalogue.find("painter"))
    assert hashed.sha256 == sha256(weights)
    assert hashed.title == f"painter [{hashed.short_hash}]"
    assert CheckpointCatalogue((models,), cache).all() == [hashed]
    weights.unlink()
    assert hashed_file(folder).name == "diffusion_pytorch_model.fp16.safetensors"


def test_a_diffusers_folder_without_weights_is_listed_and_says_so(models: Path, cache: FileCache) -> None:
    other_file(models / "half" / "model_index.json")
    catalogue = CheckpointCatalogue((models,), cache)
    with pytest.raises(BadFile, match="half can't be used: the folder holds no weights"):
        catalogue.with_hash(catalogue.find("half"))


def test_links_are_followed_and_never_in_circles(models: Path, tmp_path: Path, cache: FileCache) -> None:
    tensors_file(models / "z" / "own.safetensors")
    tensors_file(tmp_path / "elsewhere" / "far.safetensors")
    (models / "a link").symlink_to(models / "z", target_is_directory=True)
    (models / "z" / "up").symlink_to(models, target_is_directory=True)
    (models / "z" / "self").symlink_to(models / "z" / "self")
    (tmp_path / "elsewhere" / "back").symlink_to(models, target_is_directory=True)
    (models / "outside").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (models / "alias.safetensors").symlink_to(models / "z" / "own.safetensors")
    (models / "broken.safetensors").symlink_to(models / "gone.safetensors")
    catalogue = CheckpointCatalogue((models, models / "z", tmp_path / "elsewhere"), cache)
    assert filenames(catalogue) == ["alias.safetensors", "outside/far.safetensors", "z/own.safetensors"]


def test_an_unreadable_folder_is_told_and_the_rest_is_listed(
    models: Path, cache: FileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tensors_file(models / "locked" / "a.safetensors")
    tensors_file(models / "open" / "b.safetensors")
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(model_folders.os, "scandir", refusing)
    with caplog.at_level(logging.WARNING):
        assert filenames(CheckpointCatalogue((models,), cache)) == ["open/b.safetensors"]
    assert "locked can't be read: Permission denied" in caplog.text


def test_damaged_files_are_listed_and_told(
    models: Path, cache: FileCache, caplog: pytest.LogCaptureFixture
) -> None:
    other_file(models / "bad.safetensors", b"<html>")
    tensors_file(models / "huge.safetensors", resolution="9" * 5000, thumbnail="x" * 100_000)
    with caplog.at_level(logging.WARNING):
        found = CheckpointCatalogue((models,), cache, (models / "gone.safetensors",)).all()
    assert [c.filename for c in found] == ["gone.safetensors", "bad.safetensors", "huge.safetensors"]
    assert "bad.safetensors can't be used" in caplog.text
    assert "gone.safetensors can't be used" in caplog.text
    assert found[2].resolution is None
    assert "thumbnail" not in found[2].modelspec


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_unicode_is_left_out(models: Path, cache: FileCache) -> None:
    tensors_file(models / "a.safetensors")
    try:
        with open(os.fsencode(models) + b"/\xff.safetensors", "wb"):
            pass
    except OSError:
        pytest.skip("this file system has no such names")
    assert filenames(CheckpointCatalogue((models,), cache)) == ["a.safetensors"]


# -- what an entry tells ------------------------------------------------------------------------------------


def test_an_entry_tells_what_lies_beside_the_file(models: Path, cache: FileCache) -> None:
    tensors_file(
        models / "a.b.safetensors", title="A", usage_hint="Example prompts: one | two", resolution="768"
    )
    for name in ("a.b.preview.png", "a.b.webp", "a.b.yaml", "a.png"):
        other_file(models / name)
    notes = {"description": "d", "notes": "Use 20 steps.", "sd version": "SD1", "preferred weight": 0.7}
    (models / "a.b.json").write_text(json.dumps(notes), encoding="utf-8-sig")
    tensors_file(models / "plain.safetensors")
    diffusers_folder(models / "folder")
    other_file(models / "folder.jpeg")
    entry, folder, plain = CheckpointCatalogue((models,), cache).all()
    assert (entry.preview, entry.yaml) == (models / "a.b.preview.png", models / "a.b.yaml")
    assert entry.user_metadata() == notes
    assert entry.notes() == "Use 20 steps."
    assert entry.modelspec["title"] == "A"
    assert (entry.resolution, entry.examples) == ((768, 768), ("one", "two"))
    assert folder.preview == models / "folder.jpeg"
    assert (plain.preview, plain.yaml, plain.user_metadata(), plain.notes()) == (None, None, {}, "")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"notes": 5}'])
def test_damaged_notes_are_none(content: bytes, models: Path, cache: FileCache) -> None:
    tensors_file(models / "a.safetensors")
    other_file(models / "a.json", content)
    assert CheckpointCatalogue((models,), cache).find("a").notes() == ""


def test_headers_are_read_once_for_each_version_of_a_file(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        tensors_file(models / f"{name}.safetensors", title=name)
    read: list[str] = []
    real = catalogue_module.read_metadata

    def counting(path: Path) -> dict[str, str]:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(catalogue_module, "read_metadata", counting)

    def listing() -> list[str]:
        read.clear()
        found = CheckpointCatalogue((models,), tmp_path / "files.sqlite").all()
        return [c.modelspec["title"] for c in found]

    assert listing() == ["a", "b", "c"]
    assert len(read) == 3
    assert listing() == ["a", "b", "c"]
    assert read == []
    tensors_file(models / "b.safetensors", title="another")
    assert listing() == ["a", "another", "c"]
    assert read == ["b.safetensors"]


# -- names --------------------------------------------------------------------------------------------------


def test_every_name_of_a_checkpoint_is_known(models: Path, cache: FileCache) -> None:
    path = tensors_file(models / "Sub" / "Über.v1.safetensors")
    tensors_file(models / "aaa.safetensors", 2)
    catalogue = CheckpointCatalogue((models,), cache)
    found = catalogue.with_hash(catalogue.find("Über.v1"))
    assert found.sha256 == sha256(path)
    for name in (
        found.title,
        f"Sub\\Über.v1.safetensors [{found.short_hash}]",
        "Sub/Über.v1.safetensors",
        "Sub\\Über.v1",
        "Über.v1.safetensors",
        " Über.v1 ",
        "Sub_Über.v1",
        "sub/über.V1",
        "U\u0308ber.v1",
        str(path),
        found.sha256,
        found.sha256.upper(),
        found.sha256[:10],
        found.sha256[:8],
        f"renamed since.safetensors [{found.short_hash}]",
        "ÜBER.V1.safetensors [0123456789]",
    ):
        assert catalogue.find(name) == found, name
    for name in ("", "Sub", "über", found.sha256[:7], "0123456789", "gone [0123456789]", "[", "a[b]"):
        with pytest.raises(UnknownName):
            catalogue.find(name)


def test_an_exact_name_goes_before_a_similar_one(models: Path, cache: FileCache) -> None:
    for number, name in enumerate(("a/Model", "b/model", "model2", "MODEL2 [12345678]")):
        tensors_file(models / f"{name}.safetensors", number)
    catalogue = CheckpointCatalogue((models,), cache)
    for wanted, expected in (
        ("model", "b/model"),
        ("Model", "a/Model"),
        ("MODEL", "a/Model"),
        ("model2", "model2"),
        ("MODEL2 [12345678]", "MODEL2 [12345678]"),
    ):
        assert catalogue.find(wanted).name == expected


def test_the_8_digit_hash_of_old_pictures_is_known(
    models: Path, cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, window = b"\1" * 0x100000, os.urandom(0x10000)
    other_file(models / "old.ckpt", start + window + b"the rest")
    other_file(models / "small.ckpt", start)
    digits = hashlib.sha256(window).hexdigest()[:8]
    of_nothing = hashlib.sha256(b"").hexdigest()[:8]
    catalogue = CheckpointCatalogue((models,), cache)
    assert cache.all_of("window") == {}
    assert catalogue.find(digits).name == "old"
    assert catalogue.find(f"lost.ckpt [{digits}]").name == "old"
    with pytest.raises(UnknownName):
        catalogue.find(of_nothing)
    monkeypatch.setattr(file_cache_module, "open", None, raising=False)  # no file is read a second time
    assert catalogue.find(digits.upper()).name == "old"


def test_an_unknown_name_looks_once_more(models: Path, cache: FileCache) -> None:
    catalogue = CheckpointCatalogue((models,), cache)
    assert catalogue.default() is None
    tensors_file(models / "new.safetensors")
    assert catalogue.all() == []
    assert catalogue.find("new").filename == "new.safetensors"
    (models / "new.safetensors").unlink()
    catalogue.refresh()
    assert catalogue.all() == []


# -- VAEs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def vaes(models: Path, tmp_path: Path, cache: FileCache) -> VaeCatalogue:
    for name in ("VAE/ft-mse.safetensors", "VAE/deep/third.vae.safetensors", "VAE/deep/first.vae.pt"):
        tensors_file(tmp_path / name)
    for name in ("first.safetensors", "second.ckpt", "third.safetensors", "fourth.safetensors"):
        other_file(models / name)
    other_file(models / "first.vae.pt", b"vae")
    return VaeCatalogue((tmp_path / "VAE",), cache, (models,))


def test_vaes_are_listed_by_their_file_names(vaes: VaeCatalogue, models: Path) -> None:
    assert [(vae.name, vae.path.parent.name) for vae in vaes.all()] == [
        ("first.vae.pt", "deep"),
        ("third.vae.safetensors", "deep"),
        ("ft-mse.safetensors", "VAE"),
    ]
    assert vaes.find("deep\\first.vae.pt").path.parent.name == "deep"


def test_two_vaes_of_one_name_are_told_apart(tmp_path: Path, cache: FileCache) -> None:
    for name in ("a.pt", "sub/a.pt"):
        other_file(tmp_path / "VAE" / name)
    vaes = VaeCatalogue((tmp_path / "VAE",), cache, (tmp_path / "VAE",), (tmp_path / "VAE" / "a.pt",))
    assert [vae.name for vae in vaes.all()] == ["a.pt", "sub/a.pt"]
    assert vaes.find("sub/a.pt").path == tmp_path / "VAE" / "sub" / "a.pt"


def test_vaes_are_found_by_name_and_hash(vaes: VaeCatalogue, tmp_path: Path) -> None:
    found = vaes.with_hash(vaes.find("ft-mse"))
    assert found.sha256 == sha256(tmp_path / "VAE" / "ft-mse.safetensors")
    assert found.short_hash == found.sha256[:10]
    for name in ("ft-mse.safetensors", "FT-MSE", found.sha256, found.sha256[:10], str(found.path)):
        assert vaes.find(name) == found
    tensors_file(tmp_path / "VAE" / "new.safetensors")
    assert vaes.find("new").name == "new.safetensors"
    with pytest.raises(UnknownName, match="There is no VAE named 'gone'") as caught:
        vaes.find("gone")
    assert caught.value.field == "sd_vae"


def test_a_checkpoint_gets_its_vae(
    vaes: VaeCatalogue, models: Path, tmp_path: Path, cache: FileCache
) -> None:
    checkpoints = CheckpointCatalogue((models,), cache)

    def vae_of(checkpoint: str, chosen: str = "Automatic") -> Path | None:
        found = vaes.for_checkpoint(checkpoints.find(checkpoint), chosen)
        return found.path if found else None

    assert vae_of("first") == models / "first.vae.pt"  # beside it goes before the VAE folder
    assert vae_of("third") == tmp_path / "VAE" / "deep" / "third.vae.safetensors"
    assert vae_of("second") is None
    assert vae_of("first", "None") is None
    assert vae_of("first", "ft-mse.safetensors") == tmp_path / "VAE" / "ft-mse.safetensors"
    with pytest.raises(UnknownName, match="no VAE named 'gone'"):
        vae_of("first", "gone")


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ("ft-mse.safetensors", "ft-mse.safetensors"),
        ("None", None),
        ("gone", "first.vae.pt"),
        (5, "first.vae.pt"),
    ],
)
def test_the_vae_in_the_notes_goes_first(
    noted: object, expected: str | None, vaes: VaeCatalogue, models: Path, cache: FileCache
) -> None:
    (models / "first.json").write_text(json.dumps({"vae": noted}))
    checkpoint = CheckpointCatalogue((models,), cache).find("first")
    found = vaes.for_checkpoint(checkpoint, "Automatic")
    assert (found.name if found else None) == expected


def test_a_vae_beside_a_single_checkpoint_outside_of_all_folders_is_used(
    tmp_path: Path, vaes: VaeCatalogue, cache: FileCache
) -> None:
    path = tensors_file(tmp_path / "downloads" / "x.safetensors")
    other_file(tmp_path / "downloads" / "x.vae.ckpt")
    checkpoint = CheckpointCatalogue((), cache, (path,)).find("x")
    found = vaes.for_checkpoint(checkpoint, "automatic")
    assert found is not None
    assert found.path == tmp_path / "downloads" / "x.vae.ckpt"
