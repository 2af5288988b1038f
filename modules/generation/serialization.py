"""Requests as JSON, for the queue: `from_json(to_json(request)) == request`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from modules.faults import InvalidField
from modules.generation.requests import ImageToImage, Request, TextToImage
from modules.generation.upscaling import UpscalePicture

KINDS: dict[str, type[Request]] = {
    "txt2img": TextToImage,
    "img2img": ImageToImage,
    "extras": UpscalePicture,
}


def kind_of(request: Request) -> str:
    """The name of the request's kind, as in `outputs/<kind>`."""
    return next(kind for kind, cls in KINDS.items() if type(request) is cls)


def to_json(request: Request) -> dict[str, Any]:
    """The request as plain values."""
    return {"kind": kind_of(request), **asdict(request)}


def from_json(data: dict[str, Any]) -> Request:
    """The request that `to_json` wrote.

    Raises: InvalidField: for an unknown kind or field, a value of the wrong type or out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    values = dict(data)
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise InvalidField("kind", f"A request's kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    cls = KINDS[kind]
    known = set(cls.__dataclass_fields__)
    if unknown := sorted(set(values) - known):
        raise InvalidField(unknown[0], f"{unknown[0]} is no field of a {kind} request.")
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidField(name, f"{name}: {first['msg']}.") from None
