"""Networks: the older UI's lists (`/sdapi/v1`), and `/easel/networks` for the cards on the page.

A network in a request is a name of the library's own list and never part of a path.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from modules.faults import NotSupported, UnknownName
from modules.folders import inside
from modules.generation.from_settings import fetch_rules
from modules.imaging.fetching import picture_bytes
from modules.networks.library import NetworkCard, NetworkLibrary, Wanted
from modules.rest.bodies import CheckedRoute
from modules.rest.errors import NotFound, brief
from modules.rest.gallery import MEDIA_TYPES, file_response, thumbnail_file
from modules.rest.services import RestServices

if TYPE_CHECKING:
    from modules.networks.embeddings import Embedding, SkippedEmbedding

PAGE_SIZE = 100
CHECKPOINTS = "checkpoints"
MOST_WANTED = 200
PREVIEW_TYPES = {suffix: MEDIA_TYPES[suffix] for suffix in (".png", ".webp", ".jpg", ".jpeg")}

Name = Annotated[str, Query(max_length=1024)]


class NotesBody(BaseModel):
    """The fields to change, under the keys of the JSON file beside a network."""

    fields: dict[str, Any]


class PreviewBody(BaseModel):
    """A new preview: a finished picture (its id), or a picture file as base64."""

    picture: int | None = None
    image: str | None = None


class WantedBody(BaseModel):
    """A network that a recipe names."""

    kind: str
    name: str = Field(max_length=1024)
    hash: str = Field("", max_length=128)


class WantedList(BaseModel):
    """Networks that a recipe names."""

    networks: list[WantedBody] = Field(max_length=MOST_WANTED)


def lists(services: RestServices) -> APIRouter:
    """The older UI's routes."""
    router = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])
    library = services.library

    @router.get("/embeddings")
    def embeddings() -> dict[str, Any]:
        """The embeddings that the loaded model can use, and those that it can't."""
        if services.embeddings is None:
            return {"loaded": {}, "skipped": {}}
        found = services.embeddings()
        return {
            "loaded": {name: _embedding(one) for name, one in found.loaded.items()},
            "skipped": {name: _skipped(one) for name, one in found.skipped.items()},
        }

    @router.post("/refresh-embeddings")
    def refresh_embeddings() -> None:
        """Look for embeddings again."""
        if library is not None:
            library.refresh("textual_inversion")

    @router.get("/hypernetworks")
    def hypernetworks() -> list[dict[str, Any]]:
        """All hypernetworks."""
        files = library.files("hypernetworks") if library else ()
        return [{"name": file.name, "path": str(file.path)} for file in files]

    @router.get("/loras")
    def loras() -> list[dict[str, Any]]:
        """All networks of the LoRA family, with what their training wrote."""
        return [
            {"name": e.name, "alias": e.alias, "path": str(e.path), "metadata": unfolded(e.metadata)}
            for e in (services.loras.all() if services.loras else ())
        ]

    @router.post("/refresh-loras")
    def refresh_loras() -> None:
        """Look for networks of the LoRA family again."""
        if services.loras is not None:
            services.loras.refresh()
        if library is not None:
            library.refresh("lora")

    return router


def cards(services: RestServices) -> APIRouter:
    """The page's routes."""
    router = APIRouter(prefix="/easel/networks", route_class=CheckedRoute, tags=["easel"])

    @router.get("")
    def kinds() -> dict[str, Any]:
        """The kinds of networks, in the order of their tabs."""
        found = services.library.kinds() if services.library else []
        return {"kinds": [{"key": kind.key, "title": kind.title} for kind in found]}

    @router.post("/missing")
    def missing(body: WantedList) -> dict[str, Any]:
        """Which of some networks aren't here; `instead` is one of the same hash under another name."""
        wanted = [Wanted(one.kind, one.name, one.hash) for one in body.networks]
        found = _library().missing(wanted)
        return {"missing": [{**asdict(one.wanted), "instead": one.instead} for one in found]}

    @router.get("/{kind}")
    def page(
        kind: str,
        search: Annotated[str, Query(max_length=500)] = "",
        folder: Name = "",
        sort: str = "name",
        descending: bool = False,
        offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: int = PAGE_SIZE,
    ) -> dict[str, Any]:
        """Some of the cards that fit, and how many fit; `chosen` is the checkpoint in use."""
        library = _library(kind)
        found, total = library.page(kind, search, folder, sort, descending, offset, limit)
        return {"cards": [described(card) for card in found], "total": total, "chosen": _chosen(kind)}

    @router.get("/{kind}/tree")
    def tree(kind: str) -> dict[str, Any]:
        """The folders, parents before what is in them, with how many networks are in and below them."""
        return {"folders": [asdict(folder) for folder in _library(kind).tree(kind)]}

    @router.get("/{kind}/details")
    def details(kind: str, name: Name) -> dict[str, Any]:
        """A card with its notes and metadata."""
        library = _known(kind, name)
        found = library.details(kind, name)
        card: NetworkCard = found["card"]
        return {**found, "card": described(card), "path": str(card.path)}

    @router.get("/{kind}/hash")
    def hash_of(kind: str, name: Name) -> dict[str, str]:
        """The hash that recipes name, computed if need be."""
        return {"hash": _known(kind, name).hash(kind, name)}

    @router.put("/{kind}/notes")
    def put_notes(kind: str, name: Name, body: NotesBody) -> dict[str, Any]:
        """Change notes in the file beside the network."""
        library = _known(kind, name)
        library.save_notes(kind, name, body.fields)
        return details(kind, name)

    @router.put("/{kind}/preview")
    def put_preview(kind: str, name: Name, body: PreviewBody) -> dict[str, Any]:
        """Make a picture the preview."""
        library = _known(kind, name)
        data, recipe = _picture(body)
        library.set_preview(kind, name, data, recipe)
        return details(kind, name)

    @router.get("/{kind}/preview")
    def preview(kind: str, name: Name, request: Request) -> Response:
        """The preview with its longer side at 256 pixels."""
        path = _known(kind, name).preview(kind, name)
        if path is None or not path.is_file():
            raise NotFound(f"{brief(name)} has no preview.")
        try:
            small = thumbnail_file(path, services.cache) if services.cache is not None else path
        except (OSError, SyntaxError, ValueError):
            small = path
        media_type = PREVIEW_TYPES.get(small.suffix.lower(), "application/octet-stream")
        return file_response(small, request, media_type)

    @router.post("/{kind}/choose")
    def choose(kind: str, name: Name) -> dict[str, str]:
        """Make a checkpoint the one in use."""
        _known(kind, name)
        if kind != CHECKPOINTS:
            raise NotSupported("Only a checkpoint can be chosen; other networks are named in the prompt.")
        services.settings.update({"model.checkpoint": name})
        return {"chosen": name}

    @router.post("/{kind}/refresh")
    def refresh(kind: str) -> dict[str, bool]:
        """Look at the folders anew."""
        library = _library(kind)
        library.refresh(kind)
        if kind == "lora" and services.loras is not None:
            services.loras.refresh()
        return {"refreshed": True}

    def _library(kind: str | None = None) -> NetworkLibrary:
        if services.library is None:
            raise NotSupported("There is no library of networks here.")
        if kind is not None and all(kind != one.key for one in services.library.kinds()):
            raise NotFound(f"There is no kind of network called {brief(kind)}.")
        return services.library

    def _known(kind: str, name: str) -> NetworkLibrary:
        library = _library(kind)
        try:
            library.find(kind, name)
        except UnknownName as fault:
            raise NotFound(fault.message) from None
        return library

    def _chosen(kind: str) -> str | None:
        if kind != CHECKPOINTS:
            return None
        files = _library().files(kind)
        wanted = services.settings.current.model.checkpoint
        named = (f for f in files if wanted and wanted.split(" [")[0] in (f.name, f.name.rpartition(".")[0]))
        return next((f.name for f in named), files[0].name if files else None)

    def _picture(body: PreviewBody) -> tuple[bytes, str | None]:
        if body.image is not None:
            return picture_bytes(body.image, "image", fetch_rules(services.settings.current)), None
        number = body.picture or 0
        picture = services.pictures.get(number)
        if picture is None:
            raise NotFound(f"There is no picture {number}.")
        try:
            data = inside(services.pictures.outputs, picture.path, "picture").read_bytes()
        except OSError:
            raise NotFound(f"The file {picture.path} is not there any more.") from None
        return data, picture.infotext

    return router


def described(card: NetworkCard) -> dict[str, Any]:
    """A card as JSON; where its file lies on the machine is not told."""
    told = asdict(card)
    del told["path"]
    return {**told, "preview": str(card.preview or ""), "file": card.path.name}


def unfolded(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Metadata in which values that are JSON objects are such, as the older UI tells them."""
    found: dict[str, Any] = {}
    for key, value in metadata.items():
        if key == "ssmd_cover_images":
            continue
        found[key] = value
        if value.startswith("{"):
            with contextlib.suppress(ValueError, RecursionError):
                found[key] = json.loads(value)
    return found


def _embedding(one: Embedding) -> dict[str, Any]:
    return {
        "step": one.step,
        "sd_checkpoint": one.checkpoint_hash,
        "sd_checkpoint_name": one.checkpoint_name,
        "shape": one.width,
        "vectors": one.count,
    }


def _skipped(one: SkippedEmbedding) -> dict[str, Any]:
    return {
        "step": None,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
        "shape": one.width,
        "vectors": one.vectors,
    }
