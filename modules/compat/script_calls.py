"""Calling the methods of the older UI's scripts within a generation: which take part, with what, and their failures."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat import house
from modules.faults import Fault

if TYPE_CHECKING:
    from modules.compat.processing_objects import StableDiffusionProcessing

log = logging.getLogger(__name__)


def call(p: StableDiffusionProcessing, method: str, *given: Any, **named: Any) -> None:
    """Call a method of all scripts of `p` that have one: `script.method(p, *given, *its arguments, **named)`.

    Raises: Fault: a script's own, or a sentence that names the extension and the script.
    """
    for script in scripts_with(p, method):
        with watched(script, method):
            getattr(script, method)(p, *given, *arguments_of(p, script), **named)


def tell(p: StableDiffusionProcessing, method: str, *given: Any) -> None:
    """As `call`, for what only looks at pictures that are done: what goes wrong is noted."""
    for script in scripts_with(p, method):
        try:
            with watched(script, method):
                getattr(script, method)(p, *given, *arguments_of(p, script))
        except Fault as fault:
            log.warning("%s", fault)


@contextmanager
def watched(script: Any, method: str) -> Iterator[None]:
    """While a script is at work: the program knows where it is, and its failure is its own.

    Raises: Fault: a sentence that names the extension and the script.
    """
    name, what = extension_of(script), f"{_file_of(script)}, {method}"
    manager = house.house().plugins if house.is_open() else None
    try:
        with nullcontext() if manager is None else manager.watch.at(name, what):
            yield
    except Exception as error:
        from modules.plugins.calls import failed

        raise failed(_Notes() if manager is None else manager, name, what, error) from error  # type: ignore[arg-type]


class _Notes:
    """Where failures are noted while no program runs."""

    def note(self, name: str, where: str, error: BaseException | str) -> None:
        """Say so in the log."""
        log.error(
            "%s failed in %s", name, where, exc_info=error if isinstance(error, BaseException) else None
        )


def scripts_with(p: StableDiffusionProcessing | None, method: str) -> list[Any]:
    """The always-visible scripts of `p` that have a method of their own for it, in their order."""
    runner = None if p is None else p.scripts
    if runner is None:
        return []
    ordered = getattr(runner, "ordered_scripts", None)
    found = ordered(method) if callable(ordered) else getattr(runner, "alwayson_scripts", ())
    return [script for script in found if overrides(script, method)]


def overrides(script: Any, method: str) -> bool:
    """Whether a script has a method of its own, and not only the empty one of its base class."""
    own = getattr(script, method, None)
    if not callable(own):
        return False
    from modules.compat import scripts

    return getattr(own, "__func__", own) is not getattr(scripts.Script, method, None)


def arguments_of(p: StableDiffusionProcessing, script: Any) -> list[Any]:
    """The values of a script's controls: its part of `p.script_args`; what is missing there are the defaults."""
    start, end = getattr(script, "args_from", None), getattr(script, "args_to", None)
    if start is None or end is None:
        return []
    given = list(p.script_args or ())[start:end]
    return given + defaults_of(script)[len(given) : end - start]


def defaults_of(script: Any) -> list[Any]:
    """The values that a script's controls begin with."""
    from modules.compat import values

    return [values.first_value(control) for control in getattr(script, "controls", None) or ()]


def arguments_in_order(runner: Any, script: Any, given: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """The values of a script of the menu: a sequence as it is, else what was sent under "0", "1", ..."""
    return runner.args_from_values(script, given) if isinstance(given, Mapping) else list(given)


def extension_of(script: Any) -> str:
    """The name of the folder of the extension that a script belongs to."""
    own = getattr(script, "extension", "")
    if own:
        return str(own)
    path = Path(str(getattr(script, "filename", "") or type(script).__module__))
    parts = path.parts
    return parts[len(parts) - 1 - parts[::-1].index("scripts") - 1] if "scripts" in parts[1:] else path.stem


def _file_of(script: Any) -> str:
    return Path(str(getattr(script, "filename", "") or type(script).__name__)).name
