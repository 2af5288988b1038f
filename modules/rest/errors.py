"""Every error as JSON: `{"error", "detail", "body", "errors", "field"}`, one sentence, a fitting status."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.faults import BadFile, Fault, InvalidField, NotPossibleNow, NotSupported, UnknownName

log = logging.getLogger(__name__)

_STATUS: dict[type[Fault], int] = {
    InvalidField: 422,
    UnknownName: 400,
    BadFile: 422,
    NotSupported: 422,
    NotPossibleNow: 503,
}
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
}
UNEXPECTED = "Something went wrong inside Easel"


class RestFault(Fault):
    """An error that only a server has; the status is its own."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message, field)
        self.status = status


class NotFound(RestFault):
    """A job, picture or address that isn't there."""

    def __init__(self, message: str) -> None:
        super().__init__(404, message)


class SafeJSONResponse(JSONResponse):
    """JSON as the standard has it: NaN and the infinities become null."""

    def render(self, content: Any) -> bytes:
        """The body."""
        try:
            return super().render(content)
        except ValueError:
            text = json.dumps(
                _without_nan(content), ensure_ascii=True, allow_nan=False, separators=(",", ":")
            )
            return text.encode("ascii")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def status_of(fault: Fault) -> int:
    """The HTTP status of a fault, by its class."""
    if isinstance(fault, RestFault):
        return fault.status
    return next((status for kind, status in _STATUS.items() if isinstance(fault, kind)), 400)


def status_of_kind(kind: str | None) -> int:
    """The HTTP status of a failed job, by the name of its fault's class; None is a defect of ours."""
    return next((status for cls, status in _STATUS.items() if cls.__name__ == kind), 400 if kind else 500)


def error_body(kind: str, message: str, field: str | None = None) -> dict[str, Any]:
    """The body of every error. `errors` repeats the message: that is where the older UI's clients look."""
    return {"error": kind, "detail": message, "body": "", "errors": message, "field": field}


def error_response(
    status: int, kind: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
) -> SafeJSONResponse:
    """An error as an answer."""
    return SafeJSONResponse(error_body(kind, message, field), status, headers=headers)


def fault_response(fault: Fault) -> SafeJSONResponse:
    """A fault as an answer."""
    return error_response(status_of(fault), type(fault).__name__, fault.message, fault.field)


def validation_fault(errors: Sequence[Any]) -> InvalidField:
    """The first of pydantic's errors as a sentence that names the field."""
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    name = ".".join(place)
    kind = str(first["type"])
    if not place:
        return InvalidField("body", "The request's body must be a JSON object.")
    if kind == "missing":
        return InvalidField(name, f"{name} is missing.")
    expected = _EXPECTED.get(kind.split("_")[0])
    if expected is None or not kind.endswith(
        ("_type", "_parsing", "_from_float", "_number", "_attributes_type")
    ):
        return InvalidField(
            name, f"{name} can't be {brief(first.get('input'))}: {_plain(str(first['msg']))}."
        )
    return InvalidField(name, f"{name} must be {expected}, not {brief(first.get('input'))}.")


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    return f"it {message}" if message.startswith("should") else message


def brief(value: Any, limit: int = 60) -> str:
    """A value in an error message: as JSON would write it, cut to `limit` characters."""
    names = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return names[value]
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} with {len(value)} entries"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number that long"
    text = repr(value if not isinstance(value, str) else value[: limit + 1])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _on_fault(request: Request, error: Exception) -> SafeJSONResponse:
    assert isinstance(error, Fault)
    return fault_response(error)


def _on_invalid(request: Request, error: Exception) -> SafeJSONResponse:
    assert isinstance(error, RequestValidationError)
    return fault_response(validation_fault(error.errors()))


def _on_http(request: Request, error: Exception) -> SafeJSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    message = str(error.detail)
    if error.status_code == 404:
        message = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        message = f"{request.url.path} can't be asked with {request.method}."
    return error_response(error.status_code, phrase, message, headers=dict(error.headers or {}))


def install_handlers(app: FastAPI) -> None:
    """Make the app answer all known errors in the common form."""
    app.add_exception_handler(Fault, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


class UnexpectedErrors:
    """Middleware: any other exception is logged with its traceback, and answered with one sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            message = f"{UNEXPECTED} ({type(error).__name__}). The log has the details."
            await error_response(500, type(error).__name__, message)(scope, receive, send)
