"""Which code gets the older Gradio: whatever lies in the folder of an extension of the older UI.

Python looks `__import__` up in the built-in names of the module that imports. So the modules of such an extension get
built-in names of their own, with an `__import__` that gives the older Gradio. It works at any time and in any thread,
for imports inside functions too, and nobody else sees it.

Two extensions may both have a `scripts/util.py` or a `lib.py`, and both call it `scripts.util`. Each extension's
modules have their names while its own code imports something; see `ModuleNames`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from modules.compat.gradio_shim import older_gradio

_FILES = frozenset(("setup", "install", "preload", "launch", "webui", "modules", "javascript", "tests"))
"""Files and folders of an extension that are no modules to import by that name."""


class ExtensionImports:
    """What the code of one extension gets when it imports.

    Args: name: of the extension; folder: its own.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.places = (folder, folder.resolve())
        """Its folder, which may be a link, and where that leads."""
        self.modules: dict[str, ModuleType] = {}
        """Its modules by their names in its own code."""
        self.builtins = {**vars(builtins), "__import__": self.import_name}

    def provides(self, top: str) -> bool:
        """Whether a name's first part is a file or folder of this extension."""
        if top in _FILES or not top.isidentifier():
            return False
        folder = self.folder / top
        return (self.folder / f"{top}.py").is_file() or (folder.is_dir() and any(folder.glob("*.py")))

    def import_name(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """`__import__` for its code."""
        if level == 0 and (name == "gradio" or name.startswith("gradio.")):
            found = older_gradio(name)
            for part in fromlist or ():
                if part != "*":
                    _submodule(name, part)
            return found if fromlist else older_gradio("gradio")
        own = name.partition(".")[0] if level == 0 else ""
        if own and self.provides(own):
            with NAMES.held_by(self, own):
                return self._import(name, globals, locals, fromlist, level)
        try:
            return self._import(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as error:
            if level or not (other := NAMES.of_another(name, error.name)):
                raise
            with NAMES.held_by(other, own):
                return self._import(name, globals, locals, fromlist, level)

    def _import(self, name: str, *arguments: Any) -> Any:
        return builtins.__import__(name, *arguments)


def _submodule(name: str, part: str) -> None:
    """Import `name.part` where that is a module of the installed Gradio."""
    try:
        importlib.import_module(f"{name}.{part}")
    except ImportError:
        return


class ModuleNames:
    """Who has which names in `sys.modules`: the extension that imports last; what the others had is put away."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._extensions: dict[str, ExtensionImports] = {}
        self._holders: dict[str, ExtensionImports] = {}

    def enter(self, name: str, folder: Path) -> ExtensionImports:
        """The imports of an extension; made when it is first asked for."""
        with self._lock:
            known = self._extensions.get(name)
            if known is None or known.folder != folder:
                known = self._extensions[name] = ExtensionImports(name, folder)
                _install_hook()
                sys.path_importer_cache.pop(str(known.folder), None)
            return known

    def leave(self, name: str) -> None:
        """Forget an extension and its modules, so that they are read anew the next time."""
        with self._lock:
            gone = self._extensions.pop(name, None)
            if gone is None:
                return
            for top in [top for top, holder in self._holders.items() if holder is gone]:
                self._put_away(top)
            for key, module in list(sys.modules.items()):
                if any(module is own for own in gone.modules.values()) or _lies_in(module, gone):
                    del sys.modules[key]
            gone.modules.clear()
            importlib.invalidate_caches()

    def owner_of(self, file: str) -> ExtensionImports | None:
        """The extension in whose folder a file lies."""
        path = Path(file)
        return next(
            (e for e in list(self._extensions.values()) if any(map(path.is_relative_to, e.places))), None
        )

    def of_another(self, name: str, missing: str | None) -> ExtensionImports | None:
        """An extension that has already loaded the module `name`, where another looks for it in vain."""
        if missing is None or missing not in (name, name.partition(".")[0]):
            return None
        for extension in self._extensions.values():
            if name in extension.modules:
                return extension
        return None

    def held_by(self, extension: ExtensionImports, top: str) -> _Held:
        """Within this context the names `top` and `top.x` are those of an extension."""
        return _Held(self, extension, top)

    def take(self, extension: ExtensionImports, top: str) -> None:
        """Give the names to an extension."""
        self._lock.acquire()
        if self._holders.get(top) is extension:
            return
        self._put_away(top)
        for key, module in extension.modules.items():
            if key == top or key.startswith(f"{top}."):
                sys.modules[key] = module
        folder = extension.folder / top
        if top not in sys.modules and folder.is_dir() and not (folder / "__init__.py").is_file():
            package = ModuleType(top)
            package.__path__ = [str(folder)]
            package.__spec__ = importlib.machinery.ModuleSpec(top, None, is_package=True)
            sys.modules[top] = extension.modules[top] = package
        self._holders[top] = extension

    def release(self, extension: ExtensionImports, top: str) -> None:
        """Remember what was imported."""
        try:
            for key in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
                extension.modules[key] = sys.modules[key]
        finally:
            self._lock.release()

    def _put_away(self, top: str) -> None:
        self._holders.pop(top, None)
        for key in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
            del sys.modules[key]


class _Held:
    def __init__(self, names: ModuleNames, extension: ExtensionImports, top: str) -> None:
        self._names, self._extension, self._top = names, extension, top
        self._foreign = False

    def __enter__(self) -> None:
        present = sys.modules.get(self._top)
        self._foreign = present is not None and not any(
            present is one.modules.get(self._top) or _lies_in(present, one)
            for one in self._names._extensions.values()
        )
        if self._foreign:  # a library's name: it is not ours to take
            return
        self._names.take(self._extension, self._top)
        self._path = str(self._extension.folder)
        sys.path.insert(0, self._path)

    def __exit__(self, *error: object) -> None:
        if self._foreign:
            return
        if self._path in sys.path:
            sys.path.remove(self._path)
        self._names.release(self._extension, self._top)


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a file with its extension's built-in names."""

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        owner = NAMES.owner_of(self.path)
        if owner is not None:
            module.__dict__["__builtins__"] = owner.builtins
        super().exec_module(module)


def load_file(name: str, path: Path) -> ModuleType:
    """Run a file as a module under a name, with its extension's built-in names.

    Raises: whatever the file raises.
    """
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _hook(path: str) -> importlib.machinery.FileFinder:
    """Finds modules in folders of extensions (see `sys.path_hooks`)."""
    if NAMES.owner_of(path) is None or not Path(path).is_dir():
        raise ImportError("no folder of an extension")
    return importlib.machinery.FileFinder(
        path,
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (_Loader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    )


def _install_hook() -> None:
    if _hook not in sys.path_hooks:
        sys.path_hooks.insert(0, _hook)


def _lies_in(module: ModuleType, extension: ExtensionImports) -> bool:
    own = getattr(module, "__dict__", {})  # not more: some modules make names when they are asked
    path = own.get("__path__")
    places = [own.get("__file__"), *(path if isinstance(path, list) else [])]
    files = [Path(place) for place in places if isinstance(place, str)]
    return any(file.is_relative_to(place) for file in files for place in extension.places)


NAMES = ModuleNames()
