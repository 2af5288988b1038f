"""Textual-inversion embeddings: every format, what can't be used and why, names, the cache."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file
from torch import Tensor

from modules.models.tokenizer import tokenize
from modules.networks import embeddings as embeddings_file
from modules.networks.embedding_files import hash12, read_embedding
from modules.networks.embeddings import EmbeddingFolder, Embeddings
from tests.reference import reference

WIDTH = 8


def vectors(count: int = 2, width: int = WIDTH, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def as_nested(value: object) -> object:
    if isinstance(value, Tensor):
        return {"TORCHTENSOR": value.tolist()}
    return {key: as_nested(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def encoded(data: object) -> str:
    return base64.b64encode(json.dumps(as_nested(data)).encode()).decode()


def save_png(path: Path, text: str | None) -> None:
    info = PngImagePlugin.PngInfo()
    if text is not None:
        info.add_text("sd-ti-embedding", text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)


def old_style(data: Tensor) -> dict[str, object]:
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": data},
        "name": "another name",
        "step": 100,
        "sd_checkpoint": "af3e4725",
        "sd_checkpoint_name": "lab",
    }


def write(folder: Path, name: str, content: object) -> Path:
    """Write a file as its suffix says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".safetensors":
        assert isinstance(content, dict)
        save_file(content, path)
    elif path.suffix == ".png":
        save_png(path, None if content is None else encoded(content))
    else:
        torch.save(content, path)
    return path


def load(folder: Path, *widths: int) -> Embeddings:
    return EmbeddingFolder(folder).for_widths(widths or (WIDTH,), tokenize)


# -- formats ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("style.pt", old_style(vectors())),
        ("style.pt", {"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors())})}),
        ("style.pt", {"emb_params": vectors()}),
        ("style.bin", {"<concept>": vectors()}),
        ("style.safetensors", {"emb_params": vectors()}),
        ("style.safetensors", {"emb_params": vectors(), "other": torch.zeros(3)}),
        ("style.safetensors", {"any name": vectors()}),
        ("style.SAFETENSORS", {"any name": vectors()}),
        ("style.png", old_style(vectors())),
    ],
)
def test_formats(tmp_path: Path, name: str, content: dict[str, Tensor]) -> None:
    if name.endswith("SAFETENSORS"):
        write(tmp_path, "style.safetensors", content).rename(tmp_path / name)
    else:
        write(tmp_path, name, content)
    found = load(tmp_path)
    assert found.names() == ["style"]
    assert not found.skipped
    assert found.vectors("style").dtype == torch.float32
    torch.testing.assert_close(found.vectors("style"), vectors())


def test_one_vector_without_an_axis(tmp_path: Path) -> None:
    write(tmp_path, "one.bin", {"<concept>": vectors(1)[0]})
    write(tmp_path, "half.safetensors", {"x": vectors(1)[0].half()})
    found = load(tmp_path)
    torch.testing.assert_close(found.vectors("one"), vectors(1))
    torch.testing.assert_close(found.vectors("half"), vectors(1).half().float())


def test_training_facts(tmp_path: Path) -> None:
    write(tmp_path, "style.pt", old_style(vectors(3)))
    write(tmp_path, "odd.pt", {"string_to_param": {"*": vectors()}, "step": "many", "sd_checkpoint": 3})
    loaded = load(tmp_path).loaded
    style, odd = loaded["style"], loaded["odd"]
    assert (style.step, style.checkpoint_hash, style.checkpoint_name) == (100, "af3e4725", "lab")
    assert (style.count, style.width, style.path) == (3, WIDTH, tmp_path / "style.pt")
    assert (odd.step, odd.checkpoint_hash, odd.checkpoint_name) == (None, None, None)


def test_two_text_encoders(tmp_path: Path) -> None:
    small, large = vectors(2, 4), vectors(2, 6, seed=1)
    # Written with the second encoder first: the order is by name.
    write(tmp_path, "xl.safetensors", {"clip_g": large, "clip_l": small})
    write(tmp_path, "pickled.pt", {"clip_l": small, "clip_g": large})
    write(tmp_path, "uneven.safetensors", {"clip_g": large, "clip_l": vectors(3, 4)})
    write(tmp_path, "refiner.safetensors", {"clip_g": large})
    write(tmp_path, "old.pt", old_style(vectors(2, 4)))
    found = load(tmp_path, 4, 6)
    assert found.names() == ["pickled", "xl"]
    for name in found.names():
        torch.testing.assert_close(found.vectors(name), small)
        torch.testing.assert_close(found.vectors(name, 1), large)
        assert found.loaded[name].width == 10
    assert "different numbers of vectors (3 for clip_l and 2 for clip_g)" in found.skipped["uneven"].reason
    assert found.skipped["old"].reason == (
        "It is for another kind of model: its width is 4, and the model's 4 and 6."
    )
    assert load(tmp_path, 6).names() == ["refiner"]
    assert load(tmp_path, 4).names() == ["old"]
    assert load(tmp_path, 4).skipped["xl"].width == 10


def test_for_width_is_for_one_encoder(tmp_path: Path) -> None:
    write(tmp_path, "style.pt", old_style(vectors()))
    assert EmbeddingFolder(tmp_path).for_width(WIDTH, tokenize).names() == ["style"]


def test_reference_files() -> None:
    folder = reference() / "pictures" / "networks" / "embeddings"
    sd1, xl = load(folder, 128), load(folder, 64, 128)
    assert sd1.names() == ["concept", "lab-style"]
    assert xl.names() == ["xl-style"]
    assert [tuple(part.shape) for part in xl.loaded["xl-style"].vectors] == [(2, 64), (2, 128)]
    assert sd1.loaded["lab-style"].checkpoint_name == "lab"
    assert sd1.vectors("concept").shape == (1, 128)
    # As the infotexts of the reference pictures have them.
    assert hash12(sd1.loaded["lab-style"].path) == "59b2ead30d3d"
    assert hash12(sd1.loaded["concept"].path) == "a62140ac06f9"
    assert hash12(xl.loaded["xl-style"].path) == "45172ee29a8b"


# -- pictures -----------------------------------------------------------------------------------------------


def test_previews_are_no_embeddings(tmp_path: Path) -> None:
    write(tmp_path, "style.pt", old_style(vectors()))
    write(tmp_path, "style.png", None)
    write(tmp_path, "style.preview.png", old_style(vectors()))
    write(tmp_path, "alone.png", None)
    Image.new("RGB", (8, 8)).save(tmp_path / "web.webp")
    found = load(tmp_path)
    assert found.names() == ["style"]
    assert found.loaded["style"].path.suffix == ".pt"
    assert sorted(found.skipped) == ["alone", "web"]
    assert "has no text 'sd-ti-embedding'" in found.skipped["alone"].reason


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        base64.b64encode(b"{broken").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b'{"string_to_param": {"*": {"TORCHTENSOR": [[1, 2], [3]]}}}').decode(),
        base64.b64encode(b'{"string_to_param": {"*": {"TORCHTENSOR": "text"}}}').decode(),
        base64.b64encode(b'{"string_to_param": {"*": {"TORCHTENSOR": null}}}').decode(),
        base64.b64encode(b'{"string_to_param": 3}').decode(),
        base64.b64encode(b"[1, 2]").decode(),
    ],
)
def test_damaged_pictures(tmp_path: Path, text: str) -> None:
    save_png(tmp_path / "style.png", text)
    found = load(tmp_path)
    assert not found.loaded
    assert found.skipped["style"].reason.startswith("style.png can't be used: ")


# -- what can't be used -------------------------------------------------------------------------------------

NAN = vectors()
NAN[1, 3] = float("nan")


@pytest.mark.parametrize(
    ("name", "content", "reason", "size"),
    [
        ("style.pt", b"", "the file is empty", (0, 0)),
        ("style.safetensors", b"", "the file is empty", (0, 0)),
        ("style.png", b"", "the file is empty", (0, 0)),
        ("style.safetensors", b"no safetensors at all", "no safetensors file", (0, 0)),
        ("style.pt", b"no pickle at all", "", (0, 0)),
        ("style.jxl", b"\xff\x0a no picture", "no picture of a kind", (0, 0)),
        ("style.png", b"\x89PNG\r\n\x1a\n cut", "picture", (0, 0)),
        ("style.pt", [vectors()], "it holds no embedding", (0, 0)),
        ("style.pt", {"step": 3}, "it holds no embedding", (0, 0)),
        ("style.pt", {"string_to_param": {}}, "it holds no embedding", (0, 0)),
        ("style.pt", {"string_to_param": {"a": vectors(), "b": vectors()}}, "2 tensors where", (0, 0)),
        ("style.bin", {"<a>": vectors(), "<b>": vectors()}, "2 tensors where", (0, 0)),
        ("style.bin", {"<a>": NAN}, "infinite or no numbers", (0, 0)),
        ("style.bin", {"<a>": vectors()[None]}, "not [1, 2, 8]", (0, 0)),
        ("style.bin", {"<a>": torch.tensor(1.0)}, "not []", (0, 0)),
        ("style.bin", {"<a>": torch.empty(0, WIDTH)}, "not [0, 8]", (0, 0)),
        ("style.bin", {"<a>": torch.zeros(2, 5)}, "its width is 5, and the model's 8", (2, 5)),
    ],
)
def test_reasons(tmp_path: Path, name: str, content: object, reason: str, size: tuple[int, int]) -> None:
    write(tmp_path, name, content)
    write(tmp_path, "good.safetensors", {"x": vectors()})
    found = load(tmp_path)
    assert found.names() == ["good"]
    skipped = found.skipped["style"]
    assert reason in skipped.reason
    assert skipped.reason.endswith(".")
    assert (skipped.vectors, skipped.width) == size
    assert skipped.path == tmp_path / name


class Hostile:
    """A pickle that would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".pt", ".bin"])
def test_a_hostile_pickle_is_refused(tmp_path: Path, suffix: str) -> None:
    victim = tmp_path / "victim"
    write(tmp_path, f"plain{suffix}", pickle.dumps({"string_to_param": {"*": Hostile(victim)}}))
    write(tmp_path, f"zipped{suffix}", {"string_to_param": {"*": vectors()}, "x": Hostile(victim)})
    found = load(tmp_path)
    assert sorted(found.skipped) == ["plain", "zipped"]
    assert not victim.exists()


def test_of_two_files_with_one_name_the_first_that_fits(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "a/style.pt", old_style(vectors(1, 5)))
    write(first, "b/style.pt", old_style(vectors(2)))
    write(first, "c/style.bin", {"x": vectors(3)})
    write(second, "style.pt", old_style(vectors(4)))
    found = EmbeddingFolder(first, second, tmp_path / "none").for_widths((WIDTH,), tokenize)
    assert found.loaded["style"].path == first / "b/style.pt"
    assert {one.path: one.vectors for one in found.skipped.values()} == {
        first / "a/style.pt": 1,
        first / "c/style.bin": 3,
        second / "style.pt": 4,
    }
    assert "the same name" in found.skipped[str(second / "style.pt")].reason


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ünïcode", "夜景", "[brackets] (and more)", "two words", "v1.5.2", "-", "🦊", "<angle>", "a,b"]
)
def test_names_of_any_characters(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"{name}.safetensors", {"x": vectors()})
    found = load(tmp_path)
    before = tokenize(["a house, "])[0]
    ids = before + tokenize([name])[0] + tokenize([" tree"])[0]
    place = found.find(ids, len(before))
    assert place is not None
    assert place[0].name == name
    assert place[0].vectors == 2
    assert place[1] == len(tokenize([name])[0])
    assert found.find(ids, 0) is None


def test_the_longest_name_wins(tmp_path: Path) -> None:
    write(tmp_path, "fox.pt", {"x": vectors(1)})
    write(tmp_path, "fox style.pt", {"x": vectors(2)})
    found = load(tmp_path)
    place = found.find(tokenize(["fox style"])[0], 0)
    assert place is not None
    assert place[0].name == "fox style"


def test_names_that_a_prompt_cannot_tell(tmp_path: Path) -> None:
    write(tmp_path, "a/Fox.pt", {"x": vectors(1)})
    write(tmp_path, "b/fox.pt", {"x": vectors(2)})
    write(tmp_path, " .pt", {"x": vectors(2)})
    found = load(tmp_path)
    assert found.names() == ["Fox"]
    assert "reads the same as 'Fox'" in found.skipped["fox"].reason
    assert "can't name ' '" in found.skipped[" "].reason


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    write(tmp_path, "good.pt", {"x": vectors()})
    try:
        (tmp_path / "good.pt").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.pt")))
    except OSError:
        pytest.skip("this file system has only names that are text")
    found = load(tmp_path)
    assert not found.loaded
    assert "isn't readable text" in next(iter(found.skipped.values())).reason
    json.dumps([*found.skipped, *(one.reason for one in found.skipped.values())], ensure_ascii=False).encode()


def test_hundreds_of_vectors(tmp_path: Path) -> None:
    write(tmp_path, "long.pt", {"x": vectors(300)})
    found = load(tmp_path)
    assert found.vectors("long").shape == (300, WIDTH)
    place = found.find(tokenize(["long"])[0], 0)
    assert place is not None
    assert place[0].vectors == 75


# -- changes ------------------------------------------------------------------------------------------------


def test_only_changed_files_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(path: Path) -> object:
        read.append(path.name)
        return read_embedding(path)

    monkeypatch.setattr(embeddings_file, "read_embedding", noted)
    for i in range(20):
        write(tmp_path, f"sub/style{i}.safetensors", {"x": vectors(seed=i)})
    write(tmp_path, "bad.safetensors", b"bad")
    folder = EmbeddingFolder(tmp_path)
    signature = folder.signature()
    assert len(folder.for_widths((WIDTH,), tokenize).names()) == 20
    assert len(read) == 21
    read.clear()
    folder.for_widths((4, 6), tokenize)
    assert read == []
    assert folder.signature() == signature

    write(tmp_path, "sub/style3.safetensors", {"x": vectors(5, seed=99)})
    (tmp_path / "sub/style4.safetensors").unlink()
    assert folder.signature() != signature
    found = folder.for_widths((WIDTH,), tokenize)
    assert read == ["style3.safetensors"]
    assert found.loaded["style3"].count == 5
    assert "style4" not in found.loaded


def test_vectors_outlive_their_file(tmp_path: Path) -> None:
    """A memory-mapped tensor would change, or end the program, when its file is written over."""
    path = write(tmp_path, "style.safetensors", {"x": vectors()})
    found = load(tmp_path)
    path.write_bytes(b"\0" * path.stat().st_size)
    torch.testing.assert_close(found.vectors("style"), vectors())


def test_folders_that_go_in_circles(tmp_path: Path) -> None:
    write(tmp_path, "sub/style.pt", {"x": vectors()})
    try:
        (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    found = load(tmp_path)
    assert found.names() == ["style"]
    assert not found.skipped


def test_no_folder(tmp_path: Path) -> None:
    found = load(tmp_path / "none")
    assert found.names() == []
    assert found.find([320], 0) is None
    assert EmbeddingFolder().signature() == ()


# -- bundled in a LoRA --------------------------------------------------------------------------------------


def test_bundled_embeddings(tmp_path: Path) -> None:
    write(tmp_path, "style.pt", {"x": vectors(1)})
    write(tmp_path, "other.pt", {"x": vectors(1)})
    plain = load(tmp_path)
    assert plain.with_bundled({}) is plain
    more = plain.with_bundled(
        {
            "style": (vectors(3, seed=5).half(),),
            "Other": (vectors(2, seed=6),),
            "new": (vectors(1, seed=7)[0],),
            "unfit": (vectors(1, 5),),
            "shapeless": (torch.zeros(1, 1, WIDTH),),
        }
    )
    assert more.names() == ["style", "Other", "new"]
    torch.testing.assert_close(more.vectors("style"), vectors(3, seed=5).half().float())
    place = more.find(tokenize(["other"])[0], 0)
    assert place is not None
    assert place[0].name == "Other"
    assert sorted(more.skipped) == ["other", "shapeless", "unfit"]
    assert plain.names() == ["other", "style"]
    assert plain.vectors("style").shape == (1, WIDTH)
    pair = (vectors(2, 4), vectors(3, 6))
    uneven = load(tmp_path, 4, 6).with_bundled({"xl": pair, "xm": (pair[0], pair[1][:2])})
    assert uneven.names() == ["xm"]
    assert "different numbers of vectors: 2 and 3" in uneven.skipped["xl"].reason


# -- in pixels ----------------------------------------------------------------------------------------------


def hide(data: bytes, picture: Image.Image, frame: int = 0) -> Image.Image:
    """A picture between two columns of pixels that hold packed data, as `embedding_pictures._hidden` says."""
    packed = np.frombuffer(zlib.compress(data), np.uint8)
    height = picture.height
    width = -(-len(packed) // (height * 3))
    packed = np.pad(packed, (0, width * height * 3 - len(packed))).reshape(height, width, 3)
    state, series = 0, []
    for _ in range(packed.size):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        series.append(state % 255 & 0x0F)
    disguise = np.array(series, np.uint8).reshape(packed.shape)
    sides = [0x90 | ((packed >> shift & 0x0F) ^ disguise) for shift in (0, 4)]
    margin = np.full((height, 2, 3), 0x50, np.uint8)
    inner = np.asarray(picture) & 0xF0 | 0x10
    sheet = np.concatenate([sides[0], margin, inner, margin, sides[1]], axis=1)
    return Image.fromarray(np.pad(sheet, ((frame, frame), (frame, frame), (0, 0))))


@pytest.mark.parametrize("frame", [0, 3])
def test_an_embedding_in_the_pixels(tmp_path: Path, frame: int) -> None:
    expected = torch.arange(2.0 * WIDTH).reshape(2, WIDTH) / 8
    said = {"string_to_param": {"*": {"TORCHTENSOR": expected.tolist()}}, "name": "style", "step": 7}
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    hide(json.dumps(said).encode(), Image.fromarray(noise), frame).save(tmp_path / "style.png")
    found = load(tmp_path)
    assert found.skipped == {}
    assert torch.equal(found.vectors("style"), expected) and found.loaded["style"].step == 7


def test_pictures_that_only_look_as_if(tmp_path: Path) -> None:
    sheet = np.asarray(hide(b"{}", Image.new("RGB", (40, 32), "white"))).copy()
    sheet[:, 0] ^= 0x05
    Image.fromarray(sheet).save(tmp_path / "changed.png")
    bomb = hide(b"[" + b"0," * 40_000_000 + b"0]", Image.new("RGB", (40, 256), "white"))
    bomb.save(tmp_path / "bomb.png")
    found = load(tmp_path)
    assert not found.loaded and sorted(found.skipped) == ["bomb", "changed"]
