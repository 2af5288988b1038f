"""The second pass of hires fix: the first pass's picture made larger, and detail added to it."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.generation.batch import Batch, Pass
from modules.generation.conditions import from_picture, without_picture
from modules.generation.guidance import PassPlan
from modules.generation.prompting import Prompts, expanded
from modules.generation.refining import refiner_switch
from modules.generation.requests import HiresFix, TextToImage
from modules.imaging.pixels import to_image, to_pixels
from modules.imaging.resizing import CoveringSize, covering_size, scaled_size
from modules.imaging.upscalers import Upscalers
from modules.sampling.catalogue import resolve
from modules.sampling.sample import Sampled, Start, exact_steps

LATENT_UPSCALERS: dict[str, tuple[str, bool]] = {
    "Latent": ("bilinear", False),
    "Latent (antialiased)": ("bilinear", True),
    "Latent (bicubic)": ("bicubic", False),
    "Latent (bicubic antialiased)": ("bicubic", True),
    "Latent (nearest)": ("nearest", False),
    "Latent (nearest-exact)": ("nearest-exact", False),
}
"""Name -> mode of torch's `interpolate`, and whether it is antialiased."""


def target_size(request: TextToImage, hires: HiresFix) -> CoveringSize:
    """The size of the second pass in pixels, and the latent cells that are cut off after the upscaling."""
    if hires.width or hires.height:
        return covering_size(request.width, request.height, hires.width, hires.height)
    return CoveringSize(*scaled_size(request.width, request.height, hires.scale))


class HiresBatch:
    """The second pass of one batch.

    Args: first_pass_calls: model calls of the first pass, for the prompts' schedules.
    """

    def __init__(self, batch: Batch, request: TextToImage, hires: HiresFix, first_pass_calls: int) -> None:
        self._request = request
        self._hires = hires
        self._first_pass_calls = first_pass_calls
        self._size = target_size(request, hires)
        self._upscalers = batch.session.upscalers or Upscalers()
        self.batch = batch
        """The batch, from the second pass on its model on."""

    def from_finished(self, name: str) -> Sampled:
        """The second pass on a finished picture, which stands for the first."""
        image = self.batch.picture(name, "firstpass_image").convert("RGB")
        pixels = to_pixels([image] * len(self.batch.numbers))
        if self._hires.upscaler in LATENT_UPSCALERS:  # what a picture lacks for these are its latents
            return self.sample(self.batch.encode(pixels))
        return self._second(self._upscaled(pixels))

    def sample(self, latents: Tensor) -> Sampled:
        """The second pass on the latents `[B, 4, h, w]` of the first."""
        latent_mode = LATENT_UPSCALERS.get(self._hires.upscaler)
        if latent_mode is None:
            decoded = torch.stack([self.batch.decode(latent) for latent in latents])
            return self._second(self._upscaled(decoded))
        mode, antialias = latent_mode
        cell = self.batch.session.model.vae.config.downscale
        larger = F.interpolate(
            latents,
            (self._size.height // cell, self._size.width // cell),
            mode=mode,
            antialias=antialias,
        )
        return self._second(None, larger)

    def _upscaled(self, pixels: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in -1..1 at the target size, by a picture upscaler."""
        width, height = self._size.width, self._size.height
        larger = []
        for one in pixels:
            if self.batch.monitor.stop_requested():  # the rest of the pass is left out as well
                larger.append(to_image(one).resize((width, height)))
                continue
            larger.append(self._upscalers.resize(to_image(one), width, height, self._hires.upscaler))
        return to_pixels(larger)

    def _second(self, pixels: Tensor | None, latents: Tensor | None = None) -> Sampled:
        request, hires, size = self._request, self._hires, self._size
        batch = self.batch = self.batch.on(hires.checkpoint)
        if latents is None:
            assert pixels is not None
            latents = batch.encode(pixels)
        latents = _cropped(latents, size)
        steps = hires.steps or request.steps
        sampler, scheduler = resolve(hires.sampler or request.sampler, hires.scheduler or request.scheduler)
        calls = steps * sampler.calls_a_step
        plan = PassPlan(
            prompts=self._prompts(),
            width=size.width,
            height=size.height,
            prompt_calls=calls,
            calls=calls,
            cfg_scale=request.cfg_scale if hires.cfg_scale is None else hires.cfg_scale,
            first_pass_calls=self._first_pass_calls,
        )
        batch.session.hooks.before_second_pass(batch.about_pass(plan))
        if hires.denoising_strength == 0:
            return batch.done(Sampled(latents, True), replace(plan, calls=0))
        if pixels is None:
            picture = without_picture(batch, latents.shape[-1] * 8, latents.shape[-2] * 8)
        else:
            picture = from_picture(batch, _cropped_pixels(pixels, size), latents)
        whole = exact_steps(hires.denoising_strength, steps)
        start, switch = Start(latents, steps - 1), refiner_switch(batch, plan, picture)
        return batch.sample(Pass(plan, sampler, scheduler, whole, picture, start, switch=switch))

    def _prompts(self) -> Prompts:
        batch, hires = self.batch, self._hires
        own = Prompts(hires.prompt, hires.negative_prompt)
        filled = expanded(own, self._request, batch.session.wildcards, batch.numbers.start)
        return Prompts(
            filled.prompt or batch.prompts.prompt, filled.negative_prompt or batch.prompts.negative_prompt
        )


def _cropped(latents: Tensor, size: CoveringSize) -> Tensor:
    height, width = latents.shape[-2:]
    return latents[..., size.crop_top : height - size.crop_bottom, size.crop_left : width - size.crop_right]


def _cropped_pixels(pixels: Tensor, size: CoveringSize) -> Tensor:
    cells = replace(
        size,
        crop_left=size.crop_left * 8,
        crop_top=size.crop_top * 8,
        crop_right=size.crop_right * 8,
        crop_bottom=size.crop_bottom * 8,
    )
    return _cropped(pixels, cells)
