"""Git, by the program of that name: nothing of a repository is run, nothing is asked, nothing waits for ever."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modules.faults import InvalidField, NotPossibleNow

FIELD = "source"
QUICK_SECONDS = 20
NETWORK_SECONDS = 300
_SCP = re.compile(r"[\w.-]+@[\w.-]+:[\w./~-]+")
_SAFE = (
    "-c", "core.fsmonitor=false",
    "-c", f"core.hooksPath={os.devnull}",
    "-c", "protocol.ext.allow=never",
    "-c", "credential.helper=",
)  # fmt: skip
"""A repository's own settings may name programs: these are left out."""


@dataclass(frozen=True)
class Version:
    """Where a working copy stands.

    Args: remote: without names and passwords; branch: "" for a detached one; date: seconds since 1970.
    """

    remote: str = ""
    branch: str = ""
    commit: str = ""
    date: int = 0
    tag: str = ""


def run(arguments: Sequence[str], folder: Path | None = None, timeout: float = QUICK_SECONDS) -> str:
    """Run git and return what it prints.

    Raises: NotPossibleNow: it is not there, fails, or takes too long.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "LC_ALL": "C",
    }
    command = ["git", *_SAFE, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise NotPossibleNow("The program git is not installed on this machine. Install it first.") from None
    except OSError as error:
        raise NotPossibleNow(f"git could not be started: {error}.") from error
    except subprocess.TimeoutExpired:
        raise NotPossibleNow(f"git {arguments[0]} took longer than {timeout:g} s and was ended.") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), (lines or ["?"])[-1])
        raise NotPossibleNow(f"git {arguments[0]} failed: {reason.strip()[:300]}")
    return done.stdout


def check_url(url: str) -> str:
    """An address that may be cloned: https, ssh, or a folder of this machine.

    Raises: InvalidField.
    """
    url = url.strip()
    parts = urlsplit(url) if "://" in url else None
    good = url.isprintable() and not url.startswith("-") and len(url) <= 2000
    if parts is not None:
        good = good and parts.scheme in ("https", "ssh") and bool(parts.hostname)
        good = (
            good
            and not (parts.hostname or "-").startswith("-")
            and not (parts.username or "").startswith("-")
        )
    elif not Path(url).is_absolute():
        good = good and bool(_SCP.fullmatch(url))
    if not good:
        raise InvalidField(
            FIELD,
            "Give an address that begins with https:// or ssh://, git@host:path, or the whole path of a folder.",
        )
    return url


def clone(url: str, target: Path, branch: str | None = None) -> None:
    """Clone into a folder that is not there yet.

    Raises: InvalidField: no address that may be cloned, or no name of a branch; NotPossibleNow: it fails.
    """
    url = check_url(url)
    options = ["--filter=blob:none"] if "://" in url else []
    if branch:
        if branch.startswith("-") or not re.fullmatch(r"[\w./-]{1,200}", branch):
            raise InvalidField("branch", f"{branch[:60]!r} is no name of a branch.")
        options += ["--branch", branch]
    run(["clone", "--quiet", *options, "--", url, str(target)], timeout=NETWORK_SECONDS)


def version(folder: Path) -> Version | None:
    """Where a working copy stands; None: the folder is none, or git can't tell."""
    if not (folder / ".git").exists():
        return None
    try:
        commit, date, names = run(["log", "-1", "--format=%H%n%ct%n%D"], folder).split("\n")[:3]
        branch = run(["rev-parse", "--abbrev-ref", "HEAD"], folder).strip()
        remotes = run(["remote"], folder).split()
        remote = run(["remote", "get-url", "origin"], folder).strip() if "origin" in remotes else ""
    except (NotPossibleNow, ValueError):
        return None
    tags = [
        name.strip().removeprefix("tag: ") for name in names.split(",") if name.strip().startswith("tag: ")
    ]
    when = int(date) if date.isdecimal() else 0
    return Version(plain(remote), "" if branch == "HEAD" else branch, commit, when, tags[0] if tags else "")


def behind(folder: Path) -> int:
    """How many commits the remote has that are not here.

    Raises: NotPossibleNow: it can't be asked.
    """
    run(["fetch", "--quiet", "origin"], folder, NETWORK_SECONDS)
    return int(run(["rev-list", "--count", "HEAD..@{upstream}"], folder).strip() or 0)


def update(folder: Path) -> None:
    """Take over what the remote has.

    Raises: NotPossibleNow: there are changes of the user's own, or it can't be asked.
    """
    run(["pull", "--quiet", "--ff-only"], folder, NETWORK_SECONDS)


def plain(url: str) -> str:
    """An address without name and password."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
