"""The pictures that are made at the same time: what all kinds of requests share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from modules.compute import give_back_memory, is_out_of_memory
from modules.faults import UnknownName
from modules.generation.aside import Aside
from modules.generation.guidance import (
    NO_PICTURE,
    PassPlan,
    PictureCondition,
    encoding_settings,
    guidance_for,
)
from modules.generation.hooks import PassInfo, StepInfo
from modules.generation.options import SamplingOptions
from modules.generation.pass_points import PassPoints
from modules.generation.prompting import next_batch, prompts_of
from modules.generation.requests import PictureRequest
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.session import Session
from modules.imaging.pixels import preview_image
from modules.models import noise_schedule, vae_decoding
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.placement import placed
from modules.models.tiling import circular_convolutions
from modules.models.vae_decoding import Decoding, check_latents
from modules.prompts.tags import extract_tags
from modules.sampling.catalogue import Sampler, Scheduler
from modules.sampling.denoiser import GuidedDenoiser, LatentMask, Switch
from modules.sampling.noise import PictureNoise, Seeds
from modules.sampling.sample import Sampled, SamplerSettings, Start, Stopped, sample
from modules.sampling.schedules import ModelSigmas
from modules.sampling.windows import Windows

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One sampling of a batch.

    Args:
        plan: what its guidance depends on.
        steps: of its schedule.
        picture: what the U-Net is told of a picture.
        start: the picture it begins with; None: noise.
        mask: the part that is kept.
        switch: another model takes over within the pass (the refiner).
    """

    plan: PassPlan
    sampler: Sampler
    scheduler: Scheduler
    steps: int
    picture: PictureCondition = NO_PICTURE
    start: Start | None = None
    mask: LatentMask | None = None
    switch: Switch | None = None

    def of_pictures(self, rows: slice, count: int) -> Pass:
        """The same for some of its `count` pictures; what all of them share stays."""

        def of(tensor: Tensor) -> Tensor:
            return tensor[rows] if len(tensor) == count else tensor

        def of_any(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else of(tensor)

        picture, start, mask = self.picture, self.start, self.mask
        picture = replace(
            picture,
            channels=of_any(picture.channels),
            vector=of_any(picture.vector),
            negative_vector=of_any(picture.negative_vector),
        )
        if start is not None:
            start = replace(start, latents=of(start.latents))
        if mask is not None:  # `[h, w]` is for all pictures
            change = of(mask.change) if mask.change.ndim == 4 else mask.change
            mask = replace(mask, original=of(mask.original), change=change)
        return replace(self, picture=picture, start=start, mask=mask)


class Batch:
    """Pictures `numbers` of a request, on one model.

    Args: steps: of all passes together, for whoever watches.
    """

    def __init__(
        self, request: PictureRequest, session: Session, monitor: Monitor, numbers: range, steps: int
    ) -> None:
        self.request = request
        self.session = session
        self.monitor = monitor
        self.numbers = numbers
        self.steps = steps
        self.steps_done = 0
        self.network_parameters: dict[str, str] = {}
        self.about: PassInfo | None = None
        """The latest pass."""
        self.held = ExitStack()
        """What is held until the pass ends, such as a refiner on the device."""
        self.prompts = prompts_of(request, session.wildcards, numbers.start, session.hooks)

    def sample(self, one: Pass) -> Sampled:
        """Sample latents `[B, 4, h, w]`: all pictures together, or in halves where memory is too short for that.

        Raises: NotPossibleNow: the U-Net gives no picture (NaN).
        """
        self._set_networks(one.plan)
        hooks, about = self.session.hooks, self.about_pass(one.plan)
        hooks.networks_applied(about)
        encoded = hooks.before_encoding(one.plan.prompts, about)
        if encoded != one.plan.prompts:
            one = replace(one, plan=replace(one.plan, prompts=encoded))
        return self.done(self._sampled_in_memory(one), one.plan)

    def done(self, sampled: Sampled, plan: PassPlan) -> Sampled:
        """A pass that is done, also one without any step: shown to the extensions, unless it is skipped."""
        if self.monitor.skip_requested():
            return sampled
        self.about = self.about_pass(plan)
        with torch.inference_mode():
            return replace(sampled, latents=self.session.hooks.sampled(sampled.latents, self.about))

    def _sampled_in_memory(self, one: Pass) -> Sampled:
        try:
            return self._sampled(one)
        except (RuntimeError, MemoryError) as error:
            if len(self.numbers) == 1 or not is_out_of_memory(error):
                raise
        # only here, where the error doesn't hold the tensors any more
        give_back_memory()
        log.info(
            "Memory is too short for %d pictures at once; they are sampled in halves.", len(self.numbers)
        )
        return self._in_halves(one)

    def _in_halves(self, one: Pass) -> Sampled:
        """The same latents: every picture has its own noise."""
        before, count = self.steps_done, len(self.numbers)
        halves = []
        for rows in (slice(0, count // 2), slice(count // 2, count)):
            half = copy(self)
            half.numbers, half.steps_done = self.numbers[rows], before
            halves.append(half._sampled_in_memory(one.of_pictures(rows, count)))
            self.steps_done = half.steps_done
        return Sampled(torch.cat([half.latents for half in halves]), all(half.complete for half in halves))

    def _sampled(self, one: Pass) -> Sampled:
        model = self.session.model
        with placed(model, "text"):
            guidance = guidance_for(self.request, one.plan, self.session.encoder, model.family, one.picture)
        about, hooks = self.about_pass(one.plan), self.session.hooks
        guidance = hooks.conditioning(guidance, about)
        denoiser = GuidedDenoiser(
            model.unet,
            model_sigmas(model, self.request.sampling),
            guidance,
            model.prediction,
            before_call=self._stop_if_asked,
            mask=one.mask,
            switch=one.switch,
            points=PassPoints(hooks, about),
            windows=windows_of(self.request.sampling, model),
        )
        before = self.steps_done

        def on_step(done: int, denoised: Tensor) -> None:
            self.steps_done = before + done
            self.monitor.step(self.steps_done, self._preview_of(denoised))
            hooks.step(denoised, StepInfo(about, self.steps_done))
            if done == 1:  # a U-Net that overflows does so at once: no need to wait for the last step
                check_latents(model, denoised)
            self._stop_if_asked()

        noise = self.noise(one.plan.width, one.plan.height, None if one.start is None else one.start.latents)
        settings = sampler_settings(self.request.sampling)
        with placed(model, "unet"), self.held:
            sampled = sample(
                denoiser, noise, one.sampler, one.scheduler, one.steps, settings, on_step, one.start
            )
        check_latents(model, sampled.latents)
        return sampled

    def on(self, checkpoint: str | None) -> Batch:
        """The same batch on another model; None: on this one."""
        if checkpoint is None or self.session.on is None:
            return self
        other = copy(self)
        other.session = self.session.on(checkpoint)
        return other

    def about_pass(self, plan: PassPlan) -> PassInfo:
        """A pass as extensions see it."""
        stage: Literal["first", "second"] = "first" if plan.first_pass_calls is None else "second"
        return PassInfo(self.request, self.numbers, stage, plan.prompts, plan.width, plan.height, plan.calls)

    def picture(self, name: str, field: str) -> Image:
        """A picture that the request names.

        Raises: UnknownName, InvalidField.
        """
        if self.session.pictures is None:
            raise UnknownName(field, f"{field}: there is no picture named {name!r}.")
        return self.session.pictures.open(name, field)

    def plain_noise(self, shape: tuple[int, ...]) -> Tensor:
        """Noise of the pictures' seeds without variation, `[B, *shape]`."""
        channels, height, width = shape
        noise = PictureNoise(
            (channels, height, width),
            [Seeds(self.request.seed_of(n)) for n in self.numbers],
            self.session.model.compute.device,
            self.request.noise.source,
        )
        return noise.first()

    def noise(self, width: int, height: int, like: Tensor | None = None) -> PictureNoise:
        """The pictures' noise for a size in pixels (or of latents `like` these), from their seeds on."""
        options, vae = self.request.noise, self.session.model.vae.config
        cell = vae.downscale
        size = (height // cell, width // cell) if like is None else (like.shape[-2], like.shape[-1])
        resize = options.resize_from_width > 0 and options.resize_from_height > 0
        return PictureNoise(
            shape=(vae.latent_channels, *size),
            seeds=[
                Seeds(self.request.seed_of(n), self.request.variation_seed_of(n), options.variation_strength)
                for n in self.numbers
            ],
            device=self.session.model.compute.device,
            source=options.source,
            resize_from=(options.resize_from_height // cell, options.resize_from_width // cell)
            if resize
            else None,
            seed_delta=options.seed_delta,
        )

    def decode(self, latent: Tensor) -> Tensor:
        """One latent `[4, h, w]` to a picture `[3, H, W]`, about -1..1; see `models.vae_decoding`."""
        return vae_decoding.decode(self.session.model, latent)

    def begin_decoding(self, latent: Tensor) -> Decoding:
        """As `decode`, without waiting for the device."""
        return Decoding(self.session.model, latent)

    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in -1..1 to latents `[B, 4, h, w]`, one by one; see `models.vae_decoding`."""
        return vae_decoding.encode(self.session.model, pixels)

    def _set_networks(self, plan: PassPlan) -> None:
        """Have the networks act that the pass's prompt names, and no others."""
        session, networks = self.session, self.session.networks
        if networks is None:
            return
        tags = extract_tags(plan.prompts.prompt)[1] if self.request.text.networks else []
        applied = networks.set(session.model, tags)
        bundled = {name: vectors for each in applied for name, vectors in each.embeddings.items()}
        if any(each.text_changed for each in applied) or bundled:
            embeddings = session.embeddings
            if embeddings is not None and bundled:
                embeddings = embeddings.with_bundled(bundled)
            session.encoder.change(embeddings)
        if plan.first_pass_calls is None:
            self.network_parameters = {k: v for each in applied for k, v in each.infotext.items()}
            self.network_parameters |= _embedding_hashes(self.request, plan, session)

    def _preview_of(self, denoised: Tensor) -> Callable[[], Image]:
        return lambda: preview_image(self.session.preview(denoised))

    def _stop_if_asked(self) -> None:
        """End the sampling, except at the very end, where the picture is done anyway."""
        asked = self.monitor.stop_requested() or self.monitor.skip_requested()
        if asked and self.steps_done < self.steps:
            raise Stopped


def _embedding_hashes(request: PictureRequest, plan: PassPlan, session: Session) -> dict[str, str]:
    """The embeddings of the prompts for the recipe: once for each text encoder, as the field's programs write it."""
    if session.embeddings is None:
        return {}
    from modules.networks.embedding_files import hash12

    settings = encoding_settings(request)
    labels = []
    for text in (extract_tags(plan.prompts.prompt)[0], plan.prompts.negative_prompt):
        for name in session.encoder.embeddings_in(text, settings):
            if name in session.embeddings.loaded:
                label = f"{_plain(name)}: {hash12(session.embeddings.loaded[name].path)}"
                labels += [label] * len(session.model.texts)
    return {"TI hashes": ", ".join(labels)} if labels else {}


def _plain(name: str) -> str:
    return name.replace(":", "").replace(",", "")


def in_batches(
    request: PictureRequest,
    session: Session,
    monitor: Monitor,
    first: int,
    make: Callable[[range, Aside | None], Iterator[GeneratedImage]],
) -> Iterator[GeneratedImage]:
    """Make the request's pictures from number `first` on, batch by batch, until the end is asked for.

    Args: make: makes the pictures of these numbers, none if they are skipped; and finishes them aside if it may.
    """
    model = session.model
    with ExitStack() as during:
        if request.tiling:
            during.enter_context(circular_convolutions(model.unet, model.vae))
            if session.compiled is not None:  # it knows nothing of that
                during.enter_context(session.compiled.paused())
        aside = during.enter_context(Aside())
        while first < request.pictures and not monitor.stop_requested():
            numbers = next_batch(request, session.wildcards, first, session.hooks)
            if session.hooks.changes_pictures:
                aside.settle()
                yield from make(numbers, None)
            else:
                yield from make(numbers, aside)
            first += len(numbers)


def sampler_settings(options: SamplingOptions) -> SamplerSettings:
    """The finer settings of a request in the sampler's terms."""
    return SamplerSettings(
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
        custom_sigmas=options.custom_sigmas,
    )


def windows_of(options: SamplingOptions, model: LatentDiffusion) -> Windows | None:
    """The windows that a request asks for, in the model's latent cells; None: it asks for none."""
    if not options.windowed:
        return None
    cell = model.vae.config.downscale
    height, width = max(1, options.window_height // cell), max(1, options.window_width // cell)
    return Windows(height, width, options.window_overlap // cell)


def model_sigmas(model: LatentDiffusion, options: SamplingOptions) -> ModelSigmas:
    """The noise levels of a model, with the noise schedule that the request asks for."""
    alphas = model.alphas_cumprod
    if options.noise_schedule == "Zero Terminal SNR":
        alphas = noise_schedule.zero_terminal_snr(alphas)
    return ModelSigmas(noise_schedule.sigmas(alphas), sdxl=model.family.vector in ("sizes", "aesthetic"))
