"""The prompts of each picture: with wildcards filled in, and which pictures can be made together."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from modules.generation.requests import ImageToImage, PictureRequest
from modules.prompts.wildcards import Wildcards

if TYPE_CHECKING:
    from modules.generation.hooks import GenerationHooks


class Prompts(NamedTuple):
    """The prompts of one picture, with its wildcards filled in."""

    prompt: str
    negative_prompt: str


def prompts_of(
    request: PictureRequest, wildcards: Wildcards | None, number: int, hooks: GenerationHooks | None = None
) -> Prompts:
    """The prompts of picture `number`: its seed chooses what the wildcards stand for."""
    written = Prompts(request.prompt_of(number), request.negative_prompt_of(number))
    filled = expanded(written, request, wildcards, number)
    return filled if hooks is None else hooks.prompts(filled, request, number)


def expanded(prompts: Prompts, request: PictureRequest, wildcards: Wildcards | None, number: int) -> Prompts:
    """Prompts with the wildcards of picture `number` filled in."""
    if wildcards is None or not request.text.wildcards:
        return prompts
    # without a list of seeds each picture has its own choice, also where all are variations of one seed
    seed = request.seed_of(number) if request.seeds else request.seed + number
    # another seed for the negative prompt, or both would choose alike
    return Prompts(
        wildcards.expand(prompts.prompt, seed),
        wildcards.expand(prompts.negative_prompt, seed ^ 1, "negative_prompt"),
    )


def next_batch(
    request: PictureRequest, wildcards: Wildcards | None, first: int, hooks: GenerationHooks | None = None
) -> range:
    """The pictures that are made together: up to a batch's border, as long as prompts and masks are the same."""
    # batches keep their borders when a job goes on after a crash
    last = min(first - first % request.batch_size + request.batch_size, request.pictures)
    prompts, mask = prompts_of(request, wildcards, first, hooks), _mask_of(request, first)
    same = takewhile(
        lambda n: prompts_of(request, wildcards, n, hooks) == prompts and _mask_of(request, n) == mask,
        range(first, last),
    )
    return range(first, first + sum(1 for _ in same))


def _mask_of(request: PictureRequest, number: int) -> str | None:
    if not isinstance(request, ImageToImage) or request.mask is None:
        return None
    return request.mask.image_of(number)
