#!/usr/bin/env python3
"""Make Easel's environment, then start it.

``python launch.py [arguments]`` makes ``.venv`` beside this file on the first run, installs what ``requirements.txt``
pins, and hands over to ``webui.py``. Small stamp files in ``.venv/easel`` let every later start skip all of this.
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
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, TextIO, Tuple

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
PYTHON = "{}.{}".format(*sys.version_info[:2])

# k-diffusion declares a whole training stack as its dependencies; only k_diffusion.sampling is used here.
# What sampling needs stands in requirements.txt.
# spandrel asks for torchvision, which must fit torch exactly; Easel does without (modules/imaging/architectures.py).
WITHOUT_DEPENDENCIES = ["k-diffusion==0.1.1.post1", "spandrel==0.4.2"]

# PyTorch publishes its builds by kind here: the CPU build for Linux, the CUDA build for Windows.
TORCH_WHEELS = "https://download.pytorch.org/whl"
CUDA_BUILD = "cu130"

# Free disk space in GB: the environment and what pip unpacks on the way.
DISK_NEEDED = {"cpu": 2.5, "cuda": 8.0}

STEPS = ("venv", "torch", "libraries", "tests")
SKIP_INSTALL = ("--skip-install", "--skip-prepare-environment")
OWN_FLAGS = (*SKIP_INSTALL, "--reinstall-torch", "--skip-python-version-check", "--no-autolaunch")
NO_BROWSER = ("--autolaunch", "--no-autolaunch", "--nowebui", "--listen", "--server-name", "--share")

USAGE = """\
python launch.py [arguments]        install what is missing, then start Easel (arguments: see webui.py)
python launch.py test [arguments]   install what is missing, then run the tests (arguments: see pytest)

  --skip-install, --skip-prepare-environment   start with whatever is installed
  --reinstall-torch                            install PyTorch anew
  --skip-python-version-check                  try a Python that Easel was not tested with
  --no-autolaunch                              do not open the browser (nor does EASEL_NO_BROWSER=1)

Environment: COMMANDLINE_ARGS (more arguments), TORCH_INDEX_URL (where PyTorch's builds come from),
TORCH_COMMAND (a whole command for PyTorch, "pip install torch==...").
"""

# The first kind with a sign in pip's output is what went wrong.
FAILURES = {
    "disk": "No space left on device|not enough space|Errno 28",
    "pip": "No module named '?pip",
    "permission": "Permission denied|Access is denied|Errno 13|Read-only file system",
    "network": "NewConnectionError|[Nn]ame ?[Rr]esolution|getaddrinfo failed|[Tt]imed out|Timeout|ProxyError"
    "|Max retries exceeded|SSLError|CERTIFICATE_VERIFY_FAILED|IncompleteRead|Network is unreachable"
    "|Connection (refused|reset|aborted|broken)",
    "no build": "No matching distribution|Could not find a version|is not a supported wheel",
}
ADVICE = {
    "disk": "The disk is full. Free some space (pip also unpacks in the folder TMPDIR), then start again.",
    "pip": "pip is missing in .venv. Delete the folder .venv and start again.",
    "permission": "Easel's folder cannot be written to. Put it where you may write, then start again.",
    "network": "The package server cannot be reached. Check the network (and the proxy, if there is one), "
    "then start again: what is installed already is kept.",
    "no build": f"A package has no build for Python {PYTHON} on this machine ({platform.machine()}). Python "
    "3.11 on a 64-bit system is the safest choice; TORCH_COMMAND or TORCH_INDEX_URL name another PyTorch.",
    "other": "The lines above say why; the next start tries again.",
}

Run = Callable[[Sequence[str], Callable[[str], None]], int]
Stamps = Dict[str, Dict[str, str]]


class Problem(Exception):
    """Something that the user can put right. Its text is the whole message."""


class PipFailure(Problem):
    """Installing ``what`` failed; ``kind`` (a key of ADVICE) is found in the ``lines`` that pip printed."""

    def __init__(self, what: str, lines: Sequence[str], log: Path) -> None:
        found = (kind for kind, signs in FAILURES.items() if re.search(signs, "\n".join(lines)))
        self.kind = next(found, "other")
        shown = "".join(f"      {line[:300]}\n" for line in lines[-6:])
        super().__init__(f"{shown}\nInstalling {what} failed. {ADVICE[self.kind]}\nThe whole log: {log}")


class Attempt(NamedTuple):
    """One way to get PyTorch: pip's arguments, the kind of build, whether PyTorch's own host is asked."""

    arguments: List[str]
    build: str
    own_host: bool = False


# -- Python and the machine ---------------------------------------------------------------------------------


def check_python(version: Tuple[int, ...]) -> None:
    """Raise Problem when Easel is not made for Python ``version``."""
    if not OLDEST_PYTHON <= tuple(version[:2]) <= NEWEST_PYTHON:
        raise Problem(
            "Easel runs on Python {}.{} to {}.{}, and this is Python {}.{}. Install Python 3.11 and start "
            "again with it: python3.11 launch.py".format(*OLDEST_PYTHON, *NEWEST_PYTHON, *version[:2])
        )


def check_venv_module() -> None:
    """Raise Problem when this Python cannot make virtual environments (Debian splits that part off)."""
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise Problem(
            "This Python cannot make a virtual environment: its venv module is missing. On Debian and "
            f"Ubuntu, sudo apt install python3-venv (or python{PYTHON}-venv) brings it. Then start again."
        )


def check_disk(folder: Path, build: str) -> None:
    """Raise Problem when the disk of ``folder`` has no room for an environment with this build of PyTorch."""
    free = shutil.disk_usage(str(folder)).free / 1e9
    if free < DISK_NEEDED[build]:
        raise Problem(
            f"Not enough disk space: the installation needs about {DISK_NEEDED[build]} GB in {folder}, and "
            f"{free:.1f} GB are free. Free some space, then start again."
        )


def has_nvidia(driver: Path = Path("/proc/driver/nvidia")) -> bool:
    """Whether this machine has an NVIDIA card with a driver: its kernel module, or nvidia-smi's answer."""
    program = shutil.which("nvidia-smi")
    if driver.exists() or program is None:
        return driver.exists()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return b"GPU" in subprocess.check_output([program, "-L"], stderr=subprocess.DEVNULL, timeout=20)
    return False


# -- PyTorch ------------------------------------------------------------------------------------------------


def torch_choice(environ: Mapping[str, str]) -> Optional[str]:
    """What the environment says about PyTorch, in one line; None when it leaves the choice to us."""
    for name in ("TORCH_COMMAND", "TORCH_INDEX_URL"):
        if environ.get(name, "").strip():
            return f"{name}={environ[name].strip()}"
    return None


def torch_attempts(pin: str, environ: Mapping[str, str], system: str, nvidia: bool) -> List[Attempt]:
    """The ways to install PyTorch, to be tried in this order while a build is not to be found.

    On Linux the package index has the CUDA build (several GB), so a machine without a card looks for the CPU
    build first: in the sources that pip is configured with, then on PyTorch's own host. On Windows the index
    has the CPU build, and a card needs PyTorch's host. On macOS there is one build.

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
        return [Attempt(["install", pin, "--index-url", index], "cpu" if "cpu" in index else "cuda")]
    if nvidia and system == "Windows":
        wheels = f"{TORCH_WHEELS}/{CUDA_BUILD}"
        return [Attempt(["install", f"{pin}+{CUDA_BUILD}", "--extra-index-url", wheels], "cuda", True)]
    default = Attempt(["install", pin], "cuda" if system == "Linux" else "cpu")
    if nvidia or system != "Linux":
        return [default]
    cpu = ["install", "--only-binary=:all:", f"{pin}+cpu"]
    own_host = ["--extra-index-url", f"{TORCH_WHEELS}/cpu", "--retries", "1", "--timeout", "15"]
    return [Attempt(cpu, "cpu"), Attempt(cpu + own_host, "cpu", True), default]


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
    pipe, null, both = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT
    with subprocess.Popen(command, env=environ, stdin=null, stdout=pipe, stderr=both) as process:
        try:
            for line in process.stdout or ():
                on_line(line.decode("utf-8", "replace").rstrip())
        except BaseException:
            process.kill()
            raise
    return process.returncode


class Progress:
    """pip's output in short: one live line on a terminal, elsewhere one line for every large package."""

    FILE = re.compile(r"\s*(?:Downloading|Using cached|Processing) (\S+\.(?:whl|gz|zip))(?: \((.*)\))?$")
    PERCENT = re.compile(r"Progress (\d+) of (\d+)$")

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.live, self.file = stream, stream.isatty(), ""

    def feed(self, line: str) -> None:
        """Show what a line of pip's output means for someone who waits."""
        file, percent = self.FILE.match(line), self.PERCENT.match(line)
        if file:
            name = urllib.parse.unquote(re.split(r"[/\\]", file.group(1))[-1])
            self.file = " ".join([*name.split("-")[:2], file.group(2) or ""]).strip()
            self.show(self.file, large=re.search(r"\d\d\.\d MB|GB", self.file) is not None)
        elif percent:
            self.show(f"{self.file}: {100 * int(percent.group(1)) // max(1, int(percent.group(2)))} %")
        elif line.startswith("Collecting "):
            self.show(line.split()[1])
        elif line.startswith("Installing collected packages:"):
            self.show(f"unpacking {line.count(',') + 1} packages", large="," in line)

    def show(self, text: str, large: bool = False) -> None:
        """Replace the live line; without a terminal print ``text`` when it is worth a line (``large``)."""
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + ("      " + text if text else "")[:width].ljust(width) + "\r")
        elif large:
            self.stream.write(f"      {text}\n")
        self.stream.flush()


# -- The environment ----------------------------------------------------------------------------------------


class Environment:
    """The folder ``.venv``: what is in it, what should be, and the way there (``system``: "Windows", ...)."""

    def __init__(
        self,
        root: Path = ROOT,
        environ: Optional[Mapping[str, str]] = None,
        system: str = "",
        run: Run = run_command,
    ) -> None:
        self.root, self.folder, self.run = root, root / ".venv", run
        self.environ = os.environ if environ is None else environ
        self.system = system or platform.system()
        self.python = self.folder / ("Scripts/python.exe" if self.system == "Windows" else "bin/python")
        self.log = self.folder / "install.log"
        # There while pip changes installed files: found at a start, it means that the last one was cut off.
        self.unpacking = self.folder / "easel" / "unpacking"

    def stamp(self, step: str) -> Path:
        """The file that says that ``step`` (one of STEPS) is done, and with what."""
        return self.folder / "easel" / f"{step}.json"

    def done(self, step: str) -> Dict[str, str]:
        """What ``step`` was done with; empty when it was not, or not to its end."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.stamp(step).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def requirements(self, name: str = "requirements.txt") -> List[str]:
        """The requirement lines of a file in Easel's folder, without comments and blanks."""
        lines = (self.root / name).read_text(encoding="utf-8").splitlines()
        return [line for line in (line.split("#")[0].strip() for line in lines) if line]

    def torch_pin(self) -> str:
        """The line of requirements.txt that pins PyTorch."""
        return next(line for line in self.requirements() if line.startswith("torch=="))

    def wanted(self, tests: bool) -> Stamps:
        """The stamps of a complete environment, in the order of the steps."""
        libraries = self.requirements() + WITHOUT_DEPENDENCIES
        choice = torch_choice(self.environ) or self.done("torch").get("choice", "default")
        stamps = {
            "venv": {"python": PYTHON},
            "torch": {"pin": self.torch_pin(), "choice": choice},
            "libraries": {"requirements": digest(libraries)},
        }
        if tests:
            test_tools = self.requirements("requirements-test.txt")
            stamps["tests"] = {"requirements": digest(libraries + test_tools)}
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
        steps, started = self.missing(tests, reinstall_torch), time.monotonic()
        actions = (self.install_venv, self.install_torch, self.install_libraries, self.install_tests)
        by_step = dict(zip(STEPS, actions))
        for number, (step, stamp) in enumerate(steps.items(), 1):
            with contextlib.suppress(FileNotFoundError):
                self.stamp(step).unlink()
            by_step[step](f"[{number}/{len(steps)}]")
            self.stamp(step).parent.mkdir(exist_ok=True)
            self.stamp(step).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
        if steps:
            print(f"Installed in {time.monotonic() - started:.0f} s. Later starts skip this.\n", flush=True)

    def install_venv(self, number: str) -> None:
        """Make an empty ``.venv`` in the place of whatever is there."""
        check_venv_module()
        check_disk(self.root, "cpu")
        print(f"{number} Making .venv with Python {PYTHON} ...", flush=True)
        base = getattr(sys, "_base_executable", None) or sys.executable
        lines = []  # type: List[str]
        if self.run([base, "-m", "venv", "--clear", str(self.folder)], lines.append):
            shown = "".join(f"      {line}\n" for line in lines[-6:])
            raise Problem(f"{shown}\nThe virtual environment {self.folder} could not be made.")

    def install_torch(self, number: str) -> None:
        """Install PyTorch in the build that fits the machine."""
        attempts = torch_attempts(self.torch_pin(), self.environ, self.system, has_nvidia())
        check_disk(self.root, attempts[0].build)
        build = torch_choice(self.environ) or f"{attempts[0].build.upper()} build"
        print(f"{number} Installing PyTorch ({build}) ...", flush=True)
        self.pip("PyTorch", ["uninstall", "-y", "torch"])
        for number_tried, attempt in enumerate(attempts, 1):
            try:
                return self.pip("PyTorch", attempt.arguments)
            except PipFailure as failure:
                elsewhere = failure.kind == "no build" or (failure.kind == "network" and attempt.own_host)
                if number_tried == len(attempts) or not elsewhere:
                    raise
            if attempts[number_tried].build != attempt.build:
                print("      No CPU build is to be had; taking the larger default build.", flush=True)
                check_disk(self.root, attempts[number_tried].build)

    def install_libraries(self, number: str) -> None:
        """Install what requirements.txt lists, but for PyTorch, which is there in the build chosen."""
        lines = [line for line in self.requirements() if line != self.torch_pin()]
        print(f"{number} Installing the libraries ...", flush=True)
        self.pip("the libraries", ["install", *lines])
        self.pip("k-diffusion and spandrel", ["install", "--no-deps", *WITHOUT_DEPENDENCIES])

    def install_tests(self, number: str) -> None:
        """Install what the tests need on top."""
        print(f"{number} Installing the test tools ...", flush=True)
        self.pip("the test tools", ["install", *self.requirements("requirements-test.txt")])

    def pip(self, what: str, arguments: Sequence[str]) -> None:
        """Run pip in the environment, its output in install.log; raises PipFailure."""
        options = self.pip_options() if arguments[0] == "install" else []
        command = [str(self.python), "-m", "pip", arguments[0], *options, *arguments[1:]]
        progress = Progress(sys.stdout)
        lines = []  # type: List[str]
        with self.log.open("a", encoding="utf-8") as log:
            log.write("\n> pip {}\n".format(" ".join(arguments)))

            def on_line(line: str) -> None:
                if line.startswith(("Installing collected packages", "Found existing installation")):
                    self.unpacking.parent.mkdir(exist_ok=True)
                    self.unpacking.touch()
                if line and not line.startswith("Progress "):
                    log.write(line + "\n")
                    lines.append(line)
                progress.feed(line)

            code = self.run(command, on_line)
            progress.show("")
        with contextlib.suppress(FileNotFoundError):
            self.unpacking.unlink()
        if code:
            raise PipFailure(what, lines, self.log)

    def pip_options(self) -> List[str]:
        """Options for every ``pip install``; raises Problem when there is no working pip."""
        lines = []  # type: List[str]
        code = self.run([str(self.python), "-m", "pip", "--version"], lines.append)
        version = re.match(r"pip (\d+)\.(\d+)", lines[0] if lines else "")
        if code or version is None:
            raise Problem(ADVICE["pip"])
        shows_percent = (int(version.group(1)), int(version.group(2))) >= (24, 1)
        return ["--no-input", "--progress-bar", "raw" if shows_percent else "off"]


def digest(lines: Sequence[str]) -> str:
    """A hash of requirement lines; comments and line ends do not change it."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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


def hand_over(command: Sequence[str], environ: Mapping[str, str], system: str) -> int:
    """Become ``command``; on Windows, where that would detach it, run it and return its exit code."""
    sys.stdout.flush()
    if system != "Windows":
        os.execve(command[0], list(command), dict(environ))
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
        # Taken out of the environment, so that webui.py does not see them twice.
        words += split_words(environ.pop("COMMANDLINE_ARGS", ""))
    if "-h" in words or "--help" in words:
        print(USAGE, flush=True)
        if environment.missing(testing):
            return 0
    if "--skip-python-version-check" not in words:
        check_python(sys.version_info[:2])
    python = environment.python
    if not any(flag in words for flag in SKIP_INSTALL):
        environment.prepare(testing, "--reinstall-torch" in words)
    elif not python.exists():
        python = Path(sys.executable)
    if testing:
        os.chdir(str(environment.root))
        command = ["-m", "pytest", *(word for word in words if word not in OWN_FLAGS)]
    else:
        browser = ["--autolaunch"] if opens_browser(words, environ, environment.system) else []
        command = [str(environment.root / "webui.py"), *words, *browser]
    return hand_over([str(python), *command], environ, environment.system)


def main(arguments: Sequence[str]) -> int:
    """Run the launcher; whatever the user can put right ends in a message, not in a traceback."""
    try:
        return launch(arguments, Environment())
    except KeyboardInterrupt:
        message = "Stopped. The next start goes on from here."
    except Problem as problem:
        message = str(problem)
    except OSError as error:
        kinds = {errno.ENOSPC: "disk", errno.EACCES: "permission", errno.EROFS: "permission"}
        advice = ADVICE.get(kinds.get(error.errno or 0, ""), "Easel cannot start like this.")
        message = f"{error}. {advice}"
    print(f"\n{message}", file=sys.stderr)
    return 1


def __getattr__(name: str) -> object:
    """What extensions of the older UI look for here (`launch.run_pip`, ...); asked for by nobody else."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(importlib.import_module("modules.compat.launch_utils"), name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
