"""The scripts of one of the older UI's two tabs: which there are, their controls, the values that they get."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.compat import owners, values
from modules.compat.callback_order import ordered
from modules.compat.script_class import HOOKS, AlwaysVisible, OnComponent, Script
from modules.compat.script_data import scripts_data

if TYPE_CHECKING:
    from modules.generation.requests import PictureRequest


@dataclass
class ScriptArg:
    """What the API tells of a script's value."""

    label: str = ""
    value: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: list[str] | None = None


@dataclass
class ScriptInfo:
    """What the API tells of a script."""

    name: str
    is_alwayson: bool
    is_img2img: bool
    args: list[ScriptArg] = field(default_factory=list)


class ScriptRunner:
    """The scripts of the txt2img or the img2img tab. Args: is_img2img: which."""

    def __init__(self, is_img2img: bool = False) -> None:
        self.is_img2img = is_img2img
        self.tabname = "img2img" if is_img2img else "txt2img"
        self.ready = False
        self._clear()

    def _clear(self) -> None:
        self.scripts: list[Script] = []
        self.selectable_scripts: list[Script] = []
        self.alwayson_scripts: list[Script] = []
        self.titles: list[str] = []
        self.title_map: dict[str, Script] = {}
        self.infotext_fields: list[Any] = []
        self.paste_field_names: list[str] = []
        self.inputs: list[Any] = [None]
        self.on_before_component_elem_id: dict[str, list[tuple[Callable[..., Any], Script]]] = {}
        self.on_after_component_elem_id: dict[str, list[tuple[Callable[..., Any], Script]]] = {}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The hooks, `runner.process(p)`: see below."""

    # ── Which there are ─────────────────────────────────────────────────────────────────────────────────────

    def initialize_scripts(self, is_img2img: bool | None = None) -> None:
        """Make an object of each class that is shown in this tab."""
        self._clear()
        if is_img2img is not None:
            self.is_img2img = is_img2img
        for data in list(scripts_data):
            try:
                script = data.script_class()
                script.filename = data.path
                script.is_txt2img, script.is_img2img = not self.is_img2img, self.is_img2img
                script.tabname = self.tabname
                script.extension = data.extension
                script.key = f"{Path(data.path).stem}/{data.script_class.__name__}".lower()
                visibility = script.show(self.is_img2img)
                if not visibility:
                    continue
                script.alwayson = visibility is AlwaysVisible
                script.name = str(script.title()).lower()
            except Exception as error:
                owners.note(data.extension, f"{data.script_class.__name__}.show", error)
                continue
            self.scripts.append(script)
            (self.alwayson_scripts if script.alwayson else self.selectable_scripts).append(script)
        self.titles = [script.title() for script in self.selectable_scripts]
        self.title_map = {(script.name or "").lower(): script for script in self.scripts}
        self.apply_on_before_component_callbacks()
        self.ready = True

    def prepare_ui(self) -> None:
        """Have the objects."""
        if not self.ready:
            self.initialize_scripts()

    def reset(self) -> None:
        """Forget the objects: classes came or went, or the page is built anew."""
        self.ready = False
        self._clear()

    def apply_on_before_component_callbacks(self) -> None:
        """Take in what scripts want to be told of single components."""
        for script in self.scripts:
            for wanted, table in (
                (script.on_before_component_elem_id, self.on_before_component_elem_id),
                (script.on_after_component_elem_id, self.on_after_component_elem_id),
            ):
                for elem_id, callback in wanted or []:
                    table.setdefault(elem_id, []).append((callback, script))

    def script(self, title: str) -> Script | None:
        """The script of this title, whatever its case."""
        self.prepare_ui()
        return self.title_map.get(title.lower())

    # ── Controls ────────────────────────────────────────────────────────────────────────────────────────────

    def build(self, script: Script) -> list[Any]:
        """Make a script's controls here.

        Raises: whatever its `ui` raises; it takes no part then.
        """
        try:
            with current(self):
                made = script.ui(script.is_img2img)
        except BaseException:
            script.failed = True
            script.controls = []
            raise
        controls = [] if made is None else list(made) if isinstance(made, (list, tuple)) else [made]
        for control in controls:
            control.custom_script_source = os.path.basename(script.filename or "")
        script.controls = controls
        script.failed = False
        script.infotext_fields = list(script.infotext_fields or [])
        self.infotext_fields += script.infotext_fields
        self.paste_field_names += script.paste_field_names or []
        script.api_info = ScriptInfo(
            script.name or "",
            script.alwayson,
            script.is_img2img,
            [_described(control) for control in controls],
        )
        self._number()
        return controls

    def ensure_controls(self) -> None:
        """Make the controls of all scripts that have none yet, where no page will show them."""
        self.prepare_ui()
        missing = [script for script in self.scripts if script.controls is None]
        if not missing:
            return
        import gradio as gr
        from gradio.context import Context

        root, block = Context.root_block, Context.block
        Context.root_block = Context.block = None
        try:
            with gr.Blocks(analytics_enabled=False):
                for script in missing:
                    owners.attempt(script.extension, f"{script.title()}.ui", partial(self.build, script))
                    if script.controls is None:
                        script.controls, script.failed = [], True
        finally:
            Context.root_block, Context.block = root, block
        self._number()

    def setup_ui(self) -> list[Any]:
        """All controls, behind the place of the menu."""
        self.ensure_controls()
        return self.inputs

    def _number(self) -> None:
        """Give each script its place among the values."""
        self.inputs = [None]
        for script in [*self.alwayson_scripts, *self.selectable_scripts]:
            script.args_from = len(self.inputs)
            self.inputs += script.controls or []
            script.args_to = len(self.inputs)

    # ── Values ──────────────────────────────────────────────────────────────────────────────────────────────

    def defaults(self, script: Script) -> list[Any]:
        """The values that nobody has touched."""
        if script.controls is None:
            self.ensure_controls()
        return [values.first_value(control) for control in script.controls or []]

    def args_from_values(self, script: Script, stored: Mapping[str, Any], prefix: str = "") -> list[Any]:
        """A script's values. Args: stored: JSON by `prefix + index`."""
        args = self.defaults(script)
        for index, control in enumerate(script.controls or []):
            name = f"{prefix}{index}"
            if name in stored:
                args[index] = values.argument(control, stored[name], args[index])
        return args

    def args_of(self, script: Script, request: PictureRequest) -> list[Any]:
        """The values of an always-visible script in a request, or of the one that was chosen in the menu."""
        if script.alwayson:
            stored = request.extensions.get(script.extension, {})
            return self.args_from_values(script, stored, f"{script.key}:")
        chosen = request.script is not None and request.script.name.lower() == (script.name or "")
        return self.args_from_values(script, request.script.values if chosen and request.script else {})

    def all_args(self, request: PictureRequest) -> list[Any]:
        """`p.script_args`: the place of the chosen script in the menu (0: none), then all scripts' values."""
        self.ensure_controls()
        name = request.script.name.lower() if request.script else None
        chosen = next((n + 1 for n, one in enumerate(self.selectable_scripts) if one.name == name), 0)
        args: list[Any] = [chosen]
        for script in [*self.alwayson_scripts, *self.selectable_scripts]:
            args += self.args_of(script, request)
        return args

    # ── Calling ─────────────────────────────────────────────────────────────────────────────────────────────

    def ordered_scripts(self, hook: str) -> list[Script]:
        """The always-visible scripts that have something to say at a hook, in their order."""
        self.prepare_ui()
        base = getattr(Script, hook, None)
        found = [
            script
            for script in self.alwayson_scripts
            if not script.failed
            and not script.setup_for_ui_only
            and (getattr(type(script), hook, base) is not base or hook in vars(script))
        ]
        return ordered(found, lambda s: f"{s.extension}/{os.path.basename(s.filename or '')}/script_{hook}")

    def call(self, hook: str, p: Any, *arguments: Any, **named: Any) -> None:
        """Call a hook of all scripts, with their values of `p.script_args`; who fails is noted, the others go on."""
        all_args = list(getattr(p, "script_args", None) or [])
        for script in self.ordered_scripts(hook):
            args = all_args[script.args_from : script.args_to]
            try:
                getattr(script, hook)(p, *arguments, *args, **named)
            except Exception as error:
                owners.note(script.extension, f"{script.title()}.{hook}", error)

    def run(self, p: Any, *args: Any) -> Any:
        """Have the chosen script of the menu carry `p` out; None: none is chosen."""
        chosen = int(args[0] or 0) if args else 0
        if not 1 <= chosen <= len(self.selectable_scripts):
            return None
        script = self.selectable_scripts[chosen - 1]
        return script.run(p, *args[script.args_from : script.args_to])

    def listens(self, moment: str, elem_id: str) -> bool:
        """Whether a script wants to be told of a component. Args: moment: "before" or "after"."""
        hook = f"{moment}_component"
        single = getattr(self, f"on_{hook}_elem_id")
        base = getattr(Script, hook)
        return elem_id in single or any(
            getattr(type(script), hook, base) is not base or hook in vars(script) for script in self.scripts
        )

    def before_component(self, component: Any, **kwargs: Any) -> None:
        """Tell the scripts of a component that is about to be made."""
        self._told(self.on_before_component_elem_id, "before_component", component, kwargs)

    def after_component(self, component: Any, **kwargs: Any) -> None:
        """Tell the scripts of a component that was made."""
        self._told(self.on_after_component_elem_id, "after_component", component, kwargs)

    def _told(
        self,
        single: Mapping[str, Sequence[tuple[Callable[..., Any], Script]]],
        hook: str,
        component: Any,
        kwargs: dict[str, Any],
    ) -> None:
        with current(self):
            for callback, script in single.get(kwargs.get("elem_id") or "", ()):
                try:
                    callback(OnComponent(component=component))
                except Exception as error:
                    owners.note(script.extension, f"{script.title()}.on_{hook}", error)
            base = getattr(Script, hook)
            for script in self.scripts:
                if getattr(type(script), hook, base) is base and hook not in vars(script):
                    continue
                try:
                    getattr(script, hook)(component, **kwargs)
                except Exception as error:
                    owners.note(script.extension, f"{script.title()}.{hook}", error)


def _hook(name: str) -> Callable[..., None]:
    def call(self: ScriptRunner, p: Any, *arguments: Any, **named: Any) -> None:
        self.call(name, p, *arguments, **named)

    call.__name__ = name
    call.__doc__ = f"Call `{name}` of all always-visible scripts."
    return call


for _name in HOOKS:
    setattr(ScriptRunner, _name, _hook(_name))

scripts_txt2img = ScriptRunner(False)
scripts_img2img = ScriptRunner(True)
_current: list[ScriptRunner] = []


@contextmanager
def current(runner: ScriptRunner) -> Iterator[None]:
    """Within it `scripts.scripts_current` is this one."""
    _current.append(runner)
    try:
        yield
    finally:
        _current.remove(runner)


def current_runner() -> ScriptRunner | None:
    """The one whose controls are being made."""
    return _current[-1] if _current else None


def runner_for(kind: str) -> ScriptRunner:
    """The scripts of a kind of request ("txt2img", "img2img", "inpaint", "outpaint"), ready."""
    runner = scripts_txt2img if kind == "txt2img" else scripts_img2img
    runner.prepare_ui()
    return runner


def reset_all() -> None:
    """Forget all scripts' objects."""
    for runner in (scripts_txt2img, scripts_img2img):
        runner.reset()


def _described(control: Any) -> ScriptArg:
    choices = [c[0] if isinstance(c, (tuple, list)) else c for c in getattr(control, "choices", None) or []]
    arg = ScriptArg(label=str(getattr(control, "label", None) or ""))
    value = values.first_value(control)
    if isinstance(value, (str, int, float, bool, list, type(None))):
        arg.value = value
    for name in ("minimum", "maximum", "step"):
        number = getattr(control, name, None)
        if isinstance(number, (int, float)):
            setattr(arg, name, number)
    if choices:
        arg.choices = [str(choice) for choice in choices]
    return arg
