"""Makes the session of a model: what is made from it once, and kept until the model or a setting is another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modules.settings.model import PreviewMethod

if TYPE_CHECKING:
    from modules.generation.session import Session
    from modules.models.compiling import CompiledBlocks
    from modules.models.latent_diffusion import LatentDiffusion
    from modules.models.latent_preview import LatentPreview
    from modules.networks.embeddings import EmbeddingFolder, Embeddings, Signature


class Sessions:
    """The sessions of models; torch is imported with the first. Only the latest is kept.

    Args:
        embeddings: the folders with textual-inversion embeddings.
        preview_method: how latents become a preview (see `models.latent_preview`); asked each time.
        preview_folder: where the tiny autoencoders are that make previews.
        compiles: whether the U-Net is to be compiled beside the work; asked each time.
    """

    def __init__(
        self,
        embeddings: Sequence[Path] = (),
        preview_method: Callable[[], PreviewMethod] = lambda: "Linear",
        preview_folder: Path | None = None,
        compiles: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folders = tuple(embeddings)
        self._preview_method = preview_method
        self._preview_folder = preview_folder
        self._compiles = compiles
        self._embeddings: EmbeddingFolder | None = None
        self._latest: Session | None = None
        self._state: tuple[Signature, PreviewMethod, bool] | None = None

    def embeddings(self) -> Embeddings | None:
        """The embeddings for the latest model, as the folders are now; None while there is no model."""
        from modules.models.tokenizer import tokenize

        if self._latest is None or self._embeddings is None:
            return None
        return self._embeddings.for_widths(_text_widths(self._latest.model), tokenize)

    def of(self, model: LatentDiffusion) -> Session:
        """The session of this model, made anew when another embedding lies in the folder or a setting is another."""
        from modules.generation.session import Session
        from modules.models.tokenizer import tokenize
        from modules.networks.embeddings import EmbeddingFolder
        from modules.prompts.encode import PromptEncoder

        if self._embeddings is None:
            self._embeddings = EmbeddingFolder(*self._folders)
        method = self._preview_method()
        state = (self._embeddings.signature(), method, self._compiles())
        if self._latest is not None and self._latest.model is model and state == self._state:
            return self._latest
        embeddings = self._embeddings.for_widths(_text_widths(model), tokenize)
        self._latest = Session(
            model,
            PromptEncoder(model.texts, model.compute.device, embeddings),
            self._preview(model, method),
            embeddings=embeddings,
            compiled=self._compiled(model, state[2]),
        )
        self._state = state
        return self._latest

    def _preview(self, model: LatentDiffusion, method: PreviewMethod) -> LatentPreview:
        from modules.models.latent_preview import latent_preview

        before = self._latest
        if (
            before is not None
            and before.model is model
            and self._state is not None
            and self._state[1] == method
        ):
            return before.preview
        return latent_preview(method, model.vae, self._preview_folder)

    def _compiled(self, model: LatentDiffusion, wanted: bool) -> CompiledBlocks | None:
        """The compiled blocks of the model's U-Net, if they are wanted and can be made; others are taken off."""
        from modules.models.compiling import CompiledBlocks, can_compile

        before = None if self._latest is None else self._latest.compiled
        wanted = wanted and model.compute.memory != "low" and can_compile(model.compute.device)
        if before is not None:
            if wanted and before.network is model.unet:
                return before
            before.detach()
        if not wanted:
            return None
        compiled = CompiledBlocks(model.unet)
        compiled.attach()
        return compiled


def _text_widths(model: LatentDiffusion) -> tuple[int, ...]:
    return tuple(tower.encoder.config.width for tower in model.texts)
