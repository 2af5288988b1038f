"""What extensions add to the page: tabs, controls, scripts, style sheets, translations.

Their components are built apart from the page and put into it when they are whole, so that one that raises or never
ends leaves nothing half done behind.
"""

from __future__ import annotations

import hashlib
import html
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from modules.faults import InvalidField
from modules.folders import inside
from modules.plugins.blocks_apart import built_apart
from modules.plugins.extension import Refused
from modules.plugins.hooks import Controls, Kind, Tab

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import APIRouter, FastAPI

    from modules.plugins.manager import PluginManager

log = logging.getLogger(__name__)

MEDIA_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
}
"""Files of extensions that the page may ask for."""
BASE = "easel/extensions"


@dataclass(frozen=True)
class PageFile:
    """A script or style sheet. Args: url: relative to the page."""

    kind: Literal["script", "module", "style"]
    url: str


@dataclass(frozen=True)
class BuiltControl:
    """A control of an extension on the page: whose it is, its name there, in which tabs it counts."""

    extension: str
    key: str
    tabs: tuple[Kind, ...]
    component: Any


@dataclass(frozen=True)
class BuiltScript:
    """A script's controls on the page. Args: elem_id: the HTML id of what holds them; controls: by their names."""

    title: str
    tabs: tuple[Kind, ...]
    elem_id: str
    controls: dict[str, Any]


class PageParts:
    """Asks the loaded extensions for their parts of the page."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._controls: list[BuiltControl] | None = None
        self._scripts: list[BuiltScript] = []

    def tabs(self) -> list[Tab]:
        """The extensions' tabs; their `build` never fails."""
        found: list[Tab] = []
        taken: dict[str, str] = {}
        for name, tab in [*self.listed("tabs", Tab), *self._manager.older_list("tabs")]:
            if tab.elem_id in taken:
                reason = f"The tab id {tab.elem_id!r} belongs to the extension {taken[tab.elem_id]} already."
                self._manager.note(name, "tabs", Refused(reason))
                continue
            taken[tab.elem_id] = name
            what = f"the tab {tab.title}"
            found.append(replace(tab, build=partial(self._build, name, what, tab.build)))
        return found

    def build_controls(self, classes_of: Callable[[Sequence[Kind]], list[str]]) -> list[BuiltControl]:
        """Put the controls here on the page; called inside a Gradio context.

        Args: classes_of: the HTML classes of a part that is shown in these tabs only.
        """
        import gradio as gr

        found: list[BuiltControl] = []
        for name, controls in self._all_controls():
            classes = ["easel-extension-controls", *classes_of(controls.tabs)]
            # the older UI's bring a fold of their own, and have no title
            around = (
                gr.Accordion(controls.title, open=False, elem_classes=["easel-fold", *classes])
                if controls.title
                else gr.Column(elem_classes=classes)
            )
            with around:
                built = self._components(
                    name, f"the controls {controls.title or 'of its own'}", controls.build
                )
            here = set(controls.tabs)
            known = {one.key for one in found if one.extension == name and here & set(one.tabs)}
            if twice := known & set(built):
                self._manager.note(name, "controls", Refused(f"It has two controls named {min(twice)!r}."))
            else:
                found += [BuiltControl(name, key, tuple(controls.tabs), one) for key, one in built.items()]
        self._controls = found
        return found

    def build_scripts(self, classes_of: Callable[[Sequence[Kind]], list[str]]) -> list[BuiltScript]:
        """Put the controls of all scripts here on the page, each script's in a column of its own."""
        import gradio as gr

        found: list[BuiltScript] = []
        for place, entry in enumerate(self._manager.scripts.all()):
            script, elem_id = entry.script, f"easel_script_{place}"
            with gr.Column(elem_id=elem_id, elem_classes=["easel-script", *classes_of(script.tabs)]):
                built = self._components(entry.extension, f"the script {script.title}", script.build)
            found.append(BuiltScript(script.title, tuple(script.tabs), elem_id, built))
        self._scripts = found
        return found

    def control_names(self, extension: str, kind: Kind) -> list[str]:
        """The names of an extension's controls for a kind of request, in their order."""
        import gradio as gr

        if self._controls is None:  # there is no page
            with gr.Blocks(analytics_enabled=False):
                self.build_controls(lambda kinds: [])
        return [one.key for one in self._controls or () if one.extension == extension and kind in one.tabs]

    def extensions_with_controls(self) -> list[tuple[str, Controls]]:
        """Our own extensions' controls, with the extension's name."""
        return self.listed("controls", Controls)

    def built_script(self, title: str, tabs: Sequence[Kind]) -> BuiltScript | None:
        """A script's controls as they are on the page, or None."""
        return next((one for one in self._scripts if one.title == title and one.tabs == tuple(tabs)), None)

    def _all_controls(self) -> list[tuple[str, Controls]]:
        return [*self.listed("controls", Controls), *self._manager.older_list("controls")]

    def _components(self, name: str, what: str, build: Callable[[], Any]) -> dict[str, Any]:
        """The components that `build` makes, by their names; none where it fails, which is noted."""
        from gradio.components import Component

        built = self._build(name, what, build)
        if built is None:
            return {}
        if isinstance(built, dict) and all(isinstance(one, Component) for one in built.values()):
            return {str(key): one for key, one in built.items()}
        error = TypeError(f"{what} must be a dict of Gradio components, not {str(built)[:200]!r}")
        self._manager.note(name, what, error)
        return {}

    def files(self) -> list[PageFile]:
        """All scripts and style sheets of loaded extensions, in their order, with addresses that change with them."""
        found: list[PageFile] = []
        for hook in ("css", "javascript"):
            for extension in self._manager.loaded():
                about = extension.about
                paths = [about.style] if about.style and hook == "css" else []
                paths += about.javascript if hook == "javascript" else []
                paths += self._named(extension.name, hook)
                found += [
                    self._page_file(extension.name, path, about.folder) for path in dict.fromkeys(paths)
                ]
        return found

    def localizations(self) -> dict[str, list[Path]]:
        """Files with translations, by the names of the languages."""
        found: dict[str, list[Path]] = {}
        for extension in self._manager.loaded():
            for language, path in extension.about.localizations.items():
                found.setdefault(language, []).append(path)
        return found

    def file(self, name: str, path: str) -> Path | None:
        """A file of a loaded extension that the page may have, or None."""
        extension = self._manager.get(name)
        if extension is None or not extension.loaded or Path(path).suffix not in MEDIA_TYPES:
            return None
        parts = Path(path).parts
        if any(part.startswith(".") for part in parts) or (
            path.endswith(".json") and parts[0] != "localizations"
        ):
            return None
        try:
            found = inside(extension.about.folder, path, "path")
            return found if found.is_file() else None
        except (InvalidField, OSError, ValueError):
            return None

    def head(self) -> str:
        """The elements for the page's head."""
        lines = []
        for file in self.files():
            url = html.escape(file.url)
            if file.kind == "style":
                lines.append(f'<link rel="stylesheet" href="{url}">')
            else:
                lines.append(
                    f'<script{" type=module" if file.kind == "module" else " defer"} src="{url}"></script>'
                )
        # What older extensions' scripts expect of the page comes before them: Gradio keeps the order.
        return "\n".join([self._of_older("head", self._manager.older.head) or "", *lines])

    def add_routes(self, app: FastAPI) -> None:
        """Add the extensions' routes. Call it before what takes all other addresses."""
        from fastapi import APIRouter

        for one in list(self._manager.implementations("api_routes")):
            router = APIRouter(prefix=f"/{BASE}/{quote(one.name)}/api", tags=[f"extension {one.name}"])

            def fill(router: APIRouter = router, call: Callable[[dict[str, Any]], Any] = one.call) -> bool:
                call({"router": router})
                return True

            if self._manager.attempt(one.name, "api_routes", fill):
                self._manager.attempt(one.name, "api_routes", partial(app.include_router, router))

    def building(self) -> AbstractContextManager[None]:
        """Within it the page is built."""
        return self._of_older("building_page", self._manager.older.building_page) or nullcontext()

    def started(self, app: FastAPI, page: gr.Blocks | None = None) -> None:
        """Tell the extensions that the application is built, and with it the page, where there is one."""
        for _ in self._manager.ask("app_started", app=app):
            pass
        older = self._manager.older
        if page is not None:
            self._of_older("page_built", partial(older.page_built, page))
        self._of_older("started", partial(older.started, app, page))

    @staticmethod
    def _of_older(what: str, function: Callable[[], Any]) -> Any:
        """Ask all extensions of the older UI together; None where that fails."""
        try:
            return function()
        except Exception:
            log.exception("Extensions of the older UI failed in %s", what)
            return None

    def listed(self, hook: str, kind: type) -> list[tuple[str, Any]]:
        """What the extensions answer to a hook: lists of things of this kind, each with its extension's name."""
        found = []
        for name, answer in self._manager.ask(hook):
            if isinstance(answer, (list, tuple)) and all(isinstance(one, kind) for one in answer):
                found += [(name, one) for one in answer]
            else:
                message = f"{hook}() must return a list of {kind.__name__}, not {answer!r:.200}"
                self._manager.note(name, hook, TypeError(message))
        return found

    def _build(self, name: str, what: str, build: Callable[[], Any]) -> Any:
        """Build components apart, then put them here; a sentence stands in their place where that fails."""
        import gradio as gr
        from gradio.context import Context

        root, block = Context.root_block, Context.block
        Context.root_block = Context.block = None
        try:
            answer = self._manager.attempt(name, what, lambda: built_apart(build))
        finally:
            Context.root_block, Context.block = root, block
        if answer is not None:
            blocks, built = answer
            try:
                blocks.render()
                return built if built is not None else {}
            except Exception as error:
                self._manager.note(name, what, error)
        text = f"The extension {html.escape(name)} could not build this. The Extensions tab says why."
        gr.HTML(f'<p class="easel-extension-failed">{text}</p>', apply_default_css=False)
        return None

    def _named(self, name: str, hook: str) -> list[Path]:
        """The files that the extension's hook names."""
        extension = self._manager.get(name)
        answers = [one.call for one in self._manager.implementations(hook) if one.name == name]
        paths: list[Path] = []
        for call in answers:
            answer = self._manager.attempt(name, hook, partial(call, {}))
            for path in answer if isinstance(answer, (list, tuple)) else []:
                found = self.file(name, str(path))
                if found is None or extension is None:
                    reason = f"{str(path)[:100]!r} is no script or style sheet in the extension's folder."
                    self._manager.note(name, hook, Refused(reason))
                else:
                    paths.append(extension.about.folder / str(path))
        return paths

    @staticmethod
    def _page_file(name: str, path: Path, folder: Path) -> PageFile:
        mark = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        url = f"{BASE}/{quote(name)}/files/{quote(path.relative_to(folder).as_posix())}?v={mark}"
        kinds: dict[str, Literal["module", "style"]] = {".mjs": "module", ".css": "style"}
        return PageFile(kinds.get(path.suffix, "script"), url)
