#!/usr/bin/env python3
"""Make Easel's environment, then start it.

``python launch.py [arguments]`` makes ``.venv`` beside this file on the first run, installs everything that is
pinned in ``requirements.txt`` into it, and hands over to ``webui.py`` with the same arguments. Small stamp
files in ``.venv/easel`` remember what is there, so that every later start skips all of this.

``python launch.py test [pytest arguments]`` also installs ``requirements-test.txt`` and runs the tests.

Only the standard library is used, in syntax that Python 3.6 can read: an old Python shall get as far as the
message that names the right one. That is why there is no ``from __future__ import annotations`` here.
"""

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, NoReturn, Optional, Sequence, TextIO, Tuple

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)

# k-diffusion declares a whole training stack as its dependencies; only k_diffusion.sampling is used here.
# What sampling needs stands in requirements.txt.
WITHOUT_DEPENDENCIES = ["k-diffusion==0.1.1.post1"]

# PyTorch publishes its builds by kind here: the CPU build for Linux, the CUDA build for Windows.
TORCH_WHEELS = "https://download.pytorch.org/whl"
CUDA_BUILD = "cu130"

# Free disk space in GB: the environment itself and what pip unpacks on the way.
DISK_NEEDED = {"cpu": 2.5, "cuda": 8.0, "libraries": 0.5}

SKIP_INSTALL = ("--skip-install", "--skip-prepare-environment")
OWN_FLAGS = SKIP_INSTALL + ("--reinstall-torch", "--skip-python-version-check", "--no-autolaunch")
NO_BROWSER = ("--autolaunch", "--no-autolaunch", "--nowebui", "--listen", "--server-name", "--share")

USAGE = """\
python launch.py [arguments]        install what is missing, then start Easel (arguments: see webui.py)
python launch.py test [arguments]   install what is missing, then run the tests (arguments: see pytest)

  --skip-install, --skip-prepare-environment   start with whatever is installed
  --reinstall-torch                            install PyTorch anew
  --skip-python-version-check                  try a Python that Easel was not tested with
  --no-autolaunch                              do not open the browser (nor does EASEL_NO_BROWSER=1)

Environment: COMMANDLINE_ARGS (more arguments), TORCH_INDEX_URL (where PyTorch's builds come from),
TORCH_COMMAND (a whole command for PyTorch, "pip install torch==...")."""

Run = Callable[[Sequence[str], Callable[[str], None]], int]
Stamps = Dict[str, Dict[str, str]]


class Problem(Exception):
    """Something that the user can put right. Its text is the whole message."""


class Attempt(NamedTuple):
    """One way to get PyTorch: pip's arguments, the build's size class, whether PyTorch's own host is asked."""

    arguments: List[str]
    build: str
    own_host: bool = False


# -- Python and the machine ---------------------------------------------------------------------------------


def check_python(version: Tuple[int, ...]) -> None:
    """Raise Problem when Easel is not made for Python ``version``."""
    if not OLDEST_PYTHON <= tuple(version[:2]) <= NEWEST_PYTHON:
        raise Problem(
            "Easel runs on Python {}.{} to {}.{}, and this is Python {}.{}. Install Python 3.11 and start again "
            "with it, for example: python3.11 launch.py".format(
                *(OLDEST_PYTHON + NEWEST_PYTHON + tuple(version[:2]))
            )
        )


def check_venv_module() -> None:
    """Raise Problem when this Python cannot make virtual environments (Debian splits that part off)."""
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise Problem(
            "This Python cannot make a virtual environment: its venv module is missing. On Debian and Ubuntu: "
            "sudo apt install python3-venv (or python{}.{}-venv). Then start again.".format(*sys.version_info[:2])
        )


def check_disk(folder: Path, gigabytes: float) -> None:
    """Raise Problem when fewer than ``gigabytes`` (1e9 bytes) are free on the disk of ``folder``."""
    free = shutil.disk_usage(str(folder)).free / 1e9
    if free < gigabytes:
        raise Problem(
            f"Not enough disk space: the installation needs about {gigabytes:.1f} GB in {folder}, "
            f"and {free:.1f} GB are free. Free some space, then start again."
        )


def has_nvidia(driver: Path = Path("/proc/driver/nvidia")) -> bool:
    """Whether this machine has an NVIDIA card with a driver: its kernel module, or nvidia-smi naming a card."""
    if driver.exists():
        return True
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run([program, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
        return answer.returncode == 0 and b"GPU" in answer.stdout
    return False


# -- PyTorch ------------------------------------------------------------------------------------------------


def torch_choice(environ: Mapping[str, str]) -> Optional[str]:
    """What the environment says about PyTorch, in one line; None when it leaves the choice to us."""
    for name in ("TORCH_COMMAND", "TORCH_INDEX_URL"):
        if environ.get(name, "").strip():
            return "{}={}".format(name, environ[name].strip())
    return None


def torch_attempts(pin: str, environ: Mapping[str, str], system: str, nvidia: bool) -> List[Attempt]:
    """The ways to install PyTorch, to be tried in this order while a build is not to be found.

    On Linux the package index has the CUDA build (several GB), so a machine without a card looks for the CPU
    build first: in the sources that pip is configured with, then on PyTorch's own host. On Windows the index
    has the CPU build and a card needs PyTorch's host. On macOS there is one build.

    Args:
        pin: the requirement, ``torch==2.13.0``.
        environ: ``TORCH_COMMAND`` and ``TORCH_INDEX_URL`` come before everything else.
        system: as from ``platform.system()``.
        nvidia: whether the machine has an NVIDIA card.
    """
    command, index = environ.get("TORCH_COMMAND", "").strip(), environ.get("TORCH_INDEX_URL", "").strip()
    if command:
        return [Attempt(pip_arguments(command), "cpu" if "cpu" in command else "cuda")]
    if index:
        return [Attempt(["install", pin, "--index-url", index], "cpu" if "cpu" in index else "cuda", True)]
    if nvidia and system == "Windows":
        wheels = f"{TORCH_WHEELS}/{CUDA_BUILD}"
        return [Attempt(["install", f"{pin}+{CUDA_BUILD}", "--extra-index-url", wheels], "cuda", True)]
    if nvidia:
        return [Attempt(["install", pin], "cuda")]
    if system != "Linux":
        return [Attempt(["install", pin], "cpu")]
    patience = ["--retries", "1", "--timeout", "15"]
    return [
        Attempt(["install", "--only-binary=:all:", pin + "+cpu"], "cpu"),
        Attempt(["install", pin + "+cpu", "--extra-index-url", TORCH_WHEELS + "/cpu", *patience], "cpu", True),
        Attempt(["install", pin], "cuda"),
    ]


def pip_arguments(command: str) -> List[str]:
    """The arguments of a ``pip install ...`` command line; raises Problem when it is not one."""
    words = split_words(command)
    if words[1:3] == ["-m", "pip"]:
        words = words[2:]
    if len(words) < 3 or words[0] not in ("pip", "pip3") or words[1] != "install":
        raise Problem(f'TORCH_COMMAND has to look like "pip install torch==2.13.0 ...", and it is: {command}')
    return words[1:]


def split_words(text: str) -> List[str]:
    """Split a command line at blanks; quotes hold words together, backslashes stay (Windows paths)."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError as error:
        raise Problem(f"A quote is not closed in: {text}") from error


# -- Running pip --------------------------------------------------------------------------------------------


def run_command(command: Sequence[str], on_line: Callable[[str], None]) -> int:
    """Run ``command``, give every line of its output to ``on_line``, and return its exit code."""
    environ = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environ, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                on_line(line.rstrip())
        except BaseException:
            process.kill()
            raise
    return process.returncode


class Progress:
    """pip's output in short: one live line on a terminal, elsewhere one line for every large package."""

    LOADING = re.compile(r"\s*(?:Downloading|Using cached|Processing)\s+(\S+?)(?:\s+\(([\d.]+ ([kMG]?)B)\))?$")
    PERCENT = re.compile(r"Progress (\d+) of (\d+)$")

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``, live if it is a terminal."""
        self.stream, self.live, self.current = stream, stream.isatty(), ""

    def feed(self, line: str) -> None:
        """Show what a line of pip's output means for someone who waits."""
        loading, percent = self.LOADING.match(line), self.PERCENT.match(line)
        if loading and not loading.group(1).endswith(".metadata"):
            name = urllib.parse.unquote(re.split(r"[/\\]", loading.group(1))[-1])
            self.current = " ".join(name.split("-")[:2]) + (f", {loading.group(2)}" if loading.group(2) else "")
            self.show(self.current, large=loading.group(3) in ("M", "G") and len(loading.group(2)) > 6)
        elif percent and int(percent.group(2)):
            self.show(f"{self.current}: {100 * int(percent.group(1)) // int(percent.group(2))} %")
        elif line.startswith("Collecting "):
            self.show(line.split()[1])
        elif line.startswith("Installing collected packages:"):
            self.show(f"unpacking {line.count(',') + 1} packages", large=True)

    def show(self, text: str, large: bool = False) -> None:
        """Replace the live line; without a terminal print ``text`` when it is worth a line (``large``)."""
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + ("      " + text)[:width].ljust(width))
        elif large:
            self.stream.write(f"      {text}\n")
        self.stream.flush()

    def close(self) -> None:
        """Wipe the live line."""
        if self.live:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self.stream.flush()


FAILURES = (
    ("disk", ("No space left on device", "not enough space", "Errno 28")),
    ("pip", ("No module named pip", "No module named 'pip")),
    ("permission", ("Permission denied", "Access is denied", "Errno 13", "Read-only file system")),
    ("network", ("NewConnectionError", "NameResolutionError", "name resolution", "getaddrinfo failed",
                 "ConnectTimeout", "Read timed out", "ReadTimeout", "ProxyError", "Max retries exceeded", "SSLError",
                 "CERTIFICATE_VERIFY_FAILED", "Connection refused", "ConnectionResetError",
                 "Network is unreachable", "Connection aborted", "IncompleteRead")),
    ("no build", ("No matching distribution found", "Could not find a version that satisfies",
                  "is not a supported wheel")),
)  # fmt: skip

ADVICE = {
    "disk": "The disk is full. Free some space (pip also unpacks in TMPDIR, if that is set), then start again.",
    "pip": "pip is missing in .venv. Delete the folder .venv and start again.",
    "permission": "Easel's folder cannot be written to. Put it where your user may write, then start again.",
    "network": "The package server cannot be reached. Check the network (and the proxy, if there is one), then "
    "start again: what is installed already is kept.",
    "no build": "A package has no build for this Python ({python}) on this system ({system}). Python 3.11 on a "
    "64-bit system is the safest choice; for another PyTorch set TORCH_COMMAND or TORCH_INDEX_URL.",
    "other": "pip could not install it. The lines above say why; the next start tries again.",
}


class PipFailure(Exception):
    """pip ended with an error: ``kind`` is a key of ADVICE, ``lines`` the last lines that it printed."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Find out from pip's ``lines`` what went wrong."""
        text = "\n".join(lines)
        found = [kind for kind, signs in FAILURES if any(sign in text for sign in signs)]
        self.kind, self.lines = (found or ["other"])[0], [line for line in lines if line.strip()][-6:]
        super().__init__(self.kind)


# -- The environment ----------------------------------------------------------------------------------------


class Environment:
    """The folder ``.venv``: what is in it, what should be, and the way there."""

    def __init__(
        self, root: Path = ROOT, environ: Optional[Mapping[str, str]] = None, system: str = "", run: Run = run_command
    ) -> None:
        """Describe the environment of the Easel in ``root``; the rest is for tests (default: this machine)."""
        self.root, self.run, self.system = root, run, system or platform.system()
        self.environ = os.environ if environ is None else environ
        self.folder = root / ".venv"
        self.python = self.folder.joinpath(*(["Scripts", "python.exe"] if self.windows else ["bin", "python"]))
        self.log = self.folder / "install.log"
        # There while pip changes installed files. Found at a start, it means that the last one was cut off there.
        self.unpacking = self.folder / "easel" / "unpacking"
        self.pip_options: Optional[List[str]] = None

    @property
    def windows(self) -> bool:
        """Whether paths and processes are those of Windows."""
        return self.system == "Windows"

    def stamp(self, step: str) -> Path:
        """The file that says that ``step`` (venv, torch, libraries, tests) is done, and with what."""
        return self.folder / "easel" / (step + ".json")

    def done(self, step: str) -> Dict[str, str]:
        """What ``step`` was done with; empty when it was not, or not to its end."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.stamp(step).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def wanted(self, tests: bool) -> Stamps:
        """The stamps of a complete environment, in the order of the steps."""
        main, test = (read_bytes(self.root / name) for name in ("requirements.txt", "requirements-test.txt"))
        libraries = main + "\n".join(WITHOUT_DEPENDENCIES).encode()
        choice = torch_choice(self.environ) or self.done("torch").get("choice", "default")
        stamps = {
            "venv": {"python": "{}.{}".format(*sys.version_info[:2])},
            "torch": {"pin": self.torch_pin(), "choice": choice},
            "libraries": {"requirements": hashlib.sha256(libraries).hexdigest()},
        }
        if tests:
            stamps["tests"] = {"requirements": hashlib.sha256(libraries + test).hexdigest()}
        return stamps

    def missing(self, tests: bool = False, reinstall_torch: bool = False) -> Stamps:
        """The steps that are still to be done, in order, with the stamps that they will leave."""
        wanted = self.wanted(tests)
        if not self.python.exists() or self.unpacking.exists() or self.done("venv") != wanted["venv"]:
            return wanted
        again = ["torch"] if reinstall_torch else []
        return {step: stamp for step, stamp in wanted.items() if step in again or self.done(step) != stamp}

    def prepare(self, tests: bool = False, reinstall_torch: bool = False) -> None:
        """Do what is missing, step by step; raises Problem with the reason when that fails."""
        steps = self.missing(tests, reinstall_torch)
        started = time.monotonic()
        for number, (step, stamp) in enumerate(steps.items(), 1):
            if number == 1:
                print("Setting up Easel's environment; only a first start takes this long.", flush=True)
            with contextlib.suppress(FileNotFoundError):
                self.stamp(step).unlink()
            getattr(self, "install_" + step)(f"[{number}/{len(steps)}]")
            self.stamp(step).parent.mkdir(exist_ok=True)
            self.stamp(step).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
        if steps:
            print(f"Done in {time.monotonic() - started:.0f} s.\n", flush=True)

    def torch_pin(self) -> str:
        """The line of requirements.txt that pins PyTorch."""
        return next(line for line in requirements(self.root / "requirements.txt") if is_torch(line))

    def install_venv(self, number: str) -> None:
        """Make an empty ``.venv`` in the place of whatever is there."""
        check_venv_module()
        check_disk(self.root, DISK_NEEDED["cpu"])
        print("{} Making .venv with Python {}.{} ...".format(number, *sys.version_info[:2]), flush=True)
        lines: List[str] = []
        base = getattr(sys, "_base_executable", None) or sys.executable
        if self.run([base, "-m", "venv", "--clear", str(self.folder)], lines.append):
            shown = "\n".join("      " + line for line in lines[-6:])
            raise Problem(f"{shown}\n\nThe virtual environment {self.folder} could not be made.")

    def install_torch(self, number: str) -> None:
        """Install PyTorch in the build that fits the machine."""
        attempts = torch_attempts(self.torch_pin(), self.environ, self.system, has_nvidia())
        check_disk(self.root, DISK_NEEDED[attempts[0].build])
        pin = self.torch_pin().replace("torch==", "PyTorch ")
        kind = "" if torch_choice(self.environ) else f" ({attempts[0].build.upper()} build)"
        print(f"{number} Installing {pin}{kind} ...", flush=True)
        self.pip(["uninstall", "-y", "torch"])
        for attempt, after in zip(attempts, [*attempts[1:], None]):
            try:
                return self.pip(attempt.arguments)
            except PipFailure as failure:
                if after is None or not (failure.kind == "no build" or failure.kind == "network" and attempt.own_host):
                    self.explain("PyTorch", failure)
                if after.build != attempt.build:
                    print("      The CPU build is not to be found; taking the much larger default build.", flush=True)
                    check_disk(self.root, DISK_NEEDED[after.build])

    def install_libraries(self, number: str) -> None:
        """Install what requirements.txt lists, but for PyTorch, which is there in the build that was chosen."""
        lines = [line for line in requirements(self.root / "requirements.txt") if not is_torch(line)]
        check_disk(self.root, DISK_NEEDED["libraries"])
        print(f"{number} Installing {len(lines) + len(WITHOUT_DEPENDENCIES)} libraries and what they need ...", flush=True)
        self.pip_or_explain("the libraries", ["install", *lines])
        self.pip_or_explain("k-diffusion", ["install", "--no-deps", *WITHOUT_DEPENDENCIES])

    def install_tests(self, number: str) -> None:
        """Install what the tests need on top."""
        check_disk(self.root, DISK_NEEDED["libraries"])
        print(f"{number} Installing the test tools ...", flush=True)
        self.pip_or_explain("the test tools", ["install", *requirements(self.root / "requirements-test.txt")])

    def pip(self, arguments: Sequence[str]) -> None:
        """Run pip in the environment, its output in install.log; raises PipFailure."""
        if self.pip_options is None:
            self.pip_options = self.find_pip_options()
        options = self.pip_options if arguments[0] == "install" else []
        command = [str(self.python), "-m", "pip", arguments[0], *options, *arguments[1:]]
        progress, lines = Progress(sys.stdout), []  # type: Tuple[Progress, List[str]]
        with self.log.open("a", encoding="utf-8") as log:
            log.write("\n> pip {}\n".format(" ".join(arguments)))

            def on_line(line: str) -> None:
                if line.startswith(("Installing collected packages", "Found existing installation")):
                    self.unpacking.parent.mkdir(exist_ok=True)
                    self.unpacking.touch()
                if not line.startswith("Progress "):
                    log.write(line + "\n")
                    lines.append(line)
                progress.feed(line)

            code = self.run(command, on_line)
            progress.close()
        if self.unpacking.exists():
            self.unpacking.unlink()
        if code:
            raise PipFailure(lines)

    def find_pip_options(self) -> List[str]:
        """Options for every ``pip install``; raises Problem when there is no working pip."""
        lines: List[str] = []
        code = self.run([str(self.python), "-m", "pip", "--version"], lines.append)
        version = re.match(r"pip (\d+)\.(\d+)", lines[0] if lines else "")
        if code or version is None:
            raise Problem(ADVICE["pip"])
        modern = (int(version.group(1)), int(version.group(2))) >= (24, 1)
        return ["--no-input", "--progress-bar", "raw" if modern else "off"]

    def pip_or_explain(self, what: str, arguments: Sequence[str]) -> None:
        """Run pip; raises Problem, in words for the user, when that fails."""
        try:
            self.pip(arguments)
        except PipFailure as failure:
            self.explain(what, failure)

    def explain(self, what: str, failure: PipFailure) -> NoReturn:
        """Raise Problem: pip's last lines, what they mean, what to do, and where the whole log is."""
        shown = "\n".join("      " + line[:300] for line in failure.lines)
        system = f"{self.system} {platform.machine()}"
        advice = ADVICE[failure.kind].format(python="{}.{}".format(*sys.version_info[:2]), system=system)
        raise Problem(f"{shown}\n\nInstalling {what} failed. {advice}\nThe whole log: {self.log}")


def requirements(path: Path) -> List[str]:
    """The requirement lines of a file, without comments and blanks."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def is_torch(requirement: str) -> bool:
    """Whether a requirement line is PyTorch's own."""
    return re.match(r"torch\s*==", requirement) is not None


def read_bytes(path: Path) -> bytes:
    """A file's bytes with Unix line ends, so that a checkout on Windows has the same hash."""
    return path.read_bytes().replace(b"\r\n", b"\n")


# -- Starting -----------------------------------------------------------------------------------------------


def opens_browser(arguments: Sequence[str], environ: Mapping[str, str], system: str) -> bool:
    """Whether ``--autolaunch`` is to be added.

    Not when the arguments say anything about it, serve other machines or want no page at all; not with
    ``EASEL_NO_BROWSER`` or ``CI`` set; not over SSH or on a Linux without a screen.
    """
    if any(argument.split("=")[0] in NO_BROWSER for argument in arguments):
        return False
    if any(environ.get(name) for name in ("EASEL_NO_BROWSER", "CI", "SSH_CONNECTION")):
        return False
    return system != "Linux" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def hand_over(python: Path, arguments: Sequence[str], environ: Mapping[str, str], windows: bool) -> int:
    """Become ``python arguments``; on Windows, run it and return its exit code (exec would detach it there)."""
    command = [str(python), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if not windows:
        os.execve(command[0], command, dict(environ))
    process = subprocess.Popen(command, env=dict(environ))
    while True:
        # Ctrl+C reaches both processes; the other one decides what it means.
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def launch(arguments: Sequence[str], environment: Environment) -> int:
    """Do what the command line says, and return the exit code (where there is a return)."""
    environ = dict(environment.environ)
    testing = list(arguments[:1]) == ["test"]
    words = list(arguments[1:] if testing else arguments)
    if not testing:
        # Used up here, so that webui.py does not see them twice.
        words += split_words(environ.pop("COMMANDLINE_ARGS", ""))
    if "-h" in words or "--help" in words:
        print(USAGE, flush=True)
        if environment.missing(testing):
            return 0
    if "--skip-python-version-check" not in words:
        check_python(sys.version_info)
    python = environment.python
    if not any(flag in words for flag in SKIP_INSTALL):
        environment.prepare(testing, "--reinstall-torch" in words)
    elif not python.exists():
        python = Path(sys.executable)
    if testing:
        command = ["-m", "pytest", "--rootdir", str(environment.root), *(w for w in words if w not in OWN_FLAGS)]
        os.chdir(str(environment.root))
    else:
        browser = ["--autolaunch"] if opens_browser(words, environ, environment.system) else []
        words = [word for word in words if word != "--no-autolaunch"]
        command = [str(environment.root / "webui.py"), *words, *browser]
    return hand_over(python, command, environ, environment.windows)


def main(arguments: Sequence[str]) -> int:
    """Run the launcher; whatever the user can put right ends in a message, not in a traceback."""
    try:
        return launch(arguments, Environment())
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on from here.", file=sys.stderr)
        return 130
    except Problem as problem:
        message = str(problem)
    except OSError as error:
        kinds = {errno.ENOSPC: "disk", errno.EACCES: "permission", errno.EPERM: "permission", errno.EROFS: "permission"}
        message = f"{error}\n\n" + ADVICE.get(kinds.get(error.errno or 0, ""), "This file could not be used.")
    print("\n" + message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
