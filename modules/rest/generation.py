"""What `txt2img` and `img2img` share: from JSON through the queue, and from the pictures to JSON."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request as HttpRequest

from modules.faults import NotSupported
from modules.generation.from_settings import (
    face_options,
    noise_options,
    sampling_options,
    saving_options,
    text_options,
)
from modules.generation.options import NoiseOptions, SamplingOptions
from modules.generation.requests import GenerationRequest, ImageToImage, Refiner, Request, TextToImage
from modules.generation.results import GeneratedImage
from modules.generation.upscaling import UpscalePicture
from modules.imaging.infotext import parse as parse_infotext
from modules.jobs.queue import Job, Status
from modules.rest.closing import Closing, first_of
from modules.rest.errors import UNEXPECTED, RestFault, status_of_kind
from modules.rest.generation_bodies import GenerationBody
from modules.rest.infotext_fields import filled_from_infotext
from modules.rest.older_options import apart, change_options
from modules.rest.options import find_checkpoint, to_changes
from modules.rest.scripts import kind_of, script_fields
from modules.rest.services import NoScripts, RestServices, Scripts
from modules.rest.styles import with_styles
from modules.rest.tasks import Tasks
from modules.rest.waiting import wait_until_over
from modules.settings.model import Settings
from modules.settings.older_options import OVERRIDES
from modules.settings.store import with_changes

if TYPE_CHECKING:
    from PIL.Image import Image

Body = TypeVar("Body", bound=GenerationBody)

NOT_YET: dict[str, str] = {
    "comments": "Comments are",
    "latent_mask": "A mask for the latents alone is",
}
"""Fields whose only possible value is "not used", and what their sentence begins with."""


def refuse_what_is_not_there(body: GenerationBody) -> None:
    """Raises: NotSupported: a field asks for something that this version doesn't do."""
    for field, subject in NOT_YET.items():
        if getattr(body, field, None):
            raise NotSupported(f"{subject} not there yet; leave {field} out.", field)


def common_fields(body: GenerationBody, settings: Settings, scripts: Scripts | None = None) -> dict[str, Any]:
    """The fields that all requests have; what the body leaves open comes from the settings.

    Raises: InvalidField: a value out of range; NotSupported: see `refuse_what_is_not_there`; UnknownScript.
    """
    refuse_what_is_not_there(body)
    sampler = body.sampler_name or body.sampler_index
    return {
        "prompt": body.prompt,
        "negative_prompt": body.negative_prompt,
        "seed": body.seed,
        "steps": body.steps,
        "sampler": sampler,
        "scheduler": body.scheduler or "Automatic",
        "cfg_scale": body.cfg_scale,
        "width": body.width,
        "height": body.height,
        "batch_size": body.batch_size,
        "batch_count": body.n_iter,
        "tiling": settings.sampling.tiling if body.tiling is None else body.tiling,
        "checkpoint": settings.model.checkpoint,
        "vae": settings.model.vae,
        "save": body.save_images and not body.do_not_save_samples and settings.saving.save,
        "refiner": _refiner(body),
        **script_fields(body, scripts or NoScripts()),
        "sampling": _sampling(body, settings, sampler),
        "noise": _noise(body, settings),
        "faces": face_options(settings, body.restore_faces),
        "saving": replace(saving_options(settings), grid=settings.saving.grids and not body.do_not_save_grid),
        "text": replace(text_options(settings), networks=not body.disable_extra_networks),
    }


def _refiner(body: GenerationBody) -> Refiner | None:
    if body.refiner_checkpoint in (None, "", "None") or not body.refiner_switch_at:
        return None
    return Refiner(checkpoint=str(body.refiner_checkpoint), switch_at=body.refiner_switch_at)


def _sampling(body: GenerationBody, settings: Settings, sampler: str) -> SamplingOptions:
    given: dict[str, float | None] = {
        "eta": body.eta,
        "s_churn": body.s_churn,
        "s_tmin": body.s_tmin,
        "s_tmax": body.s_tmax,
        "s_noise": body.s_noise,
        "skip_negative_below": body.s_min_uncond,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(sampling_options(settings, sampler), **changes)


def _noise(body: GenerationBody, settings: Settings) -> NoiseOptions:
    return replace(
        noise_options(settings),
        variation_seed=body.subseed,
        variation_strength=body.subseed_strength,
        resize_from_width=0 if body.seed_resize_from_w == -1 else body.seed_resize_from_w,
        resize_from_height=0 if body.seed_resize_from_h == -1 else body.seed_resize_from_h,
    )


def info_of(
    job: Job, pictures: list[GeneratedImage], grid: bool, services: RestServices, styles: Sequence[str] = ()
) -> dict[str, Any]:
    """The answer's `info`: what was really done, picture by picture; `styles` are the names asked for."""
    request = job.request
    assert isinstance(request, (TextToImage, ImageToImage))
    checkpoint = find_checkpoint(request.checkpoint, services.checkpoints()) if request.checkpoint else None
    grids, pictures = _apart(pictures)
    infotexts = [picture.infotext for picture in pictures]
    first = next(iter([*pictures, *grids]), None)
    prompts = [_prompts_of(picture, request) for picture in pictures]
    before = infotexts[:1] if grid else [picture.infotext for picture in grids]
    return {
        "prompt": request.prompt,
        "all_prompts": [prompt for prompt, _ in prompts],
        "negative_prompt": request.negative_prompt,
        "all_negative_prompts": [negative for _, negative in prompts],
        "seed": first.seed if first else request.seed,
        "all_seeds": [picture.seed for picture in pictures],
        "subseed": first.variation_seed if first else request.noise.variation_seed,
        "all_subseeds": [picture.variation_seed for picture in pictures],
        "subseed_strength": request.noise.variation_strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size,
        "restore_faces": request.faces.restorer is not None,
        "face_restoration_model": request.faces.restorer,
        "sd_model_name": checkpoint.name if checkpoint else request.checkpoint,
        "sd_model_hash": checkpoint.hash if checkpoint else None,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": request.noise.resize_from_width or -1,
        "seed_resize_from_h": request.noise.resize_from_height or -1,
        "denoising_strength": _strength(request),
        "extra_generation_params": _extra_parameters(infotexts),
        "index_of_first_image": len(before),
        "infotexts": [*before, *infotexts],
        "styles": list(styles),
        "job_timestamp": datetime.fromtimestamp(job.created).strftime("%Y%m%d%H%M%S"),
        "clip_skip": request.text.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": services.version,
    }


def _apart(pictures: Sequence[GeneratedImage]) -> tuple[list[GeneratedImage], list[GeneratedImage]]:
    """The grids, and the other pictures, in their order."""
    grids = [picture for picture in pictures if picture.kind == "grid"]
    return grids, [picture for picture in pictures if picture.kind != "grid"]


def _prompts_of(picture: GeneratedImage, request: GenerationRequest) -> tuple[str, str]:
    """Prompt and negative prompt of a picture: a script may have made it with others than the request's."""
    if request.script is None or not picture.infotext:
        return request.prompt, request.negative_prompt
    prompt, negative, _ = parse_infotext(picture.infotext)
    return prompt, negative


def _extra_parameters(infotexts: list[str]) -> dict[str, str]:
    schedule = parse_infotext(infotexts[0])[2].get("Schedule type") if infotexts else None
    return {"Schedule type": schedule} if schedule else {}


def encode_pictures(pictures: list[GeneratedImage], request: Request, grid: bool) -> list[str]:
    """The pictures as base64 files in the request's format with their recipes inside; grids come first.

    Args: grid: make one of all pictures.
    """
    from modules.imaging.storage import picture_bytes

    def encoded(image: Image, infotext: str) -> str:
        how = request.saving.file_format().suiting(image.width, image.height)
        return b64encode(picture_bytes(image, infotext, how)).decode("ascii")

    grids, others = _apart(pictures)
    files = [encoded(picture.image, picture.infotext) for picture in (*grids, *others)]
    if grid:
        own = [picture.image for picture in pictures if picture.kind == "picture"]
        sheet = request.saving.sheet(own, getattr(request, "batch_size", 1))
        files.insert(0, encoded(sheet, pictures[0].infotext))
    return files


def raise_for(job: Job) -> None:
    """Raises: RestFault: the job failed or was taken out of the queue."""
    if job.status is Status.CANCELLED:
        raise RestFault(503, job.error or "The job was taken out of the queue before it was done.")
    if job.status is Status.FAILED:
        message = job.error or f"{UNEXPECTED}. The log has the details."
        raise RestFault(status_of_kind(job.fault), message, job.field)


def _strength(request: GenerationRequest) -> float | None:
    if isinstance(request, TextToImage):
        return None if request.hires is None else request.hires.denoising_strength
    return request.denoising_strength


class Generation:
    """Carries bodies out: submits them, waits, and answers."""

    def __init__(self, services: RestServices, closing: Closing, tasks: Tasks) -> None:
        self._services = services
        self._closing = closing
        self._tasks = tasks

    async def run(
        self, body: Body, to_request: Callable[[Body, Settings], Request], http: HttpRequest
    ) -> dict[str, Any]:
        """The answer to a body.

        Raises: Fault, RestFault.
        """
        scripts, kind = self._services.scripts, kind_of(body)
        body = await asyncio.to_thread(
            filled_from_infotext, body, self._is_checkpoint, lambda said: scripts.from_recipe(said, kind)
        )
        job, settings = await asyncio.to_thread(self._submit, body, to_request)
        try:
            job = await outcome(self._services, self._closing, job, http)
            return await asyncio.to_thread(self._answer, body, job, settings)
        finally:
            self._services.worker.take_results(job.id)

    def _is_checkpoint(self, name: str) -> bool:
        return find_checkpoint(name, self._services.checkpoints()) is not None

    def _submit(self, body: Body, to_request: Callable[[Body, Settings], Request]) -> tuple[Job, Settings]:
        services = self._services
        current = services.settings.current
        theirs, ours = apart(body.override_settings, services.older) if body.override_settings else ({}, {})
        changes = to_changes(ours, current, services.checkpoints, services.vaes)
        settings = with_changes(current, changes)
        request = to_request(with_styles(body, services.styles), settings)
        if theirs and not isinstance(request, UpscalePicture):
            request = replace(request, extensions={**request.extensions, OVERRIDES: theirs})
        lasting = bool(body.override_settings) and not body.override_settings_restore_afterwards
        if lasting:
            services.settings.checked(changes)  # nothing is queued where that can't be
        job = services.queue.submit(request, origin="api")
        if lasting:
            services.settings.update(changes)
            change_options(theirs, services.older)
        self._tasks.remember(body.force_task_id, job.id)
        return job, settings

    def _answer(self, body: GenerationBody, job: Job, settings: Settings) -> dict[str, Any]:
        pictures = self._services.worker.take_results(job.id)
        raise_for(job)
        wants_grid = settings.saving.grids_in_answers and body.save_images and not body.do_not_save_grid
        # a script says itself which grids there are; what extensions show besides is no part of one
        plain = isinstance(job.request, UpscalePicture) or job.request.script is None
        own = [picture for picture in pictures if picture.kind == "picture"]
        grid = len(own) > 1 and wants_grid and plain
        info = info_of(job, pictures, grid, self._services, body.styles)
        return {
            "images": encode_pictures(pictures, job.request, grid) if body.send_images else [],
            "parameters": body.model_dump(exclude=body.not_sent_back()),
            "info": json.dumps(info, ensure_ascii=False),
        }


async def outcome(services: RestServices, closing: Closing, job: Job, http: HttpRequest) -> Job:
    """The job when it is over. A client that goes away takes its job along, unless that saves its pictures.

    Raises: RestFault: the server is going away.
    """
    over = wait_until_over(services, closing, job.id)
    if await first_of(over, _disconnected(http)) == 1:
        await asyncio.to_thread(_withdraw, services, job)
        await wait_until_over(services, closing, job.id)
    ended = await asyncio.to_thread(services.queue.get, job.id)
    if ended is None or not ended.status.over:
        raise RestFault(503, "Easel is being stopped; the job was not done.")
    return ended


async def _disconnected(http: HttpRequest) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _withdraw(services: RestServices, job: Job) -> None:
    if services.queue.cancel(job.id):
        return
    progress = services.worker.progress()
    if not job.request.save and progress is not None and progress.job == job.id:
        services.worker.interrupt()
