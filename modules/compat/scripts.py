"""`modules.scripts` of the older UI: the class of scripts, and the scripts that are loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat import owners
from modules.compat.script_class import (
    AlwaysVisible,
    MaskBlendArgs,
    OnComponent,
    PostprocessBatchListArgs,
    PostprocessImageArgs,
    PostProcessMaskOverlayArgs,
    PostSampleArgs,
    Script,
    ScriptBuiltinUI,
)
from modules.compat.script_data import ScriptClassData, postprocessing_scripts_data, scripts_data
from modules.compat.script_runner import (
    ScriptRunner,
    current_runner,
    runner_for,
    scripts_img2img,
    scripts_txt2img,
)

__all__ = [
    "AlwaysVisible",
    "MaskBlendArgs",
    "OnComponent",
    "PostProcessMaskOverlayArgs",
    "PostSampleArgs",
    "PostprocessBatchListArgs",
    "PostprocessImageArgs",
    "Script",
    "ScriptBuiltinUI",
    "ScriptClassData",
    "ScriptRunner",
    "postprocessing_scripts_data",
    "runner_for",
    "scripts_data",
    "scripts_img2img",
    "scripts_txt2img",
]

script_callbacks_order: list[Any] = []


@dataclass(frozen=True)
class ScriptFile:
    """A file of a folder that extensions have. Args: basedir: the extension's; filename: without folders."""

    basedir: str
    filename: str
    path: str


def __getattr__(name: str) -> Any:
    if name == "scripts_current":
        return current_runner()
    if name == "scripts_postproc":
        from modules.compat import scripts_postprocessing

        return getattr(scripts_postprocessing, "scripts_postproc", None)
    if name == "current_basedir":
        return basedir()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def basedir() -> str:
    """The folder of the extension that is being loaded; later that of the program."""
    owner = owners.now_loading()
    if owner is not None:
        return str(owner.folder)
    from modules.compat import paths

    return str(paths.script_path)


def list_scripts(scriptdirname: str, extension: str, *, include_extensions: bool = True) -> list[ScriptFile]:
    """The files with a suffix ("`.py`") in a folder of this name of all extensions that are on."""
    from modules.compat.house import house, is_open

    if not is_open() or not include_extensions:
        return []
    found = []
    for loaded in house().plugins.loaded():
        folder = loaded.about.folder / scriptdirname
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            if file.suffix.lower() == extension and file.is_file():
                found.append(ScriptFile(str(loaded.about.folder), file.name, str(file)))
    return found


def list_files_with_name(filename: str) -> list[str]:
    """The files of this name in the top folders of all extensions that are on."""
    from modules.compat.house import house, is_open

    folders = [loaded.about.folder for loaded in house().plugins.loaded()] if is_open() else []
    return [str(path) for folder in folders if (path := folder / filename).is_file()]


def load_scripts() -> None:
    """Nothing: the program loads them at its start, and one by one in the Extensions tab."""


def reload_scripts() -> None:
    """Load all extensions with scripts anew."""
    from modules.compat.house import house

    for extension in house().plugins.loaded():
        if extension.about.scripts:
            house().plugins.reload(extension.name)


reload_script_body_only = reload_scripts


def add_classes_to_gradio_component(comp: Any) -> None:
    """The classes that the older UI's style sheets look for: `gradio-button`, and the variant."""
    name = comp.get_block_name()
    classes = [f"gradio-{name}", *(comp.elem_classes or [])]
    if getattr(comp, "multiselect", False):
        classes.append("multiselect")
    comp.elem_classes = list(dict.fromkeys(classes))


def wrap_call(
    func: Callable[..., Any], filename: str, funcname: str, *args: Any, default: Any = None, **kwargs: Any
) -> Any:
    """Call a function; where it fails, say so and give `default`."""
    try:
        return func(*args, **kwargs)
    except Exception as error:
        owner = next((data.extension for data in scripts_data if data.path == filename), "")
        owners.note(owner, f"{Path(filename).name}: {funcname}", error)
    return default


def create_script_ui(script: Script) -> None:
    """Make a script's controls here."""
    runner_for("img2img" if script.is_img2img else "txt2img").build(script)
