"""From the latents of a batch to finished pictures with their recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modules.faults import NotSupported
from modules.generation.aside import Aside
from modules.generation.batch import Batch
from modules.generation.options import FaceOptions
from modules.generation.recipe import Recipe
from modules.generation.results import GeneratedImage
from modules.generation.session import Session
from modules.imaging.face_restoration import FaceRestorers
from modules.imaging.pixels import image_of_shares, to_image
from modules.sampling.catalogue import Sampler, Scheduler
from modules.sampling.sample import Sampled

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.models.vae_decoding import Decoding

Finish = Callable[["Image", int], "Image"]
"""What is done to a decoded picture of this number."""


def finished(
    batch: Batch,
    sampled: Sampled,
    session: Session,
    sampler: Sampler,
    scheduler: Scheduler,
    aside: Aside | None,
    finish: Finish = lambda image, number: image,
) -> Iterator[GeneratedImage]:
    """The pictures of a batch; each is decoded when it is asked for.

    Args:
        batch: in its last pass; sampled: what that gave.
        session, sampler, scheduler: those of the first pass, which the recipe names.
        aside: where pictures are finished; None: here and now.

    Raises: NotSupported: an extension changed the number of pictures; NotPossibleNow: the VAE gives no picture, now or
    for the batch before; BadFile: the model that restores faces can't be used.
    """
    if aside is not None:
        aside.settle()  # the VAE does one batch after the other
    request, hooks = batch.request, batch.session.hooks
    stopped_at = None if sampled.complete else batch.steps_done
    recipe = Recipe(
        request,
        batch.prompts,
        session.model,
        sampler,
        scheduler,
        stopped_at,
        batch.network_parameters,
        hooks,
    )
    if len(sampled.latents) != len(batch.numbers):
        raise NotSupported(_ANOTHER_NUMBER)

    def made(decode: Callable[[], Image], number: int) -> Image:
        image = _with_faces(decode(), request.faces, session.faces)
        if aside is None:
            image = hooks.before_overlay(image, request, number)
        return finish(image, number)

    for number, decode in zip(batch.numbers, _decoded(batch, sampled.latents), strict=True):
        yield GeneratedImage(
            image=made(decode, number) if aside is None else aside.do(partial(made, decode, number)),  # type: ignore[arg-type]
            number=number,
            seed=request.seed_of(number),
            variation_seed=request.variation_seed_of(number),
            infotext=recipe.infotext(number),
            complete=sampled.complete,
        )


def _with_faces(image: Image, options: FaceOptions, restorers: FaceRestorers | None) -> Image:
    """The picture with its faces restored, where that is asked for."""
    if options.restorer is None:
        return image
    assert restorers is not None  # `engine.check` says so
    return restorers.restore(image, options.restorer, options.weight)


def _decoded(batch: Batch, latents: Tensor) -> Iterator[Callable[[], Image]]:
    """What waits for the pictures of latents `[B, 4, h, w]`, begun one by one; all at once where an extension wants to
    see them so.
    """
    hooks = batch.session.hooks
    if not hooks.changes_decoded:
        yield from (partial(_awaited, batch.begin_decoding(latent)) for latent in latents)
        return
    assert batch.about is not None
    with torch.inference_mode():
        decoded = torch.stack([batch.decode(latent) for latent in latents])
        pixels = hooks.decoded(((decoded.float() + 1) / 2).clamp(0, 1), batch.about)
    if len(pixels) != len(latents):
        raise NotSupported(_ANOTHER_NUMBER)
    yield from (partial(image_of_shares, one) for one in pixels)


def _awaited(decoding: Decoding) -> Image:
    return to_image(decoding.wait())


_ANOTHER_NUMBER = (
    "An extension gave back another number of pictures than there are in the batch; that can't be."
)
