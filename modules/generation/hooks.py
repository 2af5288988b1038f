"""Places where whoever stands above may look into a generation and change it.

The engine calls a `GenerationHooks`; the class itself changes nothing. `plugins.calls` makes one from the extensions
that are on, so that nothing on this floor or below knows of them. Everything runs in the worker's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from modules.faults import NotSupported
from modules.generation.prompting import Prompts
from modules.generation.requests import GenerationRequest, PictureRequest, Request
from modules.generation.results import GeneratedImage

if TYPE_CHECKING:
    from torch import Tensor

    from modules.generation.recipe import Parameters
    from modules.sampling.denoiser import Guidance


@dataclass(frozen=True)
class PassInfo:
    """One sampling of a batch.

    Args:
        request: what is carried out.
        numbers: the pictures of the batch, counted from 0 in the job.
        stage: the first pass, or the second one of hires fix.
        prompts: of this pass.
        width, height: of this pass, in pixels.
        calls: how often the model will be called, about.
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
        number: which call of the model this is (for `denoised`), or how many steps of the job's batch are done (for
            `step`).
        sigma: the noise level of the call, in units of the clean latents; 0 for `step`.
    """

    of: PassInfo
    number: int
    sigma: float = 0.0


class GenerationHooks:
    """What is called while a request is carried out. Each method returns what the generation goes on with.

    What one of them raises ends the job: a `Fault` with its sentence, anything else as a defect.
    """

    def before_generation(self, request: GenerationRequest) -> GenerationRequest:
        """Before anything is done. The number of pictures has been promised already and must stay."""
        return request

    def after_generation(self, request: Request, pictures: int) -> None:
        """All is done, or was interrupted, or failed; so many pictures were made."""

    def prompts(self, prompts: Prompts, request: PictureRequest, number: int) -> Prompts:
        """The prompts of picture `number`, wildcards filled in. Asked several times: same in, same out."""
        return prompts

    def conditioning(self, guidance: Guidance, about: PassInfo) -> Guidance:
        """The encoded prompts, before the first step of a pass."""
        return guidance

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

    Raises: NotSupported: another number of pictures, or another kind of request.
    """
    changed = hooks.before_generation(request)
    if type(changed) is not type(request) or changed.pictures != request.pictures:
        raise NotSupported(
            "An extension asked for another number of pictures in before_generation; that can't be."
        )
    return changed


def denoised_hook(hooks: GenerationHooks, about: PassInfo) -> Callable[[Tensor, Tensor, int], Tensor] | None:
    """What the denoiser calls with latents `[B, 4, h, w]`, sigmas `[B]` and the number of the call; None: nothing."""
    if not hooks.changes_denoised:
        return None

    def after_call(latents: Tensor, sigma: Tensor, call: int) -> Tensor:
        return hooks.denoised(latents, StepInfo(about, call, float(sigma[0])))

    return after_call
