"""The extensions' scripts and controls as programs know them: by names, with values in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField
from modules.generation.requests import ScriptCall
from modules.plugins.hooks import Kind, Script
from modules.plugins.scripts import TABS_OF_API

if TYPE_CHECKING:
    from modules.plugins.manager import PluginManager

FIELD = "alwayson_scripts"


class ScriptServices:
    """What `rest.scripts` asks for."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager

    def call(self, name: str, args: Sequence[Any], kind: Kind) -> ScriptCall:
        """A call of a script. Raises: UnknownName, InvalidField."""
        return self._manager.scripts.by_place(name, args, kind)

    def always_on(self, scripts: Mapping[str, Any], kind: Kind) -> dict[str, dict[str, Any]]:
        """Values of extensions' controls: `{"extension or title": {"args": [...] or {...}}}`.

        Raises: UnknownName: nothing is named so; InvalidField: it is chosen by `script_name`, or takes other values.
        """
        found: dict[str, dict[str, Any]] = {}
        older: dict[str, Any] = {}
        for name, said in scripts.items():
            owner = self._owner(name)
            if owner is not None:
                found.setdefault(owner, {}).update(self._values(name, owner, _args(name, said), kind))
            elif self._is_chosen(name):
                raise InvalidField(FIELD, f"{name} is chosen by script_name; {FIELD} can't have it.")
            else:
                older[name] = said
        if older:
            for name, values in self._manager.older.always_on(older, kind).items():
                found.setdefault(name, {}).update(values)
        return found

    def from_recipe(self, parameters: Mapping[str, str], kind: Kind) -> dict[str, dict[str, Any]]:
        """Values of extensions' controls that a recipe speaks of; with `Prompt` and `Negative prompt` in it."""
        found: dict[str, dict[str, Any]] = {}
        for owner, controls in self._manager.page.extensions_with_controls():
            if kind in controls.tabs:
                said = {key: parameters[name] for key, name in controls.recipe.items() if name in parameters}
                values = {key: _plain(text) for key, text in said.items()}
                found.setdefault(owner, {}).update(values)
        for owner, values in self._manager.older.from_infotext(dict(parameters), kind).items():
            found.setdefault(owner, {}).update(values)
        return {owner: values for owner, values in found.items() if values}

    def names(self) -> dict[str, list[str]]:
        """The names for `GET /sdapi/v1/scripts`, in lower case."""
        older = self._manager.older.names()
        own = {name for name, _ in self._manager.older_list("scripts")}
        found: dict[str, list[str]] = {}
        for tab, kinds in TABS_OF_API.items():
            titles = [
                entry.script.title
                for entry in self._manager.scripts.all()
                if entry.extension not in own and set(kinds) & set(entry.script.tabs)
            ]
            titles += [
                name
                for name, controls in self._manager.page.extensions_with_controls()
                if set(kinds) & set(controls.tabs)
            ]
            names = [name.lower() for name in (*titles, *older.get(tab, []))]
            found[tab] = list(dict.fromkeys(names))
        return found

    def infos(self) -> list[dict[str, Any]]:
        """What `GET /sdapi/v1/script-info` tells of each script."""
        own = {name for name, _ in self._manager.older_list("scripts")}
        found = [
            {
                "name": entry.script.title.lower(),
                "is_alwayson": False,
                "is_img2img": tab == "img2img",
                "args": self._args_of(entry.script),
            }
            for entry in self._manager.scripts.all()
            for tab, kinds in TABS_OF_API.items()
            if entry.extension not in own and set(kinds) & set(entry.script.tabs)
        ]
        return [*found, *self._manager.older.infos()]

    def _args_of(self, script: Script) -> list[dict[str, Any]]:
        built = self._manager.page.built_script(script.title, script.tabs)
        components = {} if built is None else built.controls
        return [_arg(name, value, components.get(name)) for name, value in script.defaults.items()]

    def _owner(self, name: str) -> str | None:
        """The extension whose controls are meant: by its name, its title, or that of the controls."""
        wanted = name.strip().lower()
        for owner, controls in self._manager.page.extensions_with_controls():
            extension = self._manager.get(owner)
            title = "" if extension is None else extension.about.title
            if wanted in (owner.lower(), title.lower(), controls.title.lower()):
                return owner
        return None

    def _is_chosen(self, name: str) -> bool:
        return any(name.strip().lower() in entry.names for entry in self._manager.scripts.all())

    def _values(self, name: str, owner: str, args: list[Any] | dict[str, Any], kind: Kind) -> dict[str, Any]:
        known = self._manager.page.control_names(owner, kind)
        if isinstance(args, dict):
            if strange := [key for key in args if key not in known]:
                raise InvalidField(FIELD, f"{FIELD}: {name} has no value named {strange[0]!r}.")
            return args
        if len(args) > len(known):
            raise InvalidField(FIELD, f"{FIELD}: {name} takes {len(known)} values, not {len(args)}.")
        return dict(zip(known, args, strict=False))


def _args(name: str, said: Any) -> list[Any] | dict[str, Any]:
    args = said.get("args", []) if isinstance(said, dict) else None
    if not isinstance(args, (list, dict)):
        raise InvalidField(FIELD, f'{FIELD}: write {{"args": [...]}} for {name}.')
    return args


def _arg(name: str, default: Any, component: Any) -> dict[str, Any]:
    """A value of a script, with what its component says of it."""
    choices = getattr(component, "choices", None)
    return {
        "label": getattr(component, "label", None) or name,
        "value": default,
        "minimum": getattr(component, "minimum", None),
        "maximum": getattr(component, "maximum", None),
        "step": getattr(component, "step", None),
        "choices": [str(one[1] if isinstance(one, tuple) else one) for one in choices] if choices else None,
    }


def _plain(text: str) -> Any:
    """A value of a recipe: a number, True or False, or the text itself."""
    if text in ("True", "False"):
        return text == "True"
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
