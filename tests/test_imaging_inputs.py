"""The store of pictures that requests refer to."""

import hashlib
import os
import threading
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.faults import InvalidField, NotPossibleNow, UnknownName
from modules.imaging import inputs
from modules.imaging.inputs import InputStore


def png(seed: int = 1, kind: str = "PNG", side: int = 9) -> bytes:
    values = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (side, side, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("GIF", "gif")]
)
def test_a_picture_is_kept_under_its_hash(tmp_path: Path, kind: str, suffix: str) -> None:
    store, data = InputStore(tmp_path / "inputs"), png(kind=kind)
    name = store.put(data)
    assert name == f"{hashlib.sha256(data).hexdigest()}.{suffix}"
    assert store.get(name) == data and (tmp_path / "inputs" / name).read_bytes() == data
    assert store.put(data) == name and len(list((tmp_path / "inputs").iterdir())) == 1
    assert store.open(name).size == (9, 9)


def test_another_store_reads_it(tmp_path: Path) -> None:
    name = InputStore(tmp_path).put(png())
    assert InputStore(tmp_path).open(name).tobytes() == Image.open(BytesIO(png())).tobytes()


def test_what_is_opened_may_be_changed(tmp_path: Path) -> None:
    store = InputStore(tmp_path)
    name = store.put(png())
    before = store.open(name).tobytes()
    store.open(name).paste("red", (0, 0, 9, 9))
    assert store.open(name).tobytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../settings.json",
        "/etc/passwd",
        "a" * 64,
        "a" * 64 + ".exe",
        "A" * 64 + ".png",
        "a" * 63 + ".png",
        "a" * 64 + ".png\n",
        "a" * 64 + ".png/..",
        "g" * 64 + ".png",
        "a" * 64 + ".png.tmp",
        "a" * 64 + ".png",
    ],
)
def test_unknown_names(tmp_path: Path, name: str) -> None:
    store = InputStore(tmp_path / "inputs")
    for ask in (store.get, store.open):
        with pytest.raises(UnknownName) as caught:
            ask(name)
        assert caught.value.field == "init_images"
    with pytest.raises(UnknownName) as caught:
        store.get(name, "mask")
    assert caught.value.field == "mask"


def test_only_pictures_are_kept(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    with pytest.raises(InvalidField) as caught:
        store.put(b"no picture", "mask")
    assert caught.value.field == "mask" and not (tmp_path / "inputs").exists()


def test_a_file_damaged_on_disk_is_a_sentence(tmp_path: Path) -> None:
    name = InputStore(tmp_path).put(png())
    (tmp_path / name).write_bytes(png()[:60])
    with pytest.raises(InvalidField):
        InputStore(tmp_path).open(name)


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inputs, "write_atomically", full)
    with pytest.raises(NotPossibleNow, match="No space left"):
        InputStore(tmp_path).put(png())


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_CACHED_PIXELS", 3 * 81)
    store = InputStore(tmp_path)
    names = [store.put(png(seed)) for seed in range(5)]
    assert list(store._cache) == names[2:]
    store.open(names[2])  # used: now the last to be dropped
    store.open(names[0])
    assert list(store._cache) == [names[4], names[2], names[0]]
    for name in names[2:]:
        (tmp_path / name).unlink()
    store.open(names[2])  # from memory
    with pytest.raises(UnknownName):
        store.open(names[3])


def test_forget_unused(tmp_path: Path) -> None:
    store = InputStore(tmp_path)
    used, old, young, again = (store.put(png(seed)) for seed in range(4))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{old}.tmp").write_bytes(b"half")
    long_ago = time.time() - 1000
    for name in (used, old, again, "notes.txt", f"{old}.tmp"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    store.put(png(3))  # asked for again: not old any more
    assert store.forget_unused([used], 500) == 1
    assert {path.name for path in tmp_path.iterdir()} == {used, young, again, "notes.txt"}
    with pytest.raises(UnknownName):
        store.open(old)
    assert InputStore(tmp_path / "nothing").forget_unused([], 0) == 0


def test_many_threads_put_the_same_picture(tmp_path: Path) -> None:
    store, names = InputStore(tmp_path), []
    threads = [threading.Thread(target=lambda: names.append(store.put(png()))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 12 and len(set(names)) == 1 and store.get(names[0]) == png()
