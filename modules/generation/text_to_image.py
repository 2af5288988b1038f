"""Pictures from a prompt: text, noise, sampling, decoding, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modules.generation.recipe import Prompts, infotext
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.imaging.pixels import preview_image, to_image
from modules.models import noise_schedule
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.latent_preview import LatentColours
from modules.models.tiling import circular_convolutions
from modules.prompts.editing import Schedule
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.prompts.plan import compile_prompt
from modules.prompts.wildcards import Wildcards
from modules.sampling.catalogue import Sampler, resolve
from modules.sampling.denoiser import Guidance, GuidedDenoiser, TextTimeline
from modules.sampling.noise import PictureNoise, Seeds
from modules.sampling.sample import Sampled, SamplerSettings, Stopped, sample
from modules.sampling.schedules import ModelSigmas

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Session:
    """A loaded model with what is made from it once: its prompt encoder and its preview colours.

    Args: wildcards: what `__name__` and `{a|b}` stand for; None leaves them as they are written.
    """

    model: LatentDiffusion
    encoder: PromptEncoder
    colours: LatentColours
    wildcards: Wildcards | None = None


def text_to_image(
    request: TextToImage, session: Session, monitor: Monitor, first: int = 0
) -> Iterator[GeneratedImage]:
    """Make the request's pictures from number `first` on, and yield each as soon as it is done."""
    model = session.model
    with circular_convolutions(model.unet, model.vae) if request.tiling else nullcontext():
        while first < request.pictures and not monitor.stop_requested():
            batch = _Batch(request, session, monitor, _next_batch(request, session.wildcards, first))
            monitor.begin_batch(first, len(batch.numbers), request.steps)
            if batch.sample():
                yield from batch.pictures()
            first += len(batch.numbers)


def _next_batch(request: TextToImage, wildcards: Wildcards | None, first: int) -> range:
    """The pictures that are made together: up to a batch's border, as long as their prompts are the same."""
    # batches keep their borders when a job goes on after a crash
    last = min(first - first % request.batch_size + request.batch_size, request.pictures)
    prompts = _prompts_of(request, wildcards, first)
    same = takewhile(lambda n: _prompts_of(request, wildcards, n) == prompts, range(first, last))
    return range(first, first + sum(1 for _ in same))


def _prompts_of(request: TextToImage, wildcards: Wildcards | None, number: int) -> Prompts:
    """The prompts of picture `number`: its seed chooses what the wildcards stand for."""
    if wildcards is None or not request.text.wildcards:
        return Prompts(request.prompt, request.negative_prompt)
    seed = request.seed + number
    # another seed for the negative prompt, or both would choose alike
    return Prompts(
        wildcards.expand(request.prompt, seed),
        wildcards.expand(request.negative_prompt, seed ^ 1, "negative_prompt"),
    )


def _guidance(request: TextToImage, prompts: Prompts, encoder: PromptEncoder, sampler: Sampler) -> Guidance:
    """Read and encode the prompts for a batch."""
    calls = request.steps * sampler.calls_a_step
    plan = compile_prompt(prompts.prompt, prompts.negative_prompt, calls)
    text = request.text
    settings = EncodingSettings(text.clip_skip, text.emphasis, text.comma_backtrack)

    def timeline(schedule: Schedule) -> TextTimeline:
        encoded = encoder.encode(tuple(text for _, text in schedule), settings)
        ends = (end for end, _ in schedule)
        return TextTimeline(tuple(zip(ends, encoded, strict=True)))

    positive = [timeline(part.schedule) for part in plan.positive]
    negative = timeline(plan.negative)
    longest = max(part.tokens for part in positive)
    # the parts of one prompt are as long as the longest of them: the others repeat their last vector
    positive = [part.stretched(longest) for part in positive]
    if text.pad_negative and negative.tokens != longest:
        empty = encoder.encode(("",), settings)[0]
        length = max(longest, negative.tokens)
        positive = [part.filled(length, empty) for part in positive]
        negative = negative.filled(length, empty)
    early = request.sampling.skip_negative_early
    return Guidance(
        positive=tuple((part.weight, texts) for part, texts in zip(plan.positive, positive, strict=True)),
        negative=negative,
        cfg_scale=request.cfg_scale,
        skip_negative_below=request.sampling.skip_negative_below,
        skip_negative_always=request.sampling.skip_negative_always,
        # the share is of the calls, and it is met while `call / calls <= share`
        skip_negative_until=int(early * calls) if early else -1,
    )


class _Batch:
    """The pictures that are made at the same time."""

    def __init__(self, request: TextToImage, session: Session, monitor: Monitor, numbers: range) -> None:
        self.request = request
        self.session = session
        self.monitor = monitor
        self.numbers = numbers
        self.sampler, self.scheduler = resolve(request.sampler, request.scheduler)
        self.prompts = _prompts_of(request, session.wildcards, numbers.start)
        self.guidance = _guidance(request, self.prompts, session.encoder, self.sampler)
        self.steps_done = 0
        self.sampled: Sampled | None = None

    def sample(self) -> bool:
        """Sample the latents; False if the batch is to be skipped."""
        request, model = self.request, self.session.model
        denoiser = GuidedDenoiser(
            model.unet,
            ModelSigmas(noise_schedule.sigmas(model.alphas_cumprod)),
            self.guidance,
            before_call=self._stop_if_asked,
        )
        options = request.sampling
        settings = SamplerSettings(
            eta=options.eta,
            s_churn=options.s_churn,
            s_tmin=options.s_tmin,
            s_tmax=options.s_tmax,
            s_noise=options.s_noise,
            sigma_min=options.sigma_min,
            sigma_max=options.sigma_max,
            rho=options.rho,
            discard_next_to_last_sigma=options.discard_next_to_last_sigma,
            sgm_noise_multiplier=options.sgm_noise_multiplier,
        )
        self.sampled = sample(
            denoiser, self._noise(), self.sampler, self.scheduler, request.steps, settings, self._on_step
        )
        return not self.monitor.skip_requested()

    def pictures(self) -> Iterator[GeneratedImage]:
        """Decode the latents one by one."""
        assert self.sampled is not None
        complete = self.sampled.complete
        stopped_at = None if complete else self.steps_done
        for number, latent in zip(self.numbers, self.sampled.latents, strict=True):
            yield GeneratedImage(
                image=to_image(self._decode(latent)),
                number=number,
                seed=self.request.seed_of(number),
                variation_seed=self.request.variation_seed_of(number),
                infotext=infotext(
                    self.request,
                    number,
                    self.prompts,
                    self.session.model.checkpoint,
                    self.sampler,
                    self.scheduler,
                    stopped_at,
                ),
                complete=complete,
            )

    def _noise(self) -> PictureNoise:
        request, options = self.request, self.request.noise
        cell = self.session.model.vae.config.downscale
        resize = options.resize_from_width > 0 and options.resize_from_height > 0
        return PictureNoise(
            shape=(
                self.session.model.vae.config.latent_channels,
                request.height // cell,
                request.width // cell,
            ),
            seeds=[
                Seeds(request.seed_of(n), request.variation_seed_of(n), options.variation_strength)
                for n in self.numbers
            ],
            device=self.session.model.compute.device,
            source=options.source,
            resize_from=(options.resize_from_height // cell, options.resize_from_width // cell)
            if resize
            else None,
            seed_delta=options.seed_delta,
        )

    def _on_step(self, done: int, denoised: Tensor) -> None:
        self.steps_done = done
        self.monitor.step(done, self._preview_of(denoised))
        self._stop_if_asked()

    def _preview_of(self, denoised: Tensor) -> Callable[[], Image]:
        return lambda: preview_image(self.session.colours(denoised))

    def _stop_if_asked(self) -> None:
        """End the sampling, except at the very end, where the picture is done anyway."""
        asked = self.monitor.stop_requested() or self.monitor.skip_requested()
        if asked and self.steps_done < self.request.steps:
            raise Stopped

    @torch.inference_mode()
    def _decode(self, latent: Tensor) -> Tensor:
        vae = self.session.model.vae
        return vae.decode(latent[None].to(next(vae.parameters()).dtype))[0].float()
