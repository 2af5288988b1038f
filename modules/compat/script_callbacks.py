"""`modules.script_callbacks` of the older UI: what extensions are told, and what they may change then.

Every callback knows the extension that registered it. One that fails is noted there, and the others are called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modules.compat import owners
from modules.compat.callback_order import ordered
from modules.compat.callback_params import (
    AfterCFGCallbackParams,
    BeforeTokenCounterParams,
    CFGDenoisedParams,
    CFGDenoiserParams,
    ExtraNoiseParams,
    ImageGridLoopParams,
    ImageSaveParams,
    UiTrainTabParams,
)

__all__ = [
    "AfterCFGCallbackParams",
    "BeforeTokenCounterParams",
    "CFGDenoisedParams",
    "CFGDenoiserParams",
    "ExtraNoiseParams",
    "ImageGridLoopParams",
    "ImageSaveParams",
    "UiTrainTabParams",
]

Call = Callable[..., Any]


@dataclass(frozen=True)
class ScriptCallback:
    """A callback. Args: script: the file that registered it; extension: its owner, "" where it is nobody's."""

    script: str
    callback: Call
    name: str = "unnamed"
    extension: str = ""


callback_map: dict[str, list[ScriptCallback]] = {
    f"callbacks_{category}": []
    for category in (
        "app_started",
        "on_reload",
        "model_loaded",
        "ui_tabs",
        "ui_train_tabs",
        "ui_settings",
        "before_image_saved",
        "image_saved",
        "extra_noise",
        "cfg_denoiser",
        "cfg_denoised",
        "cfg_after_cfg",
        "before_component",
        "after_component",
        "image_grid",
        "infotext_pasted",
        "script_unloaded",
        "before_ui",
        "list_optimizers",
        "list_unets",
        "before_token_counter",
    )
}


def add_callback(
    callbacks: list[ScriptCallback], fun: Call, *, name: str | None = None, category: str = ""
) -> None:
    """Put a function in a list, with the extension whose code asks for it."""
    extension, script = owners.of_caller()
    full = "/".join(part for part in (extension, script, category, name) if part)
    callbacks.append(ScriptCallback(script, fun, full, extension))


def callbacks(category: str) -> list[ScriptCallback]:
    """The callbacks of a category ("cfg_denoiser") in their order."""
    return ordered(callback_map[f"callbacks_{category}"], lambda one: one.name)


def ordered_callbacks(category: str, unordered_callbacks: Any = None, **_more: Any) -> list[ScriptCallback]:
    """The same under its older name."""
    return callbacks(category.removeprefix("callbacks_"))


def report_exception(c: ScriptCallback, job: str) -> None:
    """Note what was just raised at the callback's extension."""
    import sys

    owners.note(c.extension, job, sys.exc_info()[1] or "It failed.")


def _call(category: str, *arguments: Any, **named: Any) -> list[Any]:
    """Call all of a category; what they gave back."""
    answers = []
    for one in callbacks(category):
        try:
            answers.append(one.callback(*arguments, **named))
        except Exception as error:
            owners.note(one.extension, category, error)
    return answers


def _attempt(category: str, *arguments: Any) -> list[tuple[ScriptCallback, Any]]:
    """Call all of a category at the start, where one that never ends is given up."""

    def call(one: ScriptCallback) -> Any:
        return owners.attempt(one.extension, category, lambda: one.callback(*arguments))

    return [(one, call(one)) for one in callbacks(category)]


def clear_callbacks() -> None:
    """Forget all."""
    for some in callback_map.values():
        some.clear()


def remove_callbacks_of(extension: str) -> None:
    """Forget those of an extension, after it was told that it is unloaded."""
    for one in callbacks("script_unloaded"):
        if one.extension == extension:
            owners.attempt(extension, "script_unloaded", one.callback)
    for some in callback_map.values():
        some[:] = [one for one in some if one.extension != extension]


def remove_current_script_callbacks() -> None:
    """Forget those of the script whose code asks for it."""
    extension, script = owners.of_caller()
    if not script:
        script = next((f.filename for f in inspect.stack() if f.filename != __file__), "")
    for some in callback_map.values():
        some[:] = [one for one in some if (one.extension, one.script) != (extension, script)]


def remove_callbacks_for_function(callback_func: Call) -> None:
    """Forget a function, wherever it is registered."""
    for some in callback_map.values():
        some[:] = [one for one in some if one.callback != callback_func]


# ── Registering ─────────────────────────────────────────────────────────────────────────────────────────────


def on_app_started(callback: Call, *, name: str | None = None) -> None:
    """The server is up: `callback(demo: gr.Blocks | None, app: FastAPI)`."""
    add_callback(callback_map["callbacks_app_started"], callback, name=name, category="app_started")


def on_before_reload(callback: Call, *, name: str | None = None) -> None:
    """The page is about to be built anew: `callback()`."""
    add_callback(callback_map["callbacks_on_reload"], callback, name=name, category="on_reload")


def on_model_loaded(callback: Call, *, name: str | None = None) -> None:
    """A checkpoint was loaded: `callback(sd_model)`."""
    add_callback(callback_map["callbacks_model_loaded"], callback, name=name, category="model_loaded")


def on_ui_tabs(callback: Call, *, name: str | None = None) -> None:
    """Tabs: `callback()` gives a list of `(gr.Blocks, title, elem_id)`."""
    add_callback(callback_map["callbacks_ui_tabs"], callback, name=name, category="ui_tabs")


def on_ui_train_tabs(callback: Call, *, name: str | None = None) -> None:
    """Parts of the training tab: `callback(params: UiTrainTabParams)`."""
    add_callback(callback_map["callbacks_ui_train_tabs"], callback, name=name, category="ui_train_tabs")


def on_ui_settings(callback: Call, *, name: str | None = None) -> None:
    """Settings: `callback()` calls `shared.opts.add_option`."""
    add_callback(callback_map["callbacks_ui_settings"], callback, name=name, category="ui_settings")


def on_before_image_saved(callback: Call, *, name: str | None = None) -> None:
    """A picture is about to be saved: `callback(params: ImageSaveParams)`."""
    add_callback(
        callback_map["callbacks_before_image_saved"], callback, name=name, category="before_image_saved"
    )


def on_image_saved(callback: Call, *, name: str | None = None) -> None:
    """A picture was saved: `callback(params: ImageSaveParams)`."""
    add_callback(callback_map["callbacks_image_saved"], callback, name=name, category="image_saved")


def on_extra_noise(callback: Call, *, name: str | None = None) -> None:
    """Extra noise is about to be added: `callback(params: ExtraNoiseParams)`."""
    add_callback(callback_map["callbacks_extra_noise"], callback, name=name, category="extra_noise")


def on_cfg_denoiser(callback: Call, *, name: str | None = None) -> None:
    """The model is about to be asked: `callback(params: CFGDenoiserParams)`."""
    add_callback(callback_map["callbacks_cfg_denoiser"], callback, name=name, category="cfg_denoiser")


def on_cfg_denoised(callback: Call, *, name: str | None = None) -> None:
    """The model has answered: `callback(params: CFGDenoisedParams)`."""
    add_callback(callback_map["callbacks_cfg_denoised"], callback, name=name, category="cfg_denoised")


def on_cfg_after_cfg(callback: Call, *, name: str | None = None) -> None:
    """Guidance was applied: `callback(params: AfterCFGCallbackParams)`."""
    add_callback(callback_map["callbacks_cfg_after_cfg"], callback, name=name, category="cfg_after_cfg")


def on_before_component(callback: Call, *, name: str | None = None) -> None:
    """A component is about to be made: `callback(component, **kwargs)`."""
    add_callback(callback_map["callbacks_before_component"], callback, name=name, category="before_component")


def on_after_component(callback: Call, *, name: str | None = None) -> None:
    """A component was made: `callback(component, **kwargs)`."""
    add_callback(callback_map["callbacks_after_component"], callback, name=name, category="after_component")


def on_image_grid(callback: Call, *, name: str | None = None) -> None:
    """A grid is about to be made: `callback(params: ImageGridLoopParams)`."""
    add_callback(callback_map["callbacks_image_grid"], callback, name=name, category="image_grid")


def on_infotext_pasted(callback: Call, *, name: str | None = None) -> None:
    """A recipe was read: `callback(infotext: str, params: dict)` may change `params`."""
    add_callback(callback_map["callbacks_infotext_pasted"], callback, name=name, category="infotext_pasted")


def on_script_unloaded(callback: Call, *, name: str | None = None) -> None:
    """The extension is about to be unloaded: `callback()`."""
    add_callback(callback_map["callbacks_script_unloaded"], callback, name=name, category="script_unloaded")


def on_before_ui(callback: Call, *, name: str | None = None) -> None:
    """The page is about to be built: `callback()`."""
    add_callback(callback_map["callbacks_before_ui"], callback, name=name, category="before_ui")


def on_list_optimizers(callback: Call, *, name: str | None = None) -> None:
    """`callback(list)` adds ways to optimise attention."""
    add_callback(callback_map["callbacks_list_optimizers"], callback, name=name, category="list_optimizers")


def on_list_unets(callback: Call, *, name: str | None = None) -> None:
    """`callback(list)` adds U-Nets."""
    add_callback(callback_map["callbacks_list_unets"], callback, name=name, category="list_unets")


def on_before_token_counter(callback: Call, *, name: str | None = None) -> None:
    """Tokens are about to be counted: `callback(params: BeforeTokenCounterParams)`."""
    add_callback(
        callback_map["callbacks_before_token_counter"], callback, name=name, category="before_token_counter"
    )


# ── Calling ─────────────────────────────────────────────────────────────────────────────────────────────────


def app_started_callback(demo: Any, app: Any) -> None:
    """Tell that the server is up."""
    _attempt("app_started", demo, app)


def app_reload_callback() -> None:
    """Tell that the page is built anew."""
    _attempt("on_reload")


def before_ui_callback() -> None:
    """Tell that the page is about to be built."""
    _attempt("before_ui")


def ui_tabs_callback() -> list[Any]:
    """All tabs: `(gr.Blocks, title, elem_id)`."""
    return [tab for _, answer in _attempt("ui_tabs") for tab in answer or []]


def ui_settings_callback() -> None:
    """Have the settings declared."""
    _attempt("ui_settings")


def model_loaded_callback(sd_model: Any) -> None:
    """Tell that a checkpoint was loaded."""
    _call("model_loaded", sd_model)


def ui_train_tabs_callback(params: UiTrainTabParams) -> None:
    """Ask for parts of the training tab."""
    _call("ui_train_tabs", params)


def before_image_saved_callback(params: ImageSaveParams) -> None:
    """Let a picture be changed before it is saved."""
    _call("before_image_saved", params)


def image_saved_callback(params: ImageSaveParams) -> None:
    """Tell that a picture was saved."""
    _call("image_saved", params)


def extra_noise_callback(params: ExtraNoiseParams) -> None:
    """Let extra noise be changed."""
    _call("extra_noise", params)


def cfg_denoiser_callback(params: CFGDenoiserParams) -> None:
    """Let what the model is asked be changed."""
    _call("cfg_denoiser", params)


def cfg_denoised_callback(params: CFGDenoisedParams) -> None:
    """Let what the model answered be changed."""
    _call("cfg_denoised", params)


def cfg_after_cfg_callback(params: AfterCFGCallbackParams) -> None:
    """Let the guess of the clean latents be changed."""
    _call("cfg_after_cfg", params)


def image_grid_callback(params: ImageGridLoopParams) -> None:
    """Let a grid be changed."""
    _call("image_grid", params)


def before_token_counter_callback(params: BeforeTokenCounterParams) -> None:
    """Let a prompt be changed before its tokens are counted."""
    _call("before_token_counter", params)


def before_component_callback(component: Any, **kwargs: Any) -> None:
    """Tell that a component is about to be made."""
    _call("before_component", component, **kwargs)


def after_component_callback(component: Any, **kwargs: Any) -> None:
    """Tell that a component was made."""
    _call("after_component", component, **kwargs)


def infotext_pasted_callback(infotext: str, params: dict[str, Any]) -> None:
    """Let what a recipe says be changed."""
    _call("infotext_pasted", infotext, params)


def script_unloaded_callback() -> None:
    """Tell all that they are unloaded, the last one first."""
    for one in reversed(callbacks("script_unloaded")):
        owners.attempt(one.extension, "script_unloaded", one.callback)


def list_optimizers_callback() -> list[Any]:
    """Ways to optimise attention that extensions know."""
    found: list[Any] = []
    _call("list_optimizers", found)
    return found


def list_unets_callback() -> list[Any]:
    """U-Nets that extensions know."""
    found: list[Any] = []
    _call("list_unets", found)
    return found
