"""The extensions' own settings: declared as pydantic models, kept in the settings file, edited in a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modules.faults import InvalidField, NotSupported, UnknownName
from modules.plugins.extension import Extension
from modules.settings.store import SettingsStore

if TYPE_CHECKING:
    from modules.plugins.calls import Manager


class OwnSettings:
    """Reads, checks and keeps them. Kept values that don't fit (any more) are left out, one by one."""

    def __init__(self, manager: Manager, store: SettingsStore | None) -> None:
        self._manager = manager
        self._store = store

    def declare(self, extension: Extension, model: Any) -> None:
        """Take in what the hook `settings` answered."""
        if model is None:
            return
        from pydantic import BaseModel

        try:
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                raise TypeError(f"settings must return a pydantic model, not {model!r}")
            model()  # every field needs a default
            model.model_json_schema()
        except Exception as error:
            self._manager.note(extension.name, "settings", error)
            return
        extension.settings_model = model

    def of(self, extension: Extension) -> Any:
        """The settings as they are now, an object of the extension's model; None: it has none."""
        model = extension.settings_model
        if model is None:
            return None
        from pydantic import ValidationError

        kept = self._kept(extension.name)
        try:
            return model(**kept)
        except ValidationError as error:
            wrong = {str(part["loc"][0]) for part in error.errors() if part["loc"]}
            try:
                return model(**{name: value for name, value in kept.items() if name not in wrong})
            except ValidationError:
                return model()

    def described(self, extension: Extension) -> dict[str, Any] | None:
        """JSON schema and values, for the form; None: there are none."""
        if extension.settings_model is None:
            return None
        return {
            "schema": extension.settings_model.model_json_schema(),
            "values": self.of(extension).model_dump(mode="json"),
        }

    def change(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change some of an extension's settings, all of them or none.

        Raises: UnknownName: no such extension or setting; InvalidField: a value that doesn't fit; NotSupported.
        """
        from pydantic import ValidationError

        extension = self._manager.get(name)
        if extension is None:
            raise UnknownName("name", f"There is no extension named {name!r}.")
        model = extension.settings_model
        if model is None or self._store is None:
            raise NotSupported(f"The extension {name} has no settings.")
        if unknown := sorted(set(changes) - set(model.model_fields)):
            raise UnknownName(unknown[0], f"The extension {name} has no setting {unknown[0]!r}.")
        values = self.of(extension).model_dump(mode="json") | dict(changes)
        try:
            fitting = model(**values).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or next(iter(changes), name)
            raise InvalidField(field, f"{field} can't be {first['input']!r}: {first['msg']}.") from None
        self._store.update(
            {"extensions.values": {**self._store.current.extensions.values, extension.name: fitting}}
        )

    def _kept(self, name: str) -> dict[str, Any]:
        return dict(self._store.current.extensions.values.get(name, {})) if self._store else {}
