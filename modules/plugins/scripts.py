"""The Script menu: all scripts of extensions, those of the older UI included, and how one of them is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField, UnknownName
from modules.generation.requests import GenerationRequest, PictureRequest, ScriptCall, TextToImage
from modules.generation.results import GeneratedImage
from modules.plugins.calls import ExtensionHooks, failed
from modules.plugins.extension import Refused
from modules.plugins.hooks import ALL_TABS, Kind, Script

if TYPE_CHECKING:
    from modules.generation.studio import Studio
    from modules.plugins.manager import PluginManager

NAME_FIELD = "script_name"
ARGS_FIELD = "script_args"
NONE = "None"
"""What the menu says where no script is chosen."""
TABS_OF_API: dict[str, Sequence[Kind]] = {
    "txt2img": ("txt2img",),
    "img2img": ("img2img", "inpaint", "outpaint"),
}
"""The older UI knows two tabs."""


@dataclass(frozen=True)
class Entry:
    """A script and whose it is."""

    extension: str
    script: Script

    @property
    def names(self) -> set[str]:
        """All names by which it is found, in lower case."""
        return {name.strip().lower() for name in (self.script.title, *self.script.aliases)}


def kind_of(request: PictureRequest) -> Kind:
    """The tab that a request belongs to."""
    if isinstance(request, TextToImage):
        return "txt2img"
    if getattr(request, "frame", None) is not None:
        return "outpaint"
    return "img2img" if getattr(request, "mask", None) is None else "inpaint"


class ScriptTable:
    """All scripts, made anew when an extension is loaded or unloaded. A name belongs to whoever has it first."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._entries: list[Entry] = []

    def refresh(self) -> None:
        """Ask all extensions."""
        found: list[Entry] = []
        own = list(self._manager.page.listed("scripts", Script))
        for extension, script in [*own, *self._manager.older_list("scripts")]:
            entry = Entry(extension, script)
            if reason := self._wrong_with(entry, found):
                self._manager.note(extension, "scripts", Refused(reason))
            else:
                found.append(entry)
        self._entries = found

    def all(self) -> list[Entry]:
        """The scripts in their order."""
        return list(self._entries)

    def menu(self) -> list[tuple[str, list[Kind]]]:
        """Titles in the order of the menu, and the tabs where each is offered."""
        menu: dict[str, list[Kind]] = {}
        for entry in self._entries:
            menu.setdefault(entry.script.title, []).extend(entry.script.tabs)
        return [(title, [kind for kind in ALL_TABS if kind in tabs]) for title, tabs in menu.items()]

    def find(self, name: str, kind: Kind) -> Entry:
        """The script of this name, whatever its case.

        Raises: UnknownName: there is none; InvalidField: not for this kind of request.
        """
        entries = [entry for entry in self._entries if name.strip().lower() in entry.names]
        if not entries:
            raise UnknownName(NAME_FIELD, f"There is no script named {name[:80]!r}.")
        here = next((entry for entry in entries if kind in entry.script.tabs), None)
        if here is None:
            tabs = ", ".join(entries[0].script.tabs)
            raise InvalidField(NAME_FIELD, f"The script {entries[0].script.title} is for {tabs} only.")
        return here

    def by_place(self, name: str, args: Sequence[Any], kind: Kind) -> ScriptCall:
        """A call with values in the order of the script's controls; what is missing at the end has its default.

        Raises: UnknownName, InvalidField.
        """
        script = self.find(name, kind).script
        names = list(script.defaults)
        if len(args) > len(names):
            raise InvalidField(
                ARGS_FIELD,
                f"{ARGS_FIELD} has {len(args)} values; {script.title} takes {len(names)}: {', '.join(names) or '-'}.",
            )
        return ScriptCall(
            name=script.title, values={**script.defaults, **dict(zip(names, args, strict=False))}
        )

    def by_name(self, name: str, values: Mapping[str, Any], kind: Kind) -> ScriptCall:
        """A call with named values; what is missing has its default.

        Raises: UnknownName, InvalidField.
        """
        script = self.find(name, kind).script
        return ScriptCall(name=script.title, values={**script.defaults, **values})

    def checked(self, request: GenerationRequest) -> ScriptCall | None:
        """The request's call with all its values.

        Raises: UnknownName, InvalidField.
        """
        call = request.script
        if call is None:
            return None
        return replace(self.by_name(call.name, call.values, kind_of(request)), seed=call.seed)

    def run(self, request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage] | None:
        """Carry a request out by its script; None: there is none of that name for it."""
        if request.script is None:
            return None
        try:
            entry = self.find(request.script.name, kind_of(request))
        except UnknownName:
            return None
        return self._guarded(entry, request, request.script.values, studio)

    def _guarded(
        self, entry: Entry, request: GenerationRequest, values: dict[str, Any], studio: Studio
    ) -> Iterator[GeneratedImage]:
        """What the script yields; its failures name it.

        Raises: Fault: its own, or a sentence that names extension and script; anything once the job is to end.
        """
        script = entry.script
        try:
            for picture in script.run(request, {**script.defaults, **values}, studio):
                if not isinstance(picture, GeneratedImage):
                    raise TypeError(f"a script must yield GeneratedImage, not {str(picture)[:200]!r}")
                yield picture
        except Exception as error:
            if studio.monitor.stop_requested():
                raise
            raise failed(self._manager, entry.extension, f"the script {script.title}", error) from error

    @staticmethod
    def _wrong_with(entry: Entry, before: Sequence[Entry]) -> str | None:
        """Why a script can't be in the menu."""
        script = entry.script
        if not script.title.strip() or script.title.strip().lower() == NONE.lower():
            return f"A script can't be named {script.title!r}."
        for other in before:
            shared = entry.names & other.names
            if shared and set(script.tabs) & set(other.script.tabs):
                return f"The script {min(shared)!r} belongs to the extension {other.extension} already."
        return None


class ScriptHooks(ExtensionHooks):
    """The extensions' part in a generation, and their scripts."""

    def __init__(self, manager: PluginManager) -> None:
        super().__init__(manager)
        self._scripts = manager.scripts

    def run(self, request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage] | None:
        """See `GenerationHooks`."""
        return self._scripts.run(request, studio)
