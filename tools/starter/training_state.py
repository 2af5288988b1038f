"""What every training here shares: learning rate, moving average, saving and resuming."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tools.starter.optimizers import MatrixOptimizer


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(where: torch.device) -> Any:
    """bf16 on a GPU, and on a CPU that multiplies it (there it is 1.5 to 2 times as fast)."""
    able = torch.cpu.get_capabilities()
    if where.type == "cuda" or able.get("avx512_bf16") or able.get("amx_bf16"):
        return torch.autocast(where.type, torch.bfloat16)
    return nullcontext()


def learning_rate(step: int, steps: int, peak: float, warmup: int = 100, decay: float = 0.35) -> float:
    """Linear warm-up, a constant, and a linear decay over the last part of the training."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * min(1.0, max(0.02, (steps - step) / max(1.0, steps * decay)))


class MovingAverage:
    """Exponential moving average of a module's weights, with a short memory at the beginning."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: p.detach().clone() for name, p in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the module's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - decay)


class Checkpoints:
    """Saves a training's state to one file, at most every `seconds`; the file is never half-written."""

    def __init__(self, path: Path, seconds: float = 180.0) -> None:
        self.path = path
        self.seconds = seconds
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None."""
        return torch.load(self.path, map_location="cpu", weights_only=True) if self.path.exists() else None

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._last >= self.seconds

    def save(self, state: dict[str, Any]) -> None:
        """Write the state."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.path)
        self._last = time.monotonic()


class Training:
    """A module in training: its optimizer, its moving average, and the file from which it goes on.

    Args:
        module: What is trained; its saved weights are loaded into it.
        optimizer: Over the module's parameters.
        file: Where the state is kept.
        average: Decay of the moving average.
        seconds: At most so often is the state saved.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: MatrixOptimizer,
        file: Path,
        average: float,
        seconds: float = 180.0,
    ) -> None:
        self._module, self._optimizer = module, optimizer
        self._checkpoints = Checkpoints(file, seconds)
        self.first = 0
        saved = self._checkpoints.load()
        if saved:
            # `unpack` knows nothing of what only the training has, such as heads
            strict = "optimizers" in saved
            module.load_state_dict(saved["model"], strict=strict)
            self.first = saved["step"]
            if strict:
                optimizer.load_state_dict(saved["optimizers"])
        self._average = MovingAverage(module, average)
        if saved and "average" in saved:
            self._average.weights |= {
                name: w.to(self._average.weights[name].device) for name, w in saved["average"].items()
            }

    def steps(
        self, steps: int, label: str, every: int = 100, decay: float = 0.35
    ) -> Iterator[tuple[int, Meter]]:
        """Count the steps that are left, set the learning rate, and save now and then.

        Within a step call `learn` once.
        """
        for step, meter in steps_left(self.first, steps, label, every):
            self._optimizer.set_rate(learning_rate(step, steps, 1.0, decay=decay))
            yield step, meter
            self._average.update(self._module, step)
            self._save(step + 1)
        self._save(max(steps, self.first), force=True)

    def learn(self, loss: Tensor) -> None:
        """One step down the gradient of a loss, which is clipped to length 1."""
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._optimizer.parameters(), 1.0)
        self._optimizer.step()

    def _save(self, step: int, force: bool = False) -> None:
        if force or self._checkpoints.due():
            state = {
                "model": self._module.state_dict(),
                "average": self._average.weights,
                "optimizers": self._optimizer.state_dict(),
                "step": step,
            }
            self._checkpoints.save(state)


def steps_left(first: int, steps: int, label: str, every: int = 100) -> Iterator[tuple[int, Meter]]:
    """Count the steps and print the mean loss and the rate every so often."""
    meter = Meter()
    started = time.monotonic()
    for step in range(first, steps):
        yield step, meter
        if (step + 1) % every == 0:
            rate = (step + 1 - first) / (time.monotonic() - started)
            print(f"{label} {step + 1}/{steps}  {meter}  {rate:.2f} steps/s", flush=True)
            meter.clear()


class Meter:
    """Means of the losses since the last report."""

    def __init__(self) -> None:
        self._sums: dict[str, list[Tensor]] = {}

    def add(self, **losses: Tensor) -> None:
        """Note one step's losses."""
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(value.detach())

    def clear(self) -> None:
        """Begin anew."""
        self._sums.clear()

    def __str__(self) -> str:
        return "  ".join(f"{name} {torch.stack(v).mean().item():.4f}" for name, v in self._sums.items())
