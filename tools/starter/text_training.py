"""Stage 2: the text encoder learns to tell the facts of a scene from its caption.

Cross-attention begins nearly uniform, so at first the U-Net sees hardly more than the mean of a text's vectors.
Training that mean to hold the facts (a linear layer must read them off) takes minutes, and the U-Net then obeys the
words from its first steps on; without it, the words are found thousands of steps later.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.text_encoder import TextEncoder, TextEncoderConfig
from modules.models.tokenizer import BOS, EOS, tokenize
from tools.starter.dataset import SceneSet
from tools.starter.facts import Facts
from tools.starter.optimizers import MatrixOptimizer, Rates
from tools.starter.training_state import Checkpoints, Training, autocast, device

TEXT = TextEncoderConfig(width=128, layers=4, heads=2, intermediate=512)
RATES = Rates(matrices=2e-3, rest=1.5e-3)
AVERAGE = 0.99
RAREST = 20
"""A fact is learned if at least so many scenes have it."""


def new_encoder() -> TextEncoder:
    """An untrained text encoder; words that are never trained stay near zero and say little."""
    encoder = TextEncoder(TEXT)
    for table in (encoder.model.embeddings.token_embedding, encoder.model.embeddings.position_embedding):
        nn.init.normal_(table.weight, std=0.02)
    return encoder


def token_ids(captions: list[str]) -> Tensor:
    """Captions -> int64 `[B, 77]`: one chunk each, padded with the end token as at use."""
    rows = [[BOS, *ids[:75]] for ids in tokenize(captions)]
    return torch.tensor([row + [EOS] * (77 - len(row)) for row in rows])


def labels_of(facts: Facts) -> Iterator[str]:
    """All that is to be told from a caption."""
    yield f"time {facts.time}"
    yield f"ground {facts.ground}"
    yield f"style {facts.style}"
    yield from facts.sky
    yield from facts.scenery
    if facts.relation:
        yield f"relation {facts.relation}"
    for thing in facts.objects:
        yield thing.kind
        yield f"colour {thing.color}"
        yield f"{thing.color} {thing.kind}"
        yield f"position {thing.position}"
        yield f"{thing.kind} {thing.position}"
        yield f"size {thing.size}"
        yield f"count {thing.count}"


def train(scenes: SceneSet, folder: Path, steps: int, batch: int) -> None:
    """Train (or go on training) until `steps`; the state is in `folder/text.pt`."""
    where = device()
    torch.manual_seed(3)
    told = [list(labels_of(facts)) for facts in scenes.facts]
    names, counts = np.unique([label for labels in told for label in labels], return_counts=True)
    index = {str(name): i for i, name in enumerate(names[counts >= RAREST])}
    model = nn.ModuleDict({"text": new_encoder(), "head": nn.Linear(TEXT.width, len(index))}).to(where)
    optimizer = MatrixOptimizer(model, RATES, matrices=lambda name: "embedding" not in name)
    training = Training(model, optimizer, folder / "text.pt", AVERAGE)
    for step, meter in training.steps(steps, "text", every=50):
        rng = np.random.default_rng((13, step))
        chosen = rng.integers(len(scenes.facts), size=batch)
        ids = token_ids([scenes.caption(int(i), rng) for i in chosen]).to(where)
        target = torch.zeros(batch, len(index))
        for row, i in enumerate(chosen):
            target[row, [index[label] for label in told[i] if label in index]] = 1
        with autocast(where):
            guess = model["head"](model["text"](ids).hidden.mean(1)).float()
        loss = F.binary_cross_entropy_with_logits(guess, target.to(where))
        training.learn(loss)
        meter.add(loss=loss)


def load(folder: Path) -> TextEncoder:
    """The trained text encoder; an untrained one where the stage was left out."""
    encoder = new_encoder()
    if saved := Checkpoints(folder / "text.pt").load():
        prefix = "text."
        weights = saved["average"].items()
        encoder.load_state_dict({k[len(prefix) :]: w for k, w in weights if k.startswith(prefix)})
    return encoder
