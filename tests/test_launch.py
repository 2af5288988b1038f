"""The launcher: what it installs and when, and which PyTorch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import launch
from launch import Environment, PipFailure, Problem
from tests.launch_support import NO_BUILD, NO_NETWORK, PIN, easel_folder, environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return easel_folder(tmp_path, monkeypatch)


# -- what is installed, and when ----------------------------------------------------------------------------


def test_first_start_installs_everything_and_the_second_nothing(root: Path) -> None:
    first, machine = environment(root)
    first.prepare()
    assert machine.installs == [
        ["--only-binary=:all:", "torch==2.13.0+cpu"],
        ["numpy==2.4.6"],
        ["--no-deps", "k-diffusion==0.1.1.post1", "spandrel==0.4.2"],
    ]
    second, machine = environment(root)
    second.prepare()
    assert machine.commands == []


def test_tests_have_a_step_of_their_own(root: Path) -> None:
    environment(root)[0].prepare()
    again, machine = environment(root)
    assert list(again.missing(tests=True)) == ["tests"]
    again.prepare(tests=True)
    assert machine.installs == [["pytest==9.2.0"]]
    assert again.missing(tests=True) == {}


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ("requirements.txt", ["libraries", "tests"]),
        ("requirements-test.txt", ["tests"]),
        ("a comment", []),
        ("python", ["venv", "torch", "libraries", "tests"]),
        ("no python", ["venv", "torch", "libraries", "tests"]),
        ("broken stamp", ["libraries"]),
        ("cut off while unpacking", ["venv", "torch", "libraries", "tests"]),
        ("torch", ["torch", "libraries", "tests"]),
    ],
)
def test_a_change_brings_its_steps_again(
    root: Path, monkeypatch: pytest.MonkeyPatch, change: str, steps: list[str]
) -> None:
    made, _ = environment(root)
    made.prepare(tests=True)
    main = root / "requirements.txt"
    if change.endswith(".txt"):
        (root / change).write_text((root / change).read_text() + "tqdm==4.70.1\n")
    elif change == "a comment":
        main.write_bytes(main.read_bytes().replace(b"\n", b"\r\n") + b"# more\r\n")
    elif change == "python":
        monkeypatch.setattr(launch, "PYTHON", "3.99")
    elif change == "no python":
        made.python.unlink()
    elif change == "broken stamp":
        made.stamp("libraries").write_text("{")
    elif change == "cut off while unpacking":
        made.unpacking.touch()
    elif change == "torch":
        main.write_text(main.read_text().replace(PIN, "torch==2.14.0"))
    assert list(environment(root)[0].missing(tests=True)) == steps


def test_a_failed_step_leaves_no_stamp_and_the_next_start_goes_on_there(root: Path) -> None:
    broken, _ = environment(root, ("numpy==2.4.6", NO_NETWORK))
    with pytest.raises(Problem, match="libraries failed"):
        broken.prepare()
    assert broken.done("torch") and not broken.done("libraries")
    repaired, machine = environment(root)
    repaired.prepare()
    assert machine.installs == [
        ["numpy==2.4.6"],
        ["--no-deps", "k-diffusion==0.1.1.post1", "spandrel==0.4.2"],
    ]


def test_a_kill_during_unpacking_is_noticed_and_one_during_downloading_is_not(root: Path) -> None:
    def killed(line: str) -> Environment:
        made, machine = environment(root)

        def run(command: Sequence[str], on_line: Callable[[str], None]) -> int:
            if "numpy==2.4.6" in command:
                on_line(line)
                raise KeyboardInterrupt
            return machine(command, on_line)

        made.run = run
        with pytest.raises(KeyboardInterrupt):
            made.prepare()
        return made

    assert list(killed("Collecting numpy==2.4.6").missing()) == ["libraries"]
    assert list(killed("Installing collected packages: numpy").missing()) == ["venv", "torch", "libraries"]


def test_reinstall_torch_takes_the_old_one_away_first(root: Path) -> None:
    environment(root)[0].prepare()
    again, machine = environment(root)
    again.prepare(reinstall_torch=True)
    assert machine.commands[0][1:] == ["-m", "pip", "uninstall", "-y", "torch"]
    assert machine.installs == [["--only-binary=:all:", "torch==2.13.0+cpu"]]


def test_another_torch_stays_when_the_variable_is_gone(root: Path) -> None:
    environment(root)[0].prepare()
    chosen = {"TORCH_INDEX_URL": "https://example.org/rocm"}
    other, machine = environment(root, environ=chosen)
    other.prepare()
    assert machine.installs == [[PIN, "--index-url", "https://example.org/rocm"]]
    assert environment(root)[0].missing() == {}
    assert environment(root, environ=chosen)[0].missing() == {}
    assert list(environment(root, environ={"TORCH_INDEX_URL": "https://other"})[0].missing()) == ["torch"]


def test_the_real_requirements_are_pinned_and_name_torch_once() -> None:
    real = Environment()
    for name in ("requirements.txt", "requirements-test.txt"):
        assert all("==" in line for line in real.requirements(name))
    assert [line for line in real.requirements() if line.startswith("torch=")] == [real.torch_pin()]
    assert not any(line.startswith("k-diffusion") for line in real.requirements())


# -- PyTorch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "system", "nvidia", "commands"),
    [
        ({}, "Linux", True, [f"install {PIN}"]),
        ({}, "Darwin", False, [f"install {PIN}"]),
        ({}, "Windows", False, [f"install {PIN}"]),
        (
            {},
            "Windows",
            True,
            [f"install {PIN}+cu130 --extra-index-url https://download.pytorch.org/whl/cu130"],
        ),
        (
            {},
            "Linux",
            False,
            [
                f"install --only-binary=:all: {PIN}+cpu",
                f"install --only-binary=:all: {PIN}+cpu "
                "--extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15",
                f"install {PIN}",
            ],
        ),
        ({"TORCH_INDEX_URL": "https://a/cpu"}, "Linux", True, [f"install {PIN} --index-url https://a/cpu"]),
        ({"TORCH_COMMAND": "pip install torch==2.9.1 xyz"}, "Linux", True, ["install torch==2.9.1 xyz"]),
        ({"TORCH_COMMAND": "python -m pip install torch"}, "Windows", False, ["install torch"]),
        ({"TORCH_COMMAND": "pip install a", "TORCH_INDEX_URL": "u"}, "Linux", False, ["install a"]),
    ],
)
def test_torch_choice(environ: dict[str, str], system: str, nvidia: bool, commands: list[str]) -> None:
    attempts = launch.torch_attempts(PIN, environ, system, nvidia)
    assert [" ".join(attempt.arguments) for attempt in attempts] == commands


@pytest.mark.parametrize("command", ["pip", "rm -rf x", "pip uninstall torch", "conda install torch"])
def test_torch_command_has_to_be_pip_install(command: str) -> None:
    with pytest.raises(Problem, match="TORCH_COMMAND has to look like"):
        launch.torch_attempts(PIN, {"TORCH_COMMAND": command}, "Linux", False)


@pytest.mark.parametrize("second", [NO_BUILD, NO_NETWORK])
def test_without_a_cpu_build_the_default_build_comes(
    root: Path, second: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made, machine = environment(root, ("--retries", second), ("+cpu", NO_BUILD))
    made.prepare()
    assert [words[-1] for words in machine.installs[:3]] == ["torch==2.13.0+cpu", "15", PIN]
    assert "taking the larger default build" in capsys.readouterr().out


def test_the_second_source_ends_the_search(root: Path) -> None:
    def run(command: Sequence[str], on_line: Callable[[str], None]) -> int:
        if command[-1].endswith("+cpu"):
            on_line(NO_BUILD[0])
            return 1
        return machine(command, on_line)

    made, machine = environment(root)
    made.run = run
    made.prepare()
    assert PIN not in [words[-1] for words in machine.installs]
    assert machine.installs[0][-1] == "15"


def test_without_a_network_nothing_larger_is_tried(root: Path) -> None:
    made, machine = environment(root, ("+cpu", NO_NETWORK))
    with pytest.raises(PipFailure, match="cannot be reached"):
        made.prepare()
    assert len(machine.installs) == 1


def test_a_chosen_torch_is_not_replaced_by_the_libraries(root: Path) -> None:
    made, machine = environment(root, environ={"TORCH_COMMAND": "pip install torch==2.9.1"})
    made.prepare()
    assert machine.installs[:2] == [["torch==2.9.1"], ["numpy==2.4.6"]]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"GPU 0: NVIDIA H200", True), (b"No devices were found", False), (None, False)],
)
def test_nvidia_by_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, expected: bool
) -> None:
    def check_output(*args: object, **kwargs: object) -> bytes:
        if answer is None:
            raise subprocess.CalledProcessError(9, "nvidia-smi")
        return answer

    monkeypatch.setattr(launch.shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(launch.subprocess, "check_output", check_output)
    assert launch.has_nvidia(tmp_path / "none") is expected


def test_nvidia_by_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    assert launch.has_nvidia(tmp_path) and not launch.has_nvidia(tmp_path / "none")


def test_stamps_are_readable_json(root: Path) -> None:
    made, _ = environment(root)
    made.prepare()
    assert json.loads(made.stamp("torch").read_text()) == {"pin": PIN, "choice": "default"}
