"""Easel's own package; docs/architecture.md shows its floors, CONTRIBUTING.md takes you on a first tour.

Extensions of the older UI import names such as `modules.shared`. Those that Easel knows are files in
`modules/compat/`; `_OlderNames` makes them importable by their old names too, as the same module objects.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).parent
_COMPAT = _HERE / "compat"


class _OlderNames(MetaPathFinder, Loader):
    """Finds `modules.x` as `modules.compat.x`, where there is no room of our own of that name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for an old name; None for all others."""
        first, *rest = fullname.split(".")
        if first != __name__ or not rest or rest[0] == "compat":
            return None
        top = rest[0]
        if (_HERE / top).is_dir() or (_HERE / f"{top}.py").is_file():
            return None
        place = _COMPAT.joinpath(*rest)
        if not (place.with_name(f"{place.name}.py").is_file() or (place / "__init__.py").is_file()):
            return None
        return ModuleSpec(fullname, self, is_package=place.is_dir())

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, under its place in `compat`."""
        module = importlib.import_module(spec.name.replace(__name__, f"{__name__}.compat", 1))
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already; only its own spec, which the import system has replaced, is put back."""
        module.__spec__ = self._own_spec


_finder = _OlderNames()
sys.meta_path.insert(0, _finder)


def __getattr__(name: str) -> ModuleType:
    """An older name that nobody has imported yet: in the older UI all of its modules are there from the start."""
    if name.startswith("__") or _finder.find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
