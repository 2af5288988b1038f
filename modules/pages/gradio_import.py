"""Makes importing Gradio take half as long.

Gradio writes a type stub beside each of its components whenever it is imported: it parses their sources and renders a
template for each, which took 1.7 of the 3.7 seconds of its import where this was measured. Nothing at run time reads
those stubs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

_MODULE, _WRITER = "gradio.component_meta", "create_or_modify_pyi"


def without_stubs() -> None:
    """Have Gradio write no stubs; without effect where it has been imported already."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib`."""
        if fullname != _MODULE:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or not isinstance(found.loader, SourceFileLoader) or found.origin is None:
            return found
        return spec_from_file_location(fullname, found.origin, loader=_Loader(fullname, found.origin))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        """See `importlib`."""
        super().exec_module(module)
        if hasattr(module, _WRITER):
            setattr(module, _WRITER, lambda *arguments: None)
