"""Places where whoever stands above may look into a generation and change it.

The engine calls a `GenerationHooks`; the class itself changes nothing. `plugins.calls` makes one from the extensions
that are on, so that nothing on this floor or below knows of them; `generation.hook_chain` makes one of several.
Everything runs in the worker's thread.

The order: `before_generation` (a request with a script: `run`, which makes requests of its own). For each batch
`prompts`, and for each pass of it

    before_second_pass      only the second pass of hires fix
    networks_applied, before_encoding, conditioning, extra_noise, starting
    model_call, predicted, denoised, mask_blended       in every call of the model
    step                                                after every step
    mask_blended            once more, after the last step
    sampled

then `decoded`, and for each picture `before_overlay`, `overlay`, `infotext`, `picture`, and where it is written
`before_save`, `after_save`; after all of them `extra_pictures` and `after_generation`. A pass that needs no step (a
denoising strength of 0) has only `before_second_pass` and `sampled`. Where memory is too short for a batch its halves
are sampled one after the other: then `conditioning` to `step` are called again, with the numbers of each half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from modules.faults import NotSupported
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, PictureRequest, Request
from modules.generation.results import GeneratedImage

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from modules.generation.recipe import Parameters
    from modules.generation.studio import Studio
    from modules.sampling.denoiser import Guidance, LatentMask, ModelCall


@dataclass(frozen=True)
class PassInfo:
    """One sampling of a batch.

    Args:
        request: what is carried out.
        numbers: the pictures of the batch, counted from 0 in the job; of a half, where memory is short.
        stage: the first pass, or the second one of hires fix.
        prompts: of this pass.
        width, height: of this pass, in pixels.
        calls: how often the model will be called, about; 0: the pass needs no step.
    """

    request: PictureRequest
    numbers: range
    stage: Literal["first", "second"]
    prompts: Prompts
    width: int
    height: int
    calls: int


@dataclass(frozen=True)
class StepInfo:
    """A moment of a pass.

    Args:
        of: the pass.
        number: which call of the model this is (for `denoised` and `mask_blended`), or how many steps of the job's
            batch are done (for `step`).
        sigma: the noise level of the call, in units of the clean latents; 0 for `step`, and after the last step.
    """

    of: PassInfo
    number: int
    sigma: float = 0.0


class GenerationHooks:
    """What is called while a request is carried out. Each method returns what the generation goes on with.

    What one of them raises ends the job: a `Fault` with its sentence, anything else as a defect.

    From `extra_noise` to `decoded` tensors are handed over in torch's inference mode, on the model's device (decoded
    pictures on the CPU), and with nothing that waits for it. Whoever changes a tensor gives back another one, of the
    same shape: the one that came may be used elsewhere, as the encoded prompts are in every call. Properties say
    whether anybody listens; they are asked each time, so that one may begin to at any moment.
    """

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        """Before anything is done. Whoever watches is told where the number of pictures changes."""
        return request

    def after_generation(self, request: Request, pictures: int) -> None:
        """All is done, or was interrupted, or failed; so many pictures were made."""

    def prompts(self, prompts: Prompts, request: PictureRequest, number: int) -> Prompts:
        """The prompts of picture `number`, wildcards filled in. Asked several times: same in, same out."""
        return prompts

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        """The encoded prompts, before the first step of a pass."""
        return guidance

    def run(self, request: GenerationRequest, studio: Studio) -> Iterator[GeneratedImage] | None:
        """Carry a request out in another way (`request.script`); None: nobody here knows that script."""
        return None

    def networks_applied(self, about: PassInfo) -> None:
        """The networks that the prompt names are on the model (none, where it names none); nothing is encoded yet.
        Once in each pass.
        """

    def before_encoding(self, prompts: Prompts, about: PassInfo) -> Prompts:
        """The prompts of a pass, before they are encoded and after `networks_applied`; the recipe keeps its own."""
        return prompts

    def before_second_pass(self, about: PassInfo) -> None:
        """The picture of the first pass (or a finished one) is made larger, the second pass of hires fix begins; its
        prompts are neither read nor encoded. `about` is the second pass.
        """

    def starting(self, latents: Tensor, noise: Tensor, about: PassInfo) -> Tensor:
        """The noisy latents `[B, 4, h, w]` that a pass begins with, and the pure noise that is in them.

        `latents` is `noise * sigma`, or `picture + noise * sigma`; for samplers over timesteps (DDIM, PLMS, UniPC)
        that divided by `(1 + sigma^2).sqrt()`, and `noise` itself where there is no picture.
        """
        return latents

    def extra_noise(self, noise: Tensor, latents: Tensor, about: PassInfo) -> Tensor:
        """The extra noise, not yet scaled, that is put on the clean latents of a picture. Only where a request asks
        for extra noise.
        """
        return noise

    @property
    def changes_model_calls(self) -> bool:
        """Whether `model_call` and `predicted` have to be called at all."""
        return False

    def model_call(self, call: ModelCall, about: PassInfo) -> ModelCall:
        """What the model is about to be asked, in every call. The sampler goes on with its own latents and sigma."""
        return call

    def predicted(self, predictions: list[Tensor], call: ModelCall, about: PassInfo) -> list[Tensor]:
        """The model's guesses of the clean latents before guidance: one for each part of the prompt, the negative's
        last where it was asked for. (An editing model's: prompt and picture, picture alone, neither.)
        """
        return predictions

    @property
    def changes_mask_blends(self) -> bool:
        """Whether `mask_blended` has to be called at all."""
        return False

    def mask_blended(self, blended: Tensor, made: Tensor, at: StepInfo, mask: LatentMask) -> Tensor:
        """After what a mask keeps was put over the latents `made`: in every call of the model, and once more over the
        result (`at.sigma` is 0). Samplers over timesteps do it before the call, with latents as in `starting`.
        """
        return blended

    def sampled(self, latents: Tensor, about: PassInfo) -> Tensor:
        """The latents `[B, 4, h, w]` of a pass that is done or was stopped, all pictures of the batch together. Not of
        one that is skipped.
        """
        return latents

    @property
    def changes_decoded(self) -> bool:
        """Whether `decoded` has to be called at all; then a batch is decoded as a whole before any picture is done."""
        return False

    def decoded(self, pixels: Tensor, about: PassInfo) -> Tensor:
        """The decoded pictures `[B, 3, H, W]` of a batch, 0 to 1, and its last pass. Their number must stay."""
        return pixels

    @property
    def changes_pictures(self) -> bool:
        """Whether `before_overlay`, `overlay` or `picture` has to be called at all; then every picture is finished in
        the worker's thread before the next batch is begun, and else in another, beside that.
        """
        return False

    def before_overlay(self, image: Image, request: PictureRequest, number: int) -> Image:
        """A decoded picture, before colours are corrected and what a mask keeps is put over it."""
        return image

    def overlay(
        self, mask: Image, original: Image, request: PictureRequest, number: int
    ) -> tuple[Image, Image]:
        """The mask (white: made anew) and the original `RGBA` that are put together with the result. The original is
        laid over it as it comes back; if only the mask is another one, it is cut out of the picture anew.
        """
        return mask, original

    def extra_pictures(self, request: GenerationRequest) -> Iterable[GeneratedImage]:
        """After the last picture: what is to be shown besides."""
        return ()

    @property
    def changes_denoised(self) -> bool:
        """Whether `denoised` has to be called at all."""
        return False

    def denoised(self, latents: Tensor, at: StepInfo) -> Tensor:
        """The model's guess of the clean latents `[B, 4, h, w]`, guidance included, in every call."""
        return latents

    def step(self, latents: Tensor, at: StepInfo) -> None:
        """After every step; `latents` as in `denoised`, to look at."""

    def picture(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """A picture that is done."""
        return picture

    def infotext(self, parameters: Parameters, request: PictureRequest, number: int) -> Parameters:
        """The names and values that the recipe of a picture says."""
        return parameters

    def before_save(self, picture: GeneratedImage, request: Request) -> GeneratedImage:
        """A picture that is about to be written."""
        return picture

    def after_save(self, path: Path, picture: GeneratedImage, request: Request) -> None:
        """A picture that was written to `path`."""


NO_HOOKS = GenerationHooks()


def begun(hooks: GenerationHooks, request: GenerationRequest) -> GenerationRequest:
    """`before_generation`, and what it may not change.

    Raises: NotSupported: another kind of request.
    """
    changed = hooks.before_generation(request)
    if type(changed) is not type(request):
        raise NotSupported("An extension made another kind of request in before_generation; that can't be.")
    return changed
