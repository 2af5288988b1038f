"""Pictures from pictures: a picture (or a part of it) with noise on it, sampled anew, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.generation.aside import Aside
from modules.generation.batch import Batch, Pass, in_batches
from modules.generation.conditions import from_picture
from modules.generation.finishing import finished
from modules.generation.guidance import PassPlan
from modules.generation.init_picture import Prepared, prepare
from modules.generation.refining import refiner_switch
from modules.generation.requests import ImageToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.session import Session
from modules.imaging.pixels import to_pixels
from modules.sampling.catalogue import resolve
from modules.sampling.denoiser import LatentMask
from modules.sampling.sample import Sampled, Start, exact_steps

if TYPE_CHECKING:
    from PIL.Image import Image

LATENT_RESIZE = 3
"""The resize mode that scales the latents and not the picture."""


def image_to_image(
    request: ImageToImage, session: Session, monitor: Monitor, first: int = 0
) -> Iterator[GeneratedImage]:
    """Make the request's pictures from number `first` on, and yield each as soon as it is done."""
    yield from in_batches(
        request,
        session,
        monitor,
        first,
        lambda numbers, aside: _batch(request, session, monitor, numbers, aside),
    )


def _steps(request: ImageToImage) -> tuple[int, int]:
    """The length of the schedule, and how many steps of it are done, less one."""
    strength = request.denoising_strength
    if request.picture.exact_steps and strength > 0:
        return exact_steps(strength, request.steps), request.steps - 1
    return request.steps, int(min(strength, 0.999) * request.steps)


def _batch(
    request: ImageToImage, session: Session, monitor: Monitor, numbers: range, aside: Aside | None
) -> Iterator[GeneratedImage]:
    sampler, scheduler = resolve(request.sampler, request.scheduler)
    whole, done = _steps(request)
    untouched = request.denoising_strength == 0 and request.picture.exact_steps
    batch = Batch(request, session, monitor, numbers, 1 if untouched else done + 1)
    monitor.begin_batch(numbers.start, len(numbers), batch.steps)
    pictures = [prepare(request, batch, number) for number in numbers]
    pixels, latents = _encoded(request, batch, pictures)
    mask = _latent_mask(request, batch, pictures[0], latents)
    if mask is not None:
        latents = mask.original
    calls = sampler.calls_a_step
    plan = PassPlan(
        prompts=batch.prompts,
        width=request.width,
        height=request.height,
        prompt_calls=request.steps * calls,
        calls=0 if untouched else (done + 1) * calls,
        cfg_scale=request.cfg_scale,
    )
    if untouched:
        sampled = batch.done(Sampled(latents, True), plan)
    else:
        weight = request.picture.mask_weight
        told = pictures[0].pixel_mask
        picture = from_picture(
            batch,
            pixels,
            latents,
            None if told is None else torch.from_numpy(told),
            weight,
            request.image_cfg_scale,
        )
        options = request.picture
        start = Start(latents, done, options.noise_multiplier, options.extra_noise)
        switch = refiner_switch(batch, plan, picture)
        sampled = batch.sample(Pass(plan, sampler, scheduler, whole, picture, start, mask, switch))
    if monitor.skip_requested():
        return

    def finish(image: Image, number: int) -> Image:
        def laid_over(mask: Image, original: Image) -> tuple[Image, Image]:
            return (mask, original) if aside else session.hooks.overlay(mask, original, request, number)

        return pictures[number - numbers.start].finish(image, laid_over)

    yield from finished(batch, sampled, session, sampler, scheduler, aside, finish)


def _encoded(request: ImageToImage, batch: Batch, pictures: list[Prepared]) -> tuple[Tensor, Tensor]:
    """The pictures `[B, 3, H, W]` in -1..1, and their latents at the request's size."""
    model, size = batch.session.model, (request.height, request.width)
    cell = model.vae.config.downscale

    def encoded(pixels: Tensor) -> Tensor:
        latents = batch.encode(pixels)
        if request.resize_mode != LATENT_RESIZE:
            return latents
        return F.interpolate(latents, (size[0] // cell, size[1] // cell), mode="bilinear")

    if len({one.image.size for one in pictures}) == 1:
        pixels = to_pixels([one.image for one in pictures]).to(model.compute.device)
        return pixels, encoded(pixels)
    each = [to_pixels([one.image]).to(model.compute.device) for one in pictures]
    resized = [F.interpolate(pixels, size, mode="bilinear", antialias=True) for pixels in each]
    return torch.cat(resized), torch.cat([encoded(pixels) for pixels in each])


def _latent_mask(
    request: ImageToImage, batch: Batch, prepared: Prepared, latents: torch.Tensor
) -> LatentMask | None:
    """The mask in latent cells with what is kept; under it stands what "masked content" says."""
    if prepared.mask is None:
        return None
    from modules.imaging.masks import latent_mask

    soft = request.mask is not None and request.mask.soft
    change = torch.from_numpy(latent_mask(prepared.mask, latents.shape[-1], latents.shape[-2], soft))
    change = change.to(latents)
    content = "original" if request.mask is None else request.mask.content
    if content == "latent noise":
        noise = batch.plain_noise(tuple(latents.shape[1:]))
        latents = latents * (1 - change) + noise * change
    elif content == "latent nothing":
        latents = latents * (1 - change)
    return LatentMask(latents, change)
