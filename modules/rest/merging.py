"""`/internal/merge`: begins a merge of checkpoints, tells how far it is, ends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, model_validator

from modules.faults import NotSupported
from modules.jobs.merging import MergeOrder, Merger
from modules.rest.bodies import CheckedRoute, Number


class MergeBody(BaseModel):
    """The fields of `POST /internal/merge`; null takes the default.

    Args:
        primary, secondary, tertiary: checkpoints A, B and C by title, name or hash.
        method: "weighted sum" A*(1-M)+B*M, "add difference" A+(B-C)*M, or "no interpolation" A.
        multiplier: M.
        half: store float16. vae: name of a VAE to bake in. discard: regular expression of tensors to leave out.
        name: of the new checkpoint; empty makes one. overwrite: replace a checkpoint of that name.
    """

    model_config = ConfigDict(extra="ignore")

    primary: str = ""
    secondary: str | None = None
    tertiary: str | None = None
    method: str = "weighted sum"
    multiplier: Number = 0.3
    half: bool = False
    format: str = "safetensors"
    vae: str | None = None
    discard: str = ""
    name: str = ""
    keep_metadata: bool = True
    save_recipe: bool = True
    overwrite: bool = False

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value is not None}
        return values


def routes(merger: Merger | None) -> APIRouter:
    """The routes; without a merger they say that there is none."""
    router = APIRouter(prefix="/internal/merge", route_class=CheckedRoute, tags=["internal"])

    def _merger() -> Merger:
        if merger is None:
            raise NotSupported("Checkpoints can't be merged here.")
        return merger

    @router.post("")
    def begin(body: MergeBody) -> dict[str, Any]:
        """Begin a merge; the answer is its state."""
        return asdict(_merger().start(MergeOrder(**body.model_dump())))

    @router.get("")
    def state() -> dict[str, Any]:
        """How far the newest merge is."""
        return asdict(_merger().state())

    @router.post("/cancel")
    def cancel() -> dict[str, Any]:
        """End the merge at work; nothing of it is kept."""
        return asdict(_merger().cancel())

    return router
