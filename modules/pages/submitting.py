"""What Generate does: the page's values become a request in the queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote, unquote

from modules.faults import Fault, InvalidField
from modules.pages.fields import KINDS, Kind
from modules.pages.form import CARRIED, component_of, to_request
from modules.pages.services import PageServices

SOURCE = "source"
"""The value that holds, as JSON, the kind of the request and what has no component (`form.CARRIED`)."""


def value_name(group: Literal["extension", "script"], owner: str, key: str, tabs: Sequence[Kind]) -> str:
    """The name of the value of an extension's or a script's control; any characters may be in the parts."""
    return "/".join([group, quote(owner, safe=""), quote(key, safe=""), ",".join(tabs)])


def submit_form(values: Mapping[str, Any], services: PageServices) -> dict[str, Any]:
    """Queue what the form describes: `{"job": id}`, or `{"error": message, "field": the form's field or None}`."""
    kind: Kind = "txt2img"
    try:
        source = _read(values.get(SOURCE))
        if source.get("cancelled"):  # the page has said why
            return {}
        kind = _kind(source)
        carried = {name: source[name] for name in CARRIED if source.get(name) is not None}
        request = to_request(kind, {**values, **carried}, services.settings.current)
        request = replace(request, extensions=_of("extension", values, kind, services.control_value))
        if request.script is not None:
            title = request.script.name
            chosen = {n: v for n, v in values.items() if n.startswith(f"script/{quote(title, safe='')}/")}
            own = _of("script", chosen, kind, services.control_value).get(title, {})
            request = replace(request, script=services.script_call(request.script.name, own, kind))
        return {"job": services.queue.submit(request, origin="page").id}
    except Fault as fault:
        return {"error": fault.message, "field": component_of(fault.field, kind) or fault.field}


def _of(
    group: Literal["extension", "script"],
    values: Mapping[str, Any],
    kind: Kind,
    encode: Callable[[str, str, Any], Any],
) -> dict[str, dict[str, Any]]:
    """The values of extensions' or scripts' controls that count for this kind, by their owners and names."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name.startswith(f"{group}/"):
            _, owner, key, tabs = (unquote(part) for part in name.split("/"))
            if kind in tabs.split(","):
                found.setdefault(owner, {})[key] = encode(owner, key, value)
    return found


def _read(text: Any) -> dict[str, Any]:
    try:
        source = json.loads(text or "{}")
    except (TypeError, ValueError):
        source = None
    if not isinstance(source, dict):
        raise InvalidField(SOURCE, "The page sent no request that can be read. Load the page anew.")
    return source


def _kind(source: Mapping[str, Any]) -> Kind:
    kind = source.get("kind", "txt2img")
    if kind not in KINDS:
        raise InvalidField(SOURCE, f"The page asked for {kind!r}, which is no kind of request.")
    return kind
