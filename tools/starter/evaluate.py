"""How good a starter model is: how true its VAE is to scenes, and what the judge sees of what a prompt asks for.

The prompts are made from the facts of scenes with seeds of their own, and say everything that is then asked about. The
state is saved after every batch; the same command goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tools.starter import vae_training
from tools.starter.captions import whole
from tools.starter.dataset import SceneSet
from tools.starter.judge import Answers, Judge, agreement, questions, visible
from tools.starter.studio import CFG, SAMPLER, STEPS, Studio
from tools.starter.training_state import device
from tools.starter.worlds import WORLDS

FIRST_SEED = 800_000
"""Of the held-out prompts' scenes: neither the training's (from 1,000,000 on) nor the held-out pictures' (500,000)."""
WARM_UP = 1
"""Batches that are not timed where there are more: the first one loads the model."""


@dataclass(frozen=True)
class Trial:
    """A prompt, what a picture of it should show, and the seed of its noise."""

    prompt: str
    told: Answers
    seed: int


def trials(count: int, seed: int, world: int) -> list[Trial]:
    """Held-out prompts of scenes with one kind of thing or none."""
    made: list[Trial] = []
    number = 0
    while len(made) < count:
        rng = np.random.default_rng((FIRST_SEED, seed, number))
        number += 1
        facts = WORLDS[world].sample(rng)
        if len(facts.objects) > 1:
            continue
        told = {name: answer for name, answer in visible(facts, world).items() if answer != "no"}
        told.pop("relation", None)  # with one thing there is none to see
        made.append(Trial(whole(facts, rng), told, FIRST_SEED + number))
    return made


@dataclass
class Progress:
    """What has been found so far, kept in a file.

    Attributes:
        about: What is measured; another file, seed or model begins anew.
        found: The judge's answers for the first pictures.
        seconds: How long each batch took, and of how many pictures it was.
        psnr: Of the VAE in dB, once it was measured.
    """

    path: Path
    about: dict[str, Any]
    found: list[Answers]
    seconds: list[tuple[float, int]]
    psnr: float | None = None

    @classmethod
    def of(cls, path: Path, about: dict[str, Any]) -> Progress:
        """What the file says, if it is about the same."""
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            if saved["about"] == about:
                seconds = [(float(took), int(count)) for took, count in saved["seconds"]]
                return cls(path, about, saved["found"], seconds, saved["psnr"])
        return cls(path, about, [], [])

    def save(self) -> None:
        """Write the file; it is never half-written."""
        state = {"about": self.about, "found": self.found, "seconds": self.seconds, "psnr": self.psnr}
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(state), encoding="utf-8")
        os.replace(temporary, self.path)


def evaluate(studio: Studio, judge: Judge, asked: Sequence[Trial], progress: Progress, batch: int) -> None:
    """Make the pictures that are still missing and look at them."""
    while len(progress.found) < len(asked):
        some = asked[len(progress.found) : len(progress.found) + batch]
        started = time.monotonic()
        pictures = studio.make(
            prompts=tuple(trial.prompt for trial in some),
            seeds=tuple(trial.seed for trial in some),
            batch_size=len(some),
        )
        progress.seconds.append((round(time.monotonic() - started, 3), len(some)))
        progress.found += judge.answers(np.stack(pictures))
        progress.save()
        print(f"{len(progress.found)}/{len(asked)} pictures, {progress.seconds[-1][0]:.1f} s", flush=True)


def vae_psnr(studio: Studio, held_out: SceneSet) -> float:
    """The mean PSNR of the checkpoint's VAE on held-out scenes, in dB."""
    vae = studio.models.get(None).vae
    weights = next(vae.parameters())
    place, precision = weights.device, weights.dtype
    vae.to(device(), torch.float32)
    try:
        return vae_training.psnr(vae, held_out)
    finally:
        vae.to(place, precision)


def about(checkpoint: Path, seed: int, world: int) -> dict[str, Any]:
    """What is measured and how."""
    with checkpoint.open("rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return {
        "checkpoint": checkpoint.name,
        "sha256": digest,
        "world": world,
        "seed": seed,
        "steps": STEPS,
        "cfg_scale": CFG,
        "sampler": " ".join(SAMPLER),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
    }


def report(progress: Progress, asked: Sequence[Trial], judge: Judge) -> dict[str, Any]:
    """The figures: agreement for each fact with the judge's own accuracy and what guessing would give."""
    options = questions(judge.world)
    counts = agreement(progress.found[: len(asked)], [trial.told for trial in asked])
    facts = {
        name: {
            "agreement": round(counts[name][0] / counts[name][1], 4),
            "asked": counts[name][1],
            "judge": judge.accuracy.get(name),
            "guessing": round(1 / len(options[name]), 4) if options[name] != ("no", "yes") else None,
        }
        for name in options
        if name in counts
    }
    timed = progress.seconds[WARM_UP:] or progress.seconds
    per_picture = sum(took for took, _ in timed) / max(1, sum(count for _, count in timed))
    return {
        **progress.about,
        "prompts": len(asked),
        "vae_psnr_db": progress.psnr,
        "seconds_per_picture": round(per_picture, 3),
        "fastest_batch_seconds_per_picture": round(min(took / count for took, count in timed), 3),
        "mean_agreement": round(float(np.mean([fact["agreement"] for fact in facts.values()])), 4),
        "facts": facts,
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""

    def share(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.0f} %"

    lines = [
        f"`{figures['checkpoint']}` on world {figures['world']}: {figures['prompts']} held-out prompts (seed "
        f"{figures['seed']}), {figures['steps']} steps {figures['sampler']}, CFG {figures['cfg_scale']:g}; "
        f"VAE {figures['vae_psnr_db']:.2f} dB; {figures['seconds_per_picture']:.2f} s a picture (in the "
        f"fastest batch {figures['fastest_batch_seconds_per_picture']:.2f}) on {figures['device']}, threads: "
        f"{figures['threads']}.",
        "",
        "| fact | agreement | prompts that ask for it | the judge itself, on drawn scenes | guessing |",
        "|---|---|---|---|---|",
    ]
    for name, fact in figures["facts"].items():
        cells = (share(fact["agreement"]), str(fact["asked"]), share(fact["judge"]), share(fact["guessing"]))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, f"| mean | {share(figures['mean_agreement'])} | | | |"]) + "\n"
