"""One request to pictures, on a tiny model with random weights of the real layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.compute import choose
from modules.faults import InvalidField, UnknownName
from modules.generation.engine import Engine, check
from modules.generation.options import NoiseOptions, SamplingOptions, TextOptions
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage, Unwatched
from modules.imaging.infotext import parse
from modules.models.catalogue import CheckpointCatalogue
from modules.models.store import ModelStore
from modules.prompts.wildcards import Wildcards
from modules.sampling.catalogue import SAMPLERS
from tests import tiny_model

REQUEST = TextToImage(prompt="a cat", seed=11, steps=5, sampler="Euler a", width=64, height=48, save=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny.safetensors")
    return folder


@pytest.fixture(scope="module")
def models(folder: Path) -> ModelStore:
    return ModelStore(
        CheckpointCatalogue((), folder / "files.sqlite", (folder / "tiny.safetensors",)), choose
    )


@pytest.fixture(scope="module")
def engine(models: ModelStore, folder: Path) -> Engine:
    (folder / "wildcards").mkdir()
    (folder / "wildcards" / "animal.txt").write_text("cat\ndog\nfox\nhorse\nrabbit\n")
    return Engine(models, (folder / "embeddings",), Wildcards(folder / "wildcards"))


@pytest.fixture(scope="module")
def make(engine: Engine, models: ModelStore) -> Callable[..., list[GeneratedImage]]:
    def make(request: TextToImage = REQUEST, first: int = 0, **changes: object) -> list[GeneratedImage]:
        checked = check(replace(request, **changes), models)  # type: ignore[arg-type]
        return list(engine.run(checked, Unwatched(), first))

    return make


Make = Callable[..., list[GeneratedImage]]


def pixels(picture: GeneratedImage) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


def difference(a: GeneratedImage, b: GeneratedImage) -> int:
    return int(np.abs(pixels(a) - pixels(b)).max())


def test_the_same_request_gives_the_same_bytes(make: Make) -> None:
    first, second = make()[0], make()[0]
    assert first.image.size == (64, 48)
    assert first.image.tobytes() == second.image.tobytes()


@pytest.mark.parametrize("sampler", [s.name for s in SAMPLERS if s.name != "DPM adaptive"])
def test_a_batch_is_four_single_pictures(sampler: str, make: Make) -> None:
    batch = make(sampler=sampler, batch_size=4)
    assert [p.seed for p in batch] == [11, 12, 13, 14]
    assert all(p.image.getextrema() != ((0, 0),) * 3 for p in batch)
    for picture in batch[1:3]:
        alone = make(sampler=sampler, seed=picture.seed)[0]
        assert difference(picture, alone) <= 1
    assert difference(batch[0], batch[1]) > 8


def test_batches_and_counts_continue_the_seeds(make: Make) -> None:
    pictures = make(batch_size=2, batch_count=2)
    assert [(p.number, p.seed) for p in pictures] == [(0, 11), (1, 12), (2, 13), (3, 14)]


def test_a_job_that_goes_on_makes_the_same_pictures(make: Make) -> None:
    whole = make(batch_size=3, batch_count=2)
    rest = make(batch_size=3, batch_count=2, first=2)
    assert [p.number for p in rest] == [2, 3, 4, 5]
    assert all(difference(a, b) <= 1 for a, b in zip(whole[2:], rest, strict=True))


def test_prompt_negative_weight_and_scale_count(make: Make) -> None:
    plain = make()[0]
    for changes in (
        {"prompt": "a dog"},
        {"prompt": "a (cat:1.6)"},
        {"prompt": "a cat AND a dog"},
        {"prompt": "a [cat:dog:0.5]"},
        {"prompt": "a cat, " * 60},
        {"negative_prompt": "a dog"},
        {"cfg_scale": 3.0},
        {"seed": 12},
        {"scheduler": "Karras"},
        {"text": TextOptions(clip_skip=2)},
        {"noise": NoiseOptions(variation_seed=3, variation_strength=0.5)},
        {"noise": NoiseOptions(source="NV")},
    ):
        assert difference(plain, make(**changes)[0]) > 0, changes


def test_variations_share_the_seed(make: Make) -> None:
    pictures = make(batch_size=2, noise=NoiseOptions(variation_seed=3, variation_strength=0.2))
    assert [(p.seed, p.variation_seed) for p in pictures] == [(11, 3), (11, 4)]
    assert difference(*pictures) > 0


def test_tiling_fits_the_edges_together_and_is_off_again(make: Make) -> None:
    plain, tiled = make()[0], make(tiling=True)[0]
    assert "Tiling: True" in tiled.infotext
    assert difference(plain, tiled) > 0
    assert make()[0].image.tobytes() == plain.image.tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {"skip_negative_below": 5.0},
        {"skip_negative_below": 5.0, "skip_negative_always": True},
        {"skip_negative_early": 0.4},
        {"sigma_max": 9.0},
        {"sigma_min": 0.3},
        {"rho": 4.0},
        {"discard_next_to_last_sigma": True},
        {"sgm_noise_multiplier": True},
        {"s_noise": 1.02},
        {"eta": 0.5},
    ],
    ids=str,
)
def test_finer_settings_count_and_are_told(options: dict[str, object], make: Make) -> None:
    changed = make(scheduler="Karras", sampling=SamplingOptions(**options))[0]  # type: ignore[arg-type]
    plain = make(scheduler="Karras")[0]
    assert difference(plain, changed) > 0
    assert len(parse(changed.infotext)[2]) > len(parse(plain.infotext)[2])


def test_windows(make: Make) -> None:
    options = {"sampling": SamplingOptions(window_width=64, window_height=64, window_overlap=16)}
    small, large = {"width": 64, "height": 64}, {"width": 128, "height": 80}
    assert difference(make(**small)[0], make(**small, **options)[0]) == 0, "one window is the whole"
    assert difference(make(**large)[0], make(**large, **options)[0]) > 0
    facts = parse(make(**large, **options)[0].infotext)[2]
    assert (facts["Window"], facts["Window overlap"]) == ("64x64", "16")
    assert "Window" not in make()[0].infotext


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("window_width", {"window_width": 32, "window_height": 64}),
        ("window_height", {"window_width": 64}),
        ("window_width", {"window_width": -1}),
        ("window_height", {"window_width": 64, "window_height": 9000}),
        ("window_overlap", {"window_width": 64, "window_height": 128, "window_overlap": 64}),
        ("window_overlap", {"window_overlap": -8}),
    ],
)
def test_windows_that_cannot_be(field: str, options: dict[str, int]) -> None:
    with pytest.raises(InvalidField) as caught:
        SamplingOptions(**options)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_windows_do_not_go_with_tiling() -> None:
    with pytest.raises(InvalidField, match="Tiling"):
        replace(REQUEST, tiling=True, sampling=SamplingOptions(window_width=64, window_height=64))


def test_sides_that_are_no_multiple_of_64_work(make: Make) -> None:
    assert make(width=72, height=40)[0].image.size == (72, 40)


def test_the_infotext_tells_the_recipe(make: Make, models: ModelStore) -> None:
    picture = make(negative_prompt="a dog", sampler="DPM++ 2M Karras", cfg_scale=5)[0]
    prompt, negative, parameters = parse(picture.infotext)
    assert (prompt, negative) == ("a cat", "a dog")
    assert {
        k: parameters[k]
        for k in ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "RNG")
    } == {
        "Steps": "5",
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": "5.0",
        "Seed": "11",
        "Size": "64x48",
        "Model": "tiny",
        "RNG": "CPU",
    }
    assert parameters["Model hash"] == models.catalogue.find("tiny").short_hash


def test_an_embedding_stands_for_its_vectors(make: Make, folder: Path) -> None:
    """A word whose vectors are those of other words gives the picture of those words."""
    from safetensors.torch import load_file

    from modules.models.tokenizer import tokenize

    table = load_file(folder / "tiny.safetensors")[
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    ]
    (folder / "embeddings").mkdir(exist_ok=True)
    vectors = table[tokenize(["a red house"])[0]].float()
    save_file({"emb_params": vectors}, folder / "embeddings" / "my-house.safetensors")
    save_file({"emb_params": torch.zeros(1, 99)}, folder / "embeddings" / "other-width.safetensors")
    expected = make(prompt="by the sea, (a red house:1.2)")[0]
    assert difference(make(prompt="by the sea, (my-house:1.2)")[0], expected) <= 1
    assert difference(make(prompt="by the sea, (other-width:1.2)")[0], expected) > 1


def test_wildcards_are_chosen_by_each_pictures_seed(make: Make) -> None:
    template = "a {red|blue|green} house and a __animal__"
    batch = make(prompt=template, batch_size=4, batch_count=2)
    assert [p.number for p in batch] == list(range(8))
    prompts = [parse(p.infotext)[0] for p in batch]
    assert len(set(prompts)) > 2
    for picture, prompt in zip(batch[:3], prompts, strict=False):
        assert parse(picture.infotext)[2]["Wildcard prompt"] == template
        again = make(prompt=prompt, seed=picture.seed)[0]
        assert difference(picture, again) <= 1
        assert "Wildcard prompt" not in again.infotext
    assert parse(make(prompt=template, text=TextOptions(wildcards=False))[0].infotext)[0] == template


# -- watching -----------------------------------------------------------------------------------------------


class Watcher(Unwatched):
    """Notes what it is told; ends or skips after a step."""

    def __init__(self, stop_at: int | None = None, skip_at: int | None = None) -> None:
        self.stop_at, self.skip_at = stop_at, skip_at
        self.steps: list[tuple[int, int]] = []
        self.previews: list[Image.Image] = []
        self.first = 0

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        self.first = first

    def step(self, done: int, preview: Callable[[], Image.Image]) -> None:
        self.steps.append((self.first, done))
        self.previews.append(preview())

    def stop_requested(self) -> bool:
        return self.stop_at is not None and len(self.steps) >= self.stop_at

    def skip_requested(self) -> bool:
        return self.first == 0 and self.skip_at is not None and len(self.steps) >= self.skip_at


def test_every_step_is_told_with_a_preview(engine: Engine, models: ModelStore) -> None:
    watcher = Watcher()
    picture = next(iter(engine.run(check(REQUEST, models), watcher)))
    assert watcher.steps == [(0, n) for n in range(1, 6)]
    assert picture.complete
    assert [preview.size for preview in watcher.previews] == [(8, 6)] * 5
    assert len({preview.tobytes() for preview in watcher.previews}) == 5


def test_interrupting_keeps_the_picture_so_far(engine: Engine, models: ModelStore) -> None:
    watcher = Watcher(stop_at=3)
    pictures = list(engine.run(check(replace(REQUEST, batch_count=4), models), watcher))
    assert watcher.steps == [(0, 1), (0, 2), (0, 3)]
    assert [(p.number, p.complete) for p in pictures] == [(0, False)]
    assert "Interrupted at step: 3" in pictures[0].infotext


def test_skipping_goes_on_with_the_next_batch(engine: Engine, models: ModelStore) -> None:
    pictures = list(engine.run(check(replace(REQUEST, batch_count=3), models), Watcher(skip_at=2)))
    assert [(p.number, p.complete) for p in pictures] == [(1, True), (2, True)]


# -- checks before anything runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"sampler": "Oiler"}, UnknownName, "sampler_name"),
        ({"scheduler": "Kurras"}, UnknownName, "scheduler"),
        ({"checkpoint": "gone.safetensors"}, UnknownName, "sd_model_checkpoint"),
        ({"sampler": "DPM2", "steps": 1}, InvalidField, "steps"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    changes: dict[str, object], error: type[Exception], field: str, models: ModelStore
) -> None:
    with pytest.raises(error) as caught:
        check(replace(REQUEST, **changes), models)  # type: ignore[arg-type]
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_names_are_resolved_so_that_a_job_means_the_same_later(models: ModelStore) -> None:
    checked = check(replace(REQUEST, sampler="k_dpmpp_2m", scheduler="karras"), models)
    assert (checked.sampler, checked.scheduler, checked.checkpoint) == (
        "DPM++ 2M",
        "Karras",
        "tiny.safetensors",
    )


def test_a_refiner_takes_over_within_the_pass(tmp_path: Path) -> None:
    from modules.generation.requests import Refiner

    files = (
        tiny_model.write(tmp_path / "base.safetensors", 0),
        tiny_model.write(tmp_path / "fine.safetensors", 7),
    )
    models = ModelStore(CheckpointCatalogue((), tmp_path / "files.sqlite", files), choose)
    engine = Engine(models)

    def picture(checkpoint: str, refiner: Refiner | None = None) -> GeneratedImage:
        request = check(replace(REQUEST, checkpoint=checkpoint, refiner=refiner), models)
        return next(engine.run(request, Unwatched()))

    base, fine = picture("base"), picture("fine")
    refined = picture("base", Refiner(checkpoint="fine", switch_at=0.5))
    assert min(difference(refined, base), difference(refined, fine)) > 0
    assert difference(picture("base", Refiner(checkpoint="fine", switch_at=1)), base) == 0
    at_once = picture("base", Refiner(checkpoint="fine", switch_at=0))
    assert difference(at_once, base) > 0
    parameters = parse(refined.infotext)[2]
    assert (parameters["Refiner"], parameters["Refiner switch at"]) == ("fine.safetensors", "0.5")
    assert parameters["Model"] == "base"
    with pytest.raises(UnknownName, match="nothing"):
        picture("base", Refiner(checkpoint="nothing"))
