"""The bodies of requests: JSON that is checked before anything reads it, and the fields of txt2img."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, Field

from modules.faults import InvalidField
from modules.rest.errors import RestFault

LARGEST_INTEGER = 2**63 - 1
MAX_DEPTH = 32


def read_json(body: bytes) -> Any:
    """The value that a body holds, without anything that JSON or a file can't hold.

    Raises: RestFault: it isn't JSON; InvalidField: a number that is not finite or too large, half a
        character, or more than 32 levels of brackets.
    """
    try:
        value = json.loads(body)
    except RecursionError:
        raise RestFault(400, "The request's body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise RestFault(400, "The request's body is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        place = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise RestFault(400, f"The request's body is not valid JSON: {place}.") from None
    except ValueError:
        raise RestFault(400, "The request's body holds a number with too many digits.") from None
    _check(value, "", 0)
    return value


def _check(value: Any, name: str, depth: int) -> None:
    label = name or "body"
    if depth > MAX_DEPTH:
        raise InvalidField(label, f"{label.split('.')[0]} is nested too deeply.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidField(label, f"{label} must be a finite number, not {value}.")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise InvalidField(label, f"{label} is too large a number.")
    if isinstance(value, str):
        _check_text(value, label)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(key, str):
            _check_text(key, label)
        _check(item, f"{name}.{key}" if name else str(key), depth + 1)


def _check_text(value: str, label: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidField(label, f"{label} holds half of a character (an unpaired surrogate).") from None
    if "\0" in value:
        raise InvalidField(label, f"{label} holds a character that can't be in a text (code 0).")


class CheckedRoute(APIRoute):
    """A route whose body has passed `read_json`, with a JSON content type (or none)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the check."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            body = await request.body() if self.body_field is not None else b""
            if self.body_field is not None and not body:
                raise RestFault(400, "The request has no body; send a JSON object.")
            if body:
                _check_content_type(request.headers.get("content-type", ""))
                if not isinstance(read_json(body), dict):
                    raise RestFault(400, "The request's body must be a JSON object.")
            return await handle(request)

        return checked


def _check_content_type(value: str) -> None:
    kind = value.split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise RestFault(415, f"Send the request with the header Content-Type: application/json, not {kind}.")


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is expected")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
