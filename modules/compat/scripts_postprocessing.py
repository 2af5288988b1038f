"""`modules.scripts_postprocessing` of the older UI: steps that finished pictures go through, which extensions add."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from modules.compat.older_options import option

log = logging.getLogger(__name__)


class PostprocessedImageSharedInfo:
    """What all pictures of one run share: the size that they are to get."""

    target_width: int | None = None
    target_height: int | None = None


class PostprocessedImage:
    """A picture on its way. Args: image: a PIL picture. `info` goes into its recipe."""

    def __init__(self, image: Any) -> None:
        self.image = image
        self.info: dict[str, Any] = {}
        self.shared = PostprocessedImageSharedInfo()
        self.extra_images: list[Any] = []
        self.nametags: list[str] = []
        self.disable_processing = False
        self.caption: str | None = None

    def get_suffix(self, used_suffixes: dict[str, int] | None = None) -> str:
        """The end of its file's name, made of `nametags`; a number is added where it was used before."""
        used = {} if used_suffixes is None else used_suffixes
        suffix = "-".join(self.nametags)
        suffix = f"-{suffix}" if suffix else ""
        number = used[suffix] = used.get(suffix, 0) + 1
        return suffix if number == 1 else f"{suffix}-{number}"

    def create_copy(
        self, new_image: Any, *, nametags: Sequence[str] | None = None, disable_processing: bool = False
    ) -> PostprocessedImage:
        """Another picture with the same texts."""
        copy = PostprocessedImage(new_image)
        copy.shared, copy.info, copy.nametags = self.shared, dict(self.info), list(self.nametags)
        copy.nametags += nametags or ()
        copy.disable_processing = disable_processing
        return copy


class ScriptPostprocessing:
    """A step: extensions derive theirs from it.

    `ui()` makes its controls and returns them by name; `process(pp, **values)` changes `pp.image`.
    """

    filename: str | None = None
    controls: dict[str, Any] | None = None
    args_from: int | None = None
    args_to: int | None = None
    order: float = 1000
    name: str | None = None
    group: Any = None

    def ui(self) -> dict[str, Any]:
        """Make the controls."""
        return {}

    def process(self, pp: PostprocessedImage, **args: Any) -> None:
        """Change the picture."""

    def process_firstpass(self, pp: PostprocessedImage, **args: Any) -> None:
        """Before all steps: say what `pp.shared` should."""

    def image_changed(self) -> None:
        """Another picture is shown."""


def wrap_call(
    func: Callable[..., Any], filename: str, funcname: str, *args: Any, default: Any = None, **kwargs: Any
) -> Any:
    """Call a script's function; a failure is logged and gives the default."""
    try:
        return func(*args, **kwargs)
    except Exception:  # an extension's failure is its own
        log.exception("%s of %s failed.", funcname, filename)
        return default


class ScriptPostprocessingRunner:
    """All steps. Args given to `run` are the values of all controls, one behind the other."""

    def __init__(self) -> None:
        self.scripts: list[ScriptPostprocessing] | None = None
        self.ui_created = False

    def initialize_scripts(self, scripts_data: Iterable[Any]) -> None:
        """Make the steps out of what was loaded: tuples with a class and its file's path."""
        self.scripts = []
        for each in scripts_data:
            script_class, path = each[0], each[1]
            script = script_class()
            script.filename = str(path)
            if script.name != "Simple Upscale":
                self.scripts.append(script)

    def scripts_in_preferred_order(self) -> list[ScriptPostprocessing]:
        """The steps by their order, as the options change it."""
        if self.scripts is None:
            self.initialize_scripts([])
        chosen = list(option("postprocessing_operation_order", ()) or ())
        disabled = set(option("postprocessing_disable_in_extras", ()) or ())

        def key(script: ScriptPostprocessing) -> tuple[float, float]:
            place = chosen.index(script.name) if script.name in chosen else len(chosen)
            return place, script.order

        return sorted((each for each in self.scripts or () if each.name not in disabled), key=key)

    def create_script_ui(self, script: ScriptPostprocessing, inputs: list[Any]) -> None:
        """Make the controls of one step."""
        script.args_from = len(inputs)
        script.controls = wrap_call(script.ui, str(script.filename), "ui", default={}) or {}
        inputs += script.controls.values()
        script.args_to = len(inputs)

    def setup_ui(self) -> list[Any]:
        """Make all controls, within a `gr.Blocks`."""
        import gradio as gr

        inputs: list[Any] = []
        for script in self.scripts_in_preferred_order():
            with gr.Row() as group:
                self.create_script_ui(script, inputs)
            script.group = group
        self.ui_created = True
        return inputs

    def run(self, pp: PostprocessedImage, args: Sequence[Any]) -> None:
        """Send a picture through all steps."""
        steps = [
            (
                script,
                dict(
                    zip(
                        script.controls or {}, args[script.args_from or 0 : script.args_to or 0], strict=False
                    )
                ),
            )
            for script in self.scripts_in_preferred_order()
        ]
        for script, values in steps:
            script.process_firstpass(pp, **values)
        pictures = [pp]
        for script, values in steps:
            for picture in list(pictures):
                if picture.disable_processing:
                    continue
                script.process(picture, **values)
                more, picture.extra_images = picture.extra_images, []
                pictures += [
                    each if isinstance(each, PostprocessedImage) else picture.create_copy(each)
                    for each in more
                ]
        pp.extra_images = pictures[1:]

    def create_args_for_run(self, scripts_args: dict[str, dict[str, Any]]) -> list[Any]:
        """The values of all controls, by the names of steps and controls."""
        if not self.ui_created:
            import gradio as gr

            with gr.Blocks(analytics_enabled=False):
                self.setup_ui()
        scripts = self.scripts_in_preferred_order()
        values: list[Any] = [None] * max((each.args_to or 0 for each in scripts), default=0)
        for script in scripts:
            for number, (name, control) in enumerate((script.controls or {}).items()):
                given = scripts_args.get(str(script.name), {})
                values[(script.args_from or 0) + number] = given.get(name, getattr(control, "value", None))
        return values

    def image_changed(self) -> None:
        """Another picture is shown."""
        for script in self.scripts_in_preferred_order():
            script.image_changed()
