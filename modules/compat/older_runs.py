"""The generations at work that older scripts take part in, and those that wait to be."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from modules.compat.older_run import OlderRun

T = TypeVar("T")


class _Work(threading.local):
    """What a thread works on: generations, one within another; `depth`: how many are around the one that begins."""

    def __init__(self) -> None:
        self.stack: list[OlderRun | None] = []
        self.depth = 0


class Runs:
    """The generations at work in each thread: one may be carried out within another. Also those that wait to be."""

    def __init__(self) -> None:
        self._work = _Work()
        self._waiting: dict[str, Any] = {}
        self._tokens = itertools.count(1)

    def promise(self, what: Any) -> str:
        """A token by which a request says with which run, or with which `p`, it is carried out."""
        token = f"{secrets.token_hex(4)}-{next(self._tokens)}"  # one from before a restart is nobody's
        self._waiting[token] = what
        return token

    def claim(self, token: Any) -> Any:
        """What a token stands for, once; None: nothing, such as after a restart."""
        return self._waiting.pop(token, None) if isinstance(token, str) else None

    def top(self) -> OlderRun | None:
        """The generation at work; None where no script takes part in it."""
        return self._work.stack[-1] if self._work.stack else None

    @property
    def at_work(self) -> bool:
        """Whether this thread is within a generation."""
        return bool(self._work.stack)

    @property
    def nested(self) -> bool:
        """Whether what begins now is within another generation."""
        return self._work.depth > 0

    def clean(self) -> None:
        """Forget what failed before it could end: another generation begins."""
        del self._work.stack[self._work.depth :]

    def push(self, run: OlderRun | None) -> None:
        """A generation begins."""
        self.clean()
        self._work.stack.append(run)

    def pop(self) -> OlderRun | None:
        """The generation at work ends."""
        return self._work.stack.pop() if self._work.stack else None

    def within(self, work: Callable[[], T]) -> T:
        """Do some work that makes other generations."""
        mine = self._work
        before, mine.depth = mine.depth, len(mine.stack)
        try:
            return work()
        finally:
            del mine.stack[mine.depth :]
            mine.depth = before


runs = Runs()
