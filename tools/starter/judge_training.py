"""The training of the judge on drawn scenes, and what it gets right on held-out ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.starter.dataset import SceneSet
from tools.starter.judge import Answers, Judge, JudgeNet, agreement, as_input, questions, visible
from tools.starter.optimizers import MatrixOptimizer, Rates
from tools.starter.training_state import Checkpoints, Training, autocast, device

SEED = 5
RATES = Rates(matrices=3e-3, rest=3e-3)
AVERAGE = 0.995
NOT_ASKED = -100
BLURRED = 0.4
"""How many of the pictures are softened: generated ones are, and the judge shall see through it."""


def targets(told: list[Answers], world: int) -> Tensor:
    """The numbers of the answers, int64 `[N, questions]`; `NOT_ASKED` where a scene doesn't show one."""
    asked = questions(world)
    rows = [
        [options.index(answers[name]) if name in answers else NOT_ASKED for name, options in asked.items()]
        for answers in told
    ]
    return torch.tensor(rows)


def mirrored(target: Tensor, world: int) -> Tensor:
    """The answers of the mirrored pictures: left and right change places."""
    options = list(questions(world))
    changed, column = target.clone(), options.index("position")
    position = target[:, column]
    changed[:, column] = torch.where(position >= 0, 2 - position, position)
    return changed


def loss_of(logits: Tensor, target: Tensor, world: int) -> Tensor:
    """The mean cross-entropy of the questions that are asked."""
    parts = logits.split([len(options) for options in questions(world).values()], 1)
    losses = [
        F.cross_entropy(part, target[:, i], ignore_index=NOT_ASKED, reduction="sum")
        for i, part in enumerate(parts)
    ]
    return torch.stack(losses).sum() / len(logits)


def _softened(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Some of the pictures as if a VAE and a small U-Net had made them: fewer details, other brightness, noise."""
    some = torch.from_numpy(rng.random(len(x)) < BLURRED)
    if some.any():
        small = F.avg_pool2d(x[some], 2 if rng.random() < 0.6 else 4)
        x[some] = F.interpolate(small, x.shape[-2:], mode="bilinear")
    shape = (len(x), 1, 1, 1)
    contrast = torch.from_numpy(rng.uniform(0.92, 1.08, shape).astype(np.float32))
    brightness = torch.from_numpy(rng.uniform(-0.05, 0.05, shape).astype(np.float32))
    return x * contrast + brightness


def train(scenes: SceneSet, folder: Path, steps: int, batch: int, world: int) -> None:
    """Train (or go on training) until `steps`; the state is in `folder/judge-<world>.pt`."""
    where = device()
    torch.manual_seed(SEED)
    told = targets([visible(facts, world) for facts in scenes.facts], world)
    net = JudgeNet(sum(map(len, questions(world).values()))).to(where)
    training = Training(net, MatrixOptimizer(net, RATES), _file(folder, world), AVERAGE, seconds=60)
    net.train()
    for step, meter in training.steps(steps, "judge", decay=0.6):
        rng = np.random.default_rng((17, step))
        chosen = np.sort(rng.integers(len(told), size=batch))
        x, target = as_input(scenes.pictures[chosen]), told[torch.from_numpy(chosen)]
        if rng.random() < 0.5:
            x, target = x.flip(3), mirrored(target, world)
        x, target = _softened(x, rng).to(where), target.to(where)
        with autocast(where):
            logits = net(x).float()
        loss = loss_of(logits, target, world)
        training.learn(loss)
        meter.add(loss=loss)


def _file(folder: Path, world: int) -> Path:
    return folder / f"judge-{world}.pt"


def trained(folder: Path, world: int, held_out: SceneSet) -> Judge:
    """The trained judge (its moving average) in the precision of its file, tried on held-out scenes."""
    saved = Checkpoints(_file(folder, world)).load()
    if saved is None:
        raise SystemExit(f"There is no trained judge in {folder}: run the stage 'judge' first.")
    net = JudgeNet(sum(map(len, questions(world).values())))
    net.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in saved["average"].items()}
    )
    judge = Judge(net.eval().to(device()), world, {})
    told = [visible(facts, world) for facts in held_out.facts]
    counts = agreement(judge.answers(held_out.pictures), told)
    judge.accuracy = {name: round(right / asked, 4) for name, (right, asked) in counts.items()}
    return judge
