"""Writes down how much each step still changes, into `steps.csv` in its folder. Shows `step` and `unloaded`."""

from __future__ import annotations

import csv

from torch import Tensor

from modules.plugins.hooks import Me, StepInfo, hookimpl

_before: dict[str, Tensor] = {}


@hookimpl
def step(latents: Tensor, at: StepInfo, me: Me) -> None:
    before = _before.get("latents")
    change = (
        0.0 if before is None or before.shape != latents.shape else (latents - before).abs().mean().item()
    )
    _before["latents"] = latents.clone()
    with open(me.folder / "steps.csv", "a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow([at.of.numbers.start, at.of.stage, at.number, f"{change:.5f}"])


@hookimpl
def unloaded(me: Me) -> None:
    _before.clear()
