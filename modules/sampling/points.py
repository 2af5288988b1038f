"""Places within a sampling where whoever stands above may look in and change it.

`sample` and the denoiser call a `Points`; the class itself changes nothing. All calls are made in torch's inference
mode. Tensors are handed over as they are, so nothing here waits for a GPU; whoever changes one gives back another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from modules.sampling.denoiser import LatentMask, ModelCall


class Points:
    """What is called in one pass. Each method gives what the sampling goes on with.

    Latents are `[B, 4, h, w]`, sigmas `[B]`. Samplers over timesteps keep variance-preserving latents, which are
    `(clean + sigma * noise) / (1 + sigma^2).sqrt()`; `starting` and `blended` show them as the sampler has them.
    """

    def starting(self, latents: Tensor, noise: Tensor) -> Tensor:
        """Once, before the first step: the noisy latents, and the noise in them (extra noise not counted)."""
        return latents

    def extra_noise(self, noise: Tensor, latents: Tensor) -> Tensor:
        """Once, before `starting`, where there is extra noise: that noise, not yet scaled, and the picture's clean
        latents `[1 or B, 4, h, w]`. `noise` may be changed in place.
        """
        return noise

    def model_call(self, call: ModelCall) -> ModelCall:
        """Before each call of the model."""
        return call

    def predicted(self, predictions: list[Tensor], call: ModelCall) -> list[Tensor]:
        """After it, before guidance: one guess of the clean latents for each text that the model was asked about."""
        return predictions

    def denoised(self, latents: Tensor, sigma: Tensor, call: int) -> Tensor:
        """The guess with guidance, before a mask puts back what it keeps."""
        return latents

    def blended(
        self, blended: Tensor, made: Tensor, mask: LatentMask, sigma: Tensor | None, call: int
    ) -> Tensor:
        """After a mask put back what it keeps over the latents `made`.

        Args: sigma: None: after the last step; call: the number of the model call, or how many there were.
        """
        return blended


NO_POINTS = Points()
