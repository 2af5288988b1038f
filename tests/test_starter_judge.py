"""The judge that looks at the starter model's pictures, its training, and the evaluation that asks it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tools.starter import evaluate, judge, judge_training
from tools.starter.dataset import SceneSet, build
from tools.starter.facts import Facts, Thing
from tools.starter.scenes import draw, make
from tools.starter.worlds import WORLDS

GOAL = 0.97


@pytest.fixture(scope="module")
def shipped() -> judge.Judge:
    return judge.load()


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> SceneSet:
    return build(tmp_path_factory.mktemp("scenes"), 48, 128, first_seed=42)


def scene(
    *things: Thing, style: str = "flat", relation: str | None = None, sky: tuple[str, ...] = ()
) -> Facts:
    return Facts("day", sky, "meadow", (), things, relation, style)


def test_what_cannot_be_seen_is_not_asked() -> None:
    red, plain = Thing("house", "red", "left"), Thing("house", None, "left")
    told = judge.visible(scene(red, sky=("sun",)), 1)
    assert (told["kind"], told["color"], told["position"]) == ("house", "red", "left")
    assert (told["sun"], told["moon"]) == ("yes", "no")
    assert "color" not in judge.visible(scene(plain), 1)
    assert "color" not in judge.visible(scene(red, style="pencil sketch"), 1)
    assert "color" not in judge.visible(scene(Thing("astronaut riding a horse", "red", "middle")), 1)
    assert "position" not in judge.visible(scene(Thing("house", "red", "middle", count=2)), 1)
    assert judge.visible(scene(), 1)["kind"] == "none"
    pair = judge.visible(scene(red, Thing("cat", "blue", "right"), relation="beside"), 1)
    assert not {"kind", "color", "position"} & set(pair)


def test_the_wider_world_has_more_questions() -> None:
    first, second = judge.questions(1), judge.questions(2)
    assert set(first) < set(second)
    assert {"count", "relation", "fog", "storm"} == set(second) - set(first)
    assert "dragon" in second["kind"] and "dragon" not in first["kind"]
    pair = scene(Thing("owl", "red", "middle"), Thing("bridge", None, "middle"), relation="on")
    assert judge.visible(pair, 2)["relation"] == "on"
    assert judge.visible(scene(Thing("owl", None, "middle", count=3)), 2)["count"] == "3"
    assert "time" not in judge.visible(scene(style="blueprint"), 2)
    for world in WORLDS:
        for seed in range(200):
            told = judge.visible(WORLDS[world].sample(np.random.default_rng(seed)), world)
            assert all(answer in judge.questions(world)[name] for name, answer in told.items())


@pytest.mark.parametrize("world", WORLDS)
def test_the_shipped_judges_are_small_and_good(world: int) -> None:
    file = judge.file_of(world)
    shipped = judge.load(file)
    assert file.stat().st_size < 2e6
    assert sum(p.numel() for p in shipped.net.parameters()) < 600_000
    assert shipped.world == world and set(shipped.accuracy) == set(judge.questions(world))
    assert all(share >= GOAL for share in shipped.accuracy.values()), shipped.accuracy
    with safe_open(file, "pt") as opened:
        assert all(opened.get_tensor(name).dtype == torch.float16 for name in opened.keys())  # noqa: SIM118


def test_the_shipped_judge_sees_new_scenes(shipped: judge.Judge) -> None:
    """On scenes whose seeds neither the training nor the figures in the file have seen."""
    made = [make(seed) for seed in range(3_000_000, 3_000_160)]
    found = shipped.answers(np.stack([picture for picture, _, _ in made]))
    counts = judge.agreement(found, [judge.visible(facts, 1) for _, _, facts in made])
    assert all(right / asked > 0.93 for right, asked in counts.values()), counts
    assert sum(right for right, _ in counts.values()) > 0.985 * sum(asked for _, asked in counts.values())


def test_it_answers_for_other_sizes_too(shipped: judge.Judge) -> None:
    facts = scene(Thing("house", "red", "left"), sky=("sun",))
    large = draw(facts, np.random.default_rng(1), 256)
    (answers,) = shipped.answers(large[None])
    assert (answers["kind"], answers["color"], answers["position"], answers["sun"]) == (
        "house",
        "red",
        "left",
        "yes",
    )
    assert shipped.sure([large], "color", "red") > 0.9
    chances = shipped.chances(np.stack([large, large]))
    assert all(np.allclose(part.sum(1), 1, atol=1e-5) and len(part) == 2 for part in chances.values())


def test_agreement_counts_only_what_was_asked() -> None:
    found = [{"time": "day", "kind": "cat"}, {"time": "night", "kind": "dog"}]
    assert judge.agreement(found, [{"time": "day"}, {"time": "day", "kind": "dog"}]) == {
        "time": (1, 2),
        "kind": (1, 1),
    }


def test_a_mirrored_picture_has_left_and_right_changed() -> None:
    told = [judge.visible(scene(Thing("cat", "red", side)), 1) for side in ("left", "middle", "right")]
    target = judge_training.targets([*told, judge.visible(scene(), 1)], 1)
    column = list(judge.questions(1)).index("position")
    assert target[:, column].tolist() == [0, 1, 2, judge_training.NOT_ASKED]
    changed = judge_training.mirrored(target, 1)
    assert changed[:, column].tolist() == [2, 1, 0, judge_training.NOT_ASKED]
    rest = [i for i in range(target.shape[1]) if i != column]
    assert torch.equal(changed[:, rest], target[:, rest])


@pytest.mark.parametrize("world", [1, 2])
def test_training_goes_on_where_it_stopped(world: int, scenes: SceneSet, tmp_path: Path) -> None:
    if world == 2:
        scenes = build(tmp_path, 24, 128, first_seed=42, world=2)
    for folder, stops in (("once", (4,)), ("twice", (2, 4))):
        for steps in stops:
            judge_training.train(scenes, tmp_path / folder, steps, 8, world)
    once, twice = (judge_training.trained(tmp_path / folder, world, scenes) for folder in ("once", "twice"))
    for name, weights in once.net.state_dict().items():
        close = torch.allclose(weights.float(), twice.net.state_dict()[name].float(), atol=2e-2)
        assert close or "running" in name, name
    assert set(once.accuracy) <= set(judge.questions(world))


def test_a_judge_survives_its_file(scenes: SceneSet, tmp_path: Path) -> None:
    judge_training.train(scenes, tmp_path, 2, 8, 1)
    made = judge_training.trained(tmp_path, 1, scenes)
    judge.save(made, tmp_path / "judge.safetensors")
    again = judge.load(tmp_path / "judge.safetensors")
    assert (again.world, again.accuracy) == (1, made.accuracy)
    assert again.answers(scenes.pictures[:8]) == made.answers(scenes.pictures[:8])


def test_a_judge_of_other_questions_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "questions", lambda world: {"time": ("day", "night")})
    with pytest.raises(ValueError, match="other questions"):
        judge.load()


def test_held_out_prompts_say_what_is_asked() -> None:
    some = evaluate.trials(60, seed=1, world=1)
    assert some == evaluate.trials(60, seed=1, world=1)
    assert some != evaluate.trials(60, seed=2, world=1)
    assert len({trial.prompt for trial in some}) > 55
    for trial in some:
        assert "no" not in trial.told.values()
        for name in ("color", "sun", "moon"):
            if name in trial.told:
                assert (trial.told[name] if name == "color" else name) in trial.prompt


class _Painter:
    """Stands for the engine: draws what the trials ask for, and remembers how often it was asked."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures
        self.asked: list[int] = []

    def make(self, prompts: tuple[str, ...], seeds: tuple[int, ...], batch_size: int) -> list[np.ndarray]:
        assert len(prompts) == len(seeds) == batch_size
        start = sum(self.asked)
        self.asked.append(batch_size)
        return self.pictures[start : start + batch_size]


def test_an_evaluation_goes_on_and_gives_figures(shipped: judge.Judge, tmp_path: Path) -> None:
    made = [make(seed) for seed in range(3_100_000, 3_100_010)]
    asked = [evaluate.Trial(text, judge.visible(facts, 1), i) for i, (_, text, facts) in enumerate(made)]
    painter = _Painter([picture for picture, _, _ in made])
    about = {
        "checkpoint": "x",
        "world": 1,
        "seed": 1,
        "steps": 20,
        "cfg_scale": 5.0,
        "sampler": "s",
        "device": "cpu",
    }
    about["threads"] = 1
    first = evaluate.Progress.of(tmp_path / "state.json", about)
    evaluate.evaluate(painter, shipped, asked[:4], first, 4)  # type: ignore[arg-type]
    again = evaluate.Progress.of(tmp_path / "state.json", about)
    assert again.found == first.found and len(again.found) == 4
    evaluate.evaluate(painter, shipped, asked, again, 4)  # type: ignore[arg-type]
    assert painter.asked == [4, 4, 2]
    assert evaluate.Progress.of(tmp_path / "state.json", about | {"seed": 2}).found == []
    again.psnr = 23.5
    figures = evaluate.report(again, asked, shipped)
    assert figures["mean_agreement"] > 0.9 and figures["facts"]["time"]["asked"] == 10
    assert evaluate.report(again, asked[:4], shipped)["facts"]["time"]["asked"] == 4
    assert figures["facts"]["time"]["guessing"] == 0.2 and figures["facts"]["sun"]["guessing"] is None
    text = evaluate.table(figures)
    assert "| time | 100 % | 10 |" in text and "23.50 dB" in text
    assert json.loads(json.dumps(figures)) == figures
