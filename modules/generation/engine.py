"""The engine: carries a request out on the model that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modules.faults import InvalidField, NotPossibleNow, NotSupported
from modules.generation.requests import Request
from modules.generation.results import GeneratedImage, Monitor
from modules.models.store import ModelStore
from modules.prompts.tags import extract_tags
from modules.prompts.wildcards import Wildcards
from modules.sampling.catalogue import resolve

if TYPE_CHECKING:
    from modules.generation.text_to_image import Session
    from modules.models.latent_diffusion import LatentDiffusion
    from modules.networks.embeddings import Signature


def check(request: Request, models: ModelStore) -> Request:
    """The request with its names resolved, so that it means the same whenever it is carried out.

    Cheap: nothing is loaded.

    Raises: UnknownName: no such sampler, schedule or checkpoint; InvalidField: values that don't go together.
    """
    sampler, scheduler = resolve(request.sampler, request.scheduler)
    if request.steps == 1 and sampler.discard_next_to_last:
        raise InvalidField("steps", f"{sampler.name} needs at least 2 steps.")
    if tags := extract_tags(request.prompt)[1]:
        raise NotSupported(f"{tags[0]} can't be applied: network files aren't supported yet.", "prompt")
    checkpoint = models.resolve(request.checkpoint)
    return replace(request, sampler=sampler.name, scheduler=scheduler.label, checkpoint=checkpoint.filename)


class Engine:
    """Runs requests, one at a time. torch is imported with the first of them.

    Args:
        embeddings: the folder with textual-inversion embeddings; None has none.
        wildcards: the folder with wildcard files; None has none.
    """

    def __init__(
        self, models: ModelStore, embeddings: Path | None = None, wildcards: Wildcards | None = None
    ) -> None:
        self._models = models
        self._wildcards = wildcards
        self._embeddings = embeddings
        self._session: Session | None = None
        self._signature: Signature = ()

    def prepare(self, checkpoint: str | None = None) -> None:
        """Load a model ahead of its first request (None: the default one)."""
        self._session_for(self._models.get(checkpoint))

    def run(self, request: Request, monitor: Monitor, first: int = 0) -> Iterator[GeneratedImage]:
        """Make the request's pictures from number `first` on.

        Raises: Fault: the checkpoint can't be used, memory is short.
        """
        import torch

        from modules.generation.text_to_image import text_to_image

        session = self._session_for(self._models.get(request.checkpoint, monitor.loading))
        try:
            yield from text_to_image(request, session, monitor, first)
        except torch.OutOfMemoryError as error:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise NotPossibleNow(
                f"There is not enough memory for {request.width}x{request.height} in batches of "
                f"{request.batch_size}. Try a smaller size or batch."
            ) from error

    def _session_for(self, model: LatentDiffusion) -> Session:
        """The session of this model, made anew when another embedding lies in the folder."""
        from modules.generation.text_to_image import Session
        from modules.models.latent_preview import LatentColours
        from modules.models.tokenizer import tokenize
        from modules.networks.embeddings import EmbeddingFolder
        from modules.prompts.chunks import TokenVocabulary
        from modules.prompts.encode import PromptEncoder

        folder = EmbeddingFolder(self._embeddings) if self._embeddings else None
        signature = folder.signature() if folder else ()
        session = self._session
        if session is None or session.model is not model or signature != self._signature:
            encoder = model.text_encoder
            embeddings = folder.for_width(encoder.config.width, tokenize) if folder else None
            prompts = PromptEncoder(encoder, TokenVocabulary(), model.compute.device, embeddings)
            same_model = session is not None and session.model is model
            colours = session.colours if session and same_model else LatentColours.fit(model.vae)
            session = self._session = Session(model, prompts, colours, self._wildcards)
            self._signature = signature
        return session
