"""Events: `.click(fn, inputs, outputs, _js=...)` as Gradio 3 took it, and functions that answer with its updates."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from modules.compat.gradio_shim.keywords import for_component

log = logging.getLogger(__name__)

OLD_EVENTS = frozenset(
    (
        "change",
        "input",
        "release",
        "submit",
        "select",
        "blur",
        "focus",
        "edit",
        "clear",
        "upload",
        "stream",
        "like",
        "click",
        "play",
        "pause",
        "stop",
        "delete",
    )
)
"""Events that components of Gradio 3 had."""
_INSTEAD = {"release": ("change",), "input": ("change",), "edit": ("change", "apply"), "submit": ("change",)}
_PROGRESS = {True: "full", False: "hidden"}


def listener(native: Callable[..., Any]) -> Callable[..., Any]:
    """An event's method with the old keywords, around the one of the installed Gradio."""

    def attach(
        component: Any,
        fn: Any = "decorator",
        inputs: Any = None,
        outputs: Any = None,
        *more: Any,
        **given: Any,
    ) -> Any:
        if more:  # only `api_name` was ever written without its name
            given.setdefault("api_name", more[0])
        words = keywords(given, known)
        if callable(fn):
            fn = answering(fn, _listed(outputs))
        elif fn == "decorator" and "js" in words:
            fn = None
        return _followed(native(component, fn, _present(inputs), _present(outputs), **words))

    known = frozenset(inspect.signature(native).parameters) - {"block", "fn", "inputs", "outputs"}
    attach.__dict__.update(vars(native))  # `gr.on` asks them
    return attach


def keywords(given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Keywords of an event in the installed Gradio's terms; what is not known there is left out."""
    words = {name: value for name, value in given.items() if name in known and value is not None}
    script = given.get("_js") or given.get("js")
    if script:
        words["js"] = js(script)
    progress = given.get("show_progress")
    if progress is not None:
        words["show_progress"] = _PROGRESS.get(progress, progress)
    if words.get("api_name") is False:
        del words["api_name"]
    if "api_name" not in words:
        words.setdefault("api_visibility", "private")
    left = [name for name in given if name not in (*words, "_js", "show_progress", "every", "status_tracker")]
    if left:
        log.debug("Events have no %s any more: left out.", ", ".join(left))
    return words


def js(script: Any) -> Any:
    """JavaScript as Gradio 3 took it: anything that is a function, its name too."""
    if not isinstance(script, str):
        return script
    return f"(...values) => ({script.strip().rstrip(';')})(...values)"


def answering(fn: Callable[..., Any], outputs: Sequence[Any]) -> Callable[..., Any]:
    """A function whose updates say only what the installed Gradio's components know; of the same kind as `fn`."""
    wrapped: Callable[..., Any]
    if inspect.isasyncgenfunction(fn):

        async def several_later(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for answer in fn(*args, **kwargs):
                yield answered(answer, outputs)

        wrapped = several_later
    elif inspect.iscoroutinefunction(fn):

        async def later(*args: Any, **kwargs: Any) -> Any:
            return answered(await fn(*args, **kwargs), outputs)

        wrapped = later
    elif inspect.isgeneratorfunction(fn):

        def several(*args: Any, **kwargs: Any) -> Iterator[Any]:
            for answer in fn(*args, **kwargs):
                yield answered(answer, outputs)

        wrapped = several
    else:

        def once(*args: Any, **kwargs: Any) -> Any:
            return answered(fn(*args, **kwargs), outputs)

        wrapped = once
    wrapped = functools.wraps(fn)(wrapped)
    if not hasattr(fn, "__name__"):  # a partial, an object that can be called
        wrapped.__name__ = type(getattr(fn, "func", fn)).__name__
    return wrapped


def answered(answer: Any, outputs: Sequence[Any]) -> Any:
    """What a function gave back for its outputs, with updates that fit them."""
    from gradio.blocks import Block

    if isinstance(answer, dict) and answer and all(isinstance(key, Block) for key in answer):
        return {component: _fitting(value, component) for component, value in answer.items()}
    if len(outputs) == 1:
        return _fitting(answer, outputs[0])
    if isinstance(answer, (list, tuple)) and len(answer) == len(outputs):
        return [_fitting(value, component) for value, component in zip(answer, outputs, strict=True)]
    if not outputs and answer is not None and not isinstance(answer, (list, tuple)):
        return None  # Gradio 3 did not mind
    return answer


def _fitting(value: Any, component: Any) -> Any:
    if isinstance(value, dict) and value.get("__type__") in ("update", "generic_update"):
        return for_component(component, value)
    return value


def missing(component: Any, event: str) -> Callable[..., Any]:
    """The method of an event that a component no longer has: the nearest other one, else nothing ever happens."""
    native = component.__class__
    for other in _INSTEAD.get(event, ()):
        if hasattr(native, other):
            found: Callable[..., Any] = getattr(component, other)
            return found
    log.debug("gradio.%s has no event %s any more: nothing happens.", native.__name__, event)

    def attach(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        return Nothing()

    return attach


class Nothing(dict[str, Any]):
    """What attaching to an event that never happens gives: others can follow it, and never happen either."""

    def then(self, *args: Any, **kwargs: Any) -> Nothing:
        """Nothing follows."""
        return self

    success = failure = then

    def __call__(self, fn: Any) -> Any:
        """As a decorator: the function stays what it is."""
        return fn


def _followed(dependency: Any) -> Any:
    """An event whose `.then` and its like take the old keywords too."""
    for name in ("then", "success", "failure"):
        native = getattr(dependency, name, None)
        if isinstance(native, functools.partial):
            setattr(dependency, name, functools.partial(listener(native.func), *native.args))
    return dependency


def _listed(outputs: Any) -> list[Any]:
    """Outputs in the order in which Gradio takes them."""
    if outputs is None:
        return []
    if isinstance(outputs, AbstractSet):
        return sorted(outputs, key=lambda component: component._id)
    return [one for one in outputs if one is not None] if isinstance(outputs, (list, tuple)) else [outputs]


def _present(components: Any) -> Any:
    """Without holes; Gradio 3 passed over them."""
    if isinstance(components, (list, tuple)):
        return [one for one in components if one is not None]
    return list(components) if isinstance(components, type({}.values())) else components
