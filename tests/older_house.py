"""A house with nothing but extensions' failures, for tests of the older UI's face."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from modules.compat import house as houses
from modules.compat import loader, script_callbacks
from modules.compat.script_runner import reset_all
from modules.plugins.extension import Extension
from modules.plugins.folder import read_folder


class Plugins:
    """As `plugins.manager.PluginManager`, as far as the face asks it."""

    def __init__(self) -> None:
        self.extensions: dict[str, Extension] = {}
        self.notes: list[tuple[str, str, str]] = []

    def get(self, name: str) -> Extension | None:
        return self.extensions.get(name)

    def loaded(self) -> list[Extension]:
        return list(self.extensions.values())

    def note(self, name: str, where: str, error: BaseException | str) -> None:
        self.notes.append((name, where, str(error)))

    def attempt(self, name: str, what: str, function: Callable[[], Any]) -> Any:
        answer: list[Any] = []

        def run() -> None:
            try:
                answer.append(function())
            except Exception as error:
                self.note(name, what, error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return answer[0] if answer else None


class Pictures:
    """As `imaging.inputs.InputStore`."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def keep(self, image: Any) -> str:
        name = f"{len(self.kept)}.png"
        self.kept[name] = image
        return name

    def open(self, name: str, field: str) -> Any:
        return self.kept[name]


class Lab:
    """Extensions in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugins = Plugins()
        self.house: Any = SimpleNamespace(plugins=self.plugins, inputs=Pictures())

    def write(self, extension: str, **files: str) -> Extension:
        """An extension with files: `scripts__x="..."` is `scripts/x.py`."""
        for name, text in files.items():
            path = self.folder / extension / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        found = Extension(read_folder(self.folder / extension), loaded=True)
        self.plugins.extensions[extension] = found
        return found

    def load(self, extension: Extension) -> None:
        """Load all its scripts."""
        for script in extension.about.scripts:
            loader.load(extension, script)
        reset_all()


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A lab that is cleared afterwards."""
    made = Lab(folder)
    houses.enter(made.house)
    try:
        yield made
    finally:
        for name in made.plugins.extensions:
            loader.unload(name)
        script_callbacks.clear_callbacks()
        reset_all()
        houses.enter(None)
