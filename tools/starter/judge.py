"""The judge: a small network that tells from a picture what a scene shows, so that a model can be measured.

It is trained on the drawn scenes (`judge_training`), which it knows for certain, and asked about generated ones. What
cannot be seen in a picture is not asked: see `visible`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tools.starter.facts import Facts
from tools.starter.palette import COLOURS, LIGHTS
from tools.starter.pixels import to_pixels
from tools.starter.worlds import WORLDS

SIDE = 128
POSITIONS = ("left", "middle", "right")
COUNTS = ("1", "2", "3")
RELATIONS = ("none", "beside", "in front of", "on")
NO_COLOUR = ("snowman", "astronaut", "astronaut riding a horse")
"""Kinds whose greatest part has the same colour always."""
FILE = Path(__file__).resolve().parents[2] / "tests/starter_judge/judge.safetensors"
"""The trained judge of world 1, with which the tests look at pictures."""


def file_of(world: int) -> Path:
    """Where the trained judge of a world is."""
    return FILE if world == 1 else FILE.with_name(f"judge-world-{world}.safetensors")


Answers = dict[str, str]
"""What is so, by question: `{"time": "night", "moon": "yes"}`."""


def questions(world: int) -> dict[str, tuple[str, ...]]:
    """What the judge of a world answers: for each question its possible answers."""
    known = WORLDS[world]
    asked = {
        "time": tuple(LIGHTS),
        "ground": known.grounds,
        "kind": ("none", *known.kinds),
        "color": tuple(COLOURS),
        "position": POSITIONS,
        "style": tuple(known.styles),
    }
    if known.relations:
        asked |= {"count": COUNTS, "relation": RELATIONS}
    return asked | dict.fromkeys(known.sky, ("no", "yes"))


def visible(facts: Facts, world: int) -> Answers:
    """The answers that a picture of these facts gives away.

    Of two things neither is the main one, so only the scene is asked about. A thing's colour is asked where it was
    chosen and where it shows (a pencil leaves only a trace of it), its position where it stands alone.
    """
    known = WORLDS[world]
    told = {"ground": facts.ground, "style": facts.style}
    told |= {name: "yes" if name in facts.sky else "no" for name in known.sky}
    if facts.style not in known.timeless:
        told["time"] = facts.time
    if known.relations:
        told["relation"] = facts.relation or "none"
    if not facts.objects:
        told["kind"] = "none"
    elif len(facts.objects) == 1:
        (thing,) = facts.objects
        told["kind"] = thing.kind
        if known.relations:
            told["count"] = str(thing.count)
        if thing.color is not None and thing.kind not in NO_COLOUR and facts.style not in known.colourless:
            told["color"] = thing.color
        if thing.count == 1:
            told["position"] = thing.position
    return told


class JudgeNet(nn.Module):
    """A plain convolutional network, `[B, 3, 128, 128]` in -1..1 -> logits `[B, sum of answers]`.

    What it sees is averaged over each column of the picture (so that left and right stay apart), and the strongest of
    everything is added.
    """

    def __init__(self, outputs: int, width: int = 32, hidden: int = 160) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for channels, kernel, stride in (
            (width, 8, 4),
            (2 * width, 3, 2),
            (2 * width, 3, 1),
            (4 * width, 3, 2),
            (4 * width, 3, 1),
        ):
            convolution = nn.Conv2d(
                inputs, channels, kernel, stride, (kernel - 1) // 2 if stride < 4 else 2, bias=False
            )
            layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
            inputs = channels
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(inputs * (SIDE // 16 + 1), hidden), nn.ReLU())
        self.heads = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of all answers, question after question."""
        seen = self.features(x)
        columns, strongest = seen.mean(2).flatten(1), seen.amax((2, 3))
        result: Tensor = self.heads(self.hidden(torch.cat([columns, strongest], 1)))
        return result


def as_input(pictures: np.ndarray) -> Tensor:
    """uint8 `[B, H, W, 3]` -> what the network takes; pictures of other sizes are brought to its own."""
    x = to_pixels(pictures)
    return x if x.shape[-2:] == (SIDE, SIDE) else F.interpolate(x, (SIDE, SIDE), mode="area")


@dataclass
class Judge:
    """A trained judge.

    Attributes:
        net: The network.
        world: The world that it knows.
        accuracy: For each question the share of right answers on held-out scenes.
    """

    net: JudgeNet
    world: int
    accuracy: dict[str, float]

    def answers(self, pictures: np.ndarray) -> list[Answers]:
        """What it sees in pictures (uint8 `[B, H, W, 3]`): an answer to every question, also to idle ones."""
        options = questions(self.world)
        best = {name: chances.argmax(1) for name, chances in self.chances(pictures).items()}
        return [{name: options[name][best[name][row]] for name in options} for row in range(len(pictures))]

    @torch.inference_mode()
    def chances(self, pictures: np.ndarray, batch: int = 64) -> dict[str, np.ndarray]:
        """For each question how sure it is of each answer: float `[B, answers]`, each row with the sum 1."""
        asked = questions(self.world)
        where = next(self.net.parameters()).device
        sizes = [len(options) for options in asked.values()]
        parts = [
            self.net(as_input(pictures[i : i + batch]).to(where)).cpu().split(sizes, 1)
            for i in range(0, len(pictures), batch)
        ]
        return {
            name: torch.cat([part[n] for part in parts]).softmax(1).numpy() for n, name in enumerate(asked)
        }

    def sure(self, pictures: Sequence[np.ndarray], question: str, answer: str) -> float:
        """How sure it is of an answer on the mean of the pictures, 0 to 1."""
        column = questions(self.world)[question].index(answer)
        return float(self.chances(np.stack(pictures))[question][:, column].mean())


def agreement(found: Sequence[Answers], told: Sequence[Answers]) -> dict[str, tuple[int, int]]:
    """For each question how often it was asked and how often the answer was as told: `(right, asked)`."""
    counts: dict[str, tuple[int, int]] = {}
    for seen, true in zip(found, told, strict=True):
        for name, answer in true.items():
            right, asked = counts.get(name, (0, 0))
            counts[name] = (right + (seen[name] == answer), asked + 1)
    return counts


def save(judge: Judge, path: Path) -> None:
    """Write a judge, fp16, with its questions and its accuracy in the metadata."""
    tensors = {
        name: w.detach().to("cpu", torch.float16).contiguous()
        for name, w in judge.net.state_dict().items()
        if w.dtype.is_floating_point
    }
    metadata = {
        "format": "pt",
        "world": str(judge.world),
        "questions": json.dumps(questions(judge.world)),
        "accuracy": json.dumps(judge.accuracy),
        "license": "Apache-2.0",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def load(path: Path = FILE) -> Judge:
    """The judge in a file, on the CPU.

    Raises: ValueError: it answers other questions than this program's judge of its world.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no mapping)
    world = int(metadata.get("world", "1"))
    asked = questions(world)
    if {name: tuple(options) for name, options in json.loads(metadata["questions"]).items()} != asked:
        raise ValueError(f"{path.name} was trained on other questions: train it again (--stage judge).")
    net = JudgeNet(sum(map(len, asked.values())))
    net.load_state_dict(weights, strict=False)  # without BatchNorm's counters
    return Judge(net.eval(), world, json.loads(metadata["accuracy"]))
