"""The module objects that extensions get for `gradio` and `gradio.x`."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

VERSION = "3.41.2"
"""What extensions are told. They compare it to learn which habits they may have: the ones that work here."""

_made: dict[str, ModuleType] = {}
_lock = threading.RLock()


def facade(name: str = "gradio") -> ModuleType:
    """The module of this name with the old habits; one object each.

    Raises: ModuleNotFoundError: neither Gradio 3 nor the installed one has it.
    """
    with _lock:
        found = _made.get(name)
        if found is None:
            found = _made[name] = _Facade(name, _native(name))
        return found


def _native(name: str) -> ModuleType | None:
    """The installed Gradio's module; None where only Gradio 3 had it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        if name in _OLD_MODULES:
            return None
        raise


class _Facade(ModuleType):
    """A module whose names are looked up when they are asked for."""

    def __init__(self, name: str, native: ModuleType | None) -> None:
        super().__init__(name, getattr(native, "__doc__", None))
        self._native = native
        if hasattr(native, "__path__") or native is None:
            self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        make = _NAMES.get((self.__name__, name)) or _NAMES.get((_ANYWHERE.get(self.__name__, ""), name))
        value = make() if make else self._found(name)
        setattr(self, name, value)
        return value

    def _found(self, name: str) -> Any:
        from modules.compat.gradio_shim.classes import is_block, older

        if self._native is None:
            return getattr(facade("gradio.components"), name)
        try:
            value = getattr(self._native, name)
        except AttributeError:
            if f"{self.__name__}.{name}" not in _OLD_MODULES:
                raise
            return facade(f"{self.__name__}.{name}")
        if isinstance(value, ModuleType) and value.__name__.startswith("gradio."):
            return facade(value.__name__)
        if is_block(value):
            return _image() if value.__name__ == "Image" else older(value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(dir(self._native) if self._native else [])})


def _image() -> Any:
    from modules.compat.gradio_shim.pictures import OlderImage

    return OlderImage


def _box() -> Any:
    """`gr.Box`, a group with a frame."""
    from gradio.layouts import Group

    from modules.compat.gradio_shim.classes import older

    def init(self: Any, **kwargs: Any) -> None:
        classes = kwargs.get("elem_classes") or []
        kwargs["elem_classes"] = [*([classes] if isinstance(classes, str) else classes), "gr-box"]
        super(box, self).__init__(**kwargs)

    group = older(Group)
    box = type(group)("Box", (group,), {"__init__": init, "__module__": "gradio.layouts"})
    return box


def _form_component() -> Any:
    from modules.compat.gradio_shim.classes import FormComponent

    return FormComponent


def _component() -> Any:
    from gradio.components import Component

    return Component


def _form() -> Any:
    from gradio.layouts import Form

    from modules.compat.gradio_shim.classes import older

    return older(Form)


def _picture(name: str) -> Callable[[], Any]:
    def find() -> Any:
        from modules.compat.gradio_shim import pictures

        return getattr(pictures, name)

    return find


def _named(name: str) -> Callable[[], Any]:
    return lambda: getattr(facade("gradio"), name)


def _update() -> Any:
    def update(value: Any = _UNSAID, **kwargs: Any) -> dict[str, Any]:
        """What a function gives back to change a component."""
        if value is not _UNSAID:
            kwargs["value"] = value
        return {**kwargs, "__type__": "update"}

    return update


_UNSAID = object()
_OLD_MODULES = frozenset(
    ("gradio.inputs", "gradio.outputs", "gradio.deprecation", "gradio.documentation", "gradio.context")
)
_ANYWHERE = {
    "gradio.components": "gradio",
    "gradio.layouts": "gradio",
    "gradio.blocks": "gradio",
    "gradio.helpers": "gradio",
    "gradio.components.base": "gradio",
}
"""Modules in which the names of `gradio` are too."""
_NAMES: dict[tuple[str, str], Callable[[], Any]] = {
    ("gradio", "__version__"): lambda: VERSION,
    ("gradio", "update"): _update,
    ("gradio", "Box"): _box,
    ("gradio", "Form"): _form,
    ("gradio", "FormComponent"): _form_component,
    ("gradio", "IOComponent"): _component,
    ("gradio", "Variable"): _named("State"),
    ("gradio", "StatusTracker"): _named("HTML"),
    ("gradio", "inputs"): lambda: facade("gradio.inputs"),
    ("gradio", "outputs"): lambda: facade("gradio.outputs"),
    ("gradio.inputs", "Textbox"): _named("Textbox"),
    **{
        ("gradio.processing_utils", name): _picture(name)
        for name in (
            "encode_pil_to_base64",
            "encode_array_to_base64",
            "encode_file_to_base64",
            "decode_base64_to_binary",
            "decode_base64_to_image",
            "decode_base64_to_file",
        )
    },
    ("gradio.processing_utils", "encode_url_or_file_to_base64"): _picture("encode_file_to_base64"),
}
