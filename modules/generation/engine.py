"""The engine: carries a request out on the model that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modules.compute import give_back_memory, is_out_of_memory
from modules.faults import InvalidField, NotPossibleNow, NotSupported
from modules.generation.hooks import NO_HOOKS, GenerationHooks, begun
from modules.generation.requests import GenerationRequest, HiresFix, ImageToImage, Request, TextToImage
from modules.generation.results import GeneratedImage, Monitor
from modules.generation.scripted import NO_PICTURES, ScriptRun
from modules.generation.sessions import Sessions
from modules.generation.studio import InputPictures
from modules.generation.upscaling import Tools, UpscalePicture, upscale
from modules.imaging.face_restoration import FaceRestorers
from modules.imaging.upscalers import Upscalers
from modules.models.store import ModelStore
from modules.prompts.tags import extract_tags
from modules.prompts.wildcards import Wildcards
from modules.sampling.catalogue import resolve
from modules.settings.model import PreviewMethod

if TYPE_CHECKING:
    from modules.generation.session import Session
    from modules.networks.applying import Networks
    from modules.networks.embeddings import Embeddings


def check(
    request: GenerationRequest,
    models: ModelStore,
    networks: Networks | None = None,
    faces: FaceRestorers | None = None,
) -> GenerationRequest:
    """The request with its names resolved, so that it means the same whenever it is carried out.

    Cheap: nothing is loaded.

    Raises: UnknownName: no such sampler, schedule or checkpoint; InvalidField: values that don't go together;
        NotPossibleNow: the files that restore faces aren't there.
    """
    sampler, scheduler = resolve(request.sampler, request.scheduler)
    if request.steps == 1 and sampler.discard_next_to_last:
        raise InvalidField("steps", f"{sampler.name} needs at least 2 steps.")
    if networks is not None and request.text.networks:
        networks.check(extract_tags(request.prompt)[1])
    if (restorer := request.faces.restorer) is not None:
        if faces is None:
            raise NotSupported("Faces can't be restored here.", "restore_faces")
        faces.check(restorer, "restore_faces")
    checkpoint = models.resolve(request.checkpoint)
    if models.vaes is not None:
        models.vaes.for_checkpoint(checkpoint, request.vae)  # says so if there is none of that name
    if request.refiner is not None:
        refining = models.catalogue.find(request.refiner.checkpoint, "refiner_checkpoint")
        request = replace(request, refiner=replace(request.refiner, checkpoint=refining.filename))
    if isinstance(request, TextToImage) and request.hires is not None:
        request = replace(request, hires=_checked_hires(request.hires, models))
    return replace(request, sampler=sampler.name, scheduler=scheduler.label, checkpoint=checkpoint.filename)


def _checked_hires(hires: HiresFix, models: ModelStore) -> HiresFix:
    """The second pass with its names resolved."""
    sampler = None if hires.sampler is None else resolve(hires.sampler, "Automatic")[0].name
    scheduler = None if hires.scheduler is None else resolve("Euler", hires.scheduler)[1].label
    checkpoint = None if hires.checkpoint is None else models.resolve(hires.checkpoint).filename
    return replace(hires, sampler=sampler, scheduler=scheduler, checkpoint=checkpoint)


class Engine:
    """Runs requests, one at a time. torch is imported with the first of them.

    Args:
        embeddings: the folders with textual-inversion embeddings.
        wildcards: the folder with wildcard files; None has none.
        pictures: where the pictures are that requests name; None: there are none.
        upscalers: what makes pictures larger; None: filters only.
        networks: what the network tags of prompts mean; None: they mean nothing.
        extras: what finished pictures are upscaled with, and faces restored; None: they can't be.
        hooks: what extensions do in between.
        preview_method: how latents become a preview (see `models.latent_preview`); asked for each job.
        preview_folder: where the tiny autoencoders are that make previews.
        compiles: whether the U-Net is compiled beside the work; asked for each job.
    """

    def __init__(
        self,
        models: ModelStore,
        embeddings: Sequence[Path] = (),
        wildcards: Wildcards | None = None,
        pictures: InputPictures | None = None,
        upscalers: Upscalers | None = None,
        networks: Networks | None = None,
        hooks: GenerationHooks = NO_HOOKS,
        extras: Tools | None = None,
        preview_method: Callable[[], PreviewMethod] = lambda: "Linear",
        preview_folder: Path | None = None,
        compiles: Callable[[], bool] = lambda: False,
    ) -> None:
        self._models = models
        self._wildcards = wildcards
        self._pictures = pictures
        self._upscalers = upscalers
        self._networks = networks
        self._extras = extras
        self._hooks = hooks
        self._sessions = Sessions(embeddings, preview_method, preview_folder, compiles)

    @property
    def networks(self) -> Networks | None:
        """What the network tags of prompts mean."""
        return self._networks

    @property
    def _faces(self) -> FaceRestorers | None:
        return None if self._extras is None else self._extras.faces

    def prepare(self, checkpoint: str | None = None) -> None:
        """Load a model ahead of its first request (None: the default one)."""
        self._sessions.of(self._models.get(checkpoint))

    def embeddings(self) -> Embeddings | None:
        """The embeddings for the model that is loaded, as the folders are now; None while there is no model."""
        return self._sessions.embeddings()

    def run(self, request: Request, monitor: Monitor, first: int = 0) -> Iterator[GeneratedImage]:
        """Make the request's pictures from number `first` on.

        Raises: Fault: the checkpoint can't be used, memory is short.
        """
        if isinstance(request, UpscalePicture):
            if self._extras is None:
                raise NotSupported("Pictures can't be upscaled here.")
            yield from upscale(request, self._extras, monitor, first)
            return
        with self._models.in_use():  # what is unloaded meanwhile is kept to the end
            if request.script is None:
                yield from self._run(request, monitor, first)
            else:
                script = ScriptRun(self._sub_request, monitor)
                pictures = NO_PICTURES if self._pictures is None else self._pictures
                yield from script.run(request, self._hooks, first, pictures, self._upscalers or Upscalers())

    def _sub_request(self, request: GenerationRequest, monitor: Monitor) -> Iterator[GeneratedImage]:
        """The pictures of a request that a script makes."""
        request = check(request.with_seeds(), self._models, self._networks, self._faces)
        return self._run(request, monitor, of_script=True)

    def _run(
        self, request: GenerationRequest, monitor: Monitor, first: int = 0, of_script: bool = False
    ) -> Iterator[GeneratedImage]:
        """One generation. Args: of_script: nobody was promised a number of pictures."""
        from modules.generation.image_to_image import image_to_image
        from modules.generation.text_to_image import text_to_image

        def session_of(checkpoint: str | None) -> Session:
            session = self._sessions.of(self._models.get(checkpoint, monitor.loading, request.vae))
            return replace(
                session,
                wildcards=self._wildcards,
                pictures=self._pictures,
                upscalers=self._upscalers,
                networks=self._networks,
                faces=self._faces,
                on=session_of,
                hooks=self._hooks,
            )

        hooks, made = self._hooks, 0
        promised, request = request.pictures, begun(hooks, request)
        if request.pictures != promised and not of_script:
            monitor.expect(request.pictures)
        try:
            session = session_of(request.checkpoint)
            if isinstance(request, ImageToImage):
                pictures = image_to_image(request, session, monitor, first)
            else:
                pictures = text_to_image(request, session, monitor, first)
            for picture in pictures:
                yield hooks.picture(picture, request) if hooks.changes_pictures else picture
                made += 1
            for number, picture in enumerate(hooks.extra_pictures(request), request.pictures):
                if number >= first:
                    yield replace(picture, number=number)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            give_back_memory()
            raise NotPossibleNow(
                f"There is not enough memory for {request.width}x{request.height} in batches of "
                f"{request.batch_size}. Try a smaller size or batch."
            ) from error
        finally:
            hooks.after_generation(request, made)
