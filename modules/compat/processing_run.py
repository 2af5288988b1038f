"""`process_images`: the older UI's way to have pictures made, within a job or as a job of its own.

Within a job (a script's `run`, or a hook of one) the pictures are made there and then. Elsewhere, such as in a tab of
an extension, they become a job in the queue, and the caller waits for it; scripts run in the worker's thread as ever.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.compat import house, processing_helpers, script_calls
from modules.compat.older_options import option
from modules.compat.older_run import MARK, OlderRun, Promise, runs
from modules.compat.processed import Processed
from modules.compat.processing_infotext import checkpoint_of, create_infotext
from modules.compat.processing_objects import StableDiffusionProcessing
from modules.compat.processing_requests import to_request
from modules.faults import NotPossibleNow
from modules.generation.requests import GenerationRequest
from modules.generation.results import GeneratedImage

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.generation.studio import Studio

log = logging.getLogger(__name__)


class _Here(threading.local):
    """What this thread works on. Args: studio: of the script at work; made: the pictures that it has made."""

    studio: Studio | None = None
    made: list[GeneratedImage] | None = None


_here = _Here()


@contextmanager
def in_studio(studio: Studio) -> Iterator[list[GeneratedImage]]:
    """Within it this thread is at work on a script, and `process_images` makes its pictures there: a list of them."""
    before = _here.studio, _here.made, processing_helpers.random.seed
    _here.studio, _here.made, processing_helpers.random.seed = studio, [], studio.draw_seed
    try:
        yield _here.made
    finally:
        _here.studio, _here.made, processing_helpers.random.seed = before


def process_images(p: StableDiffusionProcessing) -> Processed:
    """Make the pictures of `p`, and wait for them.

    Raises: Fault: it can't be done; also where the job was taken out of the queue.
    """
    if _here.studio is not None or runs.at_work or _in_worker():
        return runs.within(lambda: _process(p, _here.studio))
    return _as_job(p)


def process_images_inner(p: StableDiffusionProcessing) -> Processed:
    """The same."""
    return process_images(p)


def _process(p: StableDiffusionProcessing, studio: Studio | None) -> Processed:
    """Make the pictures within the job at work."""
    p.sd_model_name, p.sd_model_hash = None, None
    run = OlderRun(p, claimed=True)
    try:
        request = run.prepare()
        p.sd_model_name, p.sd_model_hash = checkpoint_of(p)
        marks = {**request.extensions, MARK: {"p": runs.promise(run)}}
        request = replace(request, extensions=marks, save=False)
        pictures = _nested(request) if studio is None else studio.make(request)
        made = []
        try:
            for picture in pictures:
                if picture.kind == "picture":
                    made.append(picture)
                if _here.made is not None and not runs.nested:
                    _here.made.append(picture)
        finally:
            close: Callable[[], None] | None = getattr(pictures, "close", None)
            if close is not None:
                close()
            runs.claim(marks[MARK]["p"])  # if it never began
        processed = finished(p, made)
    finally:
        run.end()
    _save(p, made, studio)
    return processed


def _nested(request: GenerationRequest) -> Iterator[GeneratedImage]:
    """A generation within a generation, without a script."""
    from modules.generation.engine import check

    services = house.house()
    chosen = request.checkpoint or services.settings.current.model.checkpoint
    request = check(
        replace(request.with_seeds(), checkpoint=chosen), services.models, faces=services.extras.faces
    )
    return services.engine.run(request, _Following())


class _Following:
    """Watches a generation within another: ends when the job is to end. See `generation.results.Monitor`."""

    def loading(self, what: str) -> None:
        """See `Monitor`."""
        self._job("loading", what)

    def begin_batch(self, first: int, count: int, steps: int) -> None:
        """See `Monitor`: the job counts its own batches."""

    def step(self, done: int, preview: Callable[[], Image]) -> None:
        """See `Monitor`."""

    def expect(self, pictures: int) -> None:
        """See `Monitor`."""

    def stop_requested(self) -> bool:
        """See `Monitor`."""
        return bool(self._job("stop_requested"))

    def finish_requested(self) -> bool:
        """See `Monitor`: what is within a picture belongs to it."""
        return False

    def skip_requested(self) -> bool:
        """See `Monitor`."""
        return bool(self._job("skip_requested"))

    def _job(self, method: str, *arguments: Any) -> Any:
        monitor = house.house().worker.monitor
        return None if monitor is None else getattr(monitor, method)(*arguments)


def _in_worker() -> bool:
    """Whether this thread is the worker's, though no script is known to be at work."""
    return house.is_open() and house.house().worker.is_here


# -- a job of its own --


def _as_job(p: StableDiffusionProcessing) -> Processed:
    services, promise = house.house(), Promise(p)
    p.setup_prompts()
    p.setup_seeds()
    request, token = to_request(p), runs.promise(promise)
    try:
        request = replace(request, extensions={**request.extensions, MARK: {"p": token}})
        job = services.queue.submit(request, origin="extension")
        job = services.queue.wait(job.id)
    finally:
        runs.claim(token)  # if it never began
    if job.error is not None:
        raise NotPossibleNow(job.error)
    return processed_of(p, []) if promise.processed is None else promise.processed  # taken out of the queue


def _worked(
    p: StableDiffusionProcessing, work: Callable[[], Processed | None], studio: Studio
) -> Iterator[GeneratedImage]:
    """What some work in a studio gives back, and where it fails, the pictures that are done. Raises: as `work`."""
    processed, failure = None, None
    runs.clean()
    with in_studio(studio) as made:
        try:
            processed = runs.within(work)
        except Exception as error:
            failure = error
    yield from _shown(p, processed, made)
    if failure is not None:
        raise failure


# -- dropdown scripts --


def run_selectable(
    script: Any, request: GenerationRequest, values: Mapping[str, Any] | Sequence[Any], studio: Studio
) -> Iterator[GeneratedImage]:
    """Carry a request out with a script of the menu.

    Args: values: those of its controls: in their order, or under "0", "1", ... as a request has them.

    Yields: what the script gives back: pictures with their recipes, grids and others of its own; behind them what it
        made and didn't give back, unless it said that samples are not to be saved.

    Raises: Fault: the script's, or a sentence that names it.
    """
    from modules.compat.generation import runner_of
    from modules.compat.processing_requests import from_request

    p = from_request(request)
    p.scripts = runner_of(request)
    p.script_args = p.scripts.all_args(request)
    arguments = script_calls.arguments_in_order(p.scripts, script, values)
    p.script_args[script.args_from : script.args_to] = arguments

    def work() -> Processed | None:
        with script_calls.watched(script, "run"):
            processed: Processed | None = script.run(p, *arguments)
        return _process(p, studio) if processed is None else processed

    yield from _worked(p, work, studio)
    p.close()


def _shown(
    p: StableDiffusionProcessing, processed: Processed | None, made: list[GeneratedImage]
) -> Iterator[GeneratedImage]:
    """What a job shows: the pictures that a script gave back, and then those that only it has seen."""
    from PIL import Image

    left = {id(picture.image): picture for picture in made}
    count = 0
    texts = [] if processed is None else list(processed.infotexts or [])
    for index, image in enumerate([] if processed is None else processed.images):
        if not isinstance(image, Image.Image):
            continue
        own = left.pop(id(image), None)
        text = texts[index] if index < len(texts) else ""
        if own is None:
            assert processed is not None
            kind: Any = "grid" if index < processed.index_of_first_image else "extra"
            seed, subseed = int(processed.seed), int(processed.subseed)
            rgb = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
            own = GeneratedImage(
                rgb, 0, max(0, seed), max(0, subseed), text or str(processed.info), kind=kind
            )
        elif text and text != own.infotext:
            own = replace(own, infotext=text)
        yield replace(own, number=count)
        count += 1
    if p.do_not_save_samples and processed is not None:
        return
    for picture in left.values():
        yield replace(picture, number=count)
        count += 1


# -- results --


def finished(p: StableDiffusionProcessing, pictures: list[GeneratedImage]) -> Processed:
    """What `process_images` gives back, after the scripts have seen it."""
    processed = processed_of(p, pictures, grid=True)
    script_calls.tell(p, "postprocess", processed)
    return processed


def processed_of(
    p: StableDiffusionProcessing, pictures: list[GeneratedImage], grid: bool = False
) -> Processed:
    """The `Processed` of pictures; with a grid before several of them, where the options want one."""
    images: list[Any] = [picture.image for picture in pictures]
    texts = [picture.infotext for picture in pictures]
    for image, text in zip(images, texts, strict=True):
        image.info["parameters"] = text
    first = 0
    wanted = option("return_grid", True) and not p.do_not_save_grid
    if grid and wanted and len(images) > 1:
        from modules.compat.images import image_grid

        text = create_infotext(p, p.all_prompts, p.all_seeds, p.all_subseeds, use_main_prompt=True)
        sheet = image_grid(images, int(p.batch_size))
        sheet.info["parameters"] = text
        images, texts, first = [sheet, *images], [text, *texts], 1
    return Processed(
        p,
        images,
        pictures[0].seed if pictures else _number(p.all_seeds, p.seed),
        texts[0] if texts else "",
        subseed=pictures[0].variation_seed if pictures else _number(p.all_subseeds, p.subseed),
        index_of_first_image=first,
        infotexts=texts,
    )


def _number(values: list[int] | None, other: Any) -> Any:
    return values[0] if values else other


def _save(p: StableDiffusionProcessing, pictures: list[GeneratedImage], studio: Studio | None) -> None:
    """Save what a hook made, where it wants that; what a script makes is saved when it becomes part of the job."""
    if studio is not None and not runs.nested:
        return
    if p.do_not_save_samples or not p.outpath_samples or not p.save_samples():
        return
    from modules.compat.images import save_image

    for picture in pictures:
        prompt = (p.all_prompts or [p.prompt])[0]
        suffix = option("samples_format", "png")
        save_image(
            picture.image, p.outpath_samples, "", picture.seed, prompt, suffix, info=picture.infotext, p=p
        )
