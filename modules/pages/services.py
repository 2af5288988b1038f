"""What the page needs from the rest of the program, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modules.faults import UnknownName
from modules.generation.requests import ScriptCall
from modules.jobs.queue import JobQueue
from modules.pages.fields import Kind
from modules.settings.store import SettingsStore

_HASH = re.compile(r"\s*\[[0-9a-f]+\]$")


@dataclass(frozen=True)
class CheckpointChoice:
    """A checkpoint that can be chosen.

    Args:
        title: file name, with the hash in brackets where it is known.
        name: how people call it: the file name without its suffix.
        resolution: width and height it was made for.
        examples: prompts that suit it.
    """

    title: str
    name: str
    resolution: tuple[int, int] | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """The title without the hash: it stays the same when the hash becomes known."""
        return _HASH.sub("", self.title)


class ExtensionTab(Protocol):
    """A tab that an extension adds."""

    @property
    def title(self) -> str:
        """As people see it."""

    @property
    def elem_id(self) -> str:
        """The HTML id of its contents."""

    @property
    def build(self) -> Callable[[], None]:
        """Makes its components; called inside the tab."""


class ExtensionControl(Protocol):
    """A control that an extension adds to the form."""

    @property
    def extension(self) -> str:
        """The extension's name."""

    @property
    def key(self) -> str:
        """The control's name."""

    @property
    def tabs(self) -> tuple[Kind, ...]:
        """In which tabs it counts."""

    @property
    def component(self) -> Any:
        """The Gradio component."""


class BuiltScript(Protocol):
    """The controls of a script on the page."""

    @property
    def title(self) -> str:
        """The script's, as the menu shows it."""

    @property
    def tabs(self) -> tuple[Kind, ...]:
        """In which tabs they are the script's."""

    @property
    def elem_id(self) -> str:
        """The HTML id of what holds them."""

    @property
    def controls(self) -> dict[str, Any]:
        """The Gradio components by their names."""


def _no_tabs() -> Sequence[ExtensionTab]:
    return ()


def _no_controls(classes_of: Callable[[Sequence[Kind]], list[str]]) -> Sequence[ExtensionControl]:
    return ()


def _no_scripts(classes_of: Callable[[Sequence[Kind]], list[str]]) -> Sequence[BuiltScript]:
    return ()


def _no_call(name: str, values: Mapping[str, Any], kind: Kind) -> ScriptCall:
    raise UnknownName("script_name", f"There is no script named {name!r}.")


def _as_it_is(owner: str, key: str, value: Any) -> Any:
    return value


def _no_vaes() -> Sequence[tuple[str, Path]]:
    return ()


@dataclass(frozen=True)
class PageServices:
    """The services that the page uses.

    Args:
        samplers, schedulers: names as they are shown and as a request takes them.
        extension_controls: puts the extensions' controls on the page; it is told which HTML classes a part has that is
            shown in some tabs only.
        control_value: what the page says of a control of an extension or a script, as a request can hold it.
        script_menu: the titles of the scripts, and the tabs where each is offered.
        scripts: puts the scripts' controls on the page, as `extension_controls` does.
        script_call: checks what the page says of a script; raises a `Fault`.
        vaes: names and files of the VAEs.
        upscalers: names of the upscalers, without "None".
        face_restorers: names of the face restorations whose files are there.
    """

    queue: JobQueue
    settings: SettingsStore
    samplers: Callable[[], list[str]]
    schedulers: Callable[[], list[str]]
    checkpoints: Callable[[], list[CheckpointChoice]]
    refresh_checkpoints: Callable[[], None]
    extension_tabs: Callable[[], Sequence[ExtensionTab]] = _no_tabs
    extension_controls: Callable[[Callable[[Sequence[Kind]], list[str]]], Sequence[ExtensionControl]] = (
        _no_controls
    )
    control_value: Callable[[str, str, Any], Any] = _as_it_is
    script_menu: Callable[[], Sequence[tuple[str, Sequence[Kind]]]] = tuple
    scripts: Callable[[Callable[[Sequence[Kind]], list[str]]], Sequence[BuiltScript]] = _no_scripts
    script_call: Callable[[str, Mapping[str, Any], Kind], ScriptCall] = _no_call
    vaes: Callable[[], Sequence[tuple[str, Path]]] = _no_vaes
    upscalers: Callable[[], list[str]] = list
    face_restorers: Callable[[], list[str]] = list
