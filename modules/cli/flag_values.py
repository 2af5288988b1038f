"""The values of flags, checked: each function makes one of text, or says what is expected."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from pathlib import Path

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def port(text: str) -> int:
    """A port number; 0: any free one."""
    if not text.isascii() or not text.isdecimal() or int(text[:6]) > 65535:
        raise ArgumentTypeError(f"a port is a number from 0 (any free one) to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> int:
    """A whole number of seconds."""
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise ArgumentTypeError(f"a whole number of seconds is expected, not {text!r}")
    return int(text)


def level(text: str) -> str:
    """The name of a log level."""
    if text.upper() not in LOG_LEVELS:
        raise ArgumentTypeError(f"the level is one of {', '.join(LOG_LEVELS)}, not {text!r}")
    return text.upper()


def pattern(text: str) -> str:
    """A regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
    return text


def names(text: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def users(text: str) -> list[tuple[str, str]]:
    """Pairs of name and password."""
    pairs = [entry.partition(":") for entry in re.split(r"[,\n]", text) if entry.strip()]
    if not pairs or not all(name.strip() and password for name, _, password in pairs):
        raise ArgumentTypeError("write it as name:password, or name:password,name:password")
    return [(name.strip(), password.strip("\r")) for name, _, password in pairs]


def users_file(text: str) -> list[tuple[str, str]]:
    """Pairs of name and password, from a file."""
    try:
        return users(_path(text).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentTypeError(f"{text} can't be read: {error}") from None


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def folder(text: str) -> Path:
    """A folder, which need not be there."""
    path = _path(text)
    if path.exists() and not path.is_dir():
        raise ArgumentTypeError(f"{path} is a file; a folder is expected")
    return path


def existing_folder(text: str) -> Path:
    """A folder that is there."""
    if not (path := folder(text)).is_dir():
        raise ArgumentTypeError(f"the folder {path} doesn't exist")
    return path


def existing_file(text: str) -> Path:
    """A file that is there."""
    path = _path(text)
    if not path.is_file():
        reason = "is a folder; a file is expected" if path.is_dir() else "doesn't exist"
        raise ArgumentTypeError(f"{path} {reason}")
    return path


def any_file(text: str) -> Path:
    """A file, which need not be there."""
    if (path := _path(text)).is_dir():
        raise ArgumentTypeError(f"{path} is a folder; a file is expected")
    return path
