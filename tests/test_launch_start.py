"""The launcher: what it says when something is wrong, what it hands over, what it shows while it works."""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import launch
from launch import Environment, PipFailure, Problem
from tests.launch_support import DiskUsage, FakeMachine, easel_folder, environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return easel_folder(tmp_path, monkeypatch)


# -- what it says when something is wrong -------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 6), (3, 9), (3, 14), (4, 0)])
def test_a_wrong_python_is_named(version: tuple[int, int]) -> None:
    with pytest.raises(Problem, match=r"3\.10 to 3\.13, and this is Python {}\.{}\.".format(*version)):
        launch.check_python(version)


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 13, 2)])
def test_the_right_pythons_pass(version: tuple[int, ...]) -> None:
    launch.check_python(version)


def test_an_old_python_can_read_it_as_far_as_the_message() -> None:
    source = (launch.ROOT / "launch.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported and "__future__" not in imported
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_a_full_disk_is_noticed_before_anything_is_done(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda path: DiskUsage(1e12, 0, 1e9))
    made, machine = environment(root)
    with pytest.raises(Problem, match=r"about 2\.5 GB .* 1\.0 GB are free"):
        made.prepare()
    assert machine.commands == [] and not made.folder.exists()


def test_the_cuda_build_needs_more_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda path: DiskUsage(1e12, 0, 4e9))
    monkeypatch.setattr(launch, "has_nvidia", lambda: True)
    made, machine = environment(root)
    with pytest.raises(Problem, match=r"about 8\.0 GB"):
        made.prepare()
    assert machine.installs == []


def test_a_missing_venv_module(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Problem, match="sudo apt install python3-venv"):
        environment(root)[0].prepare()


def test_a_missing_pip(root: Path) -> None:
    made, _ = environment(root, ("pip --version", ["/usr/bin/python: No module named pip"]))
    with pytest.raises(Problem, match=r"pip is missing in \.venv"):
        made.prepare()


def test_a_failing_venv_shows_why(root: Path) -> None:
    with pytest.raises(Problem, match=r"out of luck(?s:.*)could not be made"):
        environment(root, ("-m venv", ["out of luck"]))[0].prepare()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk"),
        ("WARNING: ... 'NameResolutionError(\"Temporary failure in name resolution\")'", "network"),
        ("WARNING: ... 'NewConnectionError(...): [Errno 111] Connection refused'", "network"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "network"),
        ("WARNING: ... 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "network"),
        ("WARNING: ... connection broken by 'ProxyError('Cannot connect to proxy.', OSError())'", "network"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'",
            "permission",
        ),
        ("/x/.venv/bin/python: No module named pip", "pip"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build"),
        ("error: metadata-generation-failed", "other"),
    ],
)
def test_pips_failures_become_sentences(root: Path, line: str, kind: str) -> None:
    made, _ = environment(root, ("numpy==2.4.6", [line]))
    with pytest.raises(PipFailure) as caught:
        made.prepare()
    message = str(caught.value)
    assert caught.value.kind == kind
    assert line in message and launch.ADVICE[kind] in message and str(made.log) in message
    assert line in made.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Problem("That is wrong."), "That is wrong."),
        (KeyboardInterrupt(), "Stopped"),
        (OSError(28, "No space left on device"), "The disk is full"),
        (PermissionError(13, "Permission denied"), "cannot be written to"),
        (FileNotFoundError(2, "No such file", "requirements.txt"), "requirements.txt"),
    ],
)
def test_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, text: str
) -> None:
    def fail(arguments: Sequence[str], environment: Environment) -> int:
        raise error

    monkeypatch.setattr(launch, "launch", fail)
    assert launch.main([]) == 1
    shown = capsys.readouterr().err
    assert text in shown and "Traceback" not in shown


# -- handing over -------------------------------------------------------------------------------------------


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What was handed over: (command, environment variables); nothing is started."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def hand_over(command: Sequence[str], environ: dict[str, str], system: str) -> int:
        calls.append((list(command), dict(environ)))
        return 0

    monkeypatch.setattr(launch, "hand_over", hand_over)
    return calls


@pytest.mark.parametrize(("system", "python"), [("Linux", "bin/python"), ("Windows", "Scripts/python.exe")])
def test_arguments_go_to_webui(root: Path, handed: list, system: str, python: str) -> None:
    variables = {"COMMANDLINE_ARGS": '--theme dark --ckpt "C:\\my models\\a.safetensors"', "CI": "1"}
    made, _ = environment(root, environ=variables, system=system)
    assert launch.launch(["--port", "1234", "--no-half"], made) == 0
    command, environ = handed[0]
    assert command[:2] == [str(root / ".venv" / python), str(root / "webui.py")]
    assert command[2:5] == ["--port", "1234", "--no-half"]
    assert command[5:] == ["--theme", "dark", "--ckpt", "C:\\my models\\a.safetensors"]
    assert "COMMANDLINE_ARGS" not in environ


def test_tests_go_to_pytest(root: Path, handed: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    made, machine = environment(root)
    launch.launch(["test", "-k", "launch", "--reinstall-torch"], made)
    assert handed[0][0] == [str(made.python), "-m", "pytest", "-k", "launch"]
    assert machine.installs[-1] == ["pytest==9.2.0"]
    assert Path.cwd() == root


@pytest.mark.parametrize("flag", launch.SKIP_INSTALL)
def test_skip_install_uses_what_is_there(root: Path, handed: list, flag: str) -> None:
    made, machine = environment(root)
    launch.launch([flag], made)
    assert machine.commands == [] and handed[0][0][0] == sys.executable
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    launch.launch([flag], made)
    assert machine.commands == [] and handed[1][0][0] == str(made.python)


def test_help_installs_nothing(root: Path, handed: list, capsys: pytest.CaptureFixture[str]) -> None:
    made, machine = environment(root)
    assert launch.launch(["--help"], made) == 0
    assert machine.commands == [] and handed == []
    assert "--reinstall-torch" in capsys.readouterr().out
    made.prepare()
    launch.launch(["--help"], made)
    assert "--help" in handed[0][0]


def test_a_wrong_python_stops_before_installing(
    root: Path, handed: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "NEWEST_PYTHON", (3, 10))
    monkeypatch.setattr(launch, "OLDEST_PYTHON", (3, 10))
    monkeypatch.setattr(launch.sys, "version_info", (3, 14, 0))
    made, machine = environment(root)
    with pytest.raises(Problem, match="Easel runs on Python"):
        launch.launch([], made)
    assert machine.commands == [] and handed == []
    launch.launch(["--skip-python-version-check"], made)
    assert len(handed) == 1


@pytest.mark.parametrize(
    ("arguments", "environ", "system", "opens"),
    [
        ([], {"DISPLAY": ":0"}, "Linux", True),
        ([], {"WAYLAND_DISPLAY": "wayland-0"}, "Linux", True),
        ([], {}, "Linux", False),
        ([], {}, "Windows", True),
        ([], {}, "Darwin", True),
        ([], {"CI": "true"}, "Darwin", False),
        ([], {"EASEL_NO_BROWSER": "1"}, "Windows", False),
        ([], {"SSH_CONNECTION": "a b"}, "Darwin", False),
        (["--nowebui"], {}, "Windows", False),
        (["--listen"], {}, "Windows", False),
        (["--server-name=0.0.0.0"], {}, "Windows", False),
        (["--no-autolaunch"], {}, "Windows", False),
        (["--autolaunch"], {}, "Windows", False),
    ],
)
def test_when_the_browser_is_opened(
    arguments: list[str], environ: dict[str, str], system: str, opens: bool
) -> None:
    assert launch.opens_browser(arguments, environ, system) is opens


def test_on_windows_the_exit_code_comes_back() -> None:
    command = [sys.executable, "-c", "import os; raise SystemExit(int(os.environ['EASEL_CODE']))"]
    assert launch.hand_over(command, {**launch.os.environ, "EASEL_CODE": "7"}, "Windows") == 7


def test_elsewhere_the_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def execve(*what: object) -> None:
        raise SystemExit(what)

    monkeypatch.setattr(launch.os, "execve", execve)
    with pytest.raises(SystemExit) as replaced:
        launch.hand_over(["/py", "webui.py"], {"A": "1"}, "Linux")
    assert replaced.value.code == ("/py", ["/py", "webui.py"], {"A": "1"})


def test_an_open_quote_is_named() -> None:
    with pytest.raises(Problem, match='not closed in: --x "y'):
        launch.split_words('--x "y')


# -- running and showing ------------------------------------------------------------------------------------


def test_run_command_gives_lines_and_code() -> None:
    lines: list[str] = []
    code = "import sys; print('one'); print('two\\u00e9', file=sys.stderr); sys.exit(3)"
    assert launch.run_command([sys.executable, "-X", "utf8", "-c", code], lines.append) == 3
    assert sorted(lines) == ["one", "two\u00e9"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


PIP_LINES = [
    "Collecting torch==2.13.0+cpu",
    "  Downloading https://example.org/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl (191.8 MB)",
    "Progress 50 of 200",
    "  Downloading small-1.0-py3-none-any.whl.metadata (5.1 kB)",
    "  Downloading small-1.0-py3-none-any.whl (9.1 MB)",
    "Installing collected packages: small, torch",
]


def test_progress_without_a_terminal_names_large_files_only() -> None:
    stream = io.StringIO()
    progress = launch.Progress(stream)
    for line in PIP_LINES:
        progress.feed(line)
    assert [line.strip() for line in stream.getvalue().splitlines()] == [
        "torch 2.13.0+cpu 191.8 MB",
        "unpacking 2 packages",
    ]


def test_progress_on_a_terminal_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "get_terminal_size", lambda: launch.os.terminal_size((60, 24)))
    stream = Terminal()
    progress = launch.Progress(stream)
    for line in [*PIP_LINES, ""]:
        progress.feed(line)
    progress.show("")
    written = stream.getvalue()
    shown = [part.strip() for part in written.split("\r") if part.strip()]
    assert "\n" not in written and max(map(len, written.split("\r"))) == 59
    assert shown == [
        "torch==2.13.0+cpu",
        "torch 2.13.0+cpu 191.8 MB",
        "torch 2.13.0+cpu 191.8 MB: 25 %",
        "small 1.0 9.1 MB",
        "unpacking 2 packages",
    ]


@pytest.mark.parametrize(("version", "bar"), [("23.0.1", "off"), ("24.0", "off"), ("24.1", "raw")])
def test_percent_where_pip_can_tell(root: Path, version: str, bar: str) -> None:
    made = Environment(root, {}, "Linux")
    made.run = FakeMachine(made.python, pip=f"pip {version} from /x (python 3.11)")
    assert made.pip_options() == ["--no-input", "--progress-bar", bar]
