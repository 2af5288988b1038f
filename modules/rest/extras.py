"""Upscaling of finished pictures: the older UI's two routes and lists, and the route of our own page."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, model_validator

from modules.faults import InvalidField, NotSupported
from modules.generation.from_settings import fetch_rules, saving_options
from modules.generation.saving import SavingOptions
from modules.generation.upscaling import MAX_PICTURES, Tools, UpscalePicture, parameters
from modules.imaging.fetching import picture_bytes
from modules.imaging.infotext import compose
from modules.jobs.queue import Job
from modules.rest.bodies import CheckedRoute, Number, Whole
from modules.rest.closing import Closing
from modules.rest.generation import encode_pictures, outcome, raise_for
from modules.rest.picture_folders import PictureFolders
from modules.rest.services import RestServices

BY, TO = 0, 1


class ExtrasBody(BaseModel):
    """The fields that all of them have; null takes the default.

    Args: resize_mode: 0 by `upscaling_resize`, 1 to `upscaling_resize_w` x `upscaling_resize_h`.
    """

    model_config = ConfigDict(extra="ignore")

    resize_mode: Whole = BY
    show_extras_results: bool = True
    gfpgan_visibility: Number = 0
    codeformer_visibility: Number = 0
    codeformer_weight: Number = 0
    upscaling_resize: Number = 2
    upscaling_resize_w: Whole = 512
    upscaling_resize_h: Whole = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: Number = 0
    upscale_first: bool = False

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value is not None}
        return values


class SingleBody(ExtrasBody):
    """The fields of `POST /sdapi/v1/extra-single-image`; see `picture_bytes` for the picture."""

    image: str = ""


class FileData(BaseModel):
    """A picture and its name; the name says nothing here."""

    data: str
    name: str = ""


class BatchBody(ExtrasBody):
    """The fields of `POST /sdapi/v1/extra-batch-images`."""

    imageList: list[FileData]


class PageBody(ExtrasBody):
    """The fields of `POST /easel/extras`.

    Args:
        images: names of pictures that were sent to `/easel/inputs`.
        folder: all pictures in this folder of the server's machine besides.
    """

    images: list[str] = []
    folder: str = ""


def to_request(
    body: ExtrasBody,
    images: Sequence[str],
    files: Sequence[str] = (),
    *,
    save: bool = False,
    saving: SavingOptions | None = None,
) -> UpscalePicture:
    """The request that a body describes.

    Raises: InvalidField: a value out of range.
    """
    if body.resize_mode not in (BY, TO):
        raise InvalidField("resize_mode", f"resize_mode must be 0 (by) or 1 (to), not {body.resize_mode}.")
    to = body.resize_mode == TO
    for field, side in (
        ("upscaling_resize_w", body.upscaling_resize_w),
        ("upscaling_resize_h", body.upscaling_resize_h),
    ):
        if to and side < 1:
            raise InvalidField(field, f"{field} must be at least 1, not {side}.")
    return UpscalePicture(
        images=tuple(images),
        files=tuple(files),
        scale=2.0 if to else body.upscaling_resize,
        width=body.upscaling_resize_w if to else 0,
        height=body.upscaling_resize_h if to else 0,
        crop=body.upscaling_crop,
        upscaler_1=body.upscaler_1 or "None",
        upscaler_2=body.upscaler_2 or "None",
        upscaler_2_visibility=body.extras_upscaler_2_visibility,
        gfpgan_visibility=body.gfpgan_visibility,
        codeformer_visibility=body.codeformer_visibility,
        codeformer_weight=body.codeformer_weight,
        upscale_first=body.upscale_first,
        save=save,
        saving=saving or SavingOptions(),
    )


def routes(services: RestServices, folders: PictureFolders, closing: Closing) -> APIRouter:
    """The routes; without tools they say that pictures can't be upscaled."""
    router = APIRouter(route_class=CheckedRoute)

    def tools() -> Tools:
        if services.extras is None:
            raise NotSupported("Pictures can't be upscaled here.")
        return services.extras

    def submit(body: ExtrasBody, pictures: list[tuple[str, str]]) -> Job:
        tools()
        settings = services.settings.current
        rules, saving = fetch_rules(settings), saving_options(settings)
        names = [services.inputs.put(picture_bytes(text, field, rules), field) for field, text in pictures]
        return services.queue.submit(to_request(body, names, saving=saving), origin="api")

    async def carried_out(
        body: ExtrasBody, pictures: list[tuple[str, str]], http: Request
    ) -> tuple[list[str], str]:
        """The pictures, base64, and what was done to them, as HTML."""
        job = await asyncio.to_thread(submit, body, pictures)
        try:
            job = await outcome(services, closing, job, http)
            results = services.worker.take_results(job.id)
            raise_for(job)
            shown = results if body.show_extras_results else []
            return await asyncio.to_thread(encode_pictures, shown, job.request, False), _info(job)
        finally:
            services.worker.take_results(job.id)

    @router.post("/sdapi/v1/extra-single-image", tags=["sdapi"])
    async def single(body: SingleBody, http: Request) -> dict[str, Any]:
        """Make a picture larger, restore its faces, or both, and wait for it."""
        images, info = await carried_out(body, [("image", body.image)], http)
        return {"html_info": info, "image": images[0] if images else None}

    @router.post("/sdapi/v1/extra-batch-images", tags=["sdapi"])
    async def batch(body: BatchBody, http: Request) -> dict[str, Any]:
        """The same for several pictures."""
        given = [(f"imageList.{i}.data", file.data) for i, file in enumerate(body.imageList)]
        if not given:
            raise InvalidField("imageList", "imageList must hold at least one picture.")
        images, info = await carried_out(body, given, http)
        return {"html_info": info, "images": images}

    @router.post("/easel/extras", tags=["easel"])
    def queue(body: PageBody) -> dict[str, Any]:
        """Queue what the page's form says: `{"job": its number, "total": pictures}`."""
        tools()
        files = folders.pictures_in(body.folder, "folder", MAX_PICTURES) if body.folder.strip() else []
        if not body.images and not files:
            raise InvalidField("image", "Give a picture first: drop one here, or name a folder.")
        if body.upscaler_1 == "None" and not body.gfpgan_visibility and not body.codeformer_visibility:
            raise InvalidField(
                "upscaler_1", "Nothing is asked for: choose an upscaler or a face restoration."
            )
        paths, settings = [str(file) for file in files], services.settings.current
        save, saving = settings.saving.save, saving_options(settings)
        request = to_request(body, body.images, paths, save=save, saving=saving)
        job = services.queue.submit(request, origin="page")
        return {"job": job.id, "total": job.total}

    @router.get("/sdapi/v1/upscalers", tags=["sdapi"])
    def upscalers() -> list[dict[str, Any]]:
        """All upscalers, "None" first."""
        found = services.extras.upscalers.all() if services.extras else []
        return [_upscaler("None", None, 4.0), *(_upscaler(one.name, one.path, one.scale) for one in found)]

    @router.get("/sdapi/v1/face-restorers", tags=["sdapi"])
    def face_restorers() -> list[dict[str, Any]]:
        """The face restorations whose files are there."""
        faces = services.extras.faces if services.extras else None
        return [{"name": one.name, "cmd_dir": str(one.path.parent)} for one in (faces.all() if faces else [])]

    @router.get("/sdapi/v1/realesrgan-models", tags=["sdapi"])
    def realesrgan_models() -> list[dict[str, Any]]:
        """The upscalers in `models/RealESRGAN`."""
        found = services.extras.upscalers.all() if services.extras else []
        return [
            {"name": one.name, "path": str(one.path), "scale": int(one.scale)}
            for one in found
            if one.kind == "RealESRGAN"
        ]

    return router


def _upscaler(name: str, path: Path | None, scale: float) -> dict[str, Any]:
    model = None if path is None else path.stem
    return {
        "name": name,
        "model_name": model,
        "model_path": None if path is None else str(path),
        "model_url": None,
        "scale": scale,
    }


def _info(job: Job) -> str:
    """What was done, as the older UI tells it: a paragraph of HTML."""
    assert isinstance(job.request, UpscalePicture)
    return f"<p>{html.escape(compose('', '', parameters(job.request)))}</p>"
