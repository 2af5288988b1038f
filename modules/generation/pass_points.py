"""The places within a sampling, as the generation's hooks see them: with the pass they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.generation.hooks import GenerationHooks, PassInfo, StepInfo
from modules.sampling.points import Points

if TYPE_CHECKING:
    from torch import Tensor

    from modules.sampling.denoiser import LatentMask, ModelCall


class PassPoints(Points):
    """Hands on what one pass shows.

    Whether somebody listens is asked in every call, for extensions begin to within a pass. Only then is a noise level
    read, which waits for a GPU.
    """

    def __init__(self, hooks: GenerationHooks, about: PassInfo) -> None:
        self._hooks = hooks
        self._about = about

    def starting(self, latents: Tensor, noise: Tensor) -> Tensor:
        """See `Points`."""
        return self._hooks.starting(latents, noise, self._about)

    def extra_noise(self, noise: Tensor, latents: Tensor) -> Tensor:
        """See `Points`."""
        return self._hooks.extra_noise(noise, latents, self._about)

    def model_call(self, call: ModelCall) -> ModelCall:
        """See `Points`."""
        return self._hooks.model_call(call, self._about) if self._hooks.changes_model_calls else call

    def predicted(self, predictions: list[Tensor], call: ModelCall) -> list[Tensor]:
        """See `Points`."""
        if not self._hooks.changes_model_calls:
            return predictions
        return self._hooks.predicted(predictions, call, self._about)

    def denoised(self, latents: Tensor, sigma: Tensor, call: int) -> Tensor:
        """See `Points`."""
        if not self._hooks.changes_denoised:
            return latents
        return self._hooks.denoised(latents, StepInfo(self._about, call, float(sigma[0])))

    def blended(
        self, blended: Tensor, made: Tensor, mask: LatentMask, sigma: Tensor | None, call: int
    ) -> Tensor:
        """See `Points`."""
        if not self._hooks.changes_mask_blends:
            return blended
        at = StepInfo(self._about, call, 0.0 if sigma is None else float(sigma[0]))
        return self._hooks.mask_blended(blended, made, at, mask)
