"""`modules.errors` of the older UI: what went wrong goes to the log."""

from __future__ import annotations

import logging
import sys
import textwrap
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

log = logging.getLogger("easel.extensions")

MOST_RECORDS = 5
exception_records: list[dict[str, Any]] = []
_shown: set[str] = set()


def format_traceback(tb: TracebackType | None) -> list[list[str]]:
    """Where an error comes from: `[file, line, name]` and the source, innermost last."""
    return [[f"{f.filename}, line {f.lineno}, {f.name}", f.line or ""] for f in traceback.extract_tb(tb)]


def format_exception(e: BaseException, tb: TracebackType | None) -> dict[str, Any]:
    """An error as `get_exceptions` tells it."""
    return {"exception": str(e), "traceback": format_traceback(tb)}


def get_exceptions() -> list[dict[str, Any]]:
    """The latest errors, the last one first."""
    return list(reversed(exception_records))


def record_exception() -> None:
    """Remember the error that is being handled."""
    _, error, frames = sys.exc_info()
    if error is None:
        return
    record = format_exception(error, frames)
    if not exception_records or exception_records[-1] != record:
        exception_records.append(record)
        del exception_records[:-MOST_RECORDS]


def report(message: str, *, exc_info: bool = False) -> None:
    """Put a message into the log; exc_info: with the traceback of the error that is being handled."""
    record_exception()
    log.error("%s", message, exc_info=exc_info and sys.exc_info()[0] is not None)


def print_error_explanation(message: str) -> None:
    """Put a message of several lines into the log."""
    record_exception()
    log.error("%s", textwrap.dedent(message).strip())


def display(e: BaseException, task: str, *, full_traceback: bool = False) -> None:
    """Put an error into the log. Args: task: what was being done."""
    record_exception()
    log.error("%s: %s", task or "error", type(e).__name__, exc_info=(type(e), e, e.__traceback__))


def display_once(e: BaseException, task: str) -> None:
    """The same, for each task once."""
    if task not in _shown:
        _shown.add(task)
        display(e, task)


def run(code: Callable[[], Any], task: str) -> None:
    """Call something; an error goes to the log."""
    try:
        code()
    except Exception as error:
        display(error, task)


def check_versions() -> None:
    """Nothing to do: the launcher installs what fits together."""
