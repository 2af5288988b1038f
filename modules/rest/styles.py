"""Styles: listed for clients, edited from the page, put into a request's prompts."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from modules.faults import NotSupported, UnknownName
from modules.prompts.style_book import StyleBook
from modules.prompts.styles import Style, apply, apply_negative, recognise
from modules.rest.bodies import CheckedRoute
from modules.rest.errors import NotFound, brief
from modules.rest.generation_bodies import GenerationBody
from modules.rest.services import RestServices


class PromptsBody(BaseModel):
    """A prompt and a negative prompt."""

    prompt: str = ""
    negative_prompt: str = ""


Body = TypeVar("Body", bound=GenerationBody)


class StyleBody(BaseModel):
    """A style; null and what is left out are empty."""

    name: str
    prompt: str | None = None
    negative_prompt: str | None = None


def with_styles(body: Body, book: StyleBook | None) -> Body:
    """The body with its styles in its prompts. Its list of styles stays, to be told.

    Raises: UnknownName: there is no style with a name (the older UI says nothing, and leaves it out).
    """
    if not body.styles:
        return body
    if book is None:
        raise UnknownName("styles", f"There is no style named {brief(body.styles[0])}.")
    styles = book.find(body.styles)
    prompts = {
        "prompt": apply(body.prompt, styles),
        "negative_prompt": apply_negative(body.negative_prompt, styles),
    }
    return body.model_copy(update=prompts)


def routes(services: RestServices) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=CheckedRoute)

    @router.get("/sdapi/v1/prompt-styles", tags=["sdapi"])
    def prompt_styles() -> list[dict[str, Any]]:
        """All styles."""
        return [_described(style) for style in services.styles or ()]

    @router.get("/easel/styles", tags=["easel"])
    def styles() -> dict[str, Any]:
        """All styles with the names of their files, and the files; new styles go to the first."""
        if services.styles is None:
            return {"styles": [], "files": []}
        entries = services.styles.entries()
        return {
            "styles": [{**_described(style), "file": path.name} for style, path in entries],
            "files": [path.name for path in services.styles.files()],
        }

    @router.put("/easel/styles", tags=["easel"])
    def put_style(body: StyleBody) -> dict[str, Any]:
        """Add a style, or change the one with this name."""
        kept, path = _book().put(Style(body.name, body.prompt or "", body.negative_prompt or ""))
        return {**_described(kept), "file": path.name}

    @router.delete("/easel/styles", tags=["easel"])
    def delete_style(name: str) -> dict[str, bool]:
        """Remove the style with this name."""
        try:
            _book().remove(name)
        except UnknownName as fault:
            raise NotFound(fault.message) from None
        return {"deleted": True}

    @router.post("/easel/styles/recognise", tags=["easel"])
    def recognise_styles(body: PromptsBody) -> dict[str, Any]:
        """The styles that prompts hold, and what the prompts are without them."""
        names, prompt, negative = recognise(body.prompt, body.negative_prompt, services.styles or ())
        return {"styles": names, "prompt": prompt, "negative_prompt": negative}

    def _book() -> StyleBook:
        if services.styles is None:
            raise NotSupported("Styles can't be kept here: no file for them is known.")
        return services.styles

    return router


def _described(style: Style) -> dict[str, Any]:
    return {"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative_prompt}
