"""Scripts for programs: what a request says of them, and the lists `/sdapi/v1/scripts` and `script-info`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from modules.faults import UnknownName
from modules.generation.requests import ScriptCall
from modules.rest.bodies import CheckedRoute
from modules.rest.errors import RestFault
from modules.rest.generation_bodies import GenerationBody, ImageToImageBody
from modules.rest.services import RestServices, ScriptKind, Scripts

T = TypeVar("T")


class UnknownScript(RestFault):
    """The older UI answers 422 where there is no script of a name."""

    def __init__(self, fault: UnknownName) -> None:
        super().__init__(422, fault.message, fault.field)


class RecipeBody(BaseModel):
    """The fields of `POST /easel/scripts/recipe`: the tab, and an infotext's names and values."""

    kind: ScriptKind = "txt2img"
    parameters: dict[str, str]


def kind_of(body: GenerationBody) -> ScriptKind:
    """The tab that a body belongs to."""
    if not isinstance(body, ImageToImageBody):
        return "txt2img"
    return "img2img" if body.mask is None else "inpaint"


def script_fields(body: GenerationBody, scripts: Scripts) -> dict[str, Any]:
    """The fields `script` and `extensions` of the request.

    Raises: UnknownScript; InvalidField: values that can't be used.
    """
    kind = kind_of(body)
    call: ScriptCall | None = None
    if body.script_name and body.script_name.strip().lower() != "none":
        name, args = body.script_name, body.script_args
        call = _known(lambda: scripts.call(name, args, kind))
    extensions = {name: dict(values) for name, values in body.extensions.items()}
    if body.alwayson_scripts:
        for name, values in _known(lambda: scripts.always_on(body.alwayson_scripts, kind)).items():
            extensions[name] = {**extensions.get(name, {}), **values}
    return {"script": call, "extensions": extensions}


def _known(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except UnknownName as fault:
        raise UnknownScript(fault) from fault


def routes(services: RestServices) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=CheckedRoute)

    @router.get("/sdapi/v1/scripts", tags=["sdapi"])
    def scripts() -> dict[str, list[str]]:
        """The names of all scripts, in lower case."""
        return services.scripts.names()

    @router.get("/sdapi/v1/script-info", tags=["sdapi"])
    def script_info() -> list[dict[str, Any]]:
        """All scripts with their values."""
        return services.scripts.infos()

    @router.post("/easel/scripts/recipe", tags=["easel"])
    def recipe(body: RecipeBody) -> dict[str, dict[str, Any]]:
        """What a recipe says of extensions' controls: `{extension: {control: value}}`."""
        return services.scripts.from_recipe(body.parameters, body.kind)

    return router
