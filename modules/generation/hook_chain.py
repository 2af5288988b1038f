"""Several hooks as one: each gets what the one before it made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modules.generation.hooks import GenerationHooks, PassInfo, StepInfo
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, PictureRequest, Request
from modules.generation.results import GeneratedImage

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from modules.generation.recipe import Parameters
    from modules.generation.studio import Studio
    from modules.sampling.denoiser import Guidance, LatentMask, ModelCall

T = TypeVar("T")


class Chain(GenerationHooks):
    """Calls hooks in their order. Where a property says whether one listens, only those that do are called."""

    def __init__(self, *hooks: GenerationHooks) -> None:
        self._hooks = hooks

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        """See `GenerationHooks`."""
        return self._through(request, lambda hooks, value: hooks.before_generation(value))

    def after_generation(self, request: Request, pictures: int) -> None:
        """All of them, also where one fails."""
        with ExitStack() as calls:
            for hooks in reversed(self._hooks):
                calls.callback(hooks.after_generation, request, pictures)

    def prompts(self, prompts: Prompts, request: PictureRequest, number: int) -> Prompts:
        """See `GenerationHooks`."""
        return self._through(prompts, lambda hooks, value: hooks.prompts(value, request, number))

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        """See `GenerationHooks`."""
        return self._through(guidance, lambda hooks, value: hooks.conditioning(value, about))

    def run(self, request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage] | None:
        """The first that knows the script."""
        answers = (hooks.run(request, studio) for hooks in self._hooks)
        return next((answer for answer in answers if answer is not None), None)

    def networks_applied(self, about: PassInfo) -> None:
        """See `GenerationHooks`."""
        for hooks in self._hooks:
            hooks.networks_applied(about)

    def before_encoding(self, prompts: Prompts, about: PassInfo) -> Prompts:
        """See `GenerationHooks`."""
        return self._through(prompts, lambda hooks, value: hooks.before_encoding(value, about))

    def before_second_pass(self, about: PassInfo) -> None:
        """See `GenerationHooks`."""
        for hooks in self._hooks:
            hooks.before_second_pass(about)

    def starting(self, latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        return self._through(latents, lambda hooks, value: hooks.starting(value, noise, about))

    def extra_noise(self, noise: Tensor, latents: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        return self._through(noise, lambda hooks, value: hooks.extra_noise(value, latents, about))

    @property
    def changes_model_calls(self) -> bool:
        """See `GenerationHooks`."""
        return any(hooks.changes_model_calls for hooks in self._hooks)

    def model_call(self, call: ModelCall, about: PassInfo) -> ModelCall:
        """See `GenerationHooks`."""
        listening = (hooks for hooks in self._hooks if hooks.changes_model_calls)
        return reduce(lambda value, hooks: hooks.model_call(value, about), listening, call)

    def predicted(self, predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        """See `GenerationHooks`."""
        listening = (hooks for hooks in self._hooks if hooks.changes_model_calls)
        return reduce(lambda value, hooks: hooks.predicted(value, call, about), listening, predictions)

    @property
    def changes_mask_blends(self) -> bool:
        """See `GenerationHooks`."""
        return any(hooks.changes_mask_blends for hooks in self._hooks)

    def mask_blended(self, blended: Tensor, made: Tensor, at: StepInfo, mask: LatentMask) -> Tensor:
        """See `GenerationHooks`."""
        listening = (hooks for hooks in self._hooks if hooks.changes_mask_blends)
        return reduce(lambda value, hooks: hooks.mask_blended(value, made, at, mask), listening, blended)

    def sampled(self, latents: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        return self._through(latents, lambda hooks, value: hooks.sampled(value, about))

    @property
    def changes_decoded(self) -> bool:
        """See `GenerationHooks`."""
        return any(hooks.changes_decoded for hooks in self._hooks)

    def decoded(self, pixels: Tensor, about: PassInfo) -> Tensor:
        """See `GenerationHooks`."""
        listening = (hooks for hooks in self._hooks if hooks.changes_decoded)
        return reduce(lambda value, hooks: hooks.decoded(value, about), listening, pixels)

    @property
    def changes_pictures(self) -> bool:
        """See `GenerationHooks`."""
        return any(hooks.changes_pictures for hooks in self._hooks)

    def before_overlay(self, image: Image, request: PictureRequest, number: int) -> Image:
        """See `GenerationHooks`."""
        return reduce(
            lambda value, hooks: hooks.before_overlay(value, request, number), self._of_pictures(), image
        )

    def overlay(
        self, mask: Image, original: Image, request: PictureRequest, number: int
    ) -> tuple[Image, Image]:
        """See `GenerationHooks`."""
        return reduce(
            lambda both, hooks: hooks.overlay(*both, request, number), self._of_pictures(), (mask, original)
        )

    def extra_pictures(self, request: GenerationRequest) -> Iterable[GeneratedImage]:
        """Those of all."""
        for hooks in self._hooks:
            yield from hooks.extra_pictures(request)

    @property
    def changes_denoised(self) -> bool:
        """See `GenerationHooks`."""
        return any(hooks.changes_denoised for hooks in self._hooks)

    def denoised(self, latents: Tensor, at: StepInfo) -> Tensor:
        """See `GenerationHooks`."""
        listening = (hooks for hooks in self._hooks if hooks.changes_denoised)
        return reduce(lambda value, hooks: hooks.denoised(value, at), listening, latents)

    def step(self, latents: Tensor, at: StepInfo) -> None:
        """See `GenerationHooks`."""
        for hooks in self._hooks:
            hooks.step(latents, at)

    def picture(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        return reduce(lambda value, hooks: hooks.picture(value, request), self._of_pictures(), picture)

    def _of_pictures(self) -> Iterable[GenerationHooks]:
        return [hooks for hooks in self._hooks if hooks.changes_pictures]

    def infotext(self, parameters: Parameters, request: PictureRequest, number: int) -> Parameters:
        """See `GenerationHooks`."""
        return self._through(parameters, lambda hooks, value: hooks.infotext(value, request, number))

    def before_save(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """See `GenerationHooks`."""
        return self._through(picture, lambda hooks, value: hooks.before_save(value, request))

    def after_save(self, path: Path, picture: GeneratedImage, request: Request) -> None:
        """See `GenerationHooks`."""
        for hooks in self._hooks:
            hooks.after_save(path, picture, request)

    def _through(self, value: T, call: Callable[[GenerationHooks, T], T]) -> T:
        """The value after each of the hooks had it."""
        for hooks in self._hooks:
            value = call(hooks, value)
        return value
