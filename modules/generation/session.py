"""A loaded model with what is made from it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modules.generation.hooks import NO_HOOKS, GenerationHooks
from modules.imaging.face_restoration import FaceRestorers
from modules.imaging.upscalers import Upscalers
from modules.models.latent_diffusion import LatentDiffusion
from modules.models.latent_preview import LatentPreview
from modules.networks.applying import Networks
from modules.networks.embeddings import Embeddings
from modules.prompts.encode import PromptEncoder
from modules.prompts.wildcards import Wildcards

if TYPE_CHECKING:
    from PIL.Image import Image

    from modules.models.compiling import CompiledBlocks


class Pictures(Protocol):
    """Where the pictures are that requests name; see `imaging.inputs.InputStore`."""

    def open(self, name: str, field: str) -> Image:
        """The picture of this name. Raises: UnknownName, InvalidField, with the field of the request."""


@dataclass(frozen=True)
class Session:
    """What a batch needs besides its request.

    Args:
        preview: makes small pictures of latents.
        wildcards: what `__name__` and `{a|b}` stand for; None leaves them as they are written.
        pictures: where the pictures are that requests name; None: there are none.
        upscalers: what makes pictures larger; None: filters only.
        networks: what the network tags of prompts mean; None: they mean nothing.
        embeddings: words with vectors of their own.
        faces: what restores faces; None: nothing does.
        on: the session of another checkpoint.
        hooks: what extensions do in between.
        compiled: compiled forms of the U-Net's blocks; None: it runs as it is.
    """

    model: LatentDiffusion
    encoder: PromptEncoder
    preview: LatentPreview
    wildcards: Wildcards | None = None
    pictures: Pictures | None = None
    upscalers: Upscalers | None = None
    networks: Networks | None = None
    embeddings: Embeddings | None = None
    faces: FaceRestorers | None = None
    on: Callable[[str], Session] | None = None
    hooks: GenerationHooks = NO_HOOKS
    compiled: CompiledBlocks | None = None
