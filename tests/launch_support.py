"""A machine for the launcher's tests: no network, no real pip, nothing is started."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import launch
from launch import Environment

PIN = "torch==2.13.0"
DiskUsage = namedtuple("DiskUsage", "total used free")

NO_BUILD = ["ERROR: Could not find a version that satisfies the requirement x", "ERROR: No matching dis"]
NO_NETWORK = ["WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/x/", *NO_BUILD]


class FakeMachine:
    """Runs nothing: notes every command, makes a .venv, and fails where `failures` says so.

    Args:
        python: the environment's Python, made by the fake venv.
        failures: (words that a command contains, lines that it then prints) pairs.
    """

    def __init__(self, python: Path, *failures: tuple[str, list[str]], pip: str = "pip 23.0.1") -> None:
        self.python, self.failures, self.pip = python, failures, pip
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str], on_line: Callable[[str], None]) -> int:
        self.commands.append(list(command))
        text = " ".join(command)
        for words, lines in self.failures:
            if words in text:
                for line in lines:
                    on_line(line)
                return 1
        if "-m venv" in text:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
        if text.endswith("-m pip --version"):
            on_line(self.pip)
        return 0

    @property
    def installs(self) -> list[list[str]]:
        """The arguments of every `pip install`, without the options that all of them have."""
        found = [c[c.index("pip") + 2 :] for c in self.commands if c[1:4] == ["-m", "pip", "install"]]
        return [words[words.index("--progress-bar") + 2 :] for words in found]


def easel_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an Easel folder with requirements, on a Linux machine without a card and with much free disk."""
    (tmp_path / "requirements.txt").write_text(f"# pins\n{PIN}\nnumpy==2.4.6  # numbers\n", encoding="utf-8")
    (tmp_path / "requirements-test.txt").write_text("pytest==9.2.0\n", encoding="utf-8")
    monkeypatch.setattr(launch, "has_nvidia", lambda: False)
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda path: DiskUsage(1e12, 0, 1e11))
    return tmp_path


def environment(
    root: Path, *failures: tuple[str, list[str]], environ: dict[str, str] | None = None, system: str = "Linux"
) -> tuple[Environment, FakeMachine]:
    """An environment in `root` and the fake machine that it works on."""
    made = Environment(root, environ or {}, system)
    machine = FakeMachine(made.python, *failures)
    made.run = machine
    return made, machine
