"""What extensions want to have installed before the start: `requirements.txt` by pip, and `install.py`.

Both run in processes of their own, before anything else is imported, and only when their files have changed since
they last succeeded. A failure is the extension's own: it is reported, and the start goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from modules.folders import PROGRAM, write_atomically
from modules.plugins.folder import ExtensionFolder

log = logging.getLogger(__name__)
LIMIT_SECONDS = 1800
SHOWN_LINES = 12

Run = Callable[[Sequence[str], Path], tuple[int, str]]
"""Runs a command in a folder: exit code and output."""


def prepare(folders: Iterable[ExtensionFolder], stamps: Path, run: Run | None = None) -> dict[str, str]:
    """Install what the extensions want.

    Args: folders: of those that are on; stamps: the file that remembers what was done.

    Returns: what went wrong, by names of extensions.
    """
    done = _read(stamps)
    before = dict(done)
    reports: dict[str, str] = {}
    for folder in folders:
        mark = _mark(folder)
        if mark is None or done.get(str(folder.folder)) == mark:
            continue
        done.pop(str(folder.folder), None)
        report = _install(folder, run or _run)
        if report is None:
            done[str(folder.folder)] = mark
        else:
            reports[folder.name] = report
            log.warning("The extension %s: %s", folder.name, report)
    if done != before:
        try:
            write_atomically(stamps, json.dumps(done, indent=1).encode())
        except OSError as error:
            log.warning("%s can't be written: %s", stamps, error)
    return reports


def _install(folder: ExtensionFolder, run: Run) -> str | None:
    """What went wrong, or None."""
    steps = []
    if folder.requirements is not None:
        pip = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        steps.append(("its requirements", [*pip, "-r", str(folder.requirements)]))
    if folder.install is not None:
        steps.append(("its install.py", [sys.executable, str(folder.install)]))
    for what, command in steps:
        log.info("Installing for the extension %s: %s ...", folder.name, what)
        code, output = run(command, folder.folder)
        if code:
            lines = "\n".join(output.strip().splitlines()[-SHOWN_LINES:])
            return f"{what} could not be installed (exit code {code}).\n{lines}"
    return None


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    path = os.pathsep.join(filter(None, (str(PROGRAM), str(folder), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "PIP_USER": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"It took longer than {LIMIT_SECONDS} s and was ended."
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout


def _mark(folder: ExtensionFolder) -> str | None:
    """A hash of what decides what is installed; None: nothing is."""
    files = [path for path in (folder.requirements, folder.install) if path is not None]
    if not files:
        return None
    mark = hashlib.sha256(sys.version.encode())
    for path in files:
        try:
            mark.update(path.read_bytes())
        except OSError:
            return None
    return mark.hexdigest()


def _read(stamps: Path) -> dict[str, str]:
    try:
        found = json.loads(stamps.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
