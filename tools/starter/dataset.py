"""The training set: scenes drawn once, kept in a folder, described anew each time they are used."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tools.starter.captions import disturbed
from tools.starter.scenes import Facts, describe, draw
from tools.starter.worlds import WORLDS

CHUNK = 500


@dataclass(frozen=True)
class SceneSet:
    """Drawn scenes.

    Attributes:
        pictures: uint8 `[N, size, size, 3]`, memory-mapped.
        facts: What is on them.
        world: The world that they are from (see `worlds`).
        disturbed: The share of captions that get strange words or lose some of theirs, 0 to 1.
    """

    pictures: np.ndarray
    facts: list[Facts]
    world: int = 1
    disturbed: float = 0.0

    def caption(self, index: int, rng: np.random.Generator) -> str:
        """One of the many captions that fit the scene."""
        text = describe(self.facts[index], rng)
        return disturbed(text, rng) if self.disturbed and rng.random() < self.disturbed else text


def _draw_chunk(first_seed: int, count: int, size: int, world: int) -> tuple[np.ndarray, list[Facts]]:
    import cv2

    cv2.setNumThreads(1)
    pictures = np.empty((count, size, size, 3), np.uint8)
    facts = []
    for i in range(count):
        rng = np.random.default_rng(first_seed + i)
        fact = WORLDS[world].sample(rng)
        pictures[i] = draw(fact, rng, size)
        facts.append(fact)
    return pictures, facts


def _chunks(
    first_seed: int, count: int, size: int, workers: int, world: int
) -> Iterator[tuple[np.ndarray, list[Facts]]]:
    """The scenes in order, drawn by processes of their own where there are several chunks."""
    chunks = [(first_seed + s, min(CHUNK, count - s), size, world) for s in range(0, count, CHUNK)]
    if workers < 2 or len(chunks) < 2:
        yield from (_draw_chunk(*chunk) for chunk in chunks)
        return
    # not forked: a copy of a process in which OpenCV or torch have threads can stand still for ever
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for job in [pool.submit(_draw_chunk, *chunk) for chunk in chunks]:
            yield job.result()


def build(
    folder: Path,
    count: int,
    size: int,
    first_seed: int = 1_000_000,
    workers: int = 1,
    world: int = 1,
    disturbed: float = 0.0,
) -> SceneSet:
    """Draw `count` scenes with the seeds from `first_seed` on into `folder`, or open what is there already.

    What they are is also kept beside them, as JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = "scenes" if world == 1 else f"scenes-world-{world}"
    pictures_file = folder / f"{name}-{size}-{count}-{first_seed}.npy"
    facts_file = pictures_file.with_suffix(".facts.pickle")
    if not facts_file.exists():
        pictures = np.lib.format.open_memmap(
            pictures_file, mode="w+", dtype=np.uint8, shape=(count, size, size, 3)
        )
        facts: list[Facts] = []
        for drawn, some in _chunks(first_seed, count, size, workers, world):
            pictures[len(facts) : len(facts) + len(drawn)] = drawn
            facts += some
        pictures.flush()
        about = {"world": world, "count": count, "size": size, "first_seed": first_seed}
        pictures_file.with_suffix(".json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        facts_file.write_bytes(pickle.dumps(facts))
    # our own file, written a line above or by an earlier run
    facts = pickle.loads(facts_file.read_bytes())
    return SceneSet(np.load(pictures_file, mmap_mode="r"), facts, world, disturbed)
