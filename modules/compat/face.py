"""The older UI's extensions as our plugin manager sees them: one object with all that they add.

See `plugins.older.OlderFace`. Every call into an extension's code stands alone: one that fails is noted there.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat import loader, owners, script_callbacks, values, xyz_grid
from modules.compat.house import House
from modules.compat.leaving import leave
from modules.compat.script_class import Script as OlderScript
from modules.compat.script_runner import ScriptRunner, reset_all, runner_for, scripts_img2img, scripts_txt2img
from modules.faults import InvalidField, UnknownName
from modules.folders import PROGRAM
from modules.plugins.extension import Extension
from modules.plugins.hooks import Controls, Kind, PlotAxis, Script, Tab

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from modules.generation.hooks import GenerationHooks
    from modules.generation.requests import GenerationRequest
    from modules.generation.results import GeneratedImage
    from modules.generation.studio import Studio
    from modules.imaging.upscalers import Upscaler

log = logging.getLogger(__name__)
FIELD = "alwayson_scripts"
JAVASCRIPT = PROGRAM / "javascript" / "older"
_TABS: tuple[tuple[ScriptRunner, tuple[Kind, ...]], ...] = (
    (scripts_txt2img, ("txt2img",)),
    (scripts_img2img, ("img2img", "inpaint", "outpaint")),
)


class OlderFace:
    """See `plugins.older.OlderFace`. Args: house: the services."""

    def __init__(self, house: House) -> None:
        from modules.compat.generation import OlderGeneration

        self.generation: GenerationHooks = OlderGeneration()
        self._house = house
        self._loaded: set[str] = set()
        self._settings_asked = False
        self._components: dict[tuple[str, str], Any] = {}

    # ── Loading ─────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, extension: Extension, script: Path) -> None:
        """See `OlderFace`."""
        self._loaded.add(extension.name)
        self._settings_asked = False
        reset_all()
        loader.load(extension, script)

    def unload(self, extension: Extension) -> None:
        """See `OlderFace`."""
        self._loaded.discard(extension.name)
        loader.unload(extension.name)
        leave(extension.about.folder)
        reset_all()

    # ── The page ────────────────────────────────────────────────────────────────────────────────────────────

    def scripts(self) -> list[tuple[str, Script]]:
        """See `OlderFace`."""
        self._ask_for_settings()
        found = []
        for runner, tabs in _TABS:
            runner.prepare_ui()
            for script in runner.selectable_scripts:
                build = self._build(runner, script.key, "")
                defaults: Any = _Defaults(runner, script.key)
                run = self._run(runner, script.key)
                found.append((script.extension, Script(script.title(), run, build, defaults, tabs)))
        return found

    def controls(self) -> list[tuple[str, Controls]]:
        """See `OlderFace`. They have no title: scripts bring folds of their own."""
        found = []
        for runner, tabs in _TABS:
            runner.prepare_ui()
            for script in runner.alwayson_scripts:
                build = self._build(runner, script.key, f"{script.key}:")
                found.append((script.extension, Controls("", build, tabs)))
        return found

    def upscalers(self) -> list[Upscaler]:
        """See `OlderFace`."""
        from modules.compat.upscaler import older_upscalers

        return older_upscalers()

    def plot_axes(self) -> list[tuple[str, PlotAxis]]:
        """See `OlderFace`."""
        return xyz_grid.plot_axes()

    def tables_made(self) -> None:
        """See `OlderFace`."""
        from modules.compat.sampling_tables import publish

        publish()

    def tabs(self) -> list[tuple[str, Tab]]:
        """See `OlderFace`."""
        found = []
        for one in script_callbacks.callbacks("ui_tabs"):
            answer = owners.attempt(one.extension, "ui_tabs", partial(_apart, one.callback))
            if answer is None:
                continue
            try:
                for blocks, title, elem_id in answer:
                    elem_id = re.sub(r"[^\w-]", "_", str(elem_id))
                    found.append((one.extension, Tab(str(title), elem_id, _renderer(blocks))))
            except (TypeError, ValueError) as error:
                owners.note(one.extension, "ui_tabs", error)
        return found

    @contextmanager
    def building_page(self) -> Iterator[None]:
        """See `OlderFace`."""
        if not self._loaded:
            yield
            return
        from modules.compat.page_hooks import watching

        if any(script.controls is not None for runner, _ in _TABS for script in runner.scripts):
            reset_all()  # each page has objects of its own
        script_callbacks.before_ui_callback()
        for runner, _ in _TABS:
            runner.prepare_ui()
        with watching():
            yield

    def page_built(self, page: gr.Blocks) -> None:
        """See `OlderFace`."""
        from modules.compat import shared
        from modules.compat.rendering import add_renderer

        shared.demo = page
        if self._loaded:
            add_renderer(page)
        for runner, _ in _TABS:
            for script in runner.scripts:
                if script.controls is None:  # it was refused
                    script.controls, script.failed = [], True

    def started(self, app: FastAPI, page: gr.Blocks | None) -> None:
        """See `OlderFace`. Routes that extensions add come before what takes all addresses."""
        from starlette.routing import Mount

        if page is None:
            for runner, _ in _TABS:
                runner.ensure_controls()
        if page is not None and self._has_older():
            from modules.compat.page_files import serve_files

            serve_files(app)
        routes = app.router.routes
        before = list(routes)
        script_callbacks.app_started_callback(page, app)
        added = [route for route in routes if all(route is not known for known in before)]
        catch_all = next(
            (n for n, r in enumerate(before) if isinstance(r, Mount) and r.path in ("", "/")), None
        )
        if added and catch_all is not None:
            routes[:] = [*before[:catch_all], *added, *before[catch_all:]]

    def head(self) -> str:
        """See `OlderFace`. They block: the extensions' own scripts are deferred, and find them done."""
        if not self._has_older() or not JAVASCRIPT.is_dir():
            return ""
        lines = []
        for file in sorted(JAVASCRIPT.glob("*.js")):
            mark = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
            lines.append(f'<script src="easel/static/older/{html.escape(file.name)}?v={mark}"></script>')
        return "\n".join(lines)

    def _has_older(self) -> bool:
        """Whether there are scripts of extensions for the older UI, Python or JavaScript."""
        loaded = self._house.plugins.loaded()
        return bool(self._loaded) or any(one.about.javascript and one.about.entry is None for one in loaded)

    # ── The API ─────────────────────────────────────────────────────────────────────────────────────────────

    def always_on(self, scripts: Mapping[str, Any], kind: Kind) -> dict[str, dict[str, Any]]:
        """See `OlderFace`."""
        found: dict[str, dict[str, Any]] = {}
        runner = runner_for(kind)
        for name, said in scripts.items():
            script = runner.script(name)
            if script is None:
                raise UnknownName(FIELD, f"{FIELD}: there is no script named {name!r}.")
            if not script.alwayson:
                raise InvalidField(FIELD, f"{name} is chosen by script_name; {FIELD} can't have it.")
            args = said.get("args", []) if isinstance(said, dict) else None
            if not isinstance(args, list):
                raise InvalidField(FIELD, f'{FIELD}: write {{"args": [...]}} for {name}.')
            count = len(runner.defaults(script))
            own = found.setdefault(script.extension, {})
            own |= {f"{script.key}:{n}": values.to_json(value) for n, value in enumerate(args[:count])}
        return found

    def names(self) -> dict[str, list[str]]:
        """See `OlderFace`."""
        found: dict[str, list[str]] = {}
        for runner, _ in _TABS:
            runner.prepare_ui()
            found[runner.tabname] = [script.name or "" for script in runner.scripts]
        return found

    def infos(self) -> list[dict[str, Any]]:
        """See `OlderFace`."""
        found = []
        for runner, _ in _TABS:
            runner.ensure_controls()
            found += [asdict(script.api_info) for script in runner.scripts if script.api_info is not None]
        return found

    def from_infotext(self, parameters: dict[str, str], kind: Kind) -> dict[str, dict[str, Any]]:
        """See `OlderFace`."""
        from modules.compat.infotext_values import value_for
        from modules.imaging.infotext import compose

        runner = runner_for(kind)
        runner.ensure_controls()
        params: dict[str, Any] = dict(parameters)
        rest = {name: value for name, value in params.items() if name not in ("Prompt", "Negative prompt")}
        text = compose(str(params.get("Prompt", "")), str(params.get("Negative prompt", "")), rest)
        script_callbacks.infotext_pasted_callback(text, params)
        found: dict[str, dict[str, Any]] = {}
        for script in runner.alwayson_scripts:
            for field in script.infotext_fields or []:
                try:
                    component, label = field[0], field[1]
                    place = next((n for n, c in enumerate(script.controls or []) if c is component), None)
                    value = value_for(component, label, params)
                except Exception as error:
                    owners.note(script.extension, f"{script.title()}.infotext_fields", error)
                    continue
                if place is not None and value is not None:
                    found.setdefault(script.extension, {})[f"{script.key}:{place}"] = values.to_json(value)
        return found

    def encode(self, owner: str, key: str, value: Any) -> Any:
        """What the page says of a control, as a request can hold it.

        Args: owner: the extension, or the title of a script of the menu; key: of the control, as `build` named it.

        Raises: whatever Gradio raises for a file that was not uploaded.
        """
        component = self._components.get((owner, key))
        return values.to_json(value) if component is None else values.from_page(component, value)

    # ── Settings ────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self) -> list[Any]:
        """See `OlderFace`."""
        from modules.compat.option_sections import sections

        self._ask_for_settings()
        return list(sections())

    def option_values(self) -> dict[str, Any]:
        """All options of extensions, with their values."""
        from modules.compat.option_sections import option_values

        self._ask_for_settings()
        return option_values()

    def set_option(self, name: str, value: Any) -> None:
        """See `OlderFace`."""
        from modules.compat.option_sections import set_option

        set_option(name, value)

    def _ask_for_settings(self) -> None:
        if not self._settings_asked:
            self._settings_asked = True
            script_callbacks.ui_settings_callback()

    # ── Scripts ─────────────────────────────────────────────────────────────────────────────────────────────

    def _build(self, runner: ScriptRunner, key: str, prefix: str) -> Callable[[], dict[str, Any]]:
        def build() -> dict[str, Any]:
            from gradio.components import Component

            script = _of_key(runner, key)
            made = runner.build(script)
            named = {f"{prefix}{n}": one for n, one in enumerate(made) if isinstance(one, Component)}
            owner = script.title() if script in runner.selectable_scripts else script.extension
            self._components |= {(owner, name): component for name, component in named.items()}
            return named

        return build

    def _run(
        self, runner: ScriptRunner, key: str
    ) -> Callable[[GenerationRequest, dict[str, Any], Studio], Iterator[GeneratedImage]]:
        def run(request: GenerationRequest, said: dict[str, Any], studio: Studio) -> Iterator[GeneratedImage]:
            from modules.compat.processing_run import run_selectable

            script = _of_key(runner, key)
            runner.ensure_controls()
            yield from run_selectable(script, request, runner.args_from_values(script, said), studio)

        return run


class _Defaults(Mapping[str, Any]):
    """The first values of a script's controls; they are only made when somebody asks."""

    def __init__(self, runner: ScriptRunner, key: str) -> None:
        self._runner, self._key = runner, key

    def _now(self) -> list[Any]:
        return self._runner.defaults(_of_key(self._runner, self._key))

    def __getitem__(self, name: str) -> Any:
        found = self._now()
        if name not in map(str, range(len(found))):
            raise KeyError(name)
        return values.to_json(found[int(name)])

    def __iter__(self) -> Iterator[str]:
        return iter([str(n) for n in range(len(self._now()))])

    def __len__(self) -> int:
        return len(self._now())


def _of_key(runner: ScriptRunner, key: str) -> OlderScript:
    """Raises: UnknownName: the script is gone."""
    runner.prepare_ui()
    script = next((one for one in runner.scripts if one.key == key), None)
    if script is None:
        raise UnknownName("script_name", f"The script {key} is not loaded any more. Load the page anew.")
    return script


def _apart(function: Callable[[], Any]) -> Any:
    """Call what makes `gr.Blocks` so that they are no part of the page that is being built."""
    from gradio.context import Context

    root, block = Context.root_block, Context.block
    Context.root_block = Context.block = None
    try:
        return function()
    finally:
        Context.root_block, Context.block = root, block


def _renderer(blocks: Any) -> Callable[[], None]:
    def build() -> None:
        blocks.render()

    return build
