"""From the latents of a batch to finished pictures with their recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modules.faults import NotSupported
from modules.generation.batch import Batch
from modules.generation.recipe import Recipe
from modules.generation.results import GeneratedImage
from modules.generation.session import Session
from modules.imaging.pixels import image_of_shares, to_image
from modules.sampling.catalogue import Sampler, Scheduler
from modules.sampling.sample import Sampled

if TYPE_CHECKING:
    from PIL.Image import Image

Finish = Callable[["Image", int], "Image"]
"""What is done to a decoded picture of this number."""


def finished(
    batch: Batch,
    sampled: Sampled,
    session: Session,
    sampler: Sampler,
    scheduler: Scheduler,
    finish: Finish = lambda image, number: image,
) -> Iterator[GeneratedImage]:
    """The pictures of a batch; each is decoded when it is asked for.

    Args:
        batch: in its last pass; sampled: what that gave.
        session, sampler, scheduler: those of the first pass, which the recipe names.

    Raises: NotSupported: an extension changed the number of pictures.
    """
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
    for number, decoded in zip(batch.numbers, _decoded(batch, sampled.latents), strict=True):
        yield GeneratedImage(
            image=finish(hooks.before_overlay(decoded, request, number), number),
            number=number,
            seed=request.seed_of(number),
            variation_seed=request.variation_seed_of(number),
            infotext=recipe.infotext(number),
            complete=sampled.complete,
        )


def _decoded(batch: Batch, latents: Tensor) -> Iterator[Image]:
    """The pictures of latents `[B, 4, h, w]`, one by one; all at once where an extension wants to see them so."""
    hooks = batch.session.hooks
    if not hooks.changes_decoded:
        yield from (to_image(batch.decode(latent)) for latent in latents)
        return
    assert batch.about is not None
    with torch.inference_mode():
        decoded = torch.stack([batch.decode(latent) for latent in latents])
        pixels = hooks.decoded(((decoded.float() + 1) / 2).clamp(0, 1), batch.about)
    if len(pixels) != len(latents):
        raise NotSupported(_ANOTHER_NUMBER)
    yield from map(image_of_shares, pixels)


_ANOTHER_NUMBER = (
    "An extension gave back another number of pictures than there are in the batch; that can't be."
)
