"""Pictures are finished beside the sampling of the next batch, and nothing else changes by that."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.compute import HostCopy
from modules.faults import NotPossibleNow
from modules.generation import finishing
from modules.generation.aside import Aside
from modules.generation.engine import Engine, check
from modules.generation.hooks import NO_HOOKS, GenerationHooks
from modules.generation.results import GeneratedImage, Unwatched
from modules.models.vae_decoding import Decoding, decode
from tests.recording_hooks import REQUEST, Maker, same

PATIENCE = 20.0
THREE = replace(REQUEST, batch_count=3, batch_size=1, steps=1)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("aside"))


class Batches(Unwatched):
    """Knows which pictures were begun."""

    def __init__(self) -> None:
        self.begun = [threading.Event() for _ in range(THREE.pictures)]

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        self.begun[first].set()


def run(maker: Maker, monitor: Unwatched, hooks: GenerationHooks = NO_HOOKS) -> list[GeneratedImage]:
    engine = Engine(maker.models, hooks=hooks)
    return list(engine.run(check(THREE, maker.models), monitor))


def test_the_next_batch_is_begun_while_a_picture_is_finished(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, real = Batches(), finishing.to_image
    threads: list[str] = []

    def slowly(decoded: torch.Tensor) -> Image.Image:
        number = len(threads)
        threads.append(threading.current_thread().name)
        if number + 1 < THREE.pictures:
            assert monitor.begun[number + 1].wait(PATIENCE), "the next batch waits for this picture"
        return real(decoded)

    monkeypatch.setattr(finishing, "to_image", slowly)
    pictures = run(maker, monitor)
    assert [one.image.size for one in pictures] == [(THREE.width, THREE.height)] * 3
    assert all(name.startswith("finishing") for name in threads)


def test_whoever_listens_gets_the_pictures_in_the_workers_thread(maker: Maker) -> None:
    class Listening(GenerationHooks):
        changes_pictures = True

        def __init__(self) -> None:
            self.threads: list[threading.Thread] = []

        def picture(self, picture: GeneratedImage, request: Any) -> GeneratedImage:
            self.threads.append(threading.current_thread())
            return picture

    hooks = Listening()
    listened = run(maker, Unwatched(), hooks)
    assert hooks.threads == [threading.current_thread()] * 3
    assert same(listened, run(maker, Unwatched()))


def test_a_picture_that_fails_ends_the_job(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    class Counting(Unwatched):
        def begin_batch(self, first: int, count: int, steps: int) -> None:
            begun.append(first)

    def fail(decoded: torch.Tensor) -> Image.Image:
        raise NotPossibleNow("The VAE gave no picture.")

    monkeypatch.setattr(finishing, "to_image", fail)
    with pytest.raises(NotPossibleNow, match="no picture"):
        run(maker, Counting())
    assert begun == [0, 1]  # it is noticed before the second batch is decoded


def test_nan_in_the_vae_is_mended_or_said(maker: Maker) -> None:
    model = maker.models.get(None)
    latent = torch.randn(4, 6, 8)
    assert torch.equal(Decoding(model, latent).wait(), decode(model, latent))
    with pytest.raises(NotPossibleNow, match="NaN"):
        Decoding(model, torch.full_like(latent, torch.nan)).wait()


def test_an_image_may_come_later() -> None:
    image, future = Image.new("RGB", (4, 2), "red"), Future[Image.Image]()
    later = GeneratedImage(future, 0, 1, 0, "x")  # type: ignore[arg-type]
    threading.Timer(0.05, future.set_result, (image,)).start()
    assert later.image is image
    assert later == GeneratedImage(image, 0, 1, 0, "x")
    assert replace(later, number=3).image is image
    other = Image.new("RGB", (4, 2), "blue")
    assert replace(later, image=other).image is other


def test_aside_keeps_the_order_and_tells_the_first_failure() -> None:
    done: list[int] = []

    def make(number: int) -> Image.Image:
        done.append(number)
        if number in (1, 2):
            raise ValueError(number)
        return Image.new("L", (1, 1))

    with pytest.raises(ValueError, match="1"), Aside() as aside:
        for number in range(4):
            aside.do(lambda number=number: make(number))  # type: ignore[misc]
    assert done == [0, 1, 2, 3]
    with pytest.raises(KeyError), Aside() as aside:
        aside.do(lambda: make(1))
        raise KeyError  # what went wrong first is what is told


def test_a_copy_for_the_cpu() -> None:
    values = torch.arange(6.0).view(2, 3)
    assert np.array_equal(HostCopy(values).wait().numpy(), values.numpy())
