"""Errors that speak to the user: what is wrong, with which field or file, and what to do.

Everything here is shown on the page and returned by the API as it is, so messages are one or two plain sentences.
Any other exception is a defect of ours.
"""

from __future__ import annotations

from pathlib import Path


class Fault(Exception):
    """The base of all errors that a user may see.

    Args:
        message: one or two sentences.
        field: the field of the request that is wrong, by its name in the API, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidField(Fault):
    """A value of a request that can't be used."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field)


class UnknownName(Fault):
    """A sampler, schedule, checkpoint or setting that doesn't exist."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field)


class BadFile(Fault):
    """A file that can't be used as what it is meant to be.

    Args: path: the file; reason: why, as the end of the sentence "<name> can't be used: ...".
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} can't be used: {reason}")
        self.path = path


class NotSupported(Fault):
    """Something that this version doesn't do."""


class NotPossibleNow(Fault):
    """Something that can't be done in the present state: no model loaded, out of memory, disk full."""
