"""Finds, loads and calls extensions. Each one's failure is its own: it is remembered and shown, the rest starts."""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from modules.folders import PROGRAM
from modules.plugins import loading
from modules.plugins.calls import Implementation
from modules.plugins.extension import Extension, Refused
from modules.plugins.folder import ExtensionFolder, find_folders, in_order, scripts_in_order
from modules.plugins.hooks import PROJECT, Hooks, Me, PlotAxis, Tab
from modules.plugins.older import LateHooks, NoOlder, OlderFace
from modules.plugins.own_settings import OwnSettings
from modules.plugins.page_parts import PageParts
from modules.plugins.program import Program
from modules.plugins.scripts import ScriptHooks, ScriptTable
from modules.plugins.tables import Tables
from modules.plugins.watch import PATIENCE_SECONDS, Busy, Watch, within
from modules.settings.store import SettingsStore

if TYPE_CHECKING:
    from modules.generation.hooks import GenerationHooks

log = logging.getLogger(__name__)
SHIPPED = PROGRAM / "extensions"
Disable = Literal["none", "extra", "all"]
_DISABLES: tuple[Disable, ...] = ("none", "extra", "all")


_NOT_LOADED = "It is made for the older UI; its scripts are not loaded by this version."


class PluginManager:
    """The extensions and their hooks.

    Args:
        folders: where extensions are; new ones go to the first.
        settings: where it is kept which are on, and their settings; None keeps nothing.
        arguments: words of the command line that may be flags of extensions.
        disable: "all", or "extra": only those that came along; the settings may say more.
        reports: what went wrong before the start, by names of extensions (`install.py`).
        patience: seconds that the start waits for one hook; None waits for ever.
    """

    def __init__(
        self,
        folders: Path | Sequence[Path],
        settings: SettingsStore | None = None,
        arguments: Sequence[str] = (),
        *,
        disable: Disable = "none",
        reports: Mapping[str, str] | None = None,
        patience: float | None = PATIENCE_SECONDS,
    ) -> None:
        self.folders = (folders,) if isinstance(folders, Path) else tuple(folders)
        self.watch = Watch()
        self.unknown_words = list(arguments)
        """What no extension knows of the arguments."""
        self.program = Program()
        """What extensions may ask of the program; whoever builds it sets this once the services are there."""
        self._arguments = tuple(arguments)
        self._settings = settings
        self._patience = patience
        self._reports = dict(reports or {})
        self._forced = disable
        self._lock = threading.RLock()
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(Hooks)
        self._cache: dict[str, list[Implementation]] = {}
        self._flag_names: dict[str, str] = {}
        self._extensions: dict[str, Extension] = {}
        self.own_settings = OwnSettings(self, settings)
        self.tables = Tables(self)
        self.page = PageParts(self)
        self.scripts = ScriptTable(self)
        self.older: OlderFace = NoOlder()
        """The extensions of the older UI; see `attach`."""
        self._own_hooks: GenerationHooks = ScriptHooks(self)
        self._all_hooks: GenerationHooks = self._own_hooks
        self.generation = LateHooks(lambda: self._all_hooks)
        self._find()
        self._load_all()

    # ── What there is ───────────────────────────────────────────────────────────────────────────────────────

    def extensions(self) -> list[Extension]:
        """All extensions that were found, loaded or not, by name."""
        return sorted(self._extensions.values(), key=lambda e: e.name.lower())

    def get(self, name: str) -> Extension | None:
        """The extension of this name, or None."""
        return self._extensions.get(name)

    def loaded(self) -> list[Extension]:
        """Those that are loaded, in the order of loading."""
        return [extension for extension in self._extensions.values() if extension.loaded]

    def tabs(self) -> list[Tab]:
        """The extensions' tabs."""
        return self.page.tabs()

    def busy(self) -> list[Busy]:
        """Hooks that have been at work for long."""
        return self.watch.busy()

    @property
    def disabled_all(self) -> Disable:
        """Whether all are off, or all but those that came along."""
        return _disabled(self._settings, self._forced)

    # ── The older UI ────────────────────────────────────────────────────────────────────────────────────────

    def attach(self, face: OlderFace) -> None:
        """Take in what loads the older UI's extensions, and load them. All services must be there by now."""
        from modules.generation.hook_chain import Chain

        self.older = face
        self._all_hooks = Chain(self._own_hooks, face.generation)
        self.load_scripts()

    @property
    def has_older(self) -> bool:
        """Whether extensions of the older UI can be loaded."""
        return type(self.older) is not NoOlder

    def load_scripts(self) -> None:
        """Load the `scripts/*.py` of all extensions that are on."""
        on = self.loaded()
        for extension in on:
            extension.notes = [note for note in extension.notes if note != _NOT_LOADED]
        self._load_scripts(on)
        self._changed()

    def plot_axes(self) -> list[PlotAxis]:
        """What all extensions add to the X/Y/Z plot."""
        return [axis for _, axis in [*self.page.listed("plot_axes", PlotAxis), *self.older_list("plot_axes")]]

    def older_list(self, what: Literal["scripts", "controls", "tabs", "plot_axes"]) -> list[tuple[str, Any]]:
        """What the older UI's extensions have of something, with the extension's name."""
        try:
            return list(getattr(self.older, what)())
        except Exception:
            log.exception("The %s of extensions of the older UI can't be listed", what)
            return []

    # ── Calling ─────────────────────────────────────────────────────────────────────────────────────────────

    def implementations(self, hook: str) -> list[Implementation]:
        """The loaded extensions' implementations of a hook, in the order of loading (`tryfirst`, `trylast` heeded)."""
        found = self._cache.get(hook)
        if found is None:
            impls = getattr(self._hooks.hook, hook).get_hookimpls()
            order = list(self._extensions)
            impls = sorted(impls, key=lambda i: (i.trylast - i.tryfirst, order.index(i.plugin_name)))
            found = self._cache[hook] = [self._implementation(hook, impl) for impl in impls]
        return found

    def ask(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """What each extension answers to a hook of the start. One that fails, blocks or says None is left out."""
        for one in list(self.implementations(hook)):
            answer = self.attempt(one.name, hook, partial(one.call, arguments))
            if answer is not None:
                yield one.name, answer

    def attempt(self, name: str, what: str, function: Callable[[], Any]) -> Any:
        """Do something for an extension; None where it fails, which is noted."""
        try:
            with self.watch.at(name, what):
                return within(self._patience, f"the extension {name} ({what})", function)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.note(name, what, error)
            return None

    def note(self, name: str, where: str, error: BaseException | str) -> None:
        """Remember a failure, and say so in the log."""
        extension = self._extensions.get(name)
        if extension is None:
            return
        extension.fail(where, error)
        failure = extension.failures[-1]
        if failure.times == 1:
            log.warning("The extension %s failed in %s:\n%s", name, where, failure.details or failure.message)

    def me(self, extension: Extension) -> Me:
        """The extension as its own hooks see it."""
        return Me(
            extension.name,
            extension.about.folder,
            extension.flags,
            logging.getLogger(f"easel.extensions.{extension.name}"),
            lambda: self.own_settings.of(extension),
            lambda: self.program,
        )

    # ── Switching ───────────────────────────────────────────────────────────────────────────────────────────

    def wanted(self, folder: ExtensionFolder) -> bool:
        """Whether an extension should be on."""
        return wanted(folder, self._settings, self._forced)

    def look_again(self) -> None:
        """Find folders that are new or gone. What is new is loaded at the next start."""
        with self._lock:
            found = {f.name: f for f in find_folders(self.folders, SHIPPED)}
            for name in [n for n, e in self._extensions.items() if n not in found and not e.loaded]:
                del self._extensions[name]
            for name, folder in found.items():
                self._extensions.setdefault(name, Extension(folder))
            for extension in self._extensions.values():
                extension.enabled = self.wanted(extension.about)

    def reload(self, name: str) -> Extension:
        """Load an extension anew, as it is on disk and as it is switched.

        What it adds to the page (tabs, controls, scripts, styles) and its routes change with the next start only.

        Raises: KeyError: there is no such extension.
        """
        with self._lock:
            extension = self._extensions[name]
            self._unload(extension)
            self.look_again()
            extension = self._extensions[name]
            extension.failures, extension.notes = [], []
            if extension.enabled:
                self._load(extension)
                self._load_scripts([extension])
            self._changed()
            return extension

    def close(self) -> None:
        """Tell the extensions that the program ends."""
        for extension in self._extensions.values():
            self._unload(extension)

    # ── Loading ─────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self) -> None:
        found = in_order(find_folders(self.folders, SHIPPED))
        titles: dict[str, ExtensionFolder] = {}
        for folder in found:
            if (twin := self._extensions.get(folder.name)) is not None:
                twin.fail("name", f"There is another folder of this name, {folder.folder}; it is left out.")
                continue
            extension = Extension(folder, self.wanted(folder))
            self._extensions[folder.name] = extension
            if report := self._reports.get(folder.name):
                extension.fail("install", report)
            if folder.problem:
                extension.fail("metadata", folder.problem)
            twin_folder = titles.setdefault(folder.title.lower(), folder) if extension.enabled else folder
            if twin_folder is not folder:
                extension.fail(
                    "name", f"It calls itself {folder.title}, as {twin_folder.name} does. Not loaded."
                )
                extension.enabled = False

    def _load_all(self) -> None:
        on = [extension for extension in self._extensions.values() if extension.enabled]
        for extension in on:
            self._load(extension)
        self._load_scripts(on)
        self._changed()

    def _load(self, extension: Extension) -> None:
        """Import an extension and ask for its flags and settings."""
        started = time.perf_counter()
        try:
            self._check_requirements(extension)
        except Refused as error:
            self.note(extension.name, "requirements", error)
            return
        if extension.about.preload is not None:
            self._preload(extension, extension.about.preload)
        if extension.about.entry is not None:
            name = loading.module_name(extension.about.folder)
            imported = partial(loading.import_file, name, extension.about.entry)
            module = self.attempt(extension.name, "import", imported)
            if module is None or not self._registered(extension, module):
                return
        extension.loaded = True
        self._cache.clear()
        for one in self.implementations("command_line"):
            if one.name == extension.name:
                self._add_flags(extension, partial(_call_with_parser, one))
        for one in self.implementations("settings"):
            if one.name == extension.name:
                answer = self.attempt(extension.name, "settings", partial(one.call, {}))
                self.own_settings.declare(extension, answer)
        extension.seconds = time.perf_counter() - started

    def _check_requirements(self, extension: Extension) -> None:
        """Raises: Refused: another extension that it needs is not there."""
        known = {e.name.lower() for e in self._extensions.values() if e.loaded}
        known |= {e.about.title.lower() for e in self._extensions.values() if e.loaded}
        missing = [name for name in extension.about.order.requires if name not in known]
        if missing:
            raise Refused(f"It needs the extension {missing[0]}, which is not there or not on. Not loaded.")

    def _registered(self, extension: Extension, module: ModuleType) -> bool:
        """Take the module's hooks in; False where they can't be taken."""
        known = {key for key in vars(Hooks) if not key.startswith("_")}
        mine = [key for key, value in vars(module).items() if hasattr(value, f"{PROJECT}_impl")]
        try:
            if unknown := sorted(set(mine) - known):
                raise Refused(
                    f"There is no hook named {unknown[0]}; modules/plugins/hooks.py lists them all."
                )
            self._hooks.register(module, extension.name)
        except Exception as error:
            if self._hooks.has_plugin(extension.name):
                self._hooks.unregister(name=extension.name)
            loading.forget(module.__name__)
            self.note(extension.name, "hooks", error)
            return False
        extension.module, extension.hooks = module.__name__, tuple(mine)
        return True

    def _preload(self, extension: Extension, file: Path) -> None:
        def add(parser: argparse.ArgumentParser) -> None:
            module = loading.import_file(f"{loading.module_name(extension.about.folder)}__preload", file)
            if callable(preload := getattr(module, "preload", None)):
                preload(parser)

        self._add_flags(extension, add)

    def _add_flags(self, extension: Extension, add: Callable[[argparse.ArgumentParser], None]) -> None:
        """Take the extension's words out of the command line."""
        taken = [name for name, owner in self._flag_names.items() if owner != extension.name]
        answer = self.attempt(
            extension.name, "command_line", lambda: loading.read_flags(add, self._arguments, taken)
        )
        if answer is None:
            return
        values, left, names = answer
        self._flag_names |= dict.fromkeys(names, extension.name)
        for name, value in vars(values).items():
            setattr(extension.flags, name, value)
        self.unknown_words = _without(self.unknown_words, self._arguments, left)

    def _load_scripts(self, extensions: Sequence[Extension]) -> None:
        """Hand `scripts/*.py` to whoever loads extensions of the older UI."""
        by_name = {e.name: e for e in extensions if e.loaded}
        for folder, script in scripts_in_order([e.about for e in by_name.values()]):
            extension = by_name[folder.name]
            if not self.has_older:
                if _NOT_LOADED not in extension.notes:
                    extension.notes.append(_NOT_LOADED)
                continue
            started = time.perf_counter()
            self.attempt(folder.name, f"scripts/{script.name}", partial(self.older.load, extension, script))
            extension.seconds += time.perf_counter() - started

    def _unload(self, extension: Extension) -> None:
        for one in self.implementations("unloaded"):
            if one.name == extension.name:
                self.attempt(extension.name, "unloaded", partial(one.call, {}))
        if extension.loaded and extension.about.scripts:
            self.attempt(extension.name, "unload", partial(self.older.unload, extension))
        if self._hooks.has_plugin(extension.name):
            self._hooks.unregister(name=extension.name)
        if extension.module is not None:
            loading.forget(extension.module)
        extension.loaded, extension.module, extension.hooks, extension.settings_model = False, None, (), None
        self._cache.clear()

    def _changed(self) -> None:
        self._cache.clear()
        self.tables.refresh()
        self.scripts.refresh()

    def _implementation(self, hook: str, impl: Any) -> Implementation:
        name, function, names = impl.plugin_name, impl.function, impl.argnames
        me = self.me(self._extensions[name])

        def call(arguments: Mapping[str, Any]) -> Any:
            values = {"me": me, **arguments}
            return function(*[values[argument] for argument in names])

        return Implementation(name, hook, call)


def wanted(folder: ExtensionFolder, settings: SettingsStore | None, disable: Disable = "none") -> bool:
    """Whether an extension should be on: by the settings, its own nature, and what is disabled altogether."""
    off = _disabled(settings, disable)
    if off == "all" or (off == "extra" and not folder.shipped):
        return False
    if settings is None:
        return folder.on_by_nature
    chosen = settings.current.extensions
    return folder.name not in chosen.disabled and (folder.on_by_nature or folder.name in chosen.enabled)


def _disabled(settings: SettingsStore | None, forced: Disable) -> Disable:
    chosen: Disable = settings.current.extensions.disable if settings else "none"
    return max(forced, chosen, key=_DISABLES.index)


def _call_with_parser(one: Implementation, parser: argparse.ArgumentParser) -> None:
    one.call({"parser": parser})


def _without(words: Sequence[str], all_words: Sequence[str], left: Sequence[str]) -> list[str]:
    """`words` without those that are in `all_words` and not in `left`."""
    gone = list(all_words)
    for word in left:
        if word in gone:
            gone.remove(word)
    kept = list(words)
    for word in gone:
        if word in kept:
            kept.remove(word)
    return kept
