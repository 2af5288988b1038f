"""Pictures from a prompt: text, noise, sampling, perhaps a second and larger pass, decoding, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

from modules.generation.aside import Aside
from modules.generation.batch import Batch, Pass, in_batches
from modules.generation.conditions import without_picture
from modules.generation.finishing import finished
from modules.generation.guidance import PassPlan
from modules.generation.hires import HiresBatch
from modules.generation.refining import refiner_switch
from modules.generation.requests import TextToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.session import Session
from modules.sampling.catalogue import resolve
from modules.sampling.sample import Sampled


def text_to_image(
    request: TextToImage, session: Session, monitor: Monitor, first: int = 0
) -> Iterator[GeneratedImage]:
    """Make the request's pictures from number `first` on, and yield each as soon as it is done."""
    yield from in_batches(
        request,
        session,
        monitor,
        first,
        lambda numbers, aside: _batch(request, session, monitor, numbers, aside),
    )


def _batch(
    request: TextToImage, session: Session, monitor: Monitor, numbers: range, aside: Aside | None
) -> Iterator[GeneratedImage]:
    """The pictures that are made together; none if they are skipped."""
    sampler, scheduler = resolve(request.sampler, request.scheduler)
    hires_steps = 0 if request.hires is None else request.hires.steps or request.steps
    batch = Batch(request, session, monitor, numbers, request.steps + hires_steps)
    monitor.begin_batch(numbers.start, len(numbers), batch.steps)
    calls = request.steps * sampler.calls_a_step
    plan = PassPlan(batch.prompts, request.width, request.height, calls, calls, request.cfg_scale)
    second = HiresBatch(batch, request, request.hires, calls) if request.hires is not None else None
    if second is not None and request.first_pass is not None:
        sampled: Sampled = second.from_finished(request.first_pass)
    else:
        picture = without_picture(batch, request.width, request.height)
        # with a second pass, the refiner is for that one
        switch = refiner_switch(batch, plan, picture) if second is None else None
        sampled = batch.sample(Pass(plan, sampler, scheduler, request.steps, picture, switch=switch))
        if second is not None and sampled.complete and not monitor.skip_requested():
            sampled = second.sample(sampled.latents)
    if second is not None:
        batch = second.batch  # of the second pass's model, where that is another
    if monitor.skip_requested():
        return
    yield from finished(batch, sampled, session, sampler, scheduler, aside)
