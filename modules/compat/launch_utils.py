"""`modules.launch_utils` of the older UI, and what its `launch` offers: packages and programs for extensions.

An extension's `install.py` runs in a process of its own, where nothing of the program is loaded; so this needs only
the standard library and the names of the flags.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from modules.compat.paths_internal import extensions_builtin_dir, script_path
from modules.compat.shared_cmd_options import cmd_opts
from modules.compat.timer import startup_timer

__all__ = ["args", "startup_timer"]

log = logging.getLogger(__name__)

INTERFACE = "v1.10.1"
"""The version of the older UI whose names are answered here: extensions compare it to know what they may use."""

args = cmd_opts
python = sys.executable
git = os.environ.get("GIT", "git")
index_url = os.environ.get("INDEX_URL", "")
dir_repos = "repositories"
default_command_live = True


def _told_not_to_install() -> bool:
    words = [*sys.argv, *shlex.split(os.environ.get("COMMANDLINE_ARGS", ""))]
    return bool(args.skip_install) or "--skip-install" in words or "--skip-prepare-environment" in words


def commit_hash() -> str:
    """The commit of the older UI that this is: none."""
    return "<none>"


def git_tag() -> str:
    """The version of the older UI whose names are answered here."""
    return INTERFACE


def check_python_version() -> None:
    """Nothing to do: the launcher has checked it."""


def run(
    command: str | list[str],
    desc: str | None = None,
    errdesc: str | None = None,
    custom_env: dict[str, str] | None = None,
    live: bool = default_command_live,
) -> str:
    """Run a command of the shell and return what it prints; live: print it at once, and return "".

    Raises: RuntimeError: it fails; with what it printed.
    """
    if desc is not None:
        print(desc, flush=True)
    pipe = None if live else subprocess.PIPE
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        env=custom_env or os.environ,
        text=True,
        errors="replace",
        stdout=pipe,
        stderr=pipe,
        check=False,
    )
    if done.returncode:
        said = "\n".join(text for text in (done.stdout, done.stderr) if text)
        raise RuntimeError(
            f"{errdesc or 'Error running command'}.\nCommand: {command}\nError code: {done.returncode}\n{said}"
        )
    return done.stdout or ""


def run_python(code: str, desc: str | None = None, errdesc: str | None = None) -> str:
    """Run Python code in a process of its own. Raises: RuntimeError."""
    return run([python, "-c", code], desc, errdesc)


def check_run(command: str | list[str]) -> bool:
    """Whether a command runs well."""
    done = subprocess.run(command, shell=isinstance(command, str), capture_output=True, check=False)
    return done.returncode == 0


def check_run_python(code: str) -> bool:
    """Whether Python code runs well."""
    return check_run([python, "-c", code])


def is_installed(package: str) -> bool:
    """Whether a package is there, by the name that is imported, or the one that it is installed by."""
    try:
        if importlib.util.find_spec(package) is not None:
            return True
    except (ImportError, ValueError, AttributeError):
        pass
    try:
        return importlib.metadata.distribution(package) is not None
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


def run_pip(command: str, desc: str | None = None, live: bool = default_command_live) -> str | None:
    """Run pip, such as with "install name==1.0"; nothing where `--skip-install` is given. Raises: RuntimeError."""
    if _told_not_to_install():
        return None
    index = ["--index-url", index_url] if index_url else []
    words = [python, "-m", "pip", *shlex.split(command, posix=os.name != "nt"), "--prefer-binary", *index]
    subject = desc or command
    return run(words, f"Installing {subject}", f"Couldn't install {subject}", live=live)


def requirements_met(requirements_file: str) -> bool:
    """Whether all that a `requirements.txt` asks for with `==` is there in that version, and the rest in any."""
    pattern = re.compile(r"\s*([-\w.]+)\s*(?:\[[^\]]*\])?\s*(?:==\s*([-+.\w]+))?\s*")
    for line in Path(requirements_file).read_text(encoding="utf8").splitlines():
        text = line.split("#")[0].strip()
        found = pattern.match(text) if text and not text.startswith("-") else None
        if found is None:
            continue
        try:
            version = importlib.metadata.version(found[1])
        except importlib.metadata.PackageNotFoundError:
            return False
        if found[2] and version != found[2]:
            return False
    return True


# -- repositories -------------------------------------------------------------------------------------------


def repo_dir(name: str) -> str:
    """Where a repository would be cloned to."""
    return os.path.join(script_path, dir_repos, name)


def run_git(
    dir: str, name: str, command: str, desc: str | None = None, errdesc: str | None = None, **options: Any
) -> str:
    """Run git in a folder. Raises: RuntimeError."""
    words = [git, "-C", dir, *shlex.split(command)]
    return run(words, desc, errdesc or f"git {command} failed for {name}", live=bool(options.get("live")))


def git_clone(url: str, dir: str, name: str, commithash: str | None = None) -> None:
    """Clone a repository, unless it is there; then bring it to a commit. Raises: RuntimeError."""
    if not os.path.exists(dir):
        run(
            [git, "clone", "--config", "core.filemode=false", url, dir],
            f"Cloning {name}",
            f"Couldn't clone {name}",
        )
    if commithash is None:
        return
    if run_git(dir, name, "rev-parse HEAD").strip() != commithash:
        run_git(dir, name, "fetch", f"Fetching updates for {name}")
        run_git(dir, name, f"checkout {commithash}", f"Checking out {name} at {commithash}")


def git_pull_recursive(dir: str) -> None:
    """Bring the repositories in a folder up to date; what fails is only said."""
    for place, _, _ in os.walk(dir):
        if os.path.exists(os.path.join(place, ".git")):
            try:
                print(run_git(place, place, "pull --autostash").strip())
            except RuntimeError as error:
                print(f"{place}: {error}")


def version_check(commit: str) -> None:
    """Nothing to do: nobody is asked for news."""


def list_extensions(settings_file: str) -> list[str]:
    """The names of the extensions in the user's folder that a settings file doesn't switch off."""
    from modules.compat.paths_internal import extensions_dir

    try:
        settings = json.loads(Path(settings_file).read_text(encoding="utf8"))
    except (OSError, ValueError):
        settings = {}
    off = set(settings.get("disabled_extensions", ())) if isinstance(settings, dict) else set()
    folder = Path(extensions_dir)
    if args.disable_all_extensions or args.disable_extra_extensions or not folder.is_dir():
        return []
    return [one.name for one in sorted(folder.iterdir()) if one.is_dir() and one.name not in off]


def prepare_environment() -> None:
    """Nothing to do: the launcher has done it."""


def configure_for_tests() -> None:
    """Nothing to do: the tests have a server of their own."""


def run_extension_installer(extension_dir: str) -> None:
    """Nothing to do: the program runs each `install.py` itself, before extensions are loaded."""


def __getattr__(name: str) -> Any:
    if name == "skip_install":
        return _told_not_to_install()
    if name in ("extensions_dir", "data_path", "models_path"):
        from modules.compat import paths_internal

        return getattr(paths_internal, name)
    if name == "extensions_builtin_dir":
        return extensions_builtin_dir
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
