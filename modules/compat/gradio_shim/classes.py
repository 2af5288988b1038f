"""Subclasses of the installed Gradio's classes, with the habits of Gradio 3.

An object of such a class says that its `__class__` is the real one. Gradio asks that when it names the browser's part
(`dropdown`), lists the properties, or makes a component anew for an update; so it treats these objects as its own.
"""

from __future__ import annotations

import logging
from abc import ABCMeta
from functools import cache
from typing import Any

from gradio.blocks import Block, Blocks
from gradio.blocks_events import BlocksMeta
from gradio.component_meta import ComponentMeta
from gradio.components.base import FormComponent as NativeFormComponent
from gradio.context import LocalContext
from gradio.events import EventListener
from gradio.exceptions import Error

from modules.compat.gradio_shim.events import OLD_EVENTS, listener, missing
from modules.compat.gradio_shim.keywords import for_constructor, parameters

log = logging.getLogger(__name__)


class OlderMeta(ComponentMeta):
    """Makes classes without what Gradio does at that: it would write `.pyi` files into extensions' folders."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        """A class; its own `EVENTS` become methods."""
        events = [
            one if isinstance(one, EventListener) else EventListener(one)
            for one in attributes.get("EVENTS", [])
        ]
        if events and "native" not in attributes:
            attributes["EVENTS"] = [one.copy() for one in events]
            attributes |= {str(one): listener(one.listener) for one in attributes["EVENTS"]}
        return ABCMeta.__new__(mcs, name, bases, attributes)

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is FormComponent:
            return isinstance(instance, NativeFormComponent) or issubclass(type(instance), cls)
        native = cls.__dict__.get("native")
        if native is not None:
            return isinstance(instance, native)
        return super().__instancecheck__(instance)


class FormComponent(metaclass=OlderMeta):
    """What Gradio 3's form fields have in common; extensions put it among the bases of their own classes."""

    def get_expected_parent(self) -> Any:
        """As the installed Gradio decides."""
        parent: Any = super()
        return parent.get_expected_parent()


class Habits:
    """What components and layouts of Gradio 3 could do besides.

    Its functions are put into the classes one by one: a class with a single base has its base's layout, so that an
    object of Gradio's own class can become one of these (`adopt`).
    """

    native: type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        native = type(self).native
        words = for_constructor(native, kwargs, defaults=not LocalContext.in_event_listener.get(False))
        native.__init__(self, *args, **words)  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name in OLD_EVENTS:
            return missing(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def style(self, **kwargs: Any) -> Any:
        """Set properties; those that are gone are passed over. Returns itself."""
        words = for_constructor(type(self).native, kwargs, defaults=False)
        for name, value in words.items():
            setattr(self, name, value)
            if made := self.__dict__.get("_constructor_args"):
                made[0][name] = value
        return self

    @classmethod
    def update(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What a function gives back to change a component."""
        if args:
            kwargs.setdefault("value", args[0])
        return {**for_constructor(cls.native, kwargs, defaults=False), "__type__": "update"}


def _choose(self: Any, payload: Any) -> Any:
    """`preprocess` of menus: a value that is not among the choices is no error, as it was none in Gradio 3."""
    try:
        return type(self).native.preprocess(self, payload)
    except Error:
        return payload


def _pairs(self: Any, choices: Any) -> None:
    """`component.choices = ["a", "b"]`: the installed Gradio keeps labels and values."""
    self.__dict__["choices"] = [
        tuple(one) if isinstance(one, (list, tuple)) else (str(one), one) for one in choices or []
    ]


_HABITS = {name: vars(Habits)[name] for name in ("__init__", "__getattr__", "style", "update")}


@cache
def older(native: Any) -> Any:
    """The subclass with the old habits of a component's or layout's class."""
    if native is Blocks:
        return OlderBlocks
    attributes: dict[str, Any] = {
        **_HABITS,
        "__module__": native.__module__,
        "__doc__": native.__doc__,
        "native": native,
        "__class__": property(lambda self: native),
    }
    for event in getattr(native, "EVENTS", []):
        attributes[str(event)] = listener(getattr(native, str(event)))
    if "choices" in parameters(native):
        attributes["preprocess"] = _choose
        attributes["choices"] = property(lambda self: self.__dict__.get("choices", []), _pairs)
    return OlderMeta(native.__name__, (native,), attributes)


def is_block(value: Any) -> bool:
    """Whether it is a class of components or layouts, or `Blocks` itself."""
    return (
        isinstance(value, type)
        and issubclass(value, Block)
        and (value is Blocks or not issubclass(value, Blocks))
    )


def adopt(component: Any) -> Any:
    """Give a component that was made elsewhere the old habits; the same object."""
    kind: Any = type(component)
    if not hasattr(kind, "native") and is_block(kind) and kind is not Blocks:
        component.__class__ = older(kind)
    return component


class _OlderBlocksMeta(BlocksMeta):
    def __new__(mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        return type.__new__(mcs, name, bases, attributes)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Blocks)


class OlderBlocks(Blocks, metaclass=_OlderBlocksMeta):
    """`gr.Blocks`. Its style sheet becomes part of its contents; a theme of its own it can't have on our page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args:  # Gradio 3's first was the theme
            log.debug("gr.Blocks: %r left out", args)
        self._older_css = kwargs.get("css")
        kwargs.setdefault("analytics_enabled", False)
        kwargs = {k: v for k, v in kwargs.items() if k in (*parameters(Blocks), "elem_id", "elem_classes")}
        super().__init__(**kwargs)

    def __enter__(self) -> Any:
        entered = super().__enter__()
        if self._older_css and not self.children:
            from gradio import HTML

            HTML(f"<style>{self._older_css}</style>", apply_default_css=False)
        return entered

    def get_block_name(self) -> str:
        """As `gr.Blocks`."""
        return "blocks"

    def load(self, fn: Any = None, inputs: Any = None, outputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Call a function when the page is loaded, and every `every` seconds from then on."""
        every = kwargs.pop("every", None)
        if isinstance(every, (int, float)) and callable(fn):
            from gradio import Timer

            tick = getattr(Timer, "tick")  # noqa: B009 (made at run time)
            listener(tick)(Timer(every), fn, inputs, outputs, **kwargs)
        native = getattr(Blocks, "load")  # noqa: B009
        return listener(native)(self, fn, inputs, outputs, *args, **kwargs)

    def launch(self, *args: Any, **kwargs: Any) -> Any:
        """It is part of our page: nothing is to be started."""
        return None, None, None

    def queue(self, *args: Any, **kwargs: Any) -> Any:
        """Our page has its queue."""
        return self
